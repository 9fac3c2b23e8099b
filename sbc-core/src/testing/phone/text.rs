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
    pub(super) body: Option<String>,
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
        finish(&mut text, &self.lines, self.body.as_deref());
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
    line(&mut text, "Call-ID", request.call_id().unwrap_or_default());
    line(
        &mut text,
        "CSeq",
        request.header(&HeaderName::CSeq).unwrap_or_default(),
    );
    finish(&mut text, lines, body);
    text.into()
}

fn line(text: &mut String, name: &str, value: &str) {
    // A String takes anything.
    let _written = write!(text, "{name}: {value}\r\n");
}

fn finish(text: &mut String, lines: &[String], body: Option<&str>) {
    for line in lines {
        text.push_str(line);
        text.push_str("\r\n");
    }
    if body.is_some() {
        line(text, "Content-Type", "application/sdp");
    }
    let body = body.unwrap_or_default();
    line(text, "Content-Length", &body.len().to_string());
    text.push_str("\r\n");
    text.push_str(body);
}

/// An offer of one audio stream.
pub(super) fn offer(name: &str, ip: &str, session: u64, port: u16) -> String {
    format!(
        "v=0\r\no={name} {session} 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n"
    )
}

/// An answer that takes every stream of an offer with its first format.
pub(super) fn answer(name: &str, ip: &str, session: u64, port: u16, offer: &str) -> String {
    let mut text =
        format!("v=0\r\no={name} {session} 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n");
    let mut port = port;
    for stream in offer.split("\r\nm=").skip(1) {
        let mut words = stream.lines().next().unwrap_or_default().split(' ');
        let (kind, offered) = (words.next().unwrap_or("audio"), words.next());
        let (profile, format) = (words.next().unwrap_or("RTP/AVP"), words.next());
        let taken = if offered == Some("0") { 0 } else { port };
        let format = format.unwrap_or("0");
        let _written = write!(text, "m={kind} {taken} {profile} {format}\r\n");
        if stream.contains("a=sendonly") {
            text.push_str("a=recvonly\r\n");
        }
        port += 2;
    }
    text
}

/// How many streams a description has.
pub(super) fn streams(sdp: &str) -> usize {
    sdp.split("\r\nm=").count() - 1
}
