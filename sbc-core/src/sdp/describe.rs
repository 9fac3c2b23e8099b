//! Descriptions of our own making (RFC 8866): where we offer or answer for ourselves, and pass on
//! nobody's.

use super::session::address_type;
use super::{Codec, Direction, Origin, Sdp};
use std::net::SocketAddr;

/// A media description of ours. Texts come from parsed descriptions, so that none holds a line end.
#[derive(Clone, Debug)]
pub enum Described<'a> {
    /// RTP is wanted, or sent from, here.
    Open {
        /// `audio`, ...
        kind: &'a str,
        /// `RTP/AVP`, ...
        protocol: &'a str,
        /// Our RTP port; RTCP is at the next one.
        rtp: SocketAddr,
        /// The codecs in our order, each with its mapping, static types too.
        codecs: &'a [Codec],
        /// `a=ptime:` in milliseconds.
        ptime_ms: Option<u32>,
        /// `a=label:` (RFC 4574).
        label: Option<&'a str>,
        /// The direction, always written.
        direction: Direction,
    },
    /// Refused with port 0; the formats are those of the offer (RFC 3264 §6).
    Closed {
        /// As offered.
        kind: &'a str,
        /// As offered.
        protocol: &'a str,
        /// As offered.
        formats: Vec<&'a str>,
        /// As offered.
        label: Option<&'a str>,
    },
}

/// The description with these media. `c=` stands at the session level, because some peers look
/// nowhere else; media of another address than that of `origin` have one of their own.
#[must_use]
pub fn describe(origin: &Origin, media: &[Described<'_>]) -> Sdp {
    let Origin {
        id,
        version,
        address,
    } = origin;
    let family = address_type(*address);
    let mut out = Sdp::with_capacity(256 + 256 * media.len());
    out.push("v=0");
    out.push_fmt(format_args!("o=- {id} {version} IN {family} {address}"));
    out.push("s=-");
    out.push_fmt(format_args!("c=IN {family} {address}"));
    out.push("t=0 0");
    for one in media {
        push_media(&mut out, origin, one);
    }
    out
}

fn push_media(out: &mut Sdp, origin: &Origin, media: &Described<'_>) {
    match media {
        Described::Open {
            kind,
            protocol,
            rtp,
            codecs,
            ptime_ms,
            label,
            direction,
        } => {
            let types: String = codecs
                .iter()
                .map(|c| format!(" {}", c.payload_type))
                .collect();
            out.push_fmt(format_args!("m={kind} {} {protocol}{types}", rtp.port()));
            let address = rtp.ip();
            if address != origin.address {
                out.push_fmt(format_args!("c=IN {} {address}", address_type(address)));
            }
            for codec in *codecs {
                push_codec(out, codec);
            }
            if let Some(ptime) = ptime_ms {
                out.push_fmt(format_args!("a=ptime:{ptime}"));
            }
            push_label(out, *label);
            out.push_fmt(format_args!("a={}", direction.as_str()));
        }
        Described::Closed {
            kind,
            protocol,
            formats,
            label,
        } => {
            let formats = formats.join(" ");
            out.push_fmt(format_args!("m={kind} 0 {protocol} {formats}"));
            push_label(out, *label);
        }
    }
}

fn push_codec(out: &mut Sdp, codec: &Codec) {
    let (payload_type, name, rate) = (codec.payload_type, &codec.name, codec.clock_rate);
    match codec.channels {
        0 | 1 => out.push_fmt(format_args!("a=rtpmap:{payload_type} {name}/{rate}")),
        n => out.push_fmt(format_args!("a=rtpmap:{payload_type} {name}/{rate}/{n}")),
    }
    if let Some(fmtp) = &codec.fmtp {
        out.push_fmt(format_args!("a=fmtp:{payload_type} {fmtp}"));
    }
}

fn push_label(out: &mut Sdp, label: Option<&str>) {
    if let Some(label) = label {
        out.push_fmt(format_args!("a=label:{label}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codec(payload_type: u8, name: &str, clock_rate: u32, channels: u8) -> Codec {
        Codec {
            payload_type,
            name: name.into(),
            clock_rate,
            channels,
            fmtp: (channels > 1).then(|| "useinbandfec=1".into()),
        }
    }

    #[test]
    fn what_is_described_is_what_a_reader_finds() {
        let origin = Origin {
            id: 7,
            version: 2,
            address: "192.0.2.1".parse().unwrap(),
        };
        let codecs = [codec(8, "PCMA", 8000, 1), codec(96, "opus", 48_000, 2)];
        let open = |rtp: &str| Described::Open {
            kind: "audio",
            protocol: "RTP/AVP",
            rtp: rtp.parse().unwrap(),
            codecs: &codecs,
            ptime_ms: Some(20),
            label: Some("1"),
            direction: Direction::RecvOnly,
        };
        let closed = Described::Closed {
            kind: "image",
            protocol: "udptl",
            formats: vec!["t38"],
            label: None,
        };
        let media = [open("192.0.2.1:40000"), open("[2001:db8::1]:40002"), closed];
        let text = describe(&origin, &media).to_bytes();
        let block = "a=rtpmap:8 PCMA/8000\r\na=rtpmap:96 opus/48000/2\r\n\
             a=fmtp:96 useinbandfec=1\r\na=ptime:20\r\na=label:1\r\na=recvonly\r\n";
        assert_eq!(
            String::from_utf8(text.clone()).unwrap(),
            format!(
                "v=0\r\no=- 7 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
                 m=audio 40000 RTP/AVP 8 96\r\n{block}\
                 m=audio 40002 RTP/AVP 8 96\r\nc=IN IP6 2001:db8::1\r\n{block}\
                 m=image 0 udptl t38\r\n"
            )
        );
        let read = Sdp::parse(&text).unwrap();
        assert_eq!(
            read,
            describe(&origin, &media),
            "the index is that of a reader"
        );
        assert_eq!(read.media(1).codecs(), codecs);
    }
}
