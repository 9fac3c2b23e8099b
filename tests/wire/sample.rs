//! The sample task: a carrier's trunk to a PBX, headers rewritten, codecs chosen, 30 calls, two
//! recorders. The file is `examples/carrier-pbx-recorders.yaml`, at ports that are free here.

use crate::border::Border;
use crate::peers::ports::block;
use crate::peers::program;
use crate::peers::sipp::{Calls, Sipp, Transport};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

const SAMPLE: &str = include_str!("../../examples/carrier-pbx-recorders.yaml");
const CARRIER: Ipv4Addr = Ipv4Addr::LOCALHOST;
const PBX: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// As in the file.
const LIMIT: usize = 30;

#[test]
fn it_is_one_short_file() {
    let active = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with('#');
    assert!(SAMPLE.lines().filter(active).count() <= 45);
}

/// The file, with each address replaced by one that is free.
fn here(pbx: SocketAddr, nobody: u16, main: u16, archive: u16, dir: &Path) -> String {
    let mut yaml = SAMPLE.to_owned();
    for (theirs, ours) in [
        ("\"127.0.0.1:5060\"", "\"127.0.0.1:0\"".to_owned()),
        ("\"127.0.0.2:5060\"", "\"127.0.0.2:0\"".to_owned()),
        ("127.0.0.2:5080", pbx.to_string()),
        ("127.0.0.2:5071", format!("{PBX}:{nobody}")),
        ("127.0.0.2:5070", format!("{PBX}:{main}")),
        ("127.0.0.2:5072", format!("{PBX}:{archive}")),
        ("20000-20999", "2048-6999".to_owned()),
        ("10000-10999", "7000-11999".to_owned()),
        (
            "dir: recordings",
            format!("dir: {}, ports: 12000-16999", dir.display()),
        ),
    ] {
        assert!(yaml.contains(theirs), "no {theirs} in the sample");
        yaml = yaml.replace(theirs, &ours);
    }
    yaml + "observe: { api: \"127.0.0.1:0\", metrics: \"127.0.0.1:0\" }\n"
}

fn recordings(dir: &Path) -> usize {
    let folders = std::fs::read_dir(dir).expect("a folder of recordings");
    let kept = folders.filter(|folder| {
        let folder = folder.as_ref().expect("an entry").path();
        folder.join("recording.json").is_file() && folder.join("stream-2.wav").is_file()
    });
    kept.count()
}

#[test]
fn of_31_calls_30_are_recorded_twice_and_the_last_is_refused_as_written() {
    let Some(sipp) = program("sipp") else { return };
    let (main, archive) = (tempfile::tempdir(), tempfile::tempdir());
    let (main, archive) = (main.expect("a folder"), archive.expect("a folder"));
    let ports = block(3);
    let pbx = Sipp::uas(&sipp, PBX, Transport::Udp);
    let vault = Border::from_yaml(&format!(
        "srs: {{ listen: \"{PBX}:{}\", dir: {}, ports: 17000-21999 }}\n",
        ports + 2,
        archive.path().display()
    ));
    let yaml = here(pbx.sip, ports, ports + 1, ports + 2, main.path());
    let border = Border::from_yaml(&yaml);
    let calls = Calls {
        from: CARRIER,
        count: 31,
        per_second: 31,
        user: "4930123456",
        hold: Duration::from_secs(5),
        ..Calls::one(
            border.outside(sbc_core::transport::Transport::Udp),
            Transport::Udp,
        )
    };
    let mut carrier = Sipp::uac(&sipp, &calls);
    let refused = carrier.wait(Duration::from_secs(60));
    refused.expect_err("one call is refused");
    let heard = carrier.heard();
    assert_eq!(
        heard.matches("SIP/2.0 503 All Lines In Use\r\n").count(),
        1,
        "{heard}"
    );
    border.until_nothing_is_left();
    // The answers to INVITE and BYE.
    assert_eq!(
        heard.matches("SIP/2.0 200 OK\r\n").count(),
        2 * LIMIT,
        "{heard}"
    );
    let told = pbx.heard();
    let invites = told.split("INVITE sip:4930123456@").skip(1);
    let invites = invites.map(|rest| rest.split("\r\n\r\n").next().unwrap_or_default());
    let rewritten = invites.filter(|invite| {
        let wanted = [
            "To: \"4930123456\" <sip:+4930123456@127.0.0.2>\r\n",
            "P-Asserted-Identity: <sip:sipp@pbx.example>\r\n",
            "X-Trunk: carrier\r\n",
        ];
        wanted.iter().all(|line| invite.contains(line))
    });
    assert_eq!(rewritten.count(), LIMIT, "{told}");
    vault.until_nothing_is_left();
    assert_eq!(recordings(main.path()), LIMIT);
    assert_eq!(recordings(archive.path()), LIMIT);
}
