use super::*;

fn uri(text: &str) -> Uri {
    Uri::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

#[test]
fn parts_are_found_and_print_back() {
    let text = "sip:alice;x=1?y:pw@Example.COM:5070;transport=tcp;lr?Subject=hi&a=b";
    let u = uri(text);
    assert_eq!(u.user.as_deref(), Some("alice;x=1?y:pw"));
    assert_eq!(u.host, Some(Host::Name("Example.COM".into())));
    assert_eq!(u.port, Some(5070));
    assert_eq!(u.param("TRANSPORT"), Some("tcp"));
    assert_eq!(u.param("lr"), Some(""));
    assert_eq!(u.param("maddr"), None);
    assert_eq!(&*u.headers, "Subject=hi&a=b");
    assert_eq!(u.to_string(), text);
}

#[test]
fn every_kind_prints_as_it_was_read() {
    for text in [
        "sips:bob@192.0.2.1",
        "sip:[2001:db8::9]:5060;transport=udp",
        "sip:example.com",
        "sip:#31#0123@host_a.example",
        "tel:+1-201-555-0123;phone-context=x",
        "tel:*21#;phone-context=+44",
        "urn:service:sos",
        "http://example.com/a;b?c",
        "sip:a%40b@example.com",
    ] {
        assert_eq!(uri(text).to_string(), text);
    }
}

#[test]
fn what_breaks_the_grammar_is_refused() {
    for text in [
        "",
        "sip",
        "sip:",
        ":x",
        "1sip:x",
        "sip:@host",
        "sip:a@",
        "sip:a@b@c",
        "sip:a b@c",
        "sip:a@b c",
        "sip:a@h:",
        "sip:a@h:65536",
        "sip:a@h:-1",
        "sip:a@h:5060x",
        "sip:a@192.0.2.300",
        "sip:a@1.2.3",
        "sip:a@[::1",
        "sip:a@[::g]",
        "sip:a@[::1]x",
        "sip:a%4@h",
        "sip:a%zz@h",
        "sip:a@h<x>",
        "sip:a\r\n@h",
        "sip:a\0@h",
        "<sip:a@h>",
        "tel:",
        "tel:+",
        "tel:abc-xyz",
    ] {
        assert!(Uri::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn parameters_are_set_replaced_and_removed() {
    let mut u = uri("sip:a@h;lr;Transport=udp;x");
    u.set_param("transport", Some("tcp"));
    u.set_param("ob", None);
    assert_eq!(u.to_string(), "sip:a@h;lr;transport=tcp;x;ob");
    u.remove_param("LR");
    u.remove_param("nothing");
    assert_eq!(u.to_string(), "sip:a@h;transport=tcp;x;ob");
    u.set_param("n", Some("a;b>\r\n"));
    assert_eq!(u.param("n"), Some("a%3Bb%3E%0D%0A"));
}

#[test]
fn a_user_part_of_ours_cannot_break_out() {
    let u = Uri::sip(
        Some("a@b>\r\nX: y"),
        Host::Name("example.com".into()),
        Some(5061),
    );
    assert_eq!(u.to_string(), "sip:a%40b%3E%0D%0AX:%20y@example.com:5061");
    assert_eq!(uri(&u.to_string()), u);
}

#[test]
fn the_equal_pairs_of_section_19_1_4_are_equal() {
    for (a, b) in [
        (
            "sip:%61lice@atlanta.com;transport=TCP",
            "sip:alice@AtLanTa.CoM;Transport=tcp",
        ),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        (
            "sip:carol@chicago.com;newparam=5",
            "sip:carol@chicago.com;security=on",
        ),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
        ("tel:+1-201-555-0123", "tel:+12015550123"),
        (
            "tel:7042;phone-context=Example.com",
            "tel:7042;PHONE-CONTEXT=example.com",
        ),
    ] {
        assert!(uri(a).same_as(&uri(b)), "{a} {b}");
        assert!(uri(b).same_as(&uri(a)), "{b} {a}");
    }
}

#[test]
fn the_different_pairs_of_section_19_1_4_differ() {
    for (a, b) in [
        (
            "SIP:ALICE@AtLanTa.CoM;Transport=udp",
            "sip:alice@AtLanTa.CoM;Transport=UDP",
        ),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;user=phone"),
        ("sip:bob@biloxi.com;maddr=h", "sip:bob@biloxi.com"),
        (
            "sip:bob@biloxi.com;transport=tcp",
            "sip:bob@biloxi.com;transport=udp",
        ),
        (
            "sip:carol@chicago.com",
            "sip:carol@chicago.com?Subject=next%20meeting",
        ),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:a%2Cb@h", "sip:a,b@h"),
        ("sip:a@h", "sips:a@h"),
        ("sip:a@h", "sip:h"),
        ("tel:+1201", "tel:1201;phone-context=+1"),
        ("urn:a:b", "urn:a:c"),
    ] {
        assert!(!uri(a).same_as(&uri(b)), "{a} {b}");
        assert!(!uri(b).same_as(&uri(a)), "{b} {a}");
    }
}
