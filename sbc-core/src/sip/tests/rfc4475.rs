//! The 49 messages of RFC 4475, where their archive lies beside the repository; the repository's
//! own set is in `tests/torture`.

use super::super::{Defect, HeaderName, Message, Method, ParseError};
use bytes::Bytes;
use std::path::Path;

fn archive(name: &str) -> Option<Result<Message, ParseError>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/rfc4475");
    let mut wire = std::fs::read(folder.join(format!("{name}.dat"))).ok()?;
    if name == "baddn" {
        // As archived it lacks the empty line behind its headers.
        wire.extend_from_slice(b"\r\n");
    }
    Some(Message::parse_datagram(Bytes::from(wire)))
}

fn check(name: &str, test: impl FnOnce(Message)) {
    match archive(name) {
        Some(Ok(message)) => test(message),
        Some(Err(error)) => panic!("{name}: {error}"),
        None => {}
    }
}

#[test]
fn valid_messages_have_no_defect_and_print_back() {
    for name in [
        "wsinv",
        "intmeth",
        "esc01",
        "escnull",
        "esc02",
        "lwsdisp",
        "longreq",
        "dblreq",
        "semiuri",
        "transports",
        "mpart01",
        "unreason",
        "noreason",
        "badbranch",
        "unkscm",
        "novelsc",
        "unksm2",
        "bext01",
        "invut",
        "regaut01",
        "bcast",
        "zeromf",
        "cparam01",
        "cparam02",
        "regescrt",
        "sdp01",
        "inv2543",
        "lwsstart",
        "trws",
        "baddate",
    ] {
        check(name, |m| {
            assert_eq!(m.defects(), [], "{name}");
            let again = Message::parse_datagram(m.to_bytes()).unwrap();
            assert_eq!(again.to_bytes(), m.to_bytes(), "{name}");
            let mut edited = m.clone();
            edited.push(HeaderName::parse("X-Edit"), "1").unwrap();
            let again = Message::parse_datagram(edited.to_bytes()).unwrap();
            assert_eq!(again.defects(), [], "{name}");
            assert_eq!(again.body(), m.body(), "{name}");
        });
    }
}

#[test]
fn each_broken_message_has_its_defect_and_can_still_be_answered() {
    use Defect::{CSeqMethod, ContentLength, Malformed, Missing, RequestUri, Twice, Version};
    use HeaderName as H;
    for (name, defects) in [
        ("badinv01", vec![Malformed(H::Via), Malformed(H::Contact)]),
        ("clerr", vec![ContentLength]),
        ("ncl", vec![ContentLength]),
        ("scalar02", vec![Malformed(H::CSeq)]),
        ("scalarlg", vec![Malformed(H::CSeq)]),
        ("quotbal", vec![Malformed(H::To)]),
        ("ltgtruri", vec![RequestUri]),
        ("lwsruri", vec![RequestUri]),
        ("escruri", vec![RequestUri]),
        ("regbadct", vec![Malformed(H::Contact)]),
        ("badaspec", vec![Malformed(H::To)]),
        ("baddn", vec![Malformed(H::From), Malformed(H::To)]),
        ("badvers", vec![Version]),
        ("mismatch01", vec![CSeqMethod]),
        ("mismatch02", vec![CSeqMethod]),
        (
            "insuf",
            vec![Missing(H::From), Missing(H::To), Missing(H::CallId)],
        ),
        (
            "multi01",
            vec![
                Twice(H::CSeq),
                Twice(H::CallId),
                Twice(H::To),
                Twice(H::From),
                Twice(H::MaxForwards),
            ],
        ),
        ("mcl01", vec![Twice(H::ContentLength)]),
    ] {
        check(name, |m| {
            let mut found = m.defects().to_vec();
            for defect in defects {
                let at = found.iter().position(|d| *d == defect);
                found.remove(at.unwrap_or_else(|| panic!("{name}: no {defect:?}")));
            }
            assert_eq!(found, [], "{name}");
            assert!(m.headers().any(|h| *h.name == H::Via), "{name}");
        });
    }
    if let Some(found) = archive("bigcode") {
        assert_eq!(found.map(drop), Err(ParseError::StartLine));
    }
}

#[test]
fn wsinv_reads_through_folds_escapes_and_compact_names() {
    check("wsinv", |m| {
        assert_eq!(m.header_values(&HeaderName::Via).count(), 3);
        assert_eq!(m.header_lines(&HeaderName::Route).count(), 1);
        assert_eq!(m.max_forwards(), Some(68));
        assert_eq!(m.cseq().unwrap().number, 9);
        assert_eq!(m.header(&HeaderName::Subject), Some(""));
        assert_eq!(&*m.from().unwrap().display, "J Rosenberg \\\"");
        assert_eq!(m.from_tag(), Some("98asjd8"));
        assert_eq!(m.to_tag(), Some("1918181833n"));
        assert_eq!(m.branch(), Some("390skdjuw"));
        let contact = m.contact().unwrap();
        assert_eq!(&*contact.display, "Quoted string \"\"");
        assert_eq!(contact.param("newparam"), Some("newvalue"));
        assert_eq!(contact.param("q"), Some("0.33"));
        assert_eq!(
            m.header(&HeaderName::parse("NewFangledHeader")),
            Some("newfangled value continued newfangled value")
        );
        assert_eq!(m.body().len(), 150);
    });
}

#[test]
fn odd_letters_are_taken_as_they_are() {
    check("intmeth", |m| {
        let method = "!interesting-Method0123456789_*+`.%indeed'~";
        assert_eq!(m.method(), Some(&Method::parse(method)));
        assert_eq!(m.cseq().unwrap().method.as_str(), method);
        assert_eq!(&*m.to().unwrap().display, "BEL:\u{7} NUL:\0 DEL:\u{7f}");
        let uri = super::super::Uri::parse(m.request_uri()).unwrap();
        assert_eq!(
            uri.host,
            Some(super::super::Host::parse("example.com").unwrap())
        );
    });
    check("esc02", |m| {
        assert_ne!(m.method(), Some(&Method::Register));
        assert_eq!(m.header_lines(&HeaderName::Contact).count(), 2);
    });
    check("semiuri", |m| {
        let uri = super::super::Uri::parse(m.request_uri()).unwrap();
        assert_eq!(uri.user.as_deref(), Some("user;par=u%40example.net"));
    });
    check("cparam01", |m| {
        let contact = m.contact().unwrap();
        assert_eq!(contact.param("unknownparam"), Some(""));
        assert_eq!(contact.uri.param("unknownparam"), None);
    });
    check("cparam02", |m| {
        let contact = m.contact().unwrap();
        assert_eq!(contact.param("unknownparam"), None);
        assert_eq!(contact.uri.param("unknownparam"), Some(""));
    });
    check("transports", |m| {
        assert_eq!(m.header_values(&HeaderName::Via).count(), 5);
    });
    check("dblreq", |m| assert!(m.body().is_empty()));
    check("inv2543", |m| assert_eq!(m.body().len(), 105));
    check("escnull", |m| {
        assert_eq!(m.header_lines(&HeaderName::Contact).count(), 2);
    });
    check("longreq", |m| {
        assert_eq!(m.header_values(&HeaderName::Via).count(), 34);
        assert_eq!(m.body().len(), 150);
    });
    check("mpart01", |m| {
        let parts = m.parts().unwrap();
        assert_eq!(parts.len(), 2);
        assert!(parts[0].is("text/plain") && parts[1].is("application/octet-stream"));
        assert_eq!(&parts[0].body[..], b"Hello");
    });
}
