//! What others write: the shapes of the drafts and vendors.

use crate::metadata::{DataMode, Id, Reading, is_metadata, read};

fn reading(document: &str) -> Reading {
    read(document.as_bytes()).unwrap()
}

fn id(text: &str) -> Id {
    Id::from_wire(text).unwrap()
}

#[test]
fn both_media_types_are_known_in_any_case_and_with_parameters() {
    for known in [
        "application/rs-metadata+xml",
        "application/rs-metadata",
        "Application/RS-Metadata+XML; charset=utf-8",
    ] {
        assert!(is_metadata(known), "{known}");
    }
    assert!(!is_metadata("application/rs-metadata-request"));
    assert!(!is_metadata("application/sdp"));
}

#[test]
fn the_early_draft_of_oracle_is_read() {
    let reading = reading(
        "<?xml version='1.0' encoding='UTF-8'?>\
         <recording xmlns='urn:ietf:params:xml:ns:recording'><dataMode>complete</dataMode>\
         <session id='S=='><associate-time>2013-06-02T09:13:37</associate-time>\
         <extensiondata xmlns:apkt='http://acmepacket.com/siprec/extensiondata'>\
         <apkt:participant id='trap'/></extensiondata></session>\
         <participant id='A==' session='S=='><nameID aor='sip:alice@x'><name>Alice</name></nameID>\
         <send>1==</send></participant>\
         <participant id='B==' session='S=='><nameID aor='sip:bob@x'/>\
         <send>2==</send></participant>\
         <stream id='1==' session='S=='><mode>separate</mode><label>16777227</label></stream>\
         <stream id='2==' session='S=='><label>16777228</label></stream></recording>",
    );
    assert_eq!(reading.complaints, Vec::<String>::new());
    let recording = reading.recording;
    assert_eq!(
        recording.sessions[0].start_time.as_deref(),
        Some("2013-06-02T09:13:37")
    );
    assert_eq!(recording.participants.len(), 2);
    assert_eq!(recording.participants[0].names[0].name, "Alice");
    assert_eq!(recording.participant_streams[1].participant, id("B=="));
    assert_eq!(recording.participant_streams[1].send, [id("2==")]);
    assert_eq!(recording.streams[1].label.as_deref(), Some("16777228"));
}

#[test]
fn prefixed_elements_and_a_send_that_names_a_label_are_read() {
    let reading = reading(
        "<tns:recording xmlns:tns='urn:ietf:params:xml:ns:recording:1'>\
         <tns:participantstreamassoc participant_id='A'><tns:send>1</tns:send>\
         </tns:participantstreamassoc>\
         <tns:participant participant_id='A'><tns:nameID aor='2025550123'><tns:name> </tns:name>\
         </tns:nameID></tns:participant>\
         <tns:stream stream_id='stream-one' session_id='S'><tns:label>1</tns:label></tns:stream>\
         <tns:datamode>partial</tns:datamode></tns:recording>",
    );
    assert_eq!(reading.recording.mode, DataMode::Partial);
    let name = &reading.recording.participants[0].names[0];
    assert_eq!((name.aor.as_str(), name.name.as_str()), ("2025550123", ""));
    assert_eq!(
        reading.recording.participant_streams[0].send,
        [id("stream-one")]
    );
}

#[test]
fn the_root_and_ids_of_broadworks_are_read() {
    let reading = reading(
        "<recording_metadata xmlns='urn:ietf:params:xml:ns:siprec'><dataMode>complete</dataMode>\
         <session session_id='urn:uuid:1'/><participant participant_id='urn:uuid:2'>\
         <nameID aor='sip:a@b'/></participant></recording_metadata>",
    );
    assert_eq!(reading.complaints, Vec::<String>::new());
    assert_eq!(reading.recording.participants[0].id, id("urn:uuid:2"));
}

#[test]
fn a_mixed_stream_has_both_participants_as_its_source() {
    let reading = reading(
        "<recording><stream id='M' session_id='S'><label>mix</label></stream>\
         <participantstreamassoc participant_id='A'>\
         <send>M</send><recv>M</recv></participantstreamassoc>\
         <participantstreamassoc participant_id='B'>\
         <send>M</send><recv>M</recv></participantstreamassoc>\
         </recording>",
    );
    let sources = reading.recording.participant_streams.iter();
    assert!(sources.clone().all(|p| p.send == [id("M")]));
    assert_eq!(sources.count(), 2);
}

#[test]
fn empty_ids_of_avaya_are_left_out_with_a_complaint() {
    let reading = reading(
        "<recording><stream stream_id=''><label>20</label></stream>\
         <stream stream_id='1'><label>10</label></stream></recording>",
    );
    assert_eq!(reading.recording.streams.len(), 1);
    assert_eq!(reading.complaints.len(), 1);
    assert!(
        reading.complaints[0].contains("stream_id"),
        "{:?}",
        reading.complaints
    );
}

#[test]
fn one_id_for_two_elements_keeps_the_first_and_complains() {
    let reading = reading(
        "<recording><participant participant_id='A'><nameID aor='sip:1@x'/></participant>\
         <participant participant_id='A'><nameID aor='sip:2@x'/></participant></recording>",
    );
    assert_eq!(reading.recording.participants.len(), 1);
    assert_eq!(reading.recording.participants[0].names[0].aor, "sip:1@x");
    assert_eq!(reading.complaints.len(), 1);
}

#[test]
fn a_name_addr_as_address_and_the_data_mode_attribute_of_sems_are_read() {
    let reading = reading(
        "<recording dataMode='partial'><participant participant_id='A'>\
         <nameID aor='&quot;Alice&quot; &lt;sip:alice@x&gt;;tag=1'/></participant></recording>",
    );
    assert_eq!(reading.recording.mode, DataMode::Partial);
    assert_eq!(
        reading.recording.participants[0].names[0].aor,
        "sip:alice@x"
    );
}

#[test]
fn an_unescaped_ampersand_in_a_name_is_read_as_it_stands() {
    let reading = reading(
        "<recording><participant participant_id='A'><nameID aor='sip:a@b'>\
         <name>Alice R&D and more</name></nameID></participant></recording>",
    );
    assert_eq!(
        reading.recording.participants[0].names[0].name,
        "Alice R&D and more"
    );
}

#[test]
fn a_session_id_broken_over_two_lines_is_joined() {
    let reading = reading(
        "<recording><session session_id='S'><sipSessionID>ab30;\n   remote=47755</sipSessionID>\
         </session></recording>",
    );
    assert_eq!(
        reading.recording.sessions[0].sip_session_ids,
        ["ab30;remote=47755"]
    );
}

#[test]
fn a_document_that_is_not_utf_8_is_read_with_a_complaint() {
    let reading = read(
        b"<recording><participant participant_id='A'><nameID aor='sip:a@b'><name>J\xf6rg</name>\
          </nameID></participant></recording>",
    )
    .unwrap();
    assert_eq!(
        reading.recording.participants[0].names[0].name,
        "J\u{fffd}rg"
    );
    assert_eq!(reading.complaints, ["the document is not UTF-8"]);
}
