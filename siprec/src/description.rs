//! Session descriptions of our own (RFC 8866): the client's offer and the server's answer.

use sbc_core::ports::MediaPort;
use sbc_core::sdp::{Codec, Direction, Origin};
use std::fmt::Write;
use std::net::IpAddr;

/// An m-line with its attributes. Texts come from parsed descriptions, so that none holds a line
/// end.
#[derive(Debug)]
pub(crate) enum MediaLine<'a> {
    /// RTP is wanted, or sent from, here.
    Open {
        kind: &'a str,
        protocol: &'a str,
        port: MediaPort,
        codecs: &'a [Codec],
        ptime_ms: Option<u32>,
        label: Option<&'a str>,
        direction: Direction,
    },
    /// Refused with port 0; the formats are those of the offer (RFC 3264 §6).
    Closed {
        kind: &'a str,
        protocol: &'a str,
        formats: Vec<&'a str>,
        label: Option<&'a str>,
    },
}

/// The description, with CRLF line ends. `c=` stands at the session level, because some recorders
/// look nowhere else.
pub(crate) fn write(origin: &Origin, media: &[MediaLine<'_>]) -> Vec<u8> {
    let mut out = String::with_capacity(256 + 256 * media.len());
    let address = net_address(origin.address);
    put(
        &mut out,
        format_args!("v=0\r\no=- {} {} {address}", origin.id, origin.version),
    );
    put(&mut out, format_args!("s=-\r\nc={address}\r\nt=0 0"));
    for line in media {
        match line {
            MediaLine::Open { .. } => open(&mut out, origin.address, line),
            MediaLine::Closed {
                kind,
                protocol,
                formats,
                label,
            } => {
                let formats = formats.join(" ");
                put(&mut out, format_args!("m={kind} 0 {protocol} {formats}"));
                put_label(&mut out, *label);
            }
        }
    }
    out.into_bytes()
}

fn open(out: &mut String, session_address: IpAddr, line: &MediaLine<'_>) {
    let MediaLine::Open {
        kind,
        protocol,
        port,
        codecs,
        ptime_ms,
        label,
        direction,
    } = line
    else {
        return;
    };
    let types: String = codecs
        .iter()
        .map(|c| format!(" {}", c.payload_type))
        .collect();
    put(
        out,
        format_args!("m={kind} {} {protocol}{types}", port.rtp.port()),
    );
    if port.rtp.ip() != session_address {
        put(out, format_args!("c={}", net_address(port.rtp.ip())));
    }
    for codec in *codecs {
        let (payload_type, name, rate) = (codec.payload_type, &codec.name, codec.clock_rate);
        let channels = match codec.channels {
            0 | 1 => String::new(),
            n => format!("/{n}"),
        };
        put(
            out,
            format_args!("a=rtpmap:{payload_type} {name}/{rate}{channels}"),
        );
        if let Some(fmtp) = &codec.fmtp {
            put(out, format_args!("a=fmtp:{payload_type} {fmtp}"));
        }
    }
    if let Some(ptime) = ptime_ms {
        put(out, format_args!("a=ptime:{ptime}"));
    }
    put_label(out, *label);
    let direction = match direction {
        Direction::SendRecv => "sendrecv",
        Direction::SendOnly => "sendonly",
        Direction::RecvOnly => "recvonly",
        Direction::Inactive => "inactive",
    };
    put(out, format_args!("a={direction}"));
}

fn put_label(out: &mut String, label: Option<&str>) {
    if let Some(label) = label {
        put(out, format_args!("a=label:{label}"));
    }
}

fn put(out: &mut String, line: std::fmt::Arguments<'_>) {
    out.write_fmt(line)
        .expect("writing to a String cannot fail");
    out.push_str("\r\n");
}

fn net_address(address: IpAddr) -> String {
    let family = if address.is_ipv4() { "IP4" } else { "IP6" };
    format!("IN {family} {address}")
}
