//! `sbc drain`.

use super::table::shown;
use super::{Fault, Reach, ended};
use clap::Args;
use hyper::Method;
use serde_json::{Value, json};

/// How long calls may go on.
#[derive(Debug, Args)]
pub(crate) struct DrainArgs {
    #[command(flatten)]
    reach: Reach,
    /// How long running calls may go on, as 30s or 2h; otherwise `drain` of the configuration.
    #[arg(long, value_name = "DURATION")]
    grace: Option<String>,
}

/// `sbc drain`.
pub(crate) fn drain(args: &DrainArgs) -> u8 {
    ended(ask(args))
}

fn ask(args: &DrainArgs) -> Result<(), Fault> {
    let api = args.reach.api()?;
    let body = args.grace.as_ref().map(|grace| json!({ "grace": grace }));
    let answer = args
        .reach
        .ask(&api, Method::POST, "/v1/drain", body.as_ref())?;
    args.reach.show(&answer, readable)
}

fn readable(answer: &Value) -> String {
    let state = if answer["already"] == true {
        "it drained already, nothing changed"
    } else {
        "draining"
    };
    let (calls, until) = (shown(&answer["calls"]), shown(&answer["until"]));
    format!("{state}: {calls} calls, the rest get BYE at {until}\n")
}
