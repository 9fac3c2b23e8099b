//! The 49 messages of RFC 4475 through the whole daemon, where their archive lies beside the
//! repository; `torture.rs` covers the same ground with the repository's own set.

use crate::probe::{Case, Probe, Reaction};
use Reaction::{Call, Reply, Silence};
use std::net::Ipv4Addr;
use std::path::Path;

/// What is wrong for a stream, or for the reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Note {
    /// As over UDP.
    None,
    /// Its length is missing, wrong, or means something else on a stream.
    DatagramOnly,
    /// What the reply should repeat cannot be read.
    NoEcho,
    /// Nothing behind it on a stream can be trusted, so the connection is closed.
    Closes,
}
use Note::{Closes, DatagramOnly, NoEcho, None as Plainly};

type Row = (
    &'static str,
    Reaction,
    Note,
    &'static [(&'static str, &'static str)],
    &'static str,
);

/// Name, reaction, note, headers of the reply; section of the RFC and why.
const ROWS: &[Row] = &[
    (
        "wsinv",
        Reply(481),
        Plainly,
        &[],
        "3.1.1.1: valid; its To tag is of no dialog of ours",
    ),
    (
        "intmeth",
        Reply(501),
        Plainly,
        &[("Allow", "INVITE")],
        "3.1.1.2: valid, of an unknown method",
    ),
    ("esc01", Call, Plainly, &[], "3.1.1.3: valid"),
    (
        "escnull",
        Reply(405),
        Plainly,
        &[("Allow", "INVITE")],
        "3.1.1.4: valid; no registrar",
    ),
    (
        "esc02",
        Reply(501),
        Plainly,
        &[("Allow", "INVITE")],
        "3.1.1.5: its method is not REGISTER",
    ),
    (
        "lwsdisp",
        Reply(200),
        Plainly,
        &[("Allow", "INVITE")],
        "3.1.1.6: valid",
    ),
    ("longreq", Call, Plainly, &[], "3.1.1.7: valid"),
    (
        "dblreq",
        Reply(405),
        DatagramOnly,
        &[],
        "3.1.1.8: what is behind the first is ignored",
    ),
    ("semiuri", Reply(200), Plainly, &[], "3.1.1.9: valid"),
    ("transports", Reply(200), Plainly, &[], "3.1.1.10: valid"),
    (
        "mpart01",
        Reply(405),
        Plainly,
        &[("Allow", "INVITE")],
        "3.1.1.11: valid; no MESSAGE here",
    ),
    (
        "unreason",
        Silence,
        Plainly,
        &[],
        "3.1.1.12: a response of no transaction",
    ),
    (
        "noreason",
        Silence,
        Plainly,
        &[],
        "3.1.1.13: a response of no transaction",
    ),
    ("badinv01", Reply(400), NoEcho, &[], "3.1.2.1: 400"),
    (
        "clerr",
        Reply(400),
        DatagramOnly,
        &[],
        "3.1.2.2: 400 over UDP; more is awaited on a stream",
    ),
    ("ncl", Reply(400), Plainly, &[], "3.1.2.3: 400"),
    (
        "scalar02",
        Reply(400),
        Plainly,
        &[],
        "3.1.2.4: 400 for the CSeq",
    ),
    ("scalarlg", Silence, Plainly, &[], "3.1.2.5: dropped"),
    ("quotbal", Reply(400), Plainly, &[], "3.1.2.6: 400"),
    ("ltgtruri", Reply(400), Plainly, &[], "3.1.2.7: 400"),
    ("lwsruri", Reply(400), Plainly, &[], "3.1.2.8: 400"),
    (
        "lwsstart",
        Call,
        Plainly,
        &[],
        "3.1.2.9: may be taken as meant",
    ),
    (
        "trws",
        Reply(200),
        Plainly,
        &[],
        "3.1.2.10: may be taken as meant",
    ),
    ("escruri", Reply(400), Plainly, &[], "3.1.2.11: 400"),
    (
        "baddate",
        Call,
        Plainly,
        &[],
        "3.1.2.12: a Date may be ignored",
    ),
    ("regbadct", Reply(400), Plainly, &[], "3.1.2.13: 400"),
    ("badaspec", Reply(400), Plainly, &[], "3.1.2.14: 400"),
    ("baddn", Reply(400), Plainly, &[], "3.1.2.15: 400"),
    ("badvers", Reply(505), Plainly, &[], "3.1.2.16: 505"),
    ("mismatch01", Reply(400), Plainly, &[], "3.1.2.17: 400"),
    (
        "mismatch02",
        Reply(400),
        Plainly,
        &[],
        "3.1.2.18: 400 or 501",
    ),
    ("bigcode", Silence, Closes, &[], "3.1.2.19: dropped"),
    (
        "badbranch",
        Reply(200),
        Plainly,
        &[],
        "3.2.1: matched by the rules of RFC 2543",
    ),
    ("insuf", Reply(400), NoEcho, &[], "3.3.1: 400"),
    ("unkscm", Reply(416), Plainly, &[], "3.3.2: 416"),
    ("novelsc", Reply(416), Plainly, &[], "3.3.3: 416"),
    (
        "unksm2",
        Reply(405),
        Plainly,
        &[],
        "3.3.4: schemes of To, From, Contact do no harm",
    ),
    (
        "bext01",
        Reply(420),
        Plainly,
        &[
            ("Unsupported", "nothingSupportsThis"),
            ("Unsupported", "nothingSupportsThisEither"),
        ],
        "3.3.5: 420; Proxy-Require is for proxies",
    ),
    (
        "invut",
        Reply(415),
        Plainly,
        &[("Accept", "application/sdp")],
        "3.3.6: 415 with Accept",
    ),
    (
        "regaut01",
        Reply(405),
        Plainly,
        &[],
        "3.3.7: as without credentials",
    ),
    ("multi01", Reply(400), NoEcho, &[], "3.3.8: 400"),
    ("mcl01", Reply(400), Plainly, &[], "3.3.9: 400"),
    (
        "bcast",
        Silence,
        Plainly,
        &[],
        "3.3.10: dropped, and never sent to the second Via",
    ),
    (
        "zeromf",
        Reply(200),
        Plainly,
        &[],
        "3.3.11: OPTIONS may be answered; it goes no further",
    ),
    (
        "cparam01",
        Reply(405),
        Plainly,
        &[],
        "3.3.12: valid; no registrar",
    ),
    (
        "cparam02",
        Reply(405),
        Plainly,
        &[],
        "3.3.13: valid; no registrar",
    ),
    (
        "regescrt",
        Reply(405),
        Plainly,
        &[],
        "3.3.14: valid; no registrar",
    ),
    (
        "sdp01",
        Reply(406),
        Plainly,
        &[],
        "3.3.15: 406 where no answer would be accepted",
    ),
    (
        "inv2543",
        Call,
        DatagramOnly,
        &[],
        "3.4.1: its body ends with the datagram",
    ),
];

fn case(row: &Row) -> Option<Case<'static>> {
    let (name, reaction, note, demands, _) = *row;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/rfc4475");
    let mut wire = std::fs::read(folder.join(format!("{name}.dat"))).ok()?;
    if name == "baddn" {
        // As archived it lacks the empty line behind its headers.
        wire.extend_from_slice(b"\r\n");
    }
    Some(Case {
        name,
        wire,
        reaction,
        demands,
        echoes: note != NoEcho,
    })
}

fn run(ip: [u8; 4], is_tcp: bool) {
    let mut probe = Probe::at(Ipv4Addr::from(ip));
    let mut wrong = Vec::new();
    for row in ROWS {
        let Some(mut case) = case(row) else {
            println!(
                "{}: not here: the archive lies beside the repository",
                row.0
            );
            continue;
        };
        match row.2 {
            DatagramOnly if is_tcp => continue,
            Closes if is_tcp => case.reaction = Reaction::Closed,
            _ => {}
        }
        let found = if is_tcp {
            probe.over_tcp(&case)
        } else {
            probe.over_udp(&case)
        };
        if let Err(error) = found {
            wrong.push(format!("{error}\nRFC 4475 {}", row.4));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_message_of_rfc_4475_is_answered_as_it_says_over_udp() {
    assert_eq!(ROWS.len(), 49);
    run([127, 1, 9, 1], false);
}

#[test]
fn every_message_of_rfc_4475_is_answered_as_it_says_over_tcp() {
    run([127, 1, 9, 2], true);
}
