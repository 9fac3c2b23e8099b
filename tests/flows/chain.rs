//! Several SBCs, call control, and calls that are not relayed.

use crate::spiral::hop;
use crate::world::{ALICE, BOB, INSIDE, OUTSIDE, World, border, secs, to_bob};
use sbc_core::b2bua::{CallEvent, CallSummary, EndedBy};
use sbc_core::ports::{CallHooks, Effect, HookFuture, ModuleFactory, Verdict};
use sbc_core::sip::{Message, StatusCode};
use sbc_core::testing::{End, Link, Placed, Route, Sim};
use sbc_core::transport::Transport;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn call() -> Placed {
    Placed::to("bob", INSIDE).hanging_up_after(secs(30))
}

#[test]
fn a_call_through_three_sbcs_shows_each_side_its_neighbour_only() {
    for seed in 0..30 {
        let mut sim = Sim::seed(seed);
        sim.set_link(Link::BAD);
        sim.add_sbc(hop(INSIDE, "192.0.2.1", "192.0.2.2", Transport::Tcp));
        sim.add_sbc(hop(
            "192.0.2.2",
            "203.0.113.1",
            "203.0.113.2",
            Transport::Udp,
        ));
        sim.add_sbc(hop("203.0.113.2", OUTSIDE, BOB, Transport::Udp));
        let alice = sim.add_phone("alice", ALICE);
        let bob = sim.add_phone("bob", BOB);
        sim.call(alice, call());
        sim.finish();
        assert_eq!(sim.phone(alice).calls()[0].ended(), Some(End::HungUp));
        assert_eq!(sim.phone(bob).calls()[0].ended(), Some(End::ByPeer));
    }
}

#[test]
fn a_call_whose_media_goes_past_us_takes_no_ports() {
    let mut world = World::with(
        1,
        border().otherwise(Route::to(0, BOB, Transport::Udp).without_relay()),
    );
    world.sim.call(world.alice, call());
    world.sim.run_for(secs(10));
    assert_eq!(world.sim.sbc(world.sbc).media().open(), (0, 0));
    world.sim.finish();
    assert_eq!(world.alices().ended(), Some(End::HungUp));
}

#[test]
fn media_is_relayed_both_ways_while_the_call_is_up() {
    let mut world = World::new(1);
    world.sim.call(world.alice, call());
    world.sim.run_for(secs(10));
    let media = world.sim.sbc(world.sbc).media();
    assert_eq!(media.open(), (1, 2));
    assert_eq!(media.paths(), (2, 0));
    world.sim.finish();
}

/// Says what it is told to say, and counts what it hears.
#[derive(Debug)]
struct Module {
    verdict: Verdict,
    heard: Arc<[AtomicUsize; 2]>,
}

#[derive(Debug)]
struct Hooks(Verdict, Arc<[AtomicUsize; 2]>);

impl ModuleFactory for Module {
    fn name(&self) -> &'static str {
        "module"
    }

    fn open(&self) -> Box<dyn CallHooks> {
        Box::new(Hooks(self.verdict.clone(), Arc::clone(&self.heard)))
    }
}

impl CallHooks for Hooks {
    fn on_start<'a>(&'a mut self, _invite: &'a Message) -> HookFuture<'a> {
        Box::pin(std::future::ready(self.0.clone()))
    }

    fn on_event(&mut self, _event: &CallEvent) {
        self.1[0].fetch_add(1, Ordering::Relaxed);
    }

    fn on_end(&mut self, _summary: &CallSummary) {
        self.1[1].fetch_add(1, Ordering::Relaxed);
    }
}

fn asking(verdict: Verdict) -> (World, Arc<[AtomicUsize; 2]>) {
    let heard = Arc::default();
    let module = Module {
        verdict,
        heard: Arc::clone(&heard),
    };
    let route = to_bob().asking(Arc::new(module));
    (World::with(1, border().otherwise(route)), heard)
}

#[test]
fn a_module_may_refuse_a_call_and_hears_its_end_once() {
    let verdict = Verdict::Refuse(StatusCode::of(403), "Not Today".into());
    let (world, heard) = asking(verdict);
    let world = world.run(call());
    assert_eq!(world.alices().ended(), Some(End::Refused(403)));
    assert_eq!(world.alices().messages()[1].message.reason(), "Not Today");
    assert_eq!(heard[1].load(Ordering::Relaxed), 1);
    assert!(world.sim.phone(world.bob).calls().is_empty());
}

#[test]
fn a_module_may_bound_a_call() {
    let longest = Effect::EndAfter(Duration::from_secs(10));
    let (world, heard) = asking(Verdict::Continue(vec![longest]));
    let world = world.run(call());
    assert_eq!(world.alices().ended(), Some(End::ByPeer));
    assert_eq!(world.bobs().ended(), Some(End::ByPeer));
    assert_eq!(world.summary().ended_by, EndedBy::Us);
    let answered = world.summary().answered_at.expect("answered").0;
    assert_eq!(world.summary().ended_at.0 - answered, 10_000);
    assert_eq!(heard[1].load(Ordering::Relaxed), 1);
}
