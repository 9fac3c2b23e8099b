//! `limits`, of a trunk and of the box.

use crate::limits;
use crate::schema::{RefusalCode, Spanned};
use crate::tree::Entry;
use crate::visit::{self, MapView, Report, Scalar};
use sbc_core::quota::Limits;
use sbc_core::sip::StatusCode;

/// Calls at a time.
struct Calls(u32);

impl Scalar for Calls {
    const EXPECTED: &'static str = "a number of calls at a time from 1 to 1000000";

    fn read(text: &str) -> Result<Self, String> {
        number(text, limits::CALLS).map(Self)
    }
}

/// New calls in a second.
struct Cps(u32);

impl Scalar for Cps {
    const EXPECTED: &'static str = "a number of new calls in a second from 1 to 100000";

    fn read(text: &str) -> Result<Self, String> {
        number(text, limits::CPS).map(Self)
    }
}

fn number(text: &str, most: u32) -> Result<u32, String> {
    match text.parse::<u32>() {
        Ok(0) => Err("every call would be refused; a route with `reject` says that".to_owned()),
        Ok(number) if number <= most => Ok(number),
        _ => Err(String::new()),
    }
}

/// The limits of the map with the schema's path `schema`; none where it is not there.
pub(super) fn limits(report: &mut Report, entry: Option<&Entry>, schema: &'static str) -> Limits {
    let mut limits = Limits::default();
    let view = entry.and_then(|entry| MapView::of(report, &entry.value, entry.at, schema));
    let Some(map) = view else {
        return limits;
    };
    let calls: Option<Spanned<Calls>> = visit::field(report, map.get("calls"));
    let cps: Option<Spanned<Cps>> = visit::field(report, map.get("cps"));
    let code: Option<Spanned<RefusalCode>> = visit::field(report, map.get("code"));
    let reason: Option<Spanned<String>> = visit::field(report, map.get("reason"));
    if let Some(reason) = reason {
        visit::one_line(report, &reason);
        limits.reason = reason.value.into();
    }
    if map.get("calls").is_none() && map.get("cps").is_none() {
        let hint = "how many calls at a time, or new ones in a second";
        map.lacks(report, "`calls` or `cps`", hint);
    }
    limits.calls = calls.map(|calls| calls.value.0);
    limits.cps = cps.map(|cps| cps.value.0);
    if let Some(code) = code {
        limits.status = StatusCode::of(code.value.0);
    }
    map.finish(report);
    limits
}
