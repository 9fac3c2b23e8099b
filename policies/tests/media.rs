//! What profiles and realms say of media, as it reaches plans and the network.

mod fake;

use bytes::Bytes;
use policies::Loaded;
use sbc_core::Entropy;
use sbc_core::b2bua::plan::{CallPlan, Connect};
use sbc_core::net::{ListenerId, Network};
use sbc_core::ports::{Latch, PolicyEngine, RequestFacts};
use sbc_core::sdp::{CodecChoice, CodecName, CodecPolicy};
use sbc_core::sip::Message;
use sbc_core::transport::{Flow, Transport};
use std::sync::Arc;
use std::time::Duration;

/// The plan of a call that takes the profile `p`, and the network.
fn planned(profiles: &str) -> (Arc<Connect>, Arc<Network>) {
    let text = format!(
        "listeners: {{ a: {{ realm: a, udp: \"127.0.0.1:5060\" }} }}\n\
         realms: {{ a: {{ trust: full }} }}\n\
         trunks: {{ x: {{ realm: a, targets: [\"sip:127.0.0.1:6001\"] }} }}\n\
         {profiles}\n\
         routes: [{{ name: all, to: [x], profile: p }}]\n"
    );
    let loaded = Loaded::from_text("test.yaml", &text).unwrap_or_else(|e| panic!("{e}"));
    let compiled = loaded.compile(&fake::Fake::default());
    let engine = compiled.unwrap_or_else(|e| panic!("{e}")).engine;
    let invite = "INVITE sip:200@sbc.example SIP/2.0\r\n\
        Via: SIP/2.0/UDP 192.0.2.3:5060;branch=z9hG4bK1\r\nFrom: <sip:1@a.example>;tag=1\r\n\
        To: <sip:200@sbc.example>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\
        Contact: <sip:caller@192.0.2.3>\r\nContent-Length: 0\r\n\r\n";
    let message = Message::parse_datagram(Bytes::from(invite)).expect("a message");
    let flow = Flow {
        listener: ListenerId(0),
        transport: Transport::Udp,
        remote: "192.0.2.3:5060".parse().expect("an address"),
        connection: None,
    };
    let request = RequestFacts {
        message: &message,
        flow: &flow,
    };
    match engine.plan(&request, &mut Entropy::from_seed(1)) {
        CallPlan::Connect(connect) => (connect, Arc::clone(engine.network())),
        other => panic!("not connected: {other:?}"),
    }
}

#[test]
fn ports_of_a_realm_rest_as_long_as_it_says() {
    let rest = |realm: &str| {
        let text = format!(
            "listeners: {{ a: {{ realm: a, udp: \"127.0.0.1:5060\" }} }}\n\
             realms: {{ a: {{ {realm} }} }}\nroutes: [ {{ name: x, reject: 404 }} ]\n"
        );
        let loaded = Loaded::from_text("test.yaml", &text).unwrap_or_else(|e| panic!("{e}"));
        let compiled = loaded.compile(&fake::Fake::default());
        let engine = compiled.unwrap_or_else(|e| panic!("{e}")).engine;
        engine.network().realms[0].media[0].quarantine
    };
    assert_eq!(
        rest("media: { quarantine: 250ms }"),
        Duration::from_millis(250)
    );
    assert_eq!(rest("media: { quarantine: 0s }"), Duration::ZERO);
    assert_eq!(rest("trust: full"), Duration::from_secs(2));
}

#[test]
fn sources_of_media_are_learned_as_the_profile_says() {
    for (word, rule) in [
        ("once", Latch::Once),
        ("follow", Latch::Follow),
        ("strict", Latch::Strict),
    ] {
        let profiles = format!("profiles: {{ p: {{ media: {{ latch: {word} }} }} }}");
        assert_eq!(planned(&profiles).0.latch, rule);
    }
}

fn codecs(profiles: &str) -> Option<CodecPolicy> {
    planned(profiles).0.codecs.as_deref().cloned()
}

fn names(list: &[&str]) -> Vec<CodecName> {
    let read = |name: &&str| CodecName::parse(name).expect("a codec");
    list.iter().map(read).collect()
}

#[test]
fn codecs_of_a_profile_reach_the_plan() {
    assert_eq!(codecs("profiles: { p: {} }"), None);
    let policy = codecs(
        "profiles: { p: { media: { codecs: { keep: [OPUS, pcma, L16/16000], order: [pcma] } } } }",
    );
    let wanted = CodecPolicy {
        choice: CodecChoice::Keep(names(&["opus", "pcma", "l16/16000"])),
        order: names(&["pcma"]),
    };
    assert_eq!(policy, Some(wanted));
}

#[test]
fn a_childs_choice_of_codecs_takes_the_place_of_its_parents_and_order_is_inherited() {
    let policy = codecs(
        "profiles:\n  top: { media: { codecs: { keep: [opus, pcma], order: [opus] } } }\n  \
         p: { extends: top, media: { codecs: { drop: [g729] } } }",
    );
    let wanted = CodecPolicy {
        choice: CodecChoice::Drop(names(&["g729"])),
        order: names(&["opus"]),
    };
    assert_eq!(policy, Some(wanted));
    let policy = codecs(
        "profiles:\n  top: { media: { codecs: { keep: [opus, pcma], order: [opus] } } }\n  \
         p: { extends: top, media: { codecs: { order: [pcma, opus] } } }",
    );
    let wanted = CodecPolicy {
        choice: CodecChoice::Keep(names(&["opus", "pcma"])),
        order: names(&["pcma", "opus"]),
    };
    assert_eq!(policy, Some(wanted));
}

/// Listeners, and media addresses of the realm `a`: each as bound, and as advertised.
fn addresses(listeners: &str, media: &str) -> (Vec<String>, Vec<String>) {
    let text = format!(
        "listeners:\n{listeners}\nrealms: {{ a: {{ media: {{ {media} }} }} }}\n\
         routes: [ {{ name: x, reject: 404 }} ]\n"
    );
    let loaded = Loaded::from_text("test.yaml", &text).unwrap_or_else(|e| panic!("{e}"));
    let compiled = loaded.compile(&fake::Fake::default());
    let engine = compiled.unwrap_or_else(|e| panic!("{e}")).engine;
    let network = engine.network();
    let listeners = network.listeners.iter();
    let media = network.realms[0].media.iter();
    (
        listeners
            .map(|l| format!("{} {} {}", l.name, l.bind, l.advertise))
            .collect(),
        media
            .map(|m| format!("{} {}", m.bind, m.advertise))
            .collect(),
    )
}

#[test]
fn a_listener_of_a_list_is_one_of_each_family_and_advertises_what_is_of_its_own() {
    let (listeners, media) = addresses(
        "  l: { realm: a, udp: [ \"127.0.0.1:5060\", \"[::1]:5061\" ], \
         advertise: [ \"2001:db8::7\", \"198.51.100.7:6000\" ] }",
        "",
    );
    assert_eq!(
        listeners,
        [
            "l 127.0.0.1:5060 198.51.100.7:6000",
            "l [::1]:5061 [2001:db8::7]:5061"
        ]
    );
    assert_eq!(media, ["127.0.0.1 198.51.100.7", "::1 2001:db8::7"]);
}

#[test]
fn media_is_bound_where_its_list_says_or_where_the_first_listener_of_each_family_is() {
    let two = "  l: { realm: a, udp: \"127.0.0.1:5060\" }\n  \
               m: { realm: a, udp: \"127.0.0.2:5060\" }\n  n: { realm: a, tcp: \"[::1]:5060\" }";
    assert_eq!(addresses(two, "").1, ["127.0.0.1 127.0.0.1", "::1 ::1"]);
    let (listeners, media) = addresses(
        two,
        "bind: [ \"::1\", 127.0.0.1 ], advertise: [ 198.51.100.7, \"2001:db8::7\" ]",
    );
    assert_eq!(media, ["::1 2001:db8::7", "127.0.0.1 198.51.100.7"]);
    assert_eq!(
        listeners,
        [
            "l 127.0.0.1:5060 198.51.100.7:5060",
            "m 127.0.0.2:5060 127.0.0.2:5060",
            "n [::1]:5060 [2001:db8::7]:5060"
        ]
    );
    // Only one of both families stands elsewhere than it is seen.
    let half = addresses(two, "bind: [ 127.0.0.3, \"::1\" ], advertise: 198.51.100.7");
    assert_eq!(half.1, ["127.0.0.3 198.51.100.7", "::1 ::1"]);
}
