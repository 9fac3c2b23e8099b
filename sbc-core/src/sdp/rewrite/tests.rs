use super::*;
use proptest::prelude::*;

const ORIGIN: Origin = Origin {
    id: 7,
    version: 2,
    address: IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9)),
};

fn ours(rtp: &str, rtcp: &str) -> Option<OurMedia> {
    Some(OurMedia {
        rtp: rtp.parse().unwrap(),
        rtcp: rtcp.parse().unwrap(),
        direction: None,
    })
}

fn directed(direction: Direction) -> Option<OurMedia> {
    ours("203.0.113.9:30000", "203.0.113.9:30001").map(|m| OurMedia {
        direction: Some(direction),
        ..m
    })
}

fn plain() -> Option<OurMedia> {
    ours("203.0.113.9:30000", "203.0.113.9:30001")
}

fn rewritten(text: &str, media: &[Option<OurMedia>]) -> String {
    let sdp = Sdp::parse(text.as_bytes()).unwrap();
    String::from_utf8(rewrite(&sdp, &ORIGIN, media).to_bytes()).unwrap()
}

#[test]
fn nothing_of_the_sender_survives_and_the_rest_does() {
    let text = "v=0\r\no=alice 1 2 IN IP4 192.0.2.1\r\ns=alice's call\r\ni=at home\r\n\
        u=http://192.0.2.1/\r\ne=alice@example.com\r\np=+49 30 1\r\nc=IN IP4 192.0.2.1\r\n\
        b=AS:64\r\nt=0 0\r\na=ice-lite\r\na=group:BUNDLE 0 1\r\na=tool:x 192.0.2.1\r\n\
        a=X-kept:  as is \r\n\
        m=audio 4000/2 RTP/AVP 8 101\r\nc=IN IP4 192.0.2.2\r\nb=AS:80\r\n\
        a=rtpmap:101 telephone-event/8000\r\na=rtcp:4005 IN IP4 192.0.2.3\r\n\
        a=candidate:1 1 UDP 9 10.0.0.5 4000 typ srflx raddr 10.0.0.6 rport 1\r\n\
        a=remote-candidates:1 10.0.0.7 1\r\na=end-of-candidates\r\na=ice-ufrag:x\r\na=ice-pwd:y\r\n\
        a=source-filter: incl IN IP4 * 198.51.100.1\r\na=alt:1 1 : a b 10.0.0.8 4000\r\n\
        a=ssrc:1 cname:10.0.0.5\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\na=sendrecv\r\n\
        a=rtcp-mux\r\n";
    assert_eq!(
        rewritten(text, &[plain()]),
        "v=0\r\no=- 7 2 IN IP4 203.0.113.9\r\ns=-\r\nc=IN IP4 203.0.113.9\r\n\
         b=AS:64\r\nt=0 0\r\na=X-kept:  as is \r\n\
         m=audio 30000 RTP/AVP 8 101\r\nb=AS:80\r\na=rtpmap:101 telephone-event/8000\r\n\
         a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\na=sendrecv\r\n"
    );
}

#[test]
fn media_without_a_port_of_ours_and_media_that_is_not_rtp_is_switched_off() {
    let text = "v=0\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\nm=audio 0 RTP/AVP 0\r\n\
        m=image 4004 udptl t38\r\nc=IN IP4 192.0.2.1\r\nm=video 4006 RTP/AVP 31\r\n";
    assert_eq!(
        rewritten(text, &[None, plain(), plain()]),
        "v=0\r\no=- 7 2 IN IP4 203.0.113.9\r\ns=-\r\nc=IN IP4 203.0.113.9\r\nt=0 0\r\n\
         m=audio 0 RTP/AVP 8\r\nm=audio 0 RTP/AVP 0\r\nm=image 0 udptl t38\r\n\
         m=video 0 RTP/AVP 31\r\n"
    );
}

#[test]
fn each_medium_says_its_own_address_where_it_is_not_the_sessions() {
    let text = "v=0\nt=0 0\nm=audio 4 RTP/AVP 8\nm=audio 6 RTP/AVP 8\ni=title\nb=AS:64\n";
    let second = ours("[2001:db8::9]:30002", "[2001:db8::9]:30003");
    let text = rewritten(text, &[plain(), second]);
    assert!(text.ends_with(
        "m=audio 30000 RTP/AVP 8\r\n\
         m=audio 30002 RTP/AVP 8\r\ni=title\r\nc=IN IP6 2001:db8::9\r\nb=AS:64\r\n"
    ));
}

#[test]
fn rtcp_is_named_where_it_is_not_the_next_port() {
    let rtcp = |rtp: &str, rtcp: &str, line: &str| {
        let text = format!("v=0\nt=0 0\nm=audio 4 RTP/AVP 8\n{line}");
        let text = rewritten(&text, &[ours(rtp, rtcp)]);
        text.split_once("RTP/AVP 8\r\n").unwrap().1.to_owned()
    };
    let old = "a=rtcp:5 IN IP4 192.0.2.1\n";
    assert_eq!(rtcp("203.0.113.9:30000", "203.0.113.9:30001", old), "");
    assert_eq!(
        rtcp("203.0.113.9:30000", "203.0.113.9:30007", old),
        "a=rtcp:30007\r\n"
    );
    assert_eq!(
        rtcp("203.0.113.9:30000", "203.0.113.8:30001", old),
        "a=rtcp:30001 IN IP4 203.0.113.8\r\n"
    );
    assert_eq!(
        rtcp("203.0.113.9:65535", "203.0.113.9:1", ""),
        "a=rtcp:1\r\n"
    );
}

#[test]
fn rtcp_mux_stands_exactly_where_both_ports_are_one() {
    let one = ours("203.0.113.9:30000", "203.0.113.9:30000");
    let mux = "v=0\nt=0 0\nm=audio 4 RTP/AVP 8\na=rtcp-mux\na=ptime:20\n";
    let apart = "v=0\nt=0 0\nm=audio 4 RTP/AVP 8\na=ptime:20\n";
    assert!(rewritten(mux, &[one]).ends_with("a=rtcp-mux\r\na=ptime:20\r\n"));
    assert!(rewritten(apart, &[one]).ends_with("a=ptime:20\r\na=rtcp-mux\r\n"));
    assert!(!rewritten(mux, &[plain()]).contains("mux"));
}

#[test]
fn a_direction_that_is_asked_for_replaces_all_that_was_written() {
    let text = "v=0\nt=0 0\na=recvonly\nm=audio 4 RTP/AVP 8\na=sendrecv\na=ptime:20\na=inactive\n\
        m=audio 6 RTP/AVP 8\nm=audio 8 RTP/AVP 8\na=sendonly\n";
    let media = [directed(Direction::Inactive), plain(), plain()];
    assert!(rewritten(text, &media).ends_with(
        "t=0 0\r\nm=audio 30000 RTP/AVP 8\r\na=inactive\r\na=ptime:20\r\n\
         m=audio 30000 RTP/AVP 8\r\na=recvonly\r\n\
         m=audio 30000 RTP/AVP 8\r\na=sendonly\r\n"
    ));
    let untouched = rewritten(text, &[plain(), plain(), plain()]);
    assert!(untouched.contains("t=0 0\r\na=recvonly\r\nm="));
}

#[test]
fn hold_by_the_null_address_becomes_hold_by_direction() {
    let held = |line: &str| {
        let text = format!("v=0\nc=IN IP4 0.0.0.0\nt=0 0\nm=audio 4 RTP/AVP 8\n{line}");
        rewritten(&text, &[plain()])
    };
    assert!(held("").ends_with("m=audio 30000 RTP/AVP 8\r\na=sendonly\r\n"));
    assert!(held("a=recvonly\n").ends_with("RTP/AVP 8\r\na=inactive\r\n"));
    assert!(held("a=inactive\n").ends_with("RTP/AVP 8\r\na=inactive\r\n"));
    assert!(!held("").contains("0.0.0.0"));
}

#[test]
fn what_a_description_must_hold_is_added_where_it_was_missing() {
    let head = "v=0\r\no=- 7 2 IN IP4 203.0.113.9\r\ns=-\r\nc=IN IP4 203.0.113.9\r\n";
    assert_eq!(rewritten("v=0", &[]), format!("{head}t=0 0\r\n"));
    assert_eq!(
        rewritten("v=0\nb=AS:64\na=x\n", &[]),
        format!("{head}b=AS:64\r\nt=0 0\r\na=x\r\n")
    );
}

#[test]
fn nothing_of_a_bundle_remains_but_mids_that_another_group_names() {
    let text = |groups: &str| {
        let text = format!(
            "v=0\nt=0 0\n{groups}m=audio 4 RTP/AVP 0\na=mid:0\na=bundle-only\n\
             a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\n\
             a=extmap:2 urn:ietf:params:rtp-hdrext:ssrc-audio-level\na=msid:x y\n"
        );
        rewritten(&text, &[plain()])
    };
    let bundled = text("a=group:BUNDLE 0\n");
    assert!(bundled.ends_with(
        "t=0 0\r\nm=audio 30000 RTP/AVP 0\r\n\
         a=extmap:2 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=msid:x y\r\n"
    ));
    let synchronised = text("a=group:BUNDLE 0\na=group:LS 0\n");
    assert!(synchronised.contains("t=0 0\r\na=group:LS 0\r\nm="));
    assert!(synchronised.contains("a=mid:0\r\n"));
}

#[test]
fn a_host_crosses_in_no_attribute_but_those_of_codecs_and_keys() {
    let kept = "a=rtpmap:96 x.y-z/8000\r\na=fmtp:96 mode=a.bc\r\na=framerate:29.97\r\n\
        a=extmap:1 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n\
        a=fingerprint:SHA-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB\r\n\
        a=setup:actpass\r\na=label:1\r\na=silenceSupp:off - - - -\r\na=tool:x 1.8.0\r\n";
    let text = format!(
        "v=0\na=x-secret-host:secret.example\nt=0 0\nm=audio 4 RTP/AVP 96\ni=of secret.example\n\
         b=x:198.51.100.7\nk=uri:http://secret.example/\n{kept}a=ssrc:1 cname:u@secret.example\n\
         a=x:2001:db8:7::7\na=path:msrp://198.51.100.7:1/x;tcp\na=secret.example\n"
    );
    let out = rewritten(&text, &[plain()]);
    let end = format!("t=0 0\r\nm=audio 30000 RTP/AVP 96\r\n{kept}");
    assert!(out.ends_with(&end), "{out}");
    assert!(!out.contains("secret"), "{out}");
}

proptest! {
    #[test]
    fn no_address_of_the_sender_survives_anywhere(
        lines in proptest::collection::vec(
            "(a=[a-z]{1,8}:|a=candidate:1 1 UDP 9 |X=|b=|k=|i=|c=IN IP4 |a=rtcp:1 IN IP4 |\
             m=audio 4 RTP/AVP 0 )x?\
             (192\\.0\\.2\\.1|2001:db8::1|2001:DB8:0::1|198\\.51\\.100\\.7|2001:db8:7::7|\
             pbx\\.secret\\.example)( 5| typ host|/127|:5060)?",
            0..20,
        ),
        sending in any::<bool>(),
    ) {
        let text = format!(
            "v=0\no=- 1 1 IN IP4 192.0.2.1\nc=IN IP6 2001:db8::1\nm=audio 4 RTP/AVP 0\n{}\n",
            lines.join("\n")
        );
        if let Ok(sdp) = Sdp::parse(text.as_bytes()) {
            let media = vec![sending.then(|| plain().unwrap()); sdp.media_count()];
            let out = rewrite(&sdp, &ORIGIN, &media);
            let text = String::from_utf8(out.to_bytes()).unwrap();
            for line in text.to_ascii_lowercase().lines() {
                prop_assert!(!line.contains("192.0.2.1"), "{line}");
                prop_assert!(!line.contains("2001:db8::1"), "{line}");
                prop_assert!(!line.contains("2001:db8:0::1"), "{line}");
                prop_assert!(!line.contains("198.51.100.7"), "{line}");
                prop_assert!(!line.contains("2001:db8:7::7"), "{line}");
                prop_assert!(!line.contains("secret"), "{line}");
            }
            prop_assert_eq!(Sdp::parse(&out.to_bytes()).unwrap(), out);
            prop_assert!(sdp_types::Session::parse(text.as_bytes()).is_ok(), "{}", text);
        }
    }
}
