//! What a phone writes: plain text, put together by hand.

use crate::sip::{HeaderName, Message};
use bytes::Bytes;
use std::fmt::Write as _;

/// A request.
#[derive(Debug)]
pub(in crate::testing) struct Request<'a> {
    pub(in crate::testing) method: &'a str,
    pub(in crate::testing) uri: &'a str,
    pub(in crate::testing) via: String,
    pub(in crate::testing) from: String,
    pub(in crate::testing) to: String,
    pub(in crate::testing) call_id: &'a str,
    pub(in crate::testing) cseq: u32,
    pub(in crate::testing) max_forwards: u32,
    pub(in crate::testing) lines: Vec<String>,
    pub(in crate::testing) body: Option<Body>,
}

/// A body and what it is.
#[derive(Debug)]
pub(in crate::testing) struct Body {
    pub(in crate::testing) kind: &'static str,
    pub(in crate::testing) text: String,
}

impl Body {
    pub(in crate::testing) fn sdp(text: String) -> Self {
        Self {
            kind: "application/sdp",
            text,
        }
    }
}

impl Request<'_> {
    pub(in crate::testing) fn write(&self) -> Bytes {
        let mut text = format!(
            "{} {} SIP/2.0\r\nVia: {}\r\nMax-Forwards: {}\r\nFrom: {}\r\nTo: {}\r\n\
             Call-ID: {}\r\nCSeq: {} {}\r\n",
            self.method,
            self.uri,
            self.via,
            self.max_forwards,
            self.from,
            self.to,
            self.call_id,
            self.cseq,
            self.method
        );
        let body = self.body.as_ref();
        finish(&mut text, &self.lines, body.map(|b| (b.kind, &*b.text)));
        text.into()
    }
}

/// A response to a request.
pub(in crate::testing) fn response(
    request: &Message,
    status: u16,
    to_tag: Option<&str>,
    lines: &[String],
    body: Option<&str>,
) -> Bytes {
    let mut text = format!("SIP/2.0 {status} Said\r\n");
    for via in request.header_lines(&HeaderName::Via) {
        line(&mut text, "Via", via);
    }
    line(
        &mut text,
        "From",
        request.header(&HeaderName::From).unwrap_or_default(),
    );
    let to = request.header(&HeaderName::To).unwrap_or_default();
    match to_tag {
        Some(tag) if request.to_tag().is_none() => {
            line(&mut text, "To", &format!("{to};tag={tag}"))
        }
        _ => line(&mut text, "To", to),
    }
    if matches!(status, 101..300) && request.to_tag().is_none() {
        for route in request.header_lines(&HeaderName::RecordRoute) {
            line(&mut text, "Record-Route", route);
        }
    }
    line(&mut text, "Call-ID", request.call_id().unwrap_or_default());
    line(
        &mut text,
        "CSeq",
        request.header(&HeaderName::CSeq).unwrap_or_default(),
    );
    finish(&mut text, lines, body.map(|body| ("application/sdp", body)));
    text.into()
}

/// The Route lines of a request: its CANCEL and the ACK of its refusal have the same.
pub(super) fn routes(request: &Message) -> Vec<String> {
    let routes = request.header_lines(&HeaderName::Route);
    routes.map(|route| format!("Route: {route}")).collect()
}

fn line(text: &mut String, name: &str, value: &str) {
    // A String takes anything.
    let _written = write!(text, "{name}: {value}\r\n");
}

fn finish(text: &mut String, lines: &[String], body: Option<(&str, &str)>) {
    for line in lines {
        text.push_str(line);
        text.push_str("\r\n");
    }
    if let Some((kind, _)) = body {
        line(text, "Content-Type", kind);
    }
    let body = body.map_or("", |(_, body)| body);
    line(text, "Content-Length", &body.len().to_string());
    text.push_str("\r\n");
    text.push_str(body);
}
