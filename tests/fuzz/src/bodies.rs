//! Bodies: descriptions, multiparts, recording metadata.

use super::take::Take;
use bytes::Bytes;
use sbc_core::limits;
use sbc_core::sdp::{
    CodecChoice, CodecName, CodecPolicy, Direction, Origin, OurMedia, Sdp, rewrite,
};
use sbc_core::sip::{MultipartWriter, parse_multipart};
use std::collections::BTreeSet;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const OURS: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 18, 255, 254));

/// A description: the first byte chooses what becomes of it.
pub fn sdp(data: &[u8]) {
    let mut take = Take(data);
    let choice = take.byte();
    let Ok(sdp) = Sdp::parse(take.0) else {
        return;
    };
    let printed = sdp.to_bytes();
    assert_eq!(Sdp::parse(&printed).expect("as printed"), sdp);
    assert!(sdp.media_count() <= limits::SDP_MEDIA);
    views(&sdp);
    let policy = policy(choice);
    let filtered = policy.offer(sdp.clone());
    let kept = filtered.sdp;
    assert!(filtered.closed <= sdp.media_count());
    let again = Sdp::parse(&kept.to_bytes()).expect("a filtered description");
    assert_eq!(again, kept);
    assert_eq!(kept.media_count(), sdp.media_count());
    assert!(kept.to_bytes().len() <= printed.len());
    assert_eq!(policy.offer(again).sdp, kept);
    let answer = policy.answer(sdp.clone(), &filtered.codecs).sdp;
    assert_eq!(answer.media_count(), sdp.media_count());
    crosses_without_its_hosts(&sdp, choice);
    crosses_without_its_hosts(&kept, choice);
}

fn policy(choice: u8) -> CodecPolicy {
    const NAMES: [&str; 8] = [
        "pcmu",
        "pcma",
        "telephone-event",
        "opus/48000",
        "g729",
        "vp8",
        "rtx",
        "red",
    ];
    let named = NAMES
        .iter()
        .enumerate()
        .filter(|(n, _)| choice >> n & 1 == 1);
    let names: Vec<_> = named
        .filter_map(|(_, name)| CodecName::parse(name))
        .collect();
    let order = names.iter().rev().cloned().collect();
    let choice = match choice % 3 {
        0 => CodecChoice::Keep(names),
        1 => CodecChoice::Drop(names),
        _ => CodecChoice::All,
    };
    CodecPolicy { choice, order }
}

fn views(sdp: &Sdp) {
    black_box((sdp.origin(), sdp.connection(), sdp.attribute("group")));
    for view in sdp.medias() {
        black_box((view.kind(), view.protocol(), view.rtcp(), view.label()));
        black_box((view.ptime_ms(), view.wanted_at(), view.is_held()));
        black_box((view.rtcp_mux(), view.attributes().count()));
        for codec in view.codecs() {
            assert!(codec.payload_type < 128 && codec.clock_rate > 0);
        }
    }
}

fn crosses_without_its_hosts(sdp: &Sdp, choice: u8) {
    let origin = Origin {
        id: 1,
        version: 2,
        address: OURS,
    };
    let ours: Vec<Option<OurMedia>> = (0..sdp.media_count())
        .map(|n| {
            let port = 20_000 + 2 * u16::try_from(n).expect("few media descriptions");
            (choice & 8 == 0 || n % 2 == 0).then(|| OurMedia {
                rtp: SocketAddr::new(OURS, port),
                rtcp: SocketAddr::new(OURS, port + u16::from(choice & 16 == 0)),
                direction: (choice & 32 != 0).then_some(Direction::SendOnly),
            })
        })
        .collect();
    let out = rewrite(sdp, &origin, &ours);
    let text = String::from_utf8(out.to_bytes()).expect("a description is text");
    // What we add may pass a limit.
    match Sdp::parse(text.as_bytes()) {
        Ok(again) => assert_eq!(again, out),
        Err(why) => assert!(why.0.starts_with("too many") || why.0.starts_with("longer")),
    }
    assert_eq!(out.media_count(), sdp.media_count());
    let senders = hosts(&String::from_utf8_lossy(&sdp.to_bytes()));
    for line in text.lines() {
        for word in line.split(|c: char| !(c.is_ascii_alphanumeric() || ".:-_".contains(c))) {
            // An IPv6 address is a word with colons; a name or an IPv4 address is between two.
            for word in word.split(':').chain([word]) {
                let name = word.trim_matches('.').to_ascii_lowercase();
                let survived = match name.parse::<IpAddr>() {
                    Ok(address) => senders.addresses.contains(&address),
                    Err(_) => senders.names.contains(&name),
                };
                assert!(!survived, "{word} survived in {line:?}");
            }
        }
    }
}

#[derive(Default)]
struct Hosts {
    addresses: BTreeSet<IpAddr>,
    names: BTreeSet<String>,
}

/// The hosts that a description names in `o=`, `c=`, `a=rtcp` and `a=candidate`, found in another
/// way than the crate does it: the word at its place, whatever the line says else.
fn hosts(text: &str) -> Hosts {
    let mut hosts = Hosts::default();
    for line in text.lines() {
        let lower = line.to_ascii_lowercase();
        // An attribute's name has no case; the letter of a line has.
        let (text, at) = match line.get(..2) {
            // The user name may have blanks, or be none; the address is the last.
            Some("o=") => (&lower[..], lower.split_ascii_whitespace().count() - 1),
            Some("c=") => (&lower[2..], 2),
            Some("a=") => match lower[2..].split_once(':') {
                Some((name, value)) if name.trim() == "rtcp" => (value, 3),
                Some((name, value)) if name.trim() == "candidate" => (value, 4),
                _ => continue,
            },
            _ => continue,
        };
        if let Some(word) = text.split_ascii_whitespace().nth(at) {
            let host = word.split('/').next().unwrap_or_default();
            match host.parse::<IpAddr>() {
                Ok(address) if address != OURS && !address.is_unspecified() => {
                    hosts.addresses.insert(address);
                }
                Err(_) if is_name(host) => {
                    hosts.names.insert(host.to_owned());
                }
                _ => {}
            }
        }
    }
    hosts
}

/// A domain name that can be told from a word.
fn is_name(host: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    host.contains('.') && !host.starts_with('.') && !host.ends_with('.') && host.chars().all(legal)
}

/// A multipart body behind the line with its Content-Type.
pub fn multipart(data: &[u8]) {
    let end = data.iter().position(|b| *b == b'\n').unwrap_or(data.len());
    let content_type = String::from_utf8_lossy(&data[..end]);
    let body = Bytes::copy_from_slice(data.get(end + 1..).unwrap_or_default());
    let Ok(parts) = parse_multipart(content_type.trim(), &body) else {
        return;
    };
    assert!(parts.len() <= limits::BODY_PARTS);
    let bytes: usize = parts.iter().map(|part| part.body.len()).sum();
    assert!(bytes <= body.len(), "parts overlap");
    let boundary = "an0ther-b0undary-that-nobody-guesses";
    if memmem(&body, boundary.as_bytes()) {
        return;
    }
    let mut writer = MultipartWriter::new(boundary.to_owned());
    for part in &parts {
        black_box(part.is("application/sdp"));
        writer.part("application/octet-stream", None, &part.body);
    }
    if parts.is_empty() {
        return;
    }
    let (content_type, written) = writer.finish();
    let again = parse_multipart(&content_type, &written).expect("written parts are read");
    let bodies = |parts: &[sbc_core::sip::Part]| -> Vec<Bytes> {
        parts.iter().map(|part| part.body.clone()).collect()
    };
    assert_eq!(bodies(&again), bodies(&parts));
}

fn memmem(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|piece| piece == word)
}

/// A document of recording metadata.
pub fn metadata(data: &[u8]) {
    let Ok(reading) = siprec::metadata::read(data) else {
        return;
    };
    assert!(reading.complaints.len() <= siprec::limits::COMPLAINTS + 1);
    let written = siprec::metadata::write(&reading.recording);
    if written.len() > siprec::limits::XML_BYTES {
        return;
    }
    let again = siprec::metadata::read(written.as_bytes()).expect("what is written is read");
    if written.contains('\u{fffd}') {
        // Characters that XML cannot hold become one and the same, and so may ids.
        return;
    }
    assert_eq!(
        siprec::metadata::write(&again.recording),
        written,
        "written twice"
    );
}
