//! Clients in the shape of those in the field: each is recorded.

use super::{Bench, offer, request};
use crate::testing::message;
use sbc_core::sip::Message;
use serde_json::{Value, json};

/// Speakers of each stream, complaints, and how many streams are recorded.
fn recorded(invite: &Message) -> (Vec<Value>, Vec<String>, Bench) {
    let (bench, reply) = Bench::recording(invite);
    let sheet = bench.sheet();
    let streams = sheet["streams"].as_array().unwrap();
    assert_eq!(streams.len(), reply.records.len());
    let speakers = streams.iter().map(|s| s["participants"].clone()).collect();
    let complaints = sheet["complaints"].as_array().unwrap().iter();
    let complaints = complaints.map(|c| c.as_str().unwrap().to_owned()).collect();
    (speakers, complaints, bench)
}

#[test]
fn broadworks_puts_metadata_first_and_has_no_require() {
    let body = "--UniqueBoundary
        Content-Type:application/rs-metadata
        Content-Disposition: recording-session
        Content-Length: 9999

        <recording_metadata xmlns='urn:ietf:params:xml:ns:siprec'><dataMode>complete</dataMode>
        <session session_id='urn:uuid:s'/>
        <participant participant_id='urn:uuid:a'>
        <nameID aor='sip:a@bw'><name>A</name></nameID></participant>
        <participant participant_id='urn:uuid:b'><nameID aor='sip:b@bw'/></participant>
        <stream stream_id='urn:uuid:1' session_id='urn:uuid:s'><label>1</label></stream>
        <stream stream_id='urn:uuid:2' session_id='urn:uuid:s'><label>2</label></stream>
        <participantstreamassoc participant_id='urn:uuid:a'>
        <send>urn:uuid:1</send></participantstreamassoc>
        <participantstreamassoc participant_id='urn:uuid:b'>
        <send>urn:uuid:2</send></participantstreamassoc>
        </recording_metadata>
        --UniqueBoundary
        Content-Type:application/sdp
        Content-Length: 12

        v=0
        o=BroadWorks 1 1 IN IP4 192.0.2.1
        s=-
        c=IN IP4 192.0.2.1
        t=0 0
        m=audio 20000 RTP/AVP 0
        a=rtpmap:0 PCMU/8000
        a=label:1
        m=audio 20002 RTP/AVP 0
        a=label:2
        --UniqueBoundary--";
    let contact = "Contact: <sip:192.0.2.1>;src\n";
    let kind = "multipart/mixed;boundary=UniqueBoundary";
    let (speakers, complaints, _) = recorded(&request("INVITE", contact, kind, body));
    assert_eq!(speakers, [json!(["urn:uuid:a"]), json!(["urn:uuid:b"])]);
    assert_eq!(complaints, ["the INVITE has no `Require: siprec`"]);
}

#[test]
fn metaswitch_mixes_both_into_one_stream_without_rtpmap_and_direction() {
    let body = "--m
        Content-Type: application/sdp

        v=0
        o=- 1 1 IN IP4 192.0.2.1
        s=-
        c=IN IP4 192.0.2.1
        t=0 0
        m=audio 20000 RTP/AVP 18 0 8
        a=label:1
        --m
        Content-Type: application/rs-metadata
        Content-Disposition: recording-session

        <recording xmlns='urn:ietf:params:xml:ns:recording'><session session_id='S'/>
        <participant participant_id='A'><nameID aor='2025550100'/></participant>
        <participant participant_id='B'><nameID aor='2025550101'/></participant>
        <stream id='M' session_id='S'><label>1</label></stream>
        <participantstreamassoc participant_id='A'>
        <send>M</send><recv>M</recv></participantstreamassoc>
        <participantstreamassoc participant_id='B'>
        <send>M</send><recv>M</recv></participantstreamassoc>
        </recording>
        --m--";
    let kind = "multipart/mixed; boundary=\"m\"";
    let (speakers, _, bench) = recorded(&request("INVITE", super::BY_THE_BOOK, kind, body));
    assert_eq!(speakers, [json!(["A", "B"])]);
    let sheet = bench.sheet();
    assert_eq!(
        sheet["streams"][0]["codecs"],
        json!(["PCMU/8000", "PCMA/8000"])
    );
    assert_eq!(sheet["participants"][0]["aor"], "2025550100");
}

#[test]
fn avaya_has_its_feature_tag_in_the_uri_and_sends_bare_metadata_later() {
    let more = "Require: siprec\nContact: <sip:sbce@192.0.2.1;transport=tcp;+sip.src>\n";
    let media = "m=audio 20000 RTP/AVP 0 101\na=rtpmap:101 telephone-event/8000\na=label:10\n";
    let first = "<recording><stream stream_id=''><label>20</label></stream>\
        <participant participant_id='0F3C'><nameID aor='sip:7001@sbce'/></participant>\
        <stream stream_id='s10' session_id='00010A'><label>10</label></stream></recording>";
    let invite = super::multipart("INVITE", more, &offer(media), first);
    let (speakers, complaints, mut bench) = recorded(&invite);
    assert_eq!(speakers, [json!([])]);
    assert_eq!(complaints.len(), 1, "{complaints:?}");
    let second = "<recording><dataMode>partial</dataMode>\
        <participantstreamassoc participant_id='0F3C'><send>s10</send></participantstreamassoc>\
        </recording>";
    bench.request(&request("UPDATE", more, "application/rs-metadata", second));
    assert_eq!(bench.sheet()["streams"][0]["participants"], json!(["0F3C"]));
}

#[test]
fn cisco_has_a_third_part_and_names_participants_in_headers() {
    let body = "--c
        Content-Type: application/sdp
        Content-Disposition: session;handling=required

        v=0
        o=Cisco 1 1 IN IP4 192.0.2.1
        s=SIP Call
        c=IN IP4 192.0.2.1
        t=0 0
        m=audio 20000 RTP/AVP 0 101
        c=IN IP4 192.0.2.2
        a=rtpmap:101 telephone-event/8000
        a=sendonly
        m=audio 20002 RTP/AVP 0 101
        c=IN IP4 192.0.2.2
        a=rtpmap:101 telephone-event/8000
        a=sendonly
        --c
        Content-Type: application/gtd

        IAM,
        --c--";
    let more = "Contact: <sip:192.0.2.1>
        X-Cisco-Recording-Participant: sip:7001@192.0.2.1;media-index=\"0\"
        X-Cisco-Recording-Participant: sip:7002@192.0.2.1;media-index=\"1\"
        ";
    let kind = "multipart/mixed;boundary=c";
    let (speakers, _, _) = recorded(&request("INVITE", more, kind, body));
    assert_eq!(speakers.len(), 2);
}

#[test]
fn audiocodes_ends_the_lines_of_its_body_with_lf_alone() {
    let body = "--boundary_ac1\nContent-Type: application/sdp\n\nv=0\no=AC 1 1 IN IP4 192.0.2.1\n\
        s=-\nc=IN IP4 192.0.2.1\nt=0 0\nm=audio 20000 RTP/AVP 8\na=label:1\na=sendonly\n\
        --boundary_ac1\nContent-Type: application/rs-metadata\n\
        Content-Disposition: recording-session\n\n\
        <recording><participant id='A' session='S'><nameID aor='sip:a@ac'/><send>1</send>\
        </participant><stream id='s1' session='S'><label>1</label></stream></recording>\n\
        --boundary_ac1--\n";
    let head = request(
        "INVITE",
        "Contact: <sip:192.0.2.1>;src\n",
        "multipart/mixed;boundary=boundary_ac1",
        "",
    );
    let mut invite = head;
    invite
        .set_body("multipart/mixed;boundary=boundary_ac1", body.into())
        .unwrap();
    let (speakers, _, _) = recorded(&invite);
    assert_eq!(speakers, [json!(["A"])]);
}

#[test]
fn opensips_counts_labels_from_zero_and_backwards_and_escapes_nothing() {
    let body = "--OSS-unique-boundary-42
        Content-Type: application/sdp
        Content-Disposition: session;handling=required

        v=0
        o=- 1 1 IN IP4 192.0.2.1
        s=-
        c=IN IP4 192.0.2.1
        t=0 0
        m=audio 20000 RTP/AVP 8
        a=label:1
        a=sendonly
        m=audio 20002 RTP/AVP 8
        a=label:0
        a=sendonly
        --OSS-unique-boundary-42
        Content-Type: application/rs-metadata+xml
        Content-Disposition: recording-session

        <?xml version=\"1.0\" encoding=\"UTF-8\"?>
        <recording xmlns='urn:ietf:params:xml:ns:recording:1'><datamode>complete</datamode>
        <session session_id=\"S\"><sipSessionID>cs@1</sipSessionID></session>
        <participant participant_id=\"A\" session_id=\"S\">
        <nameID aor=\"sip:alice@x\"><name>Alice R&D</name></nameID></participant>
        <participant participant_id=\"B\" session_id=\"S\"><nameID aor=\"sip:bob@x\"/></participant>
        <stream stream_id=\"1\" session_id=\"S\"><label>1</label></stream>
        <stream stream_id=\"0\" session_id=\"S\"><label>0</label></stream>
        <participantstreamassoc participant_id=\"A\">
        <send>1</send><recv>0</recv></participantstreamassoc>
        <participantstreamassoc participant_id=\"B\">
        <send>0</send><recv>1</recv></participantstreamassoc>
        </recording>
        --OSS-unique-boundary-42--";
    let invite = message(
        "INVITE sip:srs.example SIP/2.0
         Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-1
         From: <sip:srs.example>;tag=1
         To: <sip:srs.example>
         Call-ID: 1
         CSeq: 1 INVITE
         Max-Forwards: 70
         Require: siprec
         Contact: <sip:192.0.2.1>;+sip.src
         Content-Type: multipart/mixed;boundary=OSS-unique-boundary-42",
        body,
    );
    let (speakers, complaints, bench) = recorded(&invite);
    assert_eq!(speakers, [json!(["A"]), json!(["B"])]);
    assert_eq!(bench.sheet()["participants"][0]["name"], "Alice R&D");
    assert_eq!(complaints, Vec::<String>::new());
}
