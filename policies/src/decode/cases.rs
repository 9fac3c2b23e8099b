//! `tests`: cases that `sbc test` runs.

use crate::explain::{self, Sample};
use crate::include;
use crate::limits;
use crate::schema::{
    Expect, RefusalCode, Rejected, Spanned, TestCase, TestRequest, TestTarget, Text,
};
use crate::tree::{Data, Entry, Node};
use crate::visit::{self, MapView, Report, Scalar};
use sbc_core::sip::{HeaderName, NameAddr, Uri};
use std::net::SocketAddr;
use std::path::PathBuf;

pub(super) fn cases(report: &mut Report, entry: &Entry) -> Vec<TestCase> {
    let nodes = visit::list(report, entry, "cases");
    let mut cases: Vec<TestCase> = Vec::new();
    for node in nodes {
        let Some(case) = case(report, node) else {
            continue;
        };
        if cases
            .iter()
            .any(|other| other.name.value == case.name.value)
        {
            let message = format!("duplicate name `{}`", case.name.value);
            report.value(case.name.at, message, "expected a name of its own");
        }
        cases.push(case);
    }
    cases
}

fn case(report: &mut Report, node: &Node) -> Option<TestCase> {
    let map = MapView::of(report, node, node.at, "tests[]")?;
    let name = map.required(report, "name");
    let name: Option<Spanned<String>> = visit::field(report, name);
    let invite = map
        .required(report, "invite")
        .and_then(|e| invite(report, e));
    let expect = map
        .required(report, "expect")
        .and_then(|e| expect(report, e));
    map.finish(report);
    let (listener, source, request) = invite?;
    Some(TestCase {
        name: name?,
        listener,
        source,
        request,
        expect: expect?,
    })
}

fn invite(
    report: &mut Report,
    entry: &Entry,
) -> Option<(Spanned<String>, Spanned<SocketAddr>, TestRequest)> {
    let map = MapView::of(report, &entry.value, entry.at, "tests[].invite")?;
    let listener = map.required(report, "listener");
    let listener: Option<Spanned<String>> = visit::field(report, listener);
    let source = map.required(report, "source");
    let source: Option<Spanned<SocketAddr>> = visit::field(report, source);
    let request = match map.get("message") {
        Some(file) => {
            for key in ["ruri", "from", "to", "headers"] {
                if let Some(entry) = map.get(key) {
                    let message = format!("`{key}` beside `message`, which says it already");
                    report.key(entry.at, message, "expected one of them");
                }
            }
            message(report, file).map(|m| TestRequest::File(Box::new(m)))
        }
        None => Some(TestRequest::Sample(sample(report, &map))),
    };
    map.finish(report);
    Some((listener?, source?, request?))
}

fn message(report: &mut Report, entry: &Entry) -> Option<sbc_core::sip::Message> {
    let path: Spanned<PathBuf> = visit::field(report, Some(entry))?;
    let whole = report.dir(path.at).join(&path.value);
    let read = include::text_of_file(&whole, limits::TEST_MESSAGE_BYTES)
        .map_err(|why| format!("`{}` cannot be read: {why}", path.value.display()))
        .and_then(|text| {
            let shown = path.value.display();
            explain::read(text.as_bytes()).map_err(|why| format!("`{shown}`: {why}"))
        });
    match read {
        Ok(message) => Some(message),
        Err(why) => {
            report.value(path.at, why, "expected a file with a SIP message");
            None
        }
    }
}

/// A URI as it stands in a request line.
struct AnyUri(String);

impl Scalar for AnyUri {
    const EXPECTED: &'static str = "a URI like \"sip:100@sbc.example\"";

    fn read(text: &str) -> Result<Self, String> {
        Uri::parse(text).map_err(|error| error.to_string())?;
        Ok(Self(text.to_owned()))
    }
}

/// From or To: a URI, or one with display name.
struct Party(String);

impl Scalar for Party {
    const EXPECTED: &'static str = "a URI like \"sip:100@sbc.example\", or '\"Al\" <sip:100@a>'";

    fn read(text: &str) -> Result<Self, String> {
        let whole = match text.contains('<') {
            true => text.to_owned(),
            false => format!("<{text}>"),
        };
        let address = NameAddr::parse(&whole).map_err(|error| error.to_string())?;
        match address.tag() {
            Some(_) => Err("leave the tag out, it is made here".to_owned()),
            None => Ok(Self(text.to_owned())),
        }
    }
}

fn sample(report: &mut Report, map: &MapView<'_>) -> Sample {
    let ruri = map.required(report, "ruri");
    let ruri: Option<Spanned<AnyUri>> = visit::field(report, ruri);
    let from: Option<Spanned<Party>> = visit::field(report, map.get("from"));
    let to: Option<Spanned<Party>> = visit::field(report, map.get("to"));
    let mut headers = Vec::new();
    for entry in map.get("headers").map_or(&[][..], |e| entries(report, e)) {
        let name = header(report, entry);
        let value: Option<Spanned<String>> = visit::field(report, Some(entry));
        let Some((name, value)) = name.zip(value) else {
            continue;
        };
        if value.contains(['\r', '\n', '\0']) {
            let message = "the value holds a line break";
            report.value(value.at, message, "expected one line");
            continue;
        }
        headers.push((name.as_str().to_owned(), value.value));
    }
    Sample {
        ruri: ruri.map(|uri| uri.value.0),
        from: from.map(|party| party.value.0),
        to: to.map(|party| party.value.0),
        headers,
    }
}

/// The entries of a map of headers.
fn entries<'t>(report: &mut Report, entry: &'t Entry) -> &'t [Entry] {
    let Data::Map(entries) = &entry.value.data else {
        let message = format!("{} is not a map", entry.value.describe());
        report.value(
            entry.at,
            message,
            "expected headers by name: { X-Foo: bar }",
        );
        return &[];
    };
    visit::duplicates(report, entries);
    entries
}

fn header(report: &mut Report, entry: &Entry) -> Option<Spanned<HeaderName>> {
    if !crate::facts::is_token(&entry.key) {
        let message = format!("`{}` is not the name of a header", entry.key);
        report.key(entry.at, message, "expected a name like X-Foo");
        return None;
    }
    Some(Spanned {
        value: HeaderName::parse(&entry.key),
        at: entry.at,
    })
}

impl Scalar for Text {
    const EXPECTED: &'static str = "text, or /a regular expression/";

    fn read(text: &str) -> Result<Self, String> {
        let inner = text.strip_prefix('/').and_then(|t| t.strip_suffix('/'));
        match inner {
            Some(expression) => Scalar::read(expression).map(Self::Found),
            None => Ok(Self::Exact(text.to_owned())),
        }
    }
}

fn expect(report: &mut Report, entry: &Entry) -> Option<Expect> {
    let map = MapView::of(report, &entry.value, entry.at, "tests[].expect")?;
    let mut expect = Expect {
        reject: map.get("reject").and_then(|e| rejected(report, e)),
        to: map.get("to").and_then(|e| target(report, e)),
        route: visit::field(report, map.get("route")),
        profile: visit::field(report, map.get("profile")),
        target: visit::field(report, map.get("target")),
        request_uri: visit::field(report, map.get("request_uri")),
        headers: Vec::new(),
    };
    for entry in map.get("headers").map_or(&[][..], |e| entries(report, e)) {
        let Some(name) = header(report, entry) else {
            continue;
        };
        let text = match &entry.value.data {
            Data::Null => Some(None),
            _ => visit::field(report, Some(entry)).map(|t: Spanned<Text>| Some(t.value)),
        };
        expect.headers.extend(text.map(|text| (name, text)));
    }
    if map.get("reject").is_some() {
        for key in ["to", "profile", "target", "request_uri"] {
            if let Some(entry) = map.get(key) {
                let message = format!("`{key}` of a call that is refused");
                report.key(entry.at, message, "expected one of `reject` and this");
            }
        }
    }
    if entry_is_empty(entry) {
        let hint = "expected `reject`, `to`, `route`, `headers` or what else shall be";
        report.key(entry.at, "a case that expects nothing", hint);
    }
    map.finish(report);
    Some(expect)
}

fn entry_is_empty(entry: &Entry) -> bool {
    matches!(&entry.value.data, Data::Map(entries) if entries.is_empty())
}

fn rejected(report: &mut Report, entry: &Entry) -> Option<Rejected> {
    let Data::Map(_) = entry.value.data else {
        let code: Spanned<RefusalCode> = visit::field(report, Some(entry))?;
        return Some(Rejected { code, reason: None });
    };
    let map = MapView::of(report, &entry.value, entry.at, "tests[].expect.reject")?;
    let code = map.required(report, "code");
    let code: Option<Spanned<RefusalCode>> = visit::field(report, code);
    let reason = visit::field(report, map.get("reason"));
    map.finish(report);
    Some(Rejected {
        code: code?,
        reason,
    })
}

fn target(report: &mut Report, entry: &Entry) -> Option<Spanned<TestTarget>> {
    let Data::Map(_) = entry.value.data else {
        let name: Spanned<String> = visit::field(report, Some(entry))?;
        let value = match name.value.as_str() {
            "request-uri" => TestTarget::RequestUri,
            _ => TestTarget::Trunk(name.value),
        };
        return Some(Spanned { value, at: name.at });
    };
    let map = MapView::of(report, &entry.value, entry.at, "tests[].expect.to")?;
    let app = map.required(report, "app");
    let app: Option<Spanned<String>> = visit::field(report, app);
    map.finish(report);
    app.map(|app| Spanned {
        value: TestTarget::App(app.value),
        at: app.at,
    })
}
