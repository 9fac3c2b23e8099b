//! What a phone writes: plain text, put together by hand.

use crate::sip::{HeaderName, Message};
use bytes::Bytes;
use std::fmt::Write as _;

/// A request.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    pub(super) uri: &'a str,
    pub(super) via: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) call_id: &'a str,
    pub(super) cseq: u32,
    pub(super) max_forwards: u32,
    pub(super) lines: Vec<String>,
    pub(super) body: Option<Body>,
}

/// A body and what it is.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) kind: &'static str,
    pub(super) text: String,
}

impl Body {
    pub(super) fn sdp(text: String) -> Self {
        Self {
            kind: "application/sdp",
            text,
        }
    }
}

impl Request<'_> {
    pub(super) fn write(&self) -> Bytes {
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
pub(super) fn response(
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
