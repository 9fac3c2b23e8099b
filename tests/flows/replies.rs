//! What a profile makes of replies, and of headers that nobody knows: `reply_headers`,
//! `reply_codes`, `headers_pass`.

use crate::world::{ALICE, BOB, INSIDE, OUTSIDE, World, secs};
use sbc::Modules;
use sbc_core::b2bua::EndedBy;
use sbc_core::sip::{HeaderName, Message};
use sbc_core::testing::{Act, Answering, End, NodeId, Phone, Placed, Renewal, Say, Sim};

const CAROL: &str = "198.51.100.30";

/// Alice inside calls the trunk `pair` outside: Bob, then Carol. `profile` has the keys of the
/// profile.
fn world(seed: u64, profile: &str) -> World {
    let yaml = format!(
        "version: 1\nlisteners:\n  in: {{ realm: inside, udp: '{INSIDE}:5060' }}\n  \
         out: {{ realm: outside, udp: '{OUTSIDE}:5060' }}\nrealms:\n  \
         inside: {{ trust: full, media: {{ bind: {INSIDE}, ports: 20000-20099 }} }}\n  \
         outside: {{ trust: none, media: {{ bind: {OUTSIDE}, ports: 20000-20099 }} }}\n\
         trunks:\n  pair: {{ realm: outside, targets: [ 'sip:{BOB}', \
         {{ uri: 'sip:{CAROL}', priority: 2 }} ] }}\n\
         profiles:\n  p:\n{profile}\n\
         routes: [ {{ name: out, from: inside, to: [ pair ], profile: p, ring_timeout: 60s }} ]\n"
    );
    let compiled = policies::Loaded::from_text("flow", &yaml)
        .and_then(|loaded| loaded.compile(&Modules::default()))
        .unwrap_or_else(|errors| panic!("{errors}"));
    let mut sim = Sim::seed(seed);
    let sbc = sim.add_sbc_of(compiled.engine, false);
    let alice = sim.add_phone("alice", ALICE);
    let bob = sim.add_phone("bob", BOB);
    World {
        sim,
        sbc,
        alice,
        bob,
    }
}

fn call() -> Placed {
    Placed::to("0301234", INSIDE).hanging_up_after(secs(60))
}

/// The last message that a phone heard as this in its first call.
fn last<'a>(world: &'a World, phone: NodeId, what: &str) -> &'a Message {
    let phone: &Phone = world.sim.phone(phone);
    let heard = phone.calls()[0].messages().iter();
    let found = heard.filter(|heard| heard.what == what).last();
    let none = || panic!("no {what}\n{}", world.sim.ladder());
    &found.unwrap_or_else(none).message
}

fn header<'m>(message: &'m Message, name: &str) -> Option<&'m str> {
    message.header(&HeaderName::parse(name))
}

#[test]
fn rules_for_replies_act_on_what_the_caller_hears_of_the_callee() {
    let rules = r#"
    headers: [ { set: X-Request, to: "yes" } ]
    headers_pass: [ "X-*" ]
    reply_headers:
      - { set: X-Told, to: "${to.user} ${status} ${method} ${target.name}" }
      - { remove: X-Secret }
      - { replace: X-Colour, match: 'l', with: 'r' }
      - { add: Supported, to: "x", when: { status: '^2' } }
"#;
    let ringing = Say::status(180)
        .saying("X-Secret: 1")
        .saying("X-Colour: blue");
    let answer = Say::with_sdp(200)
        .saying("X-Secret: 1")
        .saying("X-Colour: blue");
    let mut world = world(1, rules).bob_answers(Answering::with(&[(20, ringing), (900, answer)]));
    world = world.up(call());
    for (phone, act) in [
        (world.alice, Act::Info),
        (world.bob, Act::Info),
        (world.alice, Act::Other("UPDATE")),
    ] {
        world.sim.act(phone, 0, act);
        world.sim.run_for(secs(5));
    }
    world.sim.finish();
    for (heard, told) in [
        ("180 INVITE", "0301234 180 INVITE pair"),
        ("200 INVITE", "0301234 200 INVITE pair"),
        ("200 INFO", "0301234 200 INFO pair"),
        ("200 UPDATE", "0301234 200 UPDATE pair"),
    ] {
        let reply = last(&world, world.alice, heard);
        assert_eq!(header(reply, "X-Told"), Some(told), "{heard}");
        assert_eq!(header(reply, "X-Secret"), None);
        assert_eq!(header(reply, "X-Request"), None, "a rule for requests");
    }
    assert_eq!(
        header(last(&world, world.alice, "180 INVITE"), "X-Colour"),
        Some("brue")
    );
    assert_eq!(
        header(last(&world, world.alice, "100 INVITE"), "X-Told"),
        None,
        "ours"
    );
    // The rules say nothing of what the callee hears.
    assert_eq!(header(last(&world, world.bob, "200 INFO"), "X-Told"), None);
    assert_eq!(header(last(&world, world.bob, "INVITE"), "X-Told"), None);
    assert_eq!(
        header(last(&world, world.bob, "INVITE"), "X-Request"),
        Some("yes")
    );
    assert_eq!(world.alices().ended(), Some(End::HungUp));
}

#[test]
fn no_rule_for_replies_makes_another_line_of_one() {
    // What would be a header of its own, were it printed.
    let rules = r#"
    reply_headers:
      - { set: X-Told, to: "${header['X-Given'] ~ '\\r\\nVia: SIP/2.0/UDP 192.0.2.66'}" }
      - { add: X-Good, to: "1" }
"#;
    let mut call = call();
    call.headers.push("X-Given: 1".into());
    let world = world(1, rules).run(call);
    let ok = last(&world, world.alice, "200 INVITE");
    assert_eq!(header(ok, "X-Told"), None);
    assert_eq!(header(ok, "X-Good"), Some("1"));
    assert_eq!(ok.header_lines(&HeaderName::Via).count(), 1);
}

#[test]
fn the_caller_hears_another_code_and_the_next_target_is_chosen_by_the_first() {
    let codes = r#"
    reply_codes: { "486": "480 Busy elsewhere", "503": "486", "180": "183 Wait", 5xx: "500 No" }
    reply_headers: [ { set: X-Status, to: "${status}" } ]
"#;
    // 503 leads on though it would be told as 486; 486 ends the search though told as 480.
    let mut world = world(1, codes).bob_answers(Answering::refusing(503));
    let carol = world.sim.add_phone("carol", CAROL);
    let busy = Answering::with(&[(20, Say::status(180)), (500, Say::status(486))]);
    world.sim.phone_mut(carol).answer_with(busy);
    let world = world.run(call());
    assert_eq!(
        world.alices().heard_once(),
        ["100 INVITE", "183 INVITE", "480 INVITE"]
    );
    let ringing = last(&world, world.alice, "183 INVITE");
    assert_eq!(ringing.reason(), "Wait");
    let refusal = last(&world, world.alice, "480 INVITE");
    assert_eq!(refusal.reason(), "Busy elsewhere");
    assert_eq!(header(refusal, "X-Status"), Some("480"), "what is told");
    let summary = world.summary();
    assert_eq!(summary.status.code(), 480, "what the caller was told");
    assert_eq!(&*summary.reason, "486 Busy Here", "what the target said");
    assert_eq!(summary.ended_by, EndedBy::Callee);
}

#[test]
fn a_target_that_says_nothing_is_told_as_if_it_had() {
    let codes = r#"
    reply_codes: { "408": "480 Try later" }
    reply_headers: [ { set: Retry-After, to: "30", when: { status: '^480$' } } ]
"#;
    let mut world = world(1, codes).bob_answers(Answering::silent());
    let carol = world.sim.add_phone("carol", CAROL);
    // It rings, and is given up after a minute.
    let ringing = Answering::with(&[(20, Say::status(180))]);
    world.sim.phone_mut(carol).answer_with(ringing);
    let world = world.run(call());
    let refusal = last(&world, world.alice, "480 INVITE");
    assert_eq!(refusal.reason(), "Try later");
    assert_eq!(header(refusal, "Retry-After"), Some("30"));
    assert_eq!(world.summary().status.code(), 480);
    assert_eq!(&*world.summary().reason, "408 Request Timeout");
}

#[test]
fn what_the_sbc_says_by_itself_is_told_as_it_is() {
    let codes = r#"
    reply_codes: { 4xx: "600 Translated", 5xx: "600 Translated" }
    reply_headers: [ { set: X-Status, to: "${status}" } ]
"#;
    // A CANCEL, and Max-Forwards.
    let world = world(1, codes)
        .bob_answers(Answering::with(&[(20, Say::status(180))]))
        .run(call().cancelling_after(secs(3)));
    let refusal = last(&world, world.alice, "487 INVITE");
    assert_eq!(header(refusal, "X-Status"), None);
    let mut last_hop = call();
    last_hop.max_forwards = 0;
    let world = self::world(1, codes).run(last_hop);
    last(&world, world.alice, "483 INVITE");
}

#[test]
fn a_redirection_told_as_a_refusal_shows_no_contact() {
    let moved = Say::status(302).saying("Contact: <sip:carol@198.51.100.30>");
    for (codes, heard) in [
        ("{ }", "302 INVITE"),
        ("{ \"302\": \"404\" }", "404 INVITE"),
    ] {
        let world = world(1, &format!("    reply_codes: {codes}"))
            .bob_answers(Answering::with(&[(20, moved.clone())]))
            .run(call());
        let refusal = last(&world, world.alice, heard);
        assert_eq!(refusal.header(&HeaderName::Contact), None);
    }
}

#[test]
fn codes_are_told_as_others_inside_a_call_in_both_directions() {
    let codes = r#"    reply_codes: { "488": "606 Never", "404": "500" }"#;
    let refusing = Renewal {
        status: 488,
        ..Renewal::default()
    };
    let answering = Answering::after_ringing().renewing(refusing);
    let mut world = world(1, codes).bob_answers(answering);
    world = world.up(call().renewing(refusing));
    for (one, _) in world.pairs() {
        world.sim.request(one, 0, "INVITE");
        world.sim.run_for(secs(10));
        assert_eq!(last(&world, one, "606 INVITE").reason(), "Never");
    }
    world.sim.finish();
    assert_eq!(world.alices().ended(), Some(End::HungUp));
}

#[test]
fn a_code_that_ends_a_dialog_does_so_whatever_the_other_side_is_told() {
    let codes = r#"    reply_codes: { "481": "488 Not now" }"#;
    let lost = Renewal {
        status: 481,
        ..Renewal::default()
    };
    let answering = Answering::after_ringing().renewing(lost);
    let mut world = world(1, codes).bob_answers(answering);
    world = world.up(call());
    world.sim.request(world.alice, 0, "INVITE");
    world.sim.run_for(secs(10));
    last(&world, world.alice, "488 INVITE");
    last(&world, world.alice, "BYE");
    world.sim.run_to_the_end();
}

#[test]
fn named_headers_cross_in_both_directions_and_others_stay() {
    let pass = r#"    headers_pass: [ "X-Open-*", P-Foo, "P-*", "c*" ]"#;
    let lines = [
        ("X-Open-Door", true),
        ("x-oPEN-2", true),
        ("P-FOO", true),
        ("P-Unknown", true),
        ("X-Closed", false),
        ("X-Ope", false),
        ("P-Asserted-Identity", false),
        ("P-Charging-Vector", false),
        ("Content-Foo", false),
        ("Call-Info", true),
    ];
    let value = "<sip:a@example.com>";
    let said = lines.map(|(name, _)| format!("{name}: {value}"));
    let with_lines = |say: Say| said.iter().fold(say, |say, line| say.saying(line));
    let answering = Answering::with(&[
        (20, with_lines(Say::status(180))),
        (900, with_lines(Say::with_sdp(200))),
    ]);
    let mut placed = call();
    placed.headers.extend(said.iter().cloned());
    let mut world = world(1, pass).bob_answers(answering).up(placed);
    for (phone, method) in [(world.alice, "INFO"), (world.bob, "UPDATE")] {
        for line in &said {
            world.sim.phone_mut(phone).saying_next(line);
        }
        world.sim.request(phone, 0, method);
        world.sim.run_for(secs(5));
    }
    let (alice, bob) = (world.alice, world.bob);
    for (phone, what) in [
        (bob, "INVITE"),
        (bob, "INFO"),
        (alice, "180 INVITE"),
        (alice, "200 INVITE"),
        (alice, "UPDATE"),
    ] {
        let heard = last(&world, phone, what);
        for (name, crosses) in lines {
            assert_eq!(header(heard, name).is_some(), crosses, "{name} in {what}");
        }
        assert_eq!(heard.header_lines(&HeaderName::CSeq).count(), 1);
    }
    world.sim.finish();
}

#[test]
fn a_to_that_a_rule_rewrote_stays_for_the_dialog() {
    let rules = r#"
    headers:
      - { replace: To, match: '<sip:0(\d+)@', with: '<sip:+49$1@' }
      - { replace: From, match: '@[^>]*', with: '@rewritten.example' }
"#;
    let mut world = world(1, rules).up(call());
    for method in ["INVITE", "UPDATE", "INFO"] {
        world.sim.request(world.alice, 0, method);
        world.sim.run_for(secs(5));
    }
    world.sim.request(world.bob, 0, "INFO");
    world.sim.finish();
    for heard in world.bobs().messages() {
        let message = &heard.message;
        let (from, to) = (message.from().expect("From"), message.to().expect("To"));
        let (ours, theirs) = if message.is_request() {
            (from, to)
        } else {
            (to, from)
        };
        assert_eq!(
            theirs.uri.user.as_deref(),
            Some("+49301234"),
            "{}",
            heard.what
        );
        assert_eq!(
            ours.uri.host.expect("a host").to_string(),
            "rewritten.example"
        );
    }
    for heard in world.alices().messages() {
        let to = if heard.message.is_request() {
            heard.message.from()
        } else {
            heard.message.to()
        };
        let user = to.expect("an address").uri.user;
        assert_eq!(user.as_deref(), Some("0301234"), "{}", heard.what);
    }
    assert_eq!(world.alices().ended(), Some(End::HungUp));
}
