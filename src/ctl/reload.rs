//! `sbc reload`.

use super::table::printable;
use super::{Answer, Fault, Reach, ended};
use crate::cli::complain;
use clap::Args;
use hyper::Method;
use serde_json::Value;

/// How the daemon is found.
#[derive(Debug, Args)]
pub(crate) struct ReloadArgs {
    #[command(flatten)]
    reach: Reach,
}

/// `sbc reload`.
pub(crate) fn reload(args: &ReloadArgs) -> u8 {
    ended(ask(&args.reach))
}

fn ask(reach: &Reach) -> Result<(), Fault> {
    let api = reach.api()?;
    let reply = api.ask(Method::POST, "/v1/reload", None)?;
    let value: Option<Value> = serde_json::from_str(&reply.text).ok();
    // Any other answer is one that all pages may give.
    let Some(value) = value.filter(|value| value["result"].is_string()) else {
        return reach.judge(&api, reply).map(|_| ());
    };
    let errors = texts(&value["errors"]);
    let refused = value["error"].as_str().map(printable);
    if !reach.json {
        for text in texts(&value["warnings"]).iter().chain(&errors) {
            complain(text);
        }
    }
    let answer = Answer {
        text: reply.text,
        value,
    };
    if reach.json || refused.is_none() {
        reach.show(&answer, readable)?;
    }
    match refused {
        Some(why) if answer.value["result"] == "refused" => Err(Fault::Config(why)),
        Some(why) => Err(Fault::Refused(why)),
        None => Ok(()),
    }
}

/// Errors or warnings, as `sbc check` prints them.
fn texts(list: &Value) -> Vec<String> {
    let items = list.as_array().into_iter().flatten();
    let texts = items.filter_map(|item| item["text"].as_str());
    texts.map(printable).collect()
}

fn readable(value: &Value) -> String {
    let mut out = String::new();
    for change in value["changes"].as_array().into_iter().flatten() {
        let part = |name: &str| change[name].as_str().map(printable);
        let path = part("path").unwrap_or_default();
        let line = match (part("before"), part("after")) {
            (Some(before), Some(after)) => format!("{path}: {before} -> {after}"),
            (Some(before), None) => format!("{path}: removed: {before}"),
            (None, after) => format!("{path}: added: {}", after.unwrap_or_default()),
        };
        out.push_str(&line);
        out.push('\n');
    }
    let generation = &value["generation"];
    if value["changed"] == true {
        out.push_str(&format!("configuration {generation} is used\n"));
    } else {
        out.push_str(&format!(
            "nothing changed: configuration {generation} is used\n"
        ));
    }
    out
}
