//! What else crosses of a call: `headers_pass` and `reply_codes`.

use super::headers;
use crate::facts::is_token;
use crate::schema::{ReplyKey, ReplyStatus, Spanned};
use crate::tree::{Data, Entry, Node};
use crate::visit::{self, Report, Scalar};
use sbc_core::b2bua::plan::{Passed, ReplyCodes};
use sbc_core::sip::HeaderName;

pub(super) fn headers_pass(report: &mut Report, entry: &Entry) -> Vec<Passed> {
    let nodes = visit::list(report, entry, "header names");
    nodes
        .iter()
        .filter_map(|node| passed(report, node))
        .collect()
}

fn passed(report: &mut Report, node: &Node) -> Option<Passed> {
    let text: Spanned<String> = visit::scalar(report, node, node.at)?;
    if text.value.ends_with('*') {
        return headers::prefix(report, &text).map(Passed::Prefix);
    }
    if !is_token(&text) || text.contains('*') {
        report.value(
            text.at,
            format!("`{}` is not a header name", text.value),
            "expected a name like X-Foo, or its start and one star at the end like X-*",
        );
        return None;
    }
    let name = HeaderName::parse(&text);
    if crate::header::is_protected(&name) {
        headers::protected(report, text.at, name.as_str());
        return None;
    }
    if !matches!(name, HeaderName::Other(_)) {
        let hint = "expected a header that the SBC does not know; a rule in `headers` may set \
                    others, as in { set: NAME, to: '${header[\"NAME\"]}' }";
        let message = format!(
            "whether {} crosses does not depend on this list",
            name.as_str()
        );
        report.value(text.at, message, hint);
        return None;
    }
    Some(Passed::Name(name))
}

pub(super) fn reply_codes(
    report: &mut Report,
    entry: &Entry,
) -> Vec<(Spanned<ReplyKey>, ReplyStatus)> {
    let Data::Map(entries) = &entry.value.data else {
        let message = format!("{} is not a map", entry.value.describe());
        report.value(
            entry.at,
            message,
            "expected status codes and what is told instead: { \"486\": 480 Busy elsewhere }",
        );
        return Vec::new();
    };
    visit::duplicates(report, entries);
    entries
        .iter()
        .filter_map(|entry| translation(report, entry))
        .collect()
}

fn translation(report: &mut Report, entry: &Entry) -> Option<(Spanned<ReplyKey>, ReplyStatus)> {
    let status: Option<Spanned<ReplyStatus>> = visit::field(report, Some(entry));
    let key = match ReplyKey::read(&entry.key) {
        Ok(value) => Spanned {
            value,
            at: entry.at,
        },
        Err(why) => {
            let (message, hint) = if why.is_empty() {
                let hint = format!("expected {}", ReplyKey::EXPECTED);
                (format!("`{}` is no status code", entry.key), hint)
            } else {
                (format!("`{}` cannot be translated", entry.key), why)
            };
            report.key(entry.at, message, hint);
            return None;
        }
    };
    let status = status?;
    if !ReplyCodes::may_become(key.value.first, status.code) {
        report.value(
            status.at,
            format!("{} cannot become {}", entry.key, status.code.code()),
            "a provisional response (101 to 199) stays one, and so does a refusal (300 to 699)",
        );
        return None;
    }
    Some((key, status.value))
}
