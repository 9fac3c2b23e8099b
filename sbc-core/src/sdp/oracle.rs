//! Against sdp-types as an oracle, over the corpus of the fuzzer and descriptions drawn at random.
//! Wherever it accepts one, both must read the same; where they do not, one of [`EXCEPTIONS`] says
//! why.

use super::{MediaView, Sdp};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

/// A description that the two read in different ways: whether it is one, and the reason.
type Exception = (fn(&str) -> bool, &'static str);

const EXCEPTIONS: [Exception; 2] = [
    (
        |text| !text.lines().any(|line| line.starts_with("o=")),
        "sdp-types makes up an o= line where there is none",
    ),
    (
        |text| text.lines().any(has_odd_blanks),
        "words are apart by one blank (RFC 8866 §5): we forgive more of them and other ones, \
         sdp-types takes them as part of a word",
    ),
];

fn has_odd_blanks(line: &str) -> bool {
    let odd = |c: char| c.is_control();
    let runs = ["  ", ": ", " :"];
    line.contains(odd)
        || runs.iter().any(|run| line.contains(run))
        || line.ends_with(' ')
        || line.get(2..).is_some_and(|value| value.starts_with(' '))
}

/// The fields that are not the same in both, each with what we read and what sdp-types does.
fn differences(ours: &Sdp, theirs: &sdp_types::Session) -> Vec<String> {
    let mut out = Vec::new();
    let mut same = |field, ours: String, theirs: String| note(&mut out, field, &ours, &theirs);
    let origin = &theirs.origin;
    let words = [
        origin.username.as_deref().unwrap_or("-"),
        &origin.sess_id,
        &origin.sess_version.to_string(),
        origin.nettype.as_str(),
        origin.addrtype.as_str(),
        &origin.unicast_address,
    ];
    same("o=", ours.origin().to_owned(), words.join(" "));
    let name = ours.session_lines('s').next().unwrap_or_default();
    same("s=", name.to_owned(), theirs.session_name.clone());
    let session = host(theirs.connection.as_ref());
    same(
        "c=",
        format!("{:?}", ours.connection()),
        format!("{session:?}"),
    );
    let attributes = ours.session_lines('a').map(attribute).collect::<Vec<_>>();
    same(
        "a=",
        attributes.concat(),
        their_attributes(&theirs.attributes),
    );
    let bandwidths = |b: &[sdp_types::Bandwidth]| {
        let one = |b: &sdp_types::Bandwidth| format!("{}:{};", b.bwtype, b.bandwidth);
        b.iter().map(one).collect::<String>()
    };
    let lines = ours.session_lines('b').map(|b| format!("{b};"));
    same("b=", lines.collect(), bandwidths(&theirs.bandwidths));
    same(
        "media",
        ours.media_count().to_string(),
        theirs.medias.len().to_string(),
    );
    for (ours, theirs) in ours.medias().zip(&theirs.medias) {
        differences_of_media(ours, theirs, session, &mut out);
    }
    out
}

fn differences_of_media(
    ours: MediaView<'_>,
    theirs: &sdp_types::Media,
    session: Option<IpAddr>,
    out: &mut Vec<String>,
) {
    let mut same = |field, ours: String, theirs: String| note(out, field, &ours, &theirs);
    let formats = |view: MediaView<'_>| view.formats().collect::<Vec<_>>().join(" ");
    same("m= kind", ours.kind().to_owned(), theirs.media.clone());
    same("m= port", ours.port().to_string(), theirs.port.to_string());
    same(
        "m= protocol",
        ours.protocol().to_owned(),
        theirs.proto.clone(),
    );
    same("m= formats", formats(ours), theirs.fmt.clone());
    let address = host(theirs.connections.first()).or(session);
    same(
        "m= c=",
        format!("{:?}", ours.connection()),
        format!("{address:?}"),
    );
    let attributes = ours.attributes().map(|(name, value)| match value {
        "" => format!("{name};"),
        value => format!("{name}:{value};"),
    });
    same(
        "m= a=",
        attributes.collect(),
        their_attributes(&theirs.attributes),
    );
}

fn note(out: &mut Vec<String>, field: &str, ours: &str, theirs: &str) {
    if ours != theirs {
        out.push(format!("{field}: {ours:?} here, {theirs:?} there"));
    }
}

fn host(connection: Option<&sdp_types::Connection>) -> Option<IpAddr> {
    let address = &connection?.connection_address;
    address.split('/').next()?.parse().ok()
}

fn attribute(line: &str) -> String {
    format!("{};", line.strip_suffix(':').unwrap_or(line))
}

fn their_attributes(attributes: &[sdp_types::Attribute]) -> String {
    let one = |a: &sdp_types::Attribute| match a.value.as_deref().unwrap_or_default() {
        "" => format!("{};", a.attribute),
        value => format!("{}:{value};", a.attribute),
    };
    attributes.iter().map(one).collect()
}

/// Where both accept it, the differences that no exception explains; notes the exceptions needed.
fn compare(text: &[u8], used: &mut BTreeSet<&'static str>) -> Option<Vec<String>> {
    let theirs = sdp_types::Session::parse(text).ok()?;
    let ours = Sdp::parse(text).ok()?;
    let differences = differences(&ours, &theirs);
    let text = String::from_utf8_lossy(text);
    let excused = EXCEPTIONS.iter().find(|(applies, _)| applies(&text));
    match excused {
        Some((_, reason)) if !differences.is_empty() => {
            used.insert(reason);
            Some(Vec::new())
        }
        _ => Some(differences),
    }
}

#[test]
fn descriptions_of_the_corpus_read_the_same_in_sdp_types_but_for_what_is_written_down() {
    let mut used = BTreeSet::new();
    let mut accepted = 0;
    let mut wrong = Vec::new();
    for folder in ["../tests/fuzz/corpus/sdp", "../tests/fuzz/regressions/sdp"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for entry in std::fs::read_dir(folder).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            // The first byte is the target's.
            let text = bytes.get(1..).unwrap_or_default();
            accepted += usize::from(compare(text, &mut used).is_some());
            wrong.extend(compare(text, &mut used).into_iter().flatten());
        }
    }
    let odd = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nm=audio 4000 RTP/AVP 0  8\r\n";
    wrong.extend(compare(odd, &mut used).into_iter().flatten());
    assert!(accepted >= 20, "{accepted} of the corpus");
    assert!(wrong.is_empty(), "{wrong:#?}");
    for (_, reason) in EXCEPTIONS {
        assert!(used.contains(reason), "no longer so: {reason}");
    }
}

fn address() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<std::net::Ipv4Addr>().prop_map(|ip| format!("IP4 {ip}")),
        any::<std::net::Ipv6Addr>().prop_map(|ip| format!("IP6 {ip}")),
    ]
}

/// Attributes, each with its line end.
fn attributes() -> impl Strategy<Value = String> {
    let names = [
        "sendrecv", "inactive", "rtcp-mux", "rtpmap", "fmtp", "ptime", "x-any", "mid",
    ];
    let value = "(:[!-9;-~]{1,12}( [!-9;-~]{1,9})?)?";
    let one =
        (select(names.to_vec()), value).prop_map(|(name, value)| format!("a={name}{value}\r\n"));
    vec(one, 0..6).prop_map(|lines| lines.concat())
}

fn media() -> impl Strategy<Value = String> {
    let kind = select(vec!["audio", "video", "image", "application"]);
    let protocol = select(vec!["RTP/AVP", "RTP/SAVPF", "udptl", "TCP/MSRP"]);
    let connection = proptest::option::of(address());
    let formats = vec(0_u8..128, 1..6);
    (
        kind,
        any::<u16>(),
        protocol,
        formats,
        connection,
        attributes(),
    )
        .prop_map(|(kind, port, protocol, formats, connection, attributes)| {
            let formats: Vec<_> = formats.iter().map(u8::to_string).collect();
            let connection = connection.map(|c| format!("c=IN {c}\r\n"));
            format!(
                "m={kind} {port} {protocol} {}\r\n{}{attributes}",
                formats.join(" "),
                connection.unwrap_or_default()
            )
        })
}

proptest! {
    #[test]
    fn descriptions_drawn_at_random_read_the_same_in_sdp_types(
        user in "[!-~]{1,9}",
        (id, version) in (any::<u64>(), any::<u64>()),
        (host, connection) in (address(), proptest::option::of(address())),
        name in "[!-~]{1,5}( [!-~]{1,9})?",
        bandwidth in proptest::option::of(any::<u32>()),
        attributes in attributes(),
        medias in vec(media(), 0..5),
    ) {
        let connection = connection.map(|c| format!("c=IN {c}\r\n")).unwrap_or_default();
        let bandwidth = bandwidth.map(|b| format!("b=AS:{b}\r\n")).unwrap_or_default();
        let text = format!(
            "v=0\r\no={user} {id} {version} IN {host}\r\ns={name}\r\n{connection}{bandwidth}\
             t=0 0\r\n{attributes}{}",
            medias.concat()
        );
        let found = compare(text.as_bytes(), &mut BTreeSet::new());
        let found = found.unwrap_or_else(|| panic!("not read by both: {text}"));
        prop_assert!(found.is_empty(), "{}\n{:#?}", text, found);
    }
}
