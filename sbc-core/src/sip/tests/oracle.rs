//! Against rsip as an oracle: where it reads a message, both must read the same.
//! Whole sets of messages, and what rsip 0.4 reads otherwise, are in `oracle_sets`.

use super::{INVITE, datagram};
use crate::sip::{HeaderName, Message};
use ::rsip::SipMessage;
use ::rsip::headers::{ToTypedHeader as _, UntypedHeader as _};
use ::rsip::message::{HasHeaders as _, HeadersExt as _};

const BYE: &str = "BYE sip:alice@192.0.2.4:5070;transport=TCP SIP/2.0
Via: SIP/2.0/TCP 192.0.2.9:5060;branch=z9hG4bKnashds10
Max-Forwards: 70
Route: <sip:p1.example.com;lr>,<sip:p2.example.com;lr>
From: Bob <sip:bob@biloxi.example>;tag=a6c85cf
To: \"Alice, A\" <sip:alice@atlanta.example>;tag=1928301774
Call-ID: a84b4c76e66710@pc33.example.com
CSeq: 231 BYE
Reason: Q.850;cause=16;text=\"Terminated\"
Content-Length: 0

";

const RINGING: &str = "SIP/2.0 180 Ringing
Via: SIP/2.0/UDP server10.biloxi.example;branch=z9hG4bK4b43c2ff8.1;received=192.0.2.3
Via: SIP/2.0/UDP pc33.atlanta.example;branch=z9hG4bK776asdhds;received=192.0.2.1
To: Bob <sip:bob@biloxi.example>;tag=a6c85cf
From: Alice <sip:alice@atlanta.example>;tag=1928301774
Call-ID: a84b4c76e66710
CSeq: 314159 INVITE
Contact: <sip:bob@192.0.2.4>
Content-Length: 0

";

const CHALLENGE: &str = "SIP/2.0 401 Unauthorized
Via: SIP/2.0/UDP pc33.atlanta.example;branch=z9hG4bKx
From: <sip:a@atlanta.example>;tag=1
To: <sip:a@atlanta.example>;tag=2
Call-ID: c
CSeq: 2 REGISTER
WWW-Authenticate: Digest realm=\"atlanta\", qop=\"auth\", nonce=\"84a4cc\", algorithm=MD5
Content-Length: 0

";

fn same(text: &str) {
    let ours = datagram(text);
    let theirs = SipMessage::try_from(text.replace('\n', "\r\n")).unwrap();
    compare(&ours, &theirs);
}

fn compare(ours: &Message, theirs: &SipMessage) {
    assert_eq!(ours.is_request(), theirs.is_request());
    match theirs {
        SipMessage::Request(request) => {
            assert_eq!(ours.method().unwrap().as_str(), request.method.to_string());
            assert_eq!(ours.request_uri(), request.uri.to_string());
        }
        SipMessage::Response(response) => {
            assert_eq!(ours.status().unwrap().code(), response.status_code.code());
        }
    }
    assert_eq!(ours.headers().count(), theirs.headers().iter().count());
    for (ours, theirs) in ours.headers().zip(theirs.headers().iter()) {
        let (name, value) = (ours.name.as_str(), ours.value().unwrap());
        let theirs = theirs.to_string();
        let (their_name, their_value) = theirs.split_once(": ").unwrap();
        assert!(name.eq_ignore_ascii_case(their_name));
        assert_eq!(value, their_value);
    }
    assert_eq!(
        ours.call_id(),
        theirs.call_id_header().ok().map(|id| id.value())
    );
    let via = theirs.via_header().unwrap().typed().unwrap();
    assert_eq!(
        ours.branch().map(str::to_owned),
        via.branch().map(ToString::to_string)
    );
    let from = theirs.from_header().unwrap().typed().unwrap();
    assert_eq!(
        ours.from_tag().map(str::to_owned),
        from.tag().map(ToString::to_string)
    );
    assert_eq!(ours.from().unwrap().uri.to_string(), from.uri.to_string());
    let to = theirs.to_header().unwrap().typed().unwrap();
    assert_eq!(
        ours.to_tag().map(str::to_owned),
        to.tag().map(ToString::to_string)
    );
    let cseq = theirs.cseq_header().unwrap().typed().unwrap();
    assert_eq!(ours.cseq().unwrap().number, cseq.seq);
    assert_eq!(
        ours.cseq().unwrap().method.as_str(),
        cseq.method.to_string()
    );
    assert_eq!(&ours.body()[..], &theirs.body()[..]);
}

#[test]
fn ordinary_messages_read_the_same_in_rsip() {
    // With its names in long form and its body whole.
    same(
        &INVITE
            .replace("\nf:", "\nFrom:")
            .replace("Length: 4", "Length: 5"),
    );
    for text in [BYE, RINGING, CHALLENGE] {
        same(text);
    }
}

#[test]
fn what_we_write_rsip_reads_the_same() {
    let mut edited = datagram(BYE);
    edited.set(HeaderName::MaxForwards, "69").unwrap();
    edited
        .push_front(HeaderName::Via, "SIP/2.0/UDP 192.0.2.77;branch=z9hG4bKy")
        .unwrap();
    let printed = edited.to_bytes();
    let theirs = SipMessage::try_from(printed.clone()).unwrap();
    compare(&Message::parse_datagram(printed).unwrap(), &theirs);
}
