//! tshark as a judge of messages: packets are written into a pcap of our own, so no right to
//! capture is needed.

use super::process::Process;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// What tshark made of one packet.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// `raw:ip:udp:sip:mime_multipart:sdp:xml`; a part that could not be dissected is missing.
    pub(crate) protocols: String,
    /// Malformed packets, and what the dissectors warned of (severity "warning" and above).
    pub(crate) complaints: Vec<String>,
}

/// Has each SIP message dissected as if it had been sent over UDP to port 5060.
pub(crate) fn judge(program: &Path, messages: &[&[u8]]) -> Vec<Verdict> {
    let folder = tempfile::tempdir().expect("a folder of its own can be made");
    let file = folder.path().join("messages.pcap");
    std::fs::write(&file, pcap(messages)).expect("the folder can be written");
    let mut command = Command::new(program);
    command.arg("-n").arg("-r").arg(&file);
    command.args(["-T", "fields", "-E", "separator=/t", "-E", "aggregator=;"]);
    let fields = [
        "frame.protocols",
        "_ws.malformed",
        "_ws.expert.severity",
        "_ws.expert.message",
    ];
    for field in fields {
        command.args(["-e", field]);
    }
    let mut process = Process::start(&mut command);
    let status = process.wait_for_end(Duration::from_secs(60));
    let output = process.output();
    assert!(status.success(), "tshark: {status}\n{output}");
    let verdicts: Vec<Verdict> = output.lines().filter_map(verdict).collect();
    assert_eq!(
        verdicts.len(),
        messages.len(),
        "tshark says something else:\n{output}"
    );
    verdicts
}

fn verdict(line: &str) -> Option<Verdict> {
    /// `Warning` in `tshark -G values`.
    const WARNING: u32 = 0x0060_0000;
    let mut fields = line.split('\t');
    let protocols = fields
        .next()
        .filter(|protocols| protocols.starts_with("raw:"))?
        .to_owned();
    let malformed = fields.next().unwrap_or_default();
    let severities = fields.next().unwrap_or_default().split(';');
    let sentences = fields.next().unwrap_or_default().split(';');
    let mut complaints: Vec<String> = severities
        .zip(sentences)
        .filter(|(severity, _)| {
            severity
                .parse()
                .is_ok_and(|severity: u32| severity >= WARNING)
        })
        .map(|(_, sentence)| sentence.to_owned())
        .collect();
    if !malformed.is_empty() {
        complaints.push(malformed.to_owned());
    }
    Some(Verdict {
        protocols,
        complaints,
    })
}

/// A capture file of raw IPv4 packets, each with one UDP datagram.
fn pcap(messages: &[&[u8]]) -> Vec<u8> {
    const LINKTYPE_RAW: u32 = 101;
    let mut file = Vec::new();
    file.extend(0xa1b2_c3d4_u32.to_le_bytes());
    file.extend([2_u16, 4].map(u16::to_le_bytes).concat());
    file.extend(
        [0_u32, 0, 65_535, LINKTYPE_RAW]
            .map(u32::to_le_bytes)
            .concat(),
    );
    for message in messages {
        let udp = u16::try_from(8 + message.len()).expect("a message fits into a datagram");
        let ip = 20 + udp;
        file.extend(
            [0, 0, u32::from(ip), u32::from(ip)]
                .map(u32::to_le_bytes)
                .concat(),
        );
        file.extend([0x45, 0]);
        file.extend(ip.to_be_bytes());
        // No fragments, TTL 64, UDP; the checksums are zero, which tshark does not look at.
        file.extend([0, 1, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 2]);
        file.extend([5060, 5060, udp, 0].map(u16::to_be_bytes).concat());
        file.extend(*message);
    }
    file
}

#[cfg(test)]
mod tests {
    use super::super::program;
    use super::*;

    const METADATA: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
        <recording xmlns=\"urn:ietf:params:xml:ns:recording:1\">\
        <datamode>complete</datamode></recording>\r\n";

    /// The smallest INVITE of a recording client (RFC 7866 6.1).
    fn invite(metadata: &str) -> String {
        let body = format!(
            "--b\r\nContent-Type: application/sdp\r\n\r\n\
             v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio 4000 RTP/AVP 0\r\na=label:1\r\na=sendonly\r\n\r\n\
             --b\r\nContent-Type: application/rs-metadata+xml\r\n\
             Content-Disposition: recording-session\r\n\r\n{metadata}\r\n--b--\r\n"
        );
        format!(
            "INVITE sip:srs@127.0.0.2 SIP/2.0\r\n\
             Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKa\r\nMax-Forwards: 70\r\n\
             From: <sip:src@127.0.0.1>;tag=1\r\nTo: <sip:srs@127.0.0.2>\r\nCall-ID: a@b\r\n\
             CSeq: 1 INVITE\r\nContact: <sip:src@127.0.0.1>;+sip.src\r\nRequire: siprec\r\n\
             Content-Type: multipart/mixed;boundary=b\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    #[test]
    fn a_good_message_is_dissected_to_the_last_part_without_complaint() {
        let Some(tshark) = program("tshark") else {
            return;
        };
        let verdicts = judge(&tshark, &[invite(METADATA).as_bytes()]);
        assert_eq!(
            verdicts[0].protocols,
            "raw:ip:udp:sip:mime_multipart:sdp:xml"
        );
        assert!(
            verdicts[0].complaints.is_empty(),
            "{:?}",
            verdicts[0].complaints
        );
    }

    #[test]
    fn bad_messages_are_complained_about_each_by_itself() {
        let Some(tshark) = program("tshark") else {
            return;
        };
        let good = invite(METADATA);
        let broken = invite(&METADATA.replace("</datamode>", "<<"));
        let verdicts = judge(
            &tshark,
            &[&good.as_bytes()[..120], good.as_bytes(), broken.as_bytes()],
        );
        assert!(
            verdicts[0]
                .complaints
                .iter()
                .any(|text| text.contains("Malformed Packet"))
        );
        assert!(
            verdicts[1].complaints.is_empty(),
            "{:?}",
            verdicts[1].complaints
        );
        assert_eq!(verdicts[2].complaints, ["Unrecognized text"]);
    }
}
