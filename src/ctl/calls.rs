//! `sbc calls` and `sbc call`.

use super::http::{Api, encoded};
use super::table::{Table, printable, shown};
use super::{Fault, Reach, ended, print};
use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::Value;

/// The most that one page of the API has.
const PAGE: usize = 1_000;

/// Which calls are shown.
#[derive(Debug, Args)]
pub(crate) struct CallsArgs {
    #[command(flatten)]
    reach: Reach,
    /// Only calls that came from this trunk or went to it.
    #[arg(long, value_name = "NAME")]
    trunk: Option<String>,
    /// Only calls in this state: trying, ringing, answered; or the last that ended.
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// How many at most; without it all of them (with --json: one page of 100).
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
    /// Only calls behind this place: `next` of the page before, with --json.
    #[arg(long, value_name = "PLACE")]
    after: Option<String>,
}

/// One call.
#[derive(Debug, Args)]
pub(crate) struct CallArgs {
    /// Its id, as `sbc calls` shows it.
    #[arg(value_name = "ID")]
    id: String,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Shows everything that is known of it, also for a while after its end.
    Show(Reach),
    /// Ends it: BYE to both sides and to recorders.
    Hangup(Reach),
}

/// `sbc calls`.
pub(crate) fn calls(args: &CallsArgs) -> u8 {
    ended(list(args))
}

/// `sbc call ID ...`.
pub(crate) fn call(args: &CallArgs) -> u8 {
    ended(match &args.action {
        Action::Show(reach) => show(reach, &args.id),
        Action::Hangup(reach) => hang_up(reach, &args.id),
    })
}

fn list(args: &CallsArgs) -> Result<(), Fault> {
    let api = args.reach.api()?;
    if args.reach.json {
        let answer = page(args, &api, args.limit, args.after.as_deref())?;
        return args.reach.show(&answer, |_| String::new());
    }
    let (mut left, mut after) = (args.limit, args.after.clone());
    loop {
        let limit = left.map_or(PAGE, |left| left.min(PAGE));
        let answer = page(args, &api, Some(limit), after.as_deref())?.value;
        print(&readable(&answer, after.is_none()))?;
        let shown = answer["calls"].as_array().map_or(0, Vec::len);
        left = left.map(|left| left.saturating_sub(shown));
        after = answer["next"].as_str().map(str::to_owned);
        if after.is_none() || left == Some(0) {
            return Ok(());
        }
    }
}

fn page(
    args: &CallsArgs,
    api: &Api,
    limit: Option<usize>,
    after: Option<&str>,
) -> Result<super::Answer, Fault> {
    let limit = limit.map(|limit| limit.to_string());
    let parameters = [
        ("trunk", args.trunk.as_deref()),
        ("state", args.state.as_deref()),
        ("limit", limit.as_deref()),
        ("after", after),
    ];
    let mut path = "/v1/calls".to_owned();
    for (name, value) in parameters {
        if let Some(value) = value {
            let sign = if path.contains('?') { '&' } else { '?' };
            path.push_str(&format!("{sign}{name}={}", encoded(value)));
        }
    }
    args.reach.ask(api, Method::GET, &path, None)
}

/// A page of the list; headings stand on the first.
fn readable(page: &Value, first: bool) -> String {
    let columns = [
        "id",
        "state",
        "from",
        "to",
        "trunk",
        "target",
        "route",
        "started_at",
    ];
    let mut table = Table::new(if first { &columns } else { &[] });
    for call in page["calls"].as_array().into_iter().flatten() {
        table.row(&columns.map(|column| &call[column]));
    }
    table.render()
}

fn show(reach: &Reach, id: &str) -> Result<(), Fault> {
    let api = reach.api()?;
    let answer = reach.ask(&api, Method::GET, &path(id), None)?;
    reach.show(&answer, whole)
}

fn hang_up(reach: &Reach, id: &str) -> Result<(), Fault> {
    let api = reach.api()?;
    let answer = reach.ask(&api, Method::DELETE, &path(id), None)?;
    reach.show(&answer, |_| printable(&format!("{id} is being ended\n")))
}

fn path(id: &str) -> String {
    format!("/v1/calls/{}", encoded(id))
}

/// Everything about one call.
fn whole(call: &Value) -> String {
    const ORDER: [&str; 17] = [
        "id",
        "state",
        "from",
        "to",
        "trunk",
        "target",
        "route",
        "profile",
        "generation",
        "call_id_a",
        "call_id_b",
        "started_at",
        "answered_at",
        "ended_at",
        "ended_by",
        "status",
        "reason",
    ];
    let mut out = String::new();
    for key in ORDER {
        out.push_str(&format!("{key:<12} {}\n", shown(&call[key])));
    }
    let media = [
        "port",
        "received",
        "sent",
        "lost",
        "jitter",
        "strays",
        "malformed",
    ];
    let recorders = ["recorder", "state", "server", "reason"];
    for (what, columns) in [("media", &media[..]), ("recorders", &recorders[..])] {
        let rows = call[what].as_array().map_or(&[][..], Vec::as_slice);
        if rows.is_empty() {
            continue;
        }
        let mut table = Table::new(columns);
        for row in rows {
            table.row(
                &columns
                    .iter()
                    .map(|column| &row[*column])
                    .collect::<Vec<_>>(),
            );
        }
        out.push_str(&format!("\n{what}\n{}", table.render()));
    }
    if let Some(text) = call["explanation_text"].as_str() {
        out.push_str(&format!("\nexplanation\n{}", printable(text)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn everything_about_a_call_is_shown_with_its_media() {
        let call = json!({
            "id": "abc", "state": "ended", "from": "sip:a@b", "status": 200, "reason": "hung up",
            "media": [{ "port": 0, "received": 5 }], "recorders": [],
        });
        let text = whole(&call);
        for line in [
            "id           abc",
            "trunk        -",
            "status       200",
            "media",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
        assert!(
            text.contains("PORT  RECEIVED") && !text.contains("recorders"),
            "{text}"
        );
    }

    #[test]
    fn headings_stand_on_the_first_page_only() {
        let page = json!({ "calls": [{ "id": "abc", "state": "trying" }] });
        assert!(readable(&page, true).starts_with("ID   STATE"));
        let next = readable(&page, false);
        assert!(next.starts_with("abc  trying"), "{next:?}");
    }
}
