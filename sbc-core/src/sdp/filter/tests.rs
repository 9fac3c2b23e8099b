use super::*;
use proptest::prelude::*;

const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n\
    m=audio 4000 RTP/AVP 0 8 96 101\r\n\
    a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:96 opus/48000/2\r\n\
    a=fmtp:96 useinbandfec=1\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:* ccm fir\r\n\
    a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendrecv\r\n\
    m=video 5000/2 RTP/AVP 97 98 99\r\n\
    a=rtpmap:97 H264/90000\r\na=rtpmap:98 VP8/90000\r\n\
    a=rtpmap:99 rtx/90000\r\na=fmtp:99 x=1; apt=98\r\n\
    m=image 6000 udptl t38\r\n";

fn names(list: &[&str]) -> Vec<CodecName> {
    let read = |name: &&str| CodecName::parse(name).unwrap_or_else(|| panic!("{name}"));
    list.iter().map(read).collect()
}

fn keep(list: &[&str]) -> CodecPolicy {
    CodecPolicy {
        choice: CodecChoice::Keep(names(list)),
        order: Vec::new(),
    }
}

fn drop(list: &[&str]) -> CodecPolicy {
    CodecPolicy {
        choice: CodecChoice::Drop(names(list)),
        order: Vec::new(),
    }
}

fn order(list: &[&str]) -> CodecPolicy {
    CodecPolicy {
        choice: CodecChoice::All,
        order: names(list),
    }
}

fn parse(text: &str) -> Sdp {
    Sdp::parse(text.as_bytes()).unwrap()
}

fn offered(policy: &CodecPolicy, text: &str) -> (usize, String) {
    let filtered = policy.offer(parse(text));
    let text = String::from_utf8(filtered.sdp.to_bytes()).unwrap();
    (filtered.closed, text)
}

/// The answer as it crosses where the offer had crossed.
fn answered(policy: &CodecPolicy, offer: &str, answer: &str) -> (usize, String) {
    let left = policy.offer(parse(offer)).codecs;
    let filtered = policy.answer(parse(answer), &left);
    let text = String::from_utf8(filtered.sdp.to_bytes()).unwrap();
    (filtered.closed, text)
}

#[test]
fn a_codec_is_named_as_rtpmap_names_it() {
    for good in ["pcma", "Telephone-Event/8000", "opus/48000/2", "G.729a"] {
        assert!(CodecName::parse(good).is_some(), "{good}");
    }
    for bad in [
        "",
        "/8000",
        "pcma/",
        "pcma/0",
        "a b",
        "opus/48000/2/1",
        "x/8k",
    ] {
        assert_eq!(CodecName::parse(bad), None, "{bad}");
    }
    let name = |text| CodecName::parse(text).unwrap();
    assert!(name("L16").covers(&name("l16/16000")));
    assert!(!name("l16/16000").covers(&name("l16")));
    assert!(!name("l16").covers(&name("pcmu")));
}

#[test]
fn only_the_kept_codecs_cross_with_what_belongs_to_them() {
    let policy = keep(&["PCMA", "telephone-event", "h264", "rtx"]);
    let (closed, text) = offered(&policy, OFFER);
    assert_eq!(closed, 0);
    assert_eq!(
        text,
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n\
         m=audio 4000 RTP/AVP 8 101\r\n\
         a=rtpmap:8 PCMA/8000\r\na=rtcp-fb:* ccm fir\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendrecv\r\n\
         m=video 5000/2 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n\
         m=image 6000 udptl t38\r\n"
    );
}

#[test]
fn dropped_codecs_go_and_all_others_stay() {
    let (closed, text) = offered(&drop(&["opus", "H264", "nothing"]), OFFER);
    assert_eq!(closed, 0);
    assert!(text.contains("m=audio 4000 RTP/AVP 0 8 101\r\n"));
    assert!(text.contains("m=video 5000/2 RTP/AVP 98 99\r\n"));
    assert!(!text.contains(":96 ") && !text.contains(":97 "));
}

#[test]
fn the_preferred_come_first_in_their_order_and_the_rest_follows() {
    let policy = order(&["opus", "pcma/8000", "vp8", "g729"]);
    let (closed, text) = offered(&policy, OFFER);
    assert_eq!(closed, 0);
    assert!(text.contains("m=audio 4000 RTP/AVP 96 8 0 101\r\n"));
    assert!(text.contains("m=video 5000/2 RTP/AVP 98 97 99\r\n"));
    let (before, after) = (OFFER.split("\r\n"), text.split("\r\n"));
    let attributes = |l: &&str| !l.starts_with("m=");
    assert!(before.filter(attributes).eq(after.filter(attributes)));
}

#[test]
fn a_clock_rate_and_channels_narrow_a_name() {
    let offer = "v=0\r\nm=audio 4 RTP/AVP 96 97 98 99\r\na=rtpmap:96 L16/8000\r\n\
        a=rtpmap:97 L16/16000\r\na=rtpmap:98 opus/48000/2\r\na=rtpmap:99 opus/48000\r\n";
    for (policy, left) in [
        (keep(&["l16/16000"]), "97"),
        (keep(&["l16"]), "96 97"),
        (drop(&["l16/8000", "opus/48000/2"]), "97 99"),
        (keep(&["opus/48000"]), "98 99"),
    ] {
        let (_, text) = offered(&policy, offer);
        assert!(
            text.contains(&format!("m=audio 4 RTP/AVP {left}\r\n")),
            "{text}"
        );
    }
}

#[test]
fn a_retransmission_stream_stays_beside_its_codec() {
    let (_, text) = offered(&keep(&["pcmu", "vp8", "rtx"]), OFFER);
    assert!(text.contains("m=video 5000/2 RTP/AVP 98 99\r\n"));
    assert!(text.contains("a=fmtp:99 x=1; apt=98\r\n"));
}

#[test]
fn redundancy_goes_with_what_it_may_hold() {
    let offer = "v=0\r\nm=audio 4 RTP/AVP 63 111 0\r\na=rtpmap:111 opus/48000/2\r\n\
        a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n";
    let (_, text) = offered(&drop(&["opus"]), offer);
    assert_eq!(text, "v=0\r\nm=audio 4 RTP/AVP 0\r\n");
    let (_, text) = offered(&drop(&["pcmu"]), offer);
    assert!(text.contains("m=audio 4 RTP/AVP 63 111\r\n"));
    // A retransmission of it goes too.
    let offer = "v=0\r\nm=video 4 RTP/AVP 96 97 98 99\r\na=rtpmap:96 VP8/90000\r\n\
        a=rtpmap:97 H264/90000\r\na=rtpmap:98 red/90000\r\na=fmtp:98 96/97\r\n\
        a=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=98\r\n";
    let (_, text) = offered(&drop(&["h264"]), offer);
    assert_eq!(
        text,
        "v=0\r\nm=video 4 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n"
    );
}

#[test]
fn where_all_is_kept_nothing_changes() {
    let all = [
        "pcmu",
        "pcma",
        "opus",
        "telephone-event",
        "h264",
        "vp8",
        "rtx",
    ];
    let same = (0, OFFER.to_owned());
    assert_eq!(offered(&keep(&all), OFFER), same);
    assert_eq!(offered(&drop(&["g729"]), OFFER), same);
    assert_eq!(offered(&order(&["pcmu", "pcma"]), OFFER), same);
}

#[test]
fn a_medium_without_a_codec_to_carry_it_is_switched_off_with_one_format() {
    let (closed, text) = offered(&keep(&["telephone-event", "cn"]), OFFER);
    assert_eq!(closed, 2, "the image is not RTP and is not judged");
    assert!(text.contains(
        "m=audio 0 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=rtcp-fb:* ccm fir\r\na=sendrecv\r\n"
    ));
    assert!(text.contains("m=video 0 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\nm=image"));
    assert!(text.ends_with("m=image 6000 udptl t38\r\n"));
}

#[test]
fn comfort_noise_and_digits_alone_carry_no_call() {
    let offer = "v=0\nm=audio 4 RTP/AVP 0 13 101\na=rtpmap:101 telephone-event/8000\n";
    let filtered = drop(&["pcmu"]).offer(parse(offer));
    assert_eq!((filtered.closed, filtered.sdp.media(0).port()), (1, 0));
}

#[test]
fn a_static_type_without_mapping_is_known_by_its_name() {
    let offer = "v=0\nm=audio 4 RTP/AVP 0 18\na=fmtp:18 annexb=no\n";
    let (_, text) = offered(&keep(&["G729"]), offer);
    assert_eq!(
        text,
        "v=0\r\nm=audio 4 RTP/AVP 18\r\na=fmtp:18 annexb=no\r\n"
    );
    let (_, text) = offered(&drop(&["g729/8000"]), offer);
    assert_eq!(text, "v=0\r\nm=audio 4 RTP/AVP 0\r\n");
}

#[test]
fn audio_and_video_of_every_rtp_profile_are_judged_and_nothing_else() {
    let judged = |line: &str| {
        let (closed, _) = offered(&keep(&["g729"]), &format!("v=0\r\nm={line}\r\n"));
        closed == 1
    };
    for line in [
        "audio 4 RTP/AVP 0",
        "Video 4 rtp/savp 31",
        "audio 4 UDP/TLS/RTP/SAVPF 0",
        "video 4 TCP/RTP/AVP 31",
    ] {
        assert!(judged(line), "{line}");
    }
    for line in [
        "text 4 RTP/AVP 0",
        "application 4 RTP/AVP 0",
        "image 4 udptl t38",
        "audio 4 udptl t38",
        "message 4 TCP/MSRP *",
        "audio 0 RTP/AVP 0",
    ] {
        assert!(!judged(line), "{line}");
    }
}

#[test]
fn what_is_switched_off_leaves_its_groups() {
    let offer = "v=0\r\na=group:BUNDLE a v\r\na=group:LS v\r\n\
        m=audio 4 UDP/TLS/RTP/SAVPF 0\r\na=mid:a\r\n\
        m=video 0 UDP/TLS/RTP/SAVPF 31\r\na=mid:v\r\na=bundle-only\r\n";
    let (closed, text) = offered(&keep(&["pcmu"]), offer);
    assert_eq!(closed, 1);
    assert_eq!(
        text,
        "v=0\r\na=group:BUNDLE a\r\n\
         m=audio 4 UDP/TLS/RTP/SAVPF 0\r\na=mid:a\r\n\
         m=video 0 UDP/TLS/RTP/SAVPF 31\r\na=mid:v\r\n"
    );
}

#[test]
fn an_answer_holds_what_is_left_of_the_offer_in_its_own_order() {
    let policy = CodecPolicy {
        order: names(&["pcma"]),
        ..drop(&["pcmu", "opus", "h264"])
    };
    let of = |audio: &str| {
        let answer = format!(
            "v=0\r\nm=audio 4 RTP/AVP {audio}\r\nm=video 0 RTP/AVP 98\r\nm=image 0 udptl t38\r\n"
        );
        let (closed, text) = answered(&policy, OFFER, &answer);
        (closed, text.split("\r\n").nth(1).unwrap().to_owned())
    };
    let line = |closed, text: &str| (closed, format!("m=audio {text}"));
    assert_eq!(
        of("101 8"),
        line(0, "4 RTP/AVP 101 8"),
        "101 as the offer maps it"
    );
    assert_eq!(of("0 8"), line(0, "4 RTP/AVP 8"));
    assert_eq!(
        of("8 96"),
        line(0, "4 RTP/AVP 8"),
        "dropped, be it without a name"
    );
    assert_eq!(of("9 8"), line(0, "4 RTP/AVP 8"), "never offered");
    assert_eq!(of("0"), line(1, "0 RTP/AVP 0"));
}

#[test]
fn an_answer_may_number_a_codec_otherwise() {
    let answer = "v=0\r\nm=audio 4 RTP/AVP 110 96\r\na=rtpmap:110 OPUS/48000/2\r\n\
        a=rtpmap:96 telephone-event/8000\r\nm=video 0 RTP/AVP 97\r\nm=image 0 udptl t38\r\n";
    let (closed, text) = answered(&keep(&["opus", "telephone-event"]), OFFER, answer);
    assert_eq!((closed, text.as_str()), (0, answer));
}

#[test]
fn a_line_that_was_closed_in_the_offer_is_closed_in_the_answer() {
    let answer = "v=0\r\nm=audio 4 RTP/AVP 8\r\nm=video 6 RTP/AVP 97\r\n\
        a=rtpmap:97 H264/90000\r\nm=image 0 udptl t38\r\n";
    let (closed, text) = answered(&keep(&["pcma"]), OFFER, answer);
    assert_eq!(closed, 1);
    assert!(text.contains("m=video 0 RTP/AVP 97\r\n"));
}

/// Names that meet often, so that policies and descriptions have to do with one another.
fn codec() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "PCMU/8000",
        "pcma/8000",
        "opus/48000/2",
        "L16/16000",
        "telephone-event/8000",
        "red/8000",
        "rtx/90000",
        "VP8/90000",
    ])
}

fn policy() -> impl Strategy<Value = CodecPolicy> {
    let list = || proptest::collection::vec(codec(), 0..4).prop_map(|list| names(&list));
    (0..3_u8, list(), list()).prop_map(|(kind, named, order)| CodecPolicy {
        choice: match kind {
            0 => CodecChoice::All,
            1 => CodecChoice::Keep(named),
            _ => CodecChoice::Drop(named),
        },
        order,
    })
}

fn description() -> impl Strategy<Value = String> {
    let payload_type = || proptest::sample::select(vec![0_u8, 8, 18, 96, 97, 98]);
    let attribute =
        (payload_type(), payload_type(), codec(), 0..6_u8).prop_map(|(pt, other, codec, kind)| {
            match kind {
                0 => format!("a=fmtp:{pt} apt={other}"),
                1 => format!("a=fmtp:{pt} {other}/{other}"),
                2 => format!("a=rtcp-fb:{pt} nack"),
                3 => "a=mid:m".to_owned(),
                _ => format!("a=rtpmap:{pt} {codec}"),
            }
        });
    let head = proptest::sample::select(vec![
        "audio 4 RTP/AVP",
        "video  4/2  RTP/SAVP ",
        "audio 0 RTP/AVP",
        "image 4 udptl",
    ]);
    let formats = proptest::collection::vec(payload_type(), 0..5);
    let media = (head, formats, proptest::collection::vec(attribute, 0..8)).prop_map(
        |(head, formats, attributes)| {
            let formats: String = formats.iter().map(|pt| format!(" {pt}")).collect();
            let lines: String = attributes.iter().map(|a| format!("{a}\r\n")).collect();
            format!("m={head}{formats}\r\n{lines}")
        },
    );
    proptest::collection::vec(media, 0..4)
        .prop_map(|media| format!("v=0\r\na=group:LS m n\r\n{}", media.concat()))
}

/// What a description says of a payload type, line by line.
fn said_of(media: MediaView<'_>, payload_type: &str) -> Vec<(String, String)> {
    let lines = media
        .attributes()
        .filter(|line| subject(*line) == Some(payload_type));
    lines.map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
}

proptest! {
    #[test]
    fn a_filtered_description_has_less_of_the_same(
        policy in policy(),
        text in description(),
    ) {
        let before = parse(&text);
        let filtered = policy.offer(before.clone());
        let after = &filtered.sdp;
        let bytes = after.to_bytes();
        prop_assert_eq!(&Sdp::parse(&bytes).unwrap(), after);
        prop_assert!(bytes.len() <= before.to_bytes().len());
        prop_assert_eq!(&policy.offer(after.clone()).sdp, after, "the second time");
        prop_assert_eq!(after.media_count(), before.media_count());
        for (new, old) in after.medias().zip(before.medias()) {
            prop_assert_eq!(new.kind(), old.kind());
            let mut had: Vec<_> = old.formats().collect();
            for format in new.formats() {
                let at = had.iter().position(|f| *f == format);
                prop_assert!(at.is_some(), "{} was not there", format);
                had.swap_remove(at.unwrap());
                prop_assert_eq!(said_of(new, format), said_of(old, format));
            }
            if old.formats().ne(new.formats()) {
                for gone in had.iter().filter(|f| new.formats().all(|n| n != **f)) {
                    prop_assert_eq!(said_of(new, gone), vec![]);
                }
            }
            let judged = is_judged(&old) && new.port() != 0;
            for codec in new.codecs().iter().filter(|_| judged) {
                prop_assert!(policy.choice.takes(codec), "{:?}", codec);
            }
        }
    }

    #[test]
    fn an_answer_never_has_what_the_offer_was_not_left_with(
        policy in policy().prop_filter("all cross", |p| p.choice != CodecChoice::All),
        offer in description(),
        answer in description(),
    ) {
        let left = policy.offer(parse(&offer));
        let passed = policy.answer(parse(&answer), &left.codecs).sdp;
        for (index, media) in passed.medias().enumerate() {
            let Some(Some(offered)) = left.codecs.0.get(index) else { continue };
            for codec in media.codecs().iter().filter(|_| is_judged(&media)) {
                let same = |o: &Codec| o.name.eq_ignore_ascii_case(&codec.name)
                    || &*codec.name == "?" && o.payload_type == codec.payload_type;
                prop_assert!(offered.iter().any(same), "{:?}", codec);
            }
        }
    }
}

#[test]
fn a_payload_type_that_means_two_codecs_or_none_crosses_under_no_choice() {
    let head = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n";
    for (lines, wanted) in [
        (
            "m=audio 4000 RTP/AVP 8 8 0\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:8 PCMU/8000\r\n",
            "0",
        ),
        ("m=audio 4000 RTP/AVP 0 96\r\na=rtpmap:96 PCMA\r\n", "0"),
        ("m=audio 4000 RTP/AVP 0 8\r\na=rtpmap:8 G729/8000\r\n", "0"),
        (
            "m=audio 4000 RTP/AVP 0 8\r\na=rtpmap:8 pcma/8000\r\na=rtpmap:8 PCMA/8000\r\n",
            "0 8",
        ),
    ] {
        for policy in [drop(&["g722"]), keep(&["pcmu", "pcma", "g729"])] {
            let (_, text) = offered(&policy, &format!("{head}{lines}"));
            assert!(
                text.contains(&format!("RTP/AVP {wanted}\r\n")),
                "{lines}{text}"
            );
        }
    }
}
