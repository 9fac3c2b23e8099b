//! Limits of trunks and of the box: how many calls at a time, how many new ones in a second.

use crate::swap::policy;
use crate::world::{
    ALICE, BOB, INSIDE, OUTSIDE, World, border, each_network, millis, secs, to_bob,
};
use sbc::Modules;
use sbc_core::b2bua::plan::{FailoverCodes, Redirect};
use sbc_core::b2bua::{CallSummary, EndedBy};
use sbc_core::ports::{CallHooks, HookFuture, ModuleFactory, Verdict};
use sbc_core::quota::{Counts, Limits};
use sbc_core::sip::{HeaderName, Message, StatusCode};
use sbc_core::testing::{
    Act, Answering, End, Fixed, NodeId, PhoneCall, Placed, Route, Say, Sim, Spelling,
};
use sbc_core::transport::Transport;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const CAROL: &str = "198.51.100.30";
const DAVE: &str = "198.51.100.40";

/// The PBX is Alice's phone, the carrier Bob's and Carol's, with a limit as it is written.
pub(crate) const THIRTY: &str = "
trunks:
  carrier:
    realm: outside
    match: { source: [ 198.51.100.20, 198.51.100.30 ] }
    targets: [ 'sip:198.51.100.20', { uri: 'sip:198.51.100.30', priority: 2 } ]
    limits: { calls: 30, code: 480, reason: All Lines Taken }
  backup: { realm: outside, targets: [ 'sip:198.51.100.40' ], limits: { calls: 1, cps: 5 } }
  pbx: { realm: inside, match: { source: [ 10.1.0.10 ] }, targets: [ 'sip:10.1.0.10' ] }
profiles:
  counted: { control: [ { use: call_timer, max: 1h } ] }
routes:
  - { name: in, from: carrier, to: [ pbx ], profile: counted }
  - { name: out, from: pbx, to: [ carrier, backup ], failover_codes: [], profile: counted }
";

pub(crate) fn calls(most: u32) -> Limits {
    Limits {
        calls: Some(most),
        ..Limits::default()
    }
}

fn cps(rate: u32) -> Limits {
    Limits {
        cps: Some(rate),
        ..Limits::default()
    }
}

/// What a phone's call heard as its final response.
fn refusal(call: &PhoneCall) -> (u16, &str, Option<&str>) {
    let last = call.messages().iter().rfind(|h| !h.message.is_request());
    let message = &last.expect("a response").message;
    let status = message.status().map_or(0, StatusCode::code);
    let after = message.header(&HeaderName::RetryAfter);
    (status, message.reason(), after)
}

pub(crate) fn counts(sim: &Sim, sbc: NodeId, trunk: &str) -> Counts {
    let quotas = sim.sbc(sbc).quotas();
    let mut trunks = quotas.trunks.iter().map(|trunk| &trunk.quota);
    trunks
        .find(|quota| **quota.name() == *trunk)
        .expect("a trunk")
        .counts()
}

pub(crate) fn running(world: &World, trunk: &str) -> u32 {
    counts(&world.sim, world.sbc, trunk).calls()
}

/// The outside phones, where a YAML policy says what becomes of their calls.
pub(crate) fn carrier(modules: &Modules) -> (World, NodeId) {
    let mut sim = Sim::seed(1);
    let sbc = sim.add_sbc_of(policy(THIRTY, "none", modules), false);
    let alice = sim.add_phone("alice", ALICE);
    let bob = sim.add_phone("bob", BOB);
    let carol = sim.add_phone("carol", CAROL);
    let world = World {
        sim,
        sbc,
        alice,
        bob,
    };
    (world, carol)
}

fn ended(world: &World) -> Vec<CallSummary> {
    world.sim.sbc(world.sbc).ended().cloned().collect()
}

#[test]
fn thirty_calls_from_a_trunk_pass_and_the_next_is_refused_as_written() {
    let (mut world, carol) = carrier(&Modules::default());
    let call = || Placed::to("100", OUTSIDE).hanging_up_after(secs(100));
    world.sim.call(carol, call().hanging_up_after(secs(30)));
    for n in 1..30 {
        let phone = if n % 2 == 0 { world.bob } else { carol };
        world.sim.call(phone, call());
    }
    world.sim.run_for(secs(20));
    assert_eq!(running(&world, "carrier"), 30);
    let beyond = world.sim.call(carol, call());
    world.sim.run_for(secs(1));
    let refused = &world.sim.phone(carol).calls()[beyond];
    assert_eq!(refused.ended(), Some(End::Refused(480)));
    assert_eq!(refusal(refused), (480, "All Lines Taken", None));
    assert_eq!(world.sim.phone(world.alice).calls().len(), 30, "not called");
    let told = ended(&world).pop().expect("the refused one");
    assert_eq!(&*told.reason, "limit of trunk carrier: calls");
    assert_eq!(told.trunk.as_deref(), Some("carrier"));
    assert_eq!((&*told.route, told.status.code()), ("in", 480));
    assert_eq!((told.ended_by, told.target), (EndedBy::Us, None));
    // Those that run go on, and the first that ends makes room at once.
    world.sim.run_for(secs(14));
    assert_eq!(running(&world, "carrier"), 29, "{}", world.sim.ladder());
    let next = world.sim.call(carol, call());
    world.sim.finish();
    let calls = world.sim.phone(carol).calls();
    assert_eq!(
        calls[next].ended(),
        Some(End::HungUp),
        "{}",
        world.sim.ladder()
    );
    let counts = counts(&world.sim, world.sbc, "carrier");
    assert_eq!((counts.attempts_in, counts.refused_calls), (32, 1));
}

#[test]
fn a_full_trunk_is_left_out_whatever_the_failover_codes_and_the_last_one_says_why() {
    let (mut world, _) = carrier(&Modules::default());
    let dave = world.sim.add_phone("dave", DAVE);
    let call = || Placed::to("200", INSIDE).hanging_up_after(secs(100));
    for _ in 0..31 {
        world.sim.call(world.alice, call());
    }
    world.sim.run_for(secs(20));
    assert_eq!(world.sim.phone(world.bob).calls().len(), 30);
    assert_eq!(world.sim.phone(dave).calls().len(), 1, "the backup");
    let none = world.sim.call(world.alice, call());
    world.sim.finish();
    let refused = &world.sim.phone(world.alice).calls()[none];
    // One trunk is full, the caller's peer must go on calling others: no Retry-After.
    assert_eq!(refusal(refused), (503, "Too Many Calls", None));
    let all = ended(&world);
    let told = all.iter().find(|told| told.status == StatusCode::of(503));
    let told = told.expect("one was refused");
    assert_eq!(&*told.reason, "limit of trunk backup: calls");
    assert_eq!(told.trunk.as_deref(), Some("pbx"));
    let carrier = counts(&world.sim, world.sbc, "carrier");
    // Asked once for each call, not once for each of its targets.
    assert_eq!((carrier.attempts_out, carrier.refused_calls), (32, 2));
    assert_eq!(counts(&world.sim, world.sbc, "pbx").attempts_in, 32);
}

#[test]
fn a_limit_of_new_calls_lets_a_seconds_worth_begin_at_once_and_then_one_after_the_other() {
    let route = to_bob();
    for outwards in [false, true] {
        let policy = border().otherwise(route.clone());
        let policy = if outwards {
            policy.trunk("carrier", 1, &[BOB], cps(4))
        } else {
            policy.trunk("carrier", 0, &[ALICE], cps(4))
        };
        let mut world = World::with(1, policy);
        let call = || Placed::to("bob", INSIDE).hanging_up_after(secs(5));
        for _ in 0..6 {
            world.sim.call(world.alice, call());
        }
        world.sim.run_for(millis(260));
        world.sim.call(world.alice, call());
        world.sim.finish();
        let calls = world.sim.phone(world.alice).calls();
        let passed = calls.iter().filter(|c| c.ended() == Some(End::HungUp));
        assert_eq!(passed.count(), 5);
        let after = (!outwards).then_some("1");
        assert_eq!(refusal(&calls[4]), (503, "Too Many Calls", after));
        let counts = counts(&world.sim, world.sbc, "carrier");
        assert_eq!((counts.refused_cps, counts.refused_calls), (2, 0));
        let told = ended(&world);
        let refused = told
            .iter()
            .filter(|t| &*t.reason == "limit of trunk carrier: cps");
        assert_eq!(refused.count(), 2);
    }
}

/// Each way in which a call may end, or never begin: how the callee answers, what the caller does,
/// and how long after its INVITE the slot is free.
fn ends() -> Vec<(&'static str, Answering, Placed, u64)> {
    let call = || Placed::to("bob", INSIDE);
    let early = Answering::with(&[(20, Say::with_sdp(183))]);
    let ringing = Answering::with(&[(20, Say::status(180))]);
    let moved = Say::status(302).saying("Contact: <sip:carol@198.51.100.30>");
    let up = Answering::after_ringing;
    vec![
        ("hangs up", up(), call().hanging_up_after(secs(5)), 10_000),
        ("is hung up", up().hanging_up_after(secs(5)), call(), 20_000),
        ("cancels", early, call().cancelling_after(secs(3)), 4_000),
        ("is refused", Answering::refusing(486), call(), 2_000),
        (
            "fails over",
            Answering::refusing(503),
            call().hanging_up_after(secs(5)),
            20_000,
        ),
        (
            "is not answered",
            Answering::silent(),
            call().hanging_up_after(secs(5)),
            60_000,
        ),
        (
            "rings too long",
            ringing,
            call().hanging_up_after(secs(5)),
            60_000,
        ),
        (
            "is redirected",
            Answering::with(&[(20, moved)]),
            call().hanging_up_after(secs(5)),
            20_000,
        ),
        (
            "changes and hangs up",
            up().then(secs(2), Act::Invite(Spelling::Inactive)),
            call()
                .then(secs(2), Act::Update(Spelling::SendOnly))
                .hanging_up_after(secs(20)),
            40_000,
        ),
    ]
}

#[test]
fn however_a_call_ends_its_slots_are_free_once_and_at_once() {
    each_network(|run| {
        for (how, answering, placed, after) in ends() {
            let route = to_bob()
                .or_to(1, CAROL, Transport::Udp)
                .redirected(Redirect::Follow)
                .ringing(secs(20));
            let policy = border()
                .trunk("pbx", 0, &[ALICE], calls(1))
                .trunk("carrier", 1, &[BOB, CAROL], calls(1))
                .otherwise(route);
            let mut world = run.with(policy).bob_answers(answering);
            world.sim.add_phone("carol", CAROL);
            world.sim.call(world.alice, placed);
            // Datagrams that are lost come again within this.
            let slow = if run.is_good() { 0 } else { 64_000 };
            world.sim.run_for(millis(after + slow));
            assert_eq!(running(&world, "pbx"), 0, "{how}\n{}", world.sim.ladder());
            assert_eq!(running(&world, "carrier"), 0, "{how}");
            world
                .sim
                .phone_mut(world.bob)
                .answer_with(Answering::after_ringing());
            let next = world.sim.call(
                world.alice,
                Placed::to("bob", INSIDE).hanging_up_after(secs(5)),
            );
            world.sim.finish();
            let next = &world.sim.phone(world.alice).calls()[next];
            assert_eq!(next.ended(), Some(End::HungUp), "{how}");
            let pbx = counts(&world.sim, world.sbc, "pbx");
            let carrier = counts(&world.sim, world.sbc, "carrier");
            // Retransmissions count nothing, nor do further targets of the same trunk.
            assert_eq!((pbx.attempts_in, pbx.refused_calls), (2, 0), "{how}");
            assert_eq!(
                (carrier.attempts_out, carrier.refused_calls),
                (2, 0),
                "{how}"
            );
        }
    });
}

#[test]
fn a_slot_is_free_while_the_bye_of_its_call_is_still_repeated() {
    let policy = border()
        .trunk("pbx", 0, &[ALICE], calls(1))
        .trunk("carrier", 1, &[BOB, CAROL], calls(1))
        .route("carol", Route::to(1, CAROL, Transport::Udp))
        .otherwise(to_bob());
    let mut world = World::with(1, policy);
    world.sim.add_phone("carol", CAROL);
    let call = |user| Placed::to(user, INSIDE).hanging_up_after(secs(5));
    world.sim.lose(BOB, OUTSIDE, "200 BYE", 3);
    world.sim.call(world.alice, call("bob"));
    while world.alices().ended().is_none() {
        world.sim.run_for(millis(50));
    }
    assert_eq!(world.sim.sbc(world.sbc).calls().count(), 1, "it lingers");
    let next = world.sim.call(world.alice, call("carol"));
    world.sim.finish();
    let next = &world.sim.phone(world.alice).calls()[next];
    assert_eq!(next.ended(), Some(End::HungUp));
}

#[test]
fn a_trunk_that_a_call_left_for_the_next_one_has_its_slot_back_while_the_call_goes_on() {
    let route = to_bob()
        .or_to(1, CAROL, Transport::Udp)
        .going_on_after(FailoverCodes::default());
    let policy = border()
        .trunk("first", 1, &[BOB], calls(1))
        .trunk("second", 1, &[CAROL], calls(1))
        .otherwise(route);
    let mut world = World::with(1, policy).bob_answers(Answering::refusing(503));
    world.sim.add_phone("carol", CAROL);
    let call = || Placed::to("bob", INSIDE).hanging_up_after(secs(30));
    world.sim.call(world.alice, call());
    world.sim.run_for(secs(2));
    assert_eq!(
        (running(&world, "first"), running(&world, "second")),
        (0, 1)
    );
    world
        .sim
        .phone_mut(world.bob)
        .answer_with(Answering::after_ringing());
    world.sim.call(world.alice, call());
    world.sim.run_for(secs(2));
    assert_eq!(
        (running(&world, "first"), running(&world, "second")),
        (1, 1)
    );
    world.sim.finish();
    let all = world.sim.phone(world.alice).calls().iter();
    assert!(
        all.map(PhoneCall::ended)
            .all(|end| end == Some(End::HungUp))
    );
}

#[test]
fn a_call_that_goes_back_to_the_trunk_it_came_from_takes_two_slots() {
    let policy = border()
        .trunk("pbx", 0, &[ALICE, "10.1.0.20"], calls(2))
        .otherwise(Route::to(0, "10.1.0.20", Transport::Udp));
    let mut world = World::with(1, policy);
    world.sim.add_phone("annex", "10.1.0.20");
    let call = || Placed::to("200", INSIDE).hanging_up_after(secs(30));
    world.sim.call(world.alice, call());
    world.sim.run_for(secs(5));
    let counted = counts(&world.sim, world.sbc, "pbx");
    assert_eq!((counted.calls_in, counted.calls_out), (1, 1));
    let next = world.sim.call(world.alice, call());
    world.sim.finish();
    let calls = world.sim.phone(world.alice).calls();
    assert_eq!(calls[next].ended(), Some(End::Refused(503)));
    assert_eq!(calls[0].ended(), Some(End::HungUp));
}

fn limited(limits: Limits) -> Fixed {
    border().limited(limits).otherwise(to_bob())
}

#[test]
fn the_box_refuses_what_is_beyond_its_limits_without_state() {
    for (limits, after) in [(calls(2), "5"), (cps(2), "1")] {
        let mut world = World::with(1, limited(limits));
        let call = || Placed::to("bob", INSIDE).hanging_up_after(secs(30));
        for _ in 0..3 {
            world.sim.call(world.alice, call());
        }
        world.sim.run_for(millis(300));
        assert_eq!(
            world.sim.sbc(world.sbc).calls().count(),
            2,
            "no call for it"
        );
        world.sim.run_for(secs(20));
        let refused = &world.sim.phone(world.alice).calls()[2];
        assert_eq!(refusal(refused), (503, "Too Many Calls", Some(after)));
        assert_eq!(refused.heard_once(), ["503 INVITE"]);
        world.sim.finish();
        let whole = world.sim.sbc(world.sbc).quotas().whole.counts();
        assert_eq!((whole.calls(), whole.attempts_in), (0, 3));
        assert_eq!(whole.refused_calls + whole.refused_cps, 1);
    }
}

#[test]
fn a_full_box_tells_that_it_is_there() {
    let mut world = World::with(1, limited(calls(0)));
    let options = format!(
        "OPTIONS sip:{INSIDE} SIP/2.0\r\nVia: SIP/2.0/UDP {ALICE}:5060;branch=z9hG4bKo\r\n\
         From: <sip:a@{ALICE}>;tag=o\r\nTo: <sip:{INSIDE}>\r\nCall-ID: options\r\n\
         CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    );
    let (alice, udp) = (world.alice, Transport::Udp);
    world.sim.send_raw(alice, INSIDE, udp, &options);
    world.sim.call(alice, Placed::to("bob", INSIDE));
    world.sim.run_to_the_end();
    assert!(world.sim.faults_of_sbcs().is_empty());
    assert_eq!(world.alices().ended(), Some(End::Refused(503)));
    // The phone has no way to ask by itself: it calls the answer one to nothing.
    let heard = world.sim.phone(alice).faults();
    assert!(heard[0].contains("\nSIP/2.0 200 OK\r\n"), "{heard:?}");
}

#[test]
fn a_full_box_serves_its_calls() {
    each_network(|run| {
        let mut world = run.with(limited(calls(1)));
        let call = Placed::to("bob", INSIDE)
            .then(secs(40), Act::Invite(Spelling::Inactive))
            .then(secs(20), Act::Update(Spelling::SendRecv))
            .hanging_up_after(secs(150));
        world.sim.call(world.alice, call);
        world.sim.run_for(secs(35));
        // However often its INVITE came, it is one call.
        assert!(world.alices().was_answered(), "{}", world.sim.ladder());
        let beyond = Placed::to("bob", INSIDE).cancelling_after(secs(60));
        world.sim.call(world.alice, beyond);
        world.sim.finish();
        assert_eq!(world.alices().ended(), Some(End::HungUp));
        let calls = world.sim.phone(world.alice).calls();
        assert_eq!(calls[1].ended(), Some(End::Refused(503)));
    });
}

/// Notes what it hears.
#[derive(Clone, Debug, Default)]
struct Module(Arc<Mutex<Vec<String>>>);

impl Module {
    fn note(&self, what: &str) {
        self.0.lock().expect("not poisoned").push(what.to_owned());
    }
}

impl ModuleFactory for Module {
    fn name(&self) -> &'static str {
        "module"
    }

    fn open(&self) -> Box<dyn CallHooks> {
        Box::new(self.clone())
    }
}

impl CallHooks for Module {
    fn on_start<'a>(&'a mut self, _invite: &'a Message) -> HookFuture<'a> {
        self.note("asked");
        Box::pin(std::future::ready(Verdict::Continue(Vec::new())))
    }

    fn on_end(&mut self, summary: &CallSummary) {
        self.note(&summary.reason);
    }
}

#[test]
fn modules_are_not_asked_about_a_call_of_a_full_trunk_and_hear_of_its_end() {
    let module = Arc::new(Module::default());
    let route = to_bob().asking(Arc::clone(&module) as _);
    let policy = border()
        .trunk("pbx", 0, &[ALICE], calls(0))
        .otherwise(route);
    let world = World::with(1, policy).run(Placed::to("bob", INSIDE));
    assert_eq!(world.alices().ended(), Some(End::Refused(503)));
    let heard = module.0.lock().expect("not poisoned").clone();
    assert_eq!(heard, ["limit of trunk pbx: calls"]);
    assert_eq!(world.told(), ["started", "ended"]);
}

#[test]
fn an_app_counts_at_the_callers_trunk_and_a_refusal_by_policy_does_not() {
    let app = apps::build("echo").expect("the app is there");
    let policy = border()
        .trunk("pbx", 0, &[ALICE], calls(1))
        .app("echo", app)
        .refuse("nobody", 404);
    let mut world = World::with(1, policy);
    let call = |user| Placed::to(user, INSIDE).hanging_up_after(secs(30));
    for user in ["nobody", "echo", "echo", "nobody"] {
        world.sim.call(world.alice, call(user));
        world.sim.run_for(secs(2));
    }
    world.sim.finish();
    let calls = world.sim.phone(world.alice).calls().iter();
    let ends: Vec<_> = calls.map(PhoneCall::ended).collect();
    let [not_found, full] = [404, 503].map(|status| Some(End::Refused(status)));
    assert_eq!(ends, [not_found, Some(End::HungUp), full, not_found]);
    assert_eq!(counts(&world.sim, world.sbc, "pbx").attempts_in, 2);
}

/// Whatever calls meet, nothing stays counted; `Sbc::leftovers` looks at every trunk when a world
/// has come to its end. Here everything is full most of the time.
#[test]
fn after_random_calls_at_full_trunks_every_count_is_zero() {
    each_network(|run| {
        let route = to_bob()
            .or_to(1, CAROL, Transport::Tcp)
            .or_to(1, DAVE, Transport::Udp)
            .ringing(secs(5));
        let limits = Limits {
            cps: Some(2),
            ..calls(3)
        };
        let policy = border()
            .trunk("pbx", 0, &[ALICE], calls(6))
            .trunk("carrier", 1, &[BOB, CAROL], limits)
            .trunk("backup", 1, &[DAVE], calls(2))
            .limited(calls(8))
            .otherwise(route);
        let mut world = run.with(policy);
        let (carol, dave) = (
            world.sim.add_phone("c", CAROL),
            world.sim.add_phone("d", DAVE),
        );
        let answers = [
            Answering::after_ringing(),
            Answering::refusing(503),
            Answering::silent(),
            Answering::with(&[(20, Say::status(180))]),
            Answering::after_ringing().hanging_up_after(secs(3)),
        ];
        for n in 0..60_u64 {
            for phone in [world.bob, carol, dave] {
                let drawn = world.sim.entropy().below(answers.len() as u64);
                let answering = answers[usize::try_from(drawn).expect("small")].clone();
                world.sim.phone_mut(phone).answer_with(answering);
            }
            let call = Placed::to("bob", INSIDE);
            let length = millis(world.sim.entropy().below(9_000));
            let call = match n % 3 {
                0 => call.cancelling_after(length).hanging_up_after(secs(12)),
                _ => call.hanging_up_after(length),
            };
            world.sim.call(world.alice, call);
            let pause = world.sim.entropy().below(700);
            world.sim.run_for(Duration::from_millis(pause));
            for (trunk, most) in [("pbx", 6), ("carrier", 3), ("backup", 2)] {
                assert!(running(&world, trunk) <= most, "{trunk}");
            }
        }
        world.sim.run_to_the_end();
        let refused = counts(&world.sim, world.sbc, "carrier");
        assert!(refused.refused_calls > 0 && refused.attempts_out > 3);
        world.sim.finish();
    });
}
