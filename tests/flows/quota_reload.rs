//! Limits of trunks when the configuration changes, and where nothing must be counted.

use crate::quota::{THIRTY, calls, carrier, counts, running};
use crate::swap::policy;
use crate::world::{ALICE, BOB, INSIDE, OUTSIDE, border, secs, to_bob};
use bytes::Bytes;
use sbc::Modules;
use sbc_core::b2bua::Command;
use sbc_core::endpoint::{Fate, Stage, rehearse};
use sbc_core::net::ListenerId;
use sbc_core::ports::{PolicyEngine, Registry};
use sbc_core::quota::Counts;
use sbc_core::sip::Message;
use sbc_core::testing::{End, Placed};
use sbc_core::transport::{Flow, Incoming, Transport};
use sbc_core::{Entropy, Now};
use std::net::SocketAddr;
use std::sync::Arc;

/// Rules with another limit for the carrier, over the same book.
fn with_limit(modules: &Modules, limits: &str) -> Arc<dyn PolicyEngine> {
    let written = "limits: { calls: 30, code: 480, reason: All Lines Taken }";
    assert!(THIRTY.contains(written));
    policy(&THIRTY.replace(written, limits), "none", modules)
}

#[test]
fn a_reload_changes_the_limit_and_not_the_count() {
    let modules = Modules::default();
    let (mut world, carol) = carrier(&modules);
    let call = || Placed::to("100", OUTSIDE).hanging_up_after(secs(1000));
    for seconds in [35, 50, 1000, 1000, 1000] {
        world
            .sim
            .call(carol, call().hanging_up_after(secs(seconds)));
    }
    world.sim.run_for(secs(20));
    let lower = with_limit(&modules, "limits: { calls: 4 }");
    // One that is compiled and never used changes nothing.
    with_limit(&modules, "limits: { calls: 1, cps: 1 }");
    world.sim.set_policy(world.sbc, lower);
    assert_eq!(running(&world, "carrier"), 5, "running calls stay");
    let mut results = Vec::new();
    for _ in 0..3 {
        let index = world.sim.call(carol, call());
        world.sim.run_for(secs(18));
        results.push(world.sim.phone(carol).calls()[index].ended());
    }
    // Five are there, then four, then three and the new one.
    let refused = Some(End::Refused(503));
    assert_eq!(results, [refused, refused, None]);
    assert_eq!(running(&world, "carrier"), 4);
    world
        .sim
        .set_policy(world.sbc, with_limit(&modules, "udp_max: 1300"));
    for _ in 0..40 {
        world.sim.call(carol, call());
    }
    world.sim.run_for(secs(10));
    assert_eq!(running(&world, "carrier"), 44, "without limit");
    assert_eq!(counts(&world.sim, world.sbc, "carrier").refused_calls, 2);
    world.sim.command_all(world.sbc, Command::HangUp);
    world.sim.run_for(secs(40));
    assert_eq!(running(&world, "carrier"), 0);
}

#[test]
fn a_trunk_that_a_reload_takes_away_and_brings_back_still_counts_the_calls_it_has() {
    const GONE: &str = "
trunks:
  pbx: { realm: inside, match: { source: [ 10.1.0.10 ] }, targets: [ 'sip:10.1.0.10' ] }
routes:
  - { name: none, reject: 404 }
";
    let modules = Modules::default();

    let (mut world, carol) = carrier(&modules);
    world.sim.call(
        carol,
        Placed::to("100", OUTSIDE).hanging_up_after(secs(100)),
    );
    world
        .sim
        .call(carol, Placed::to("100", OUTSIDE).hanging_up_after(secs(30)));
    world.sim.run_for(secs(10));
    world
        .sim
        .set_policy(world.sbc, policy(GONE, "none", &modules));
    for _ in 0..3 {
        modules.state_book().sweep();
    }
    world.sim.run_for(secs(40));
    assert_eq!(world.sim.phone(carol).calls()[1].ended(), Some(End::HungUp));
    world
        .sim
        .set_policy(world.sbc, with_limit(&modules, "limits: { calls: 1 }"));
    assert_eq!(running(&world, "carrier"), 1);
    let beyond = world.sim.call(carol, Placed::to("100", OUTSIDE));
    world.sim.finish();
    let calls = world.sim.phone(carol).calls();
    assert_eq!(calls[beyond].ended(), Some(End::Refused(503)));
    assert_eq!(calls[0].ended(), Some(End::HungUp));
}

#[test]
fn a_call_in_rehearsal_is_not_counted_and_meets_no_limit() {
    let policy = border()
        .trunk("pbx", 0, &[ALICE], calls(0))
        .trunk("carrier", 1, &[BOB], calls(0))
        .limited(calls(0))
        .otherwise(to_bob());
    let remote: SocketAddr = format!("{ALICE}:5060").parse().expect("an address");
    let flow = Flow {
        listener: ListenerId(0),
        transport: Transport::Udp,
        remote,
        connection: None,
    };
    let invite = format!(
        "INVITE sip:bob@{INSIDE} SIP/2.0\r\nVia: SIP/2.0/UDP {ALICE};branch=z9hG4bK1\r\n\
         From: <sip:a@{ALICE}>;tag=1\r\nTo: <sip:bob@{INSIDE}>\r\nCall-ID: 1\r\n\
         CSeq: 1 INVITE\r\nContact: <sip:a@{ALICE}>\r\nMax-Forwards: 70\r\n\
         Content-Length: 0\r\n\r\n"
    );
    let message = Message::parse_datagram(Bytes::from(invite)).expect("a message");
    let stage = Stage {
        policy: &policy,
        now: Now::default(),
        lookup: &|_| Vec::new(),
        verdicts: None,
    };
    let rehearsal = rehearse(&stage, Incoming { flow, message }, Entropy::from_seed(1));
    assert_eq!(rehearsal.fate, Fate::Began);
    let last = &rehearsal.sent.last().expect("an INVITE").bytes;
    assert!(
        last.starts_with(b"INVITE sip:bob@198.51.100.20"),
        "{last:?}"
    );
    let quotas = policy.quotas();
    let trunks = quotas.trunks.iter().map(|trunk| &trunk.quota);
    for quota in trunks.chain([&quotas.whole]) {
        assert_eq!(quota.counts(), Counts::default());
    }
}
