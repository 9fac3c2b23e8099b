//! The usual world: Alice inside, Bob outside, an SBC between them.

use sbc_core::b2bua::{CallEvent, CallSummary};
use sbc_core::testing::{Answering, Fixed, Link, NodeId, Phone, PhoneCall, Placed, Route, Sim};
use sbc_core::transport::Transport;
use std::time::Duration;

pub(crate) const INSIDE: &str = "10.1.0.1";
pub(crate) const OUTSIDE: &str = "198.51.100.1";
pub(crate) const ALICE: &str = "10.1.0.10";
pub(crate) const BOB: &str = "198.51.100.20";

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Realm 0 inside, realm 1 outside; no routes.
pub(crate) fn border() -> Fixed {
    Fixed::new()
        .realm("inside", INSIDE)
        .realm("outside", OUTSIDE)
}

/// Everybody is Bob's phone, by UDP.
pub(crate) fn to_bob() -> Route {
    Route::to(1, BOB, Transport::Udp)
}

pub(crate) struct World {
    pub(crate) sim: Sim,
    pub(crate) sbc: NodeId,
    pub(crate) alice: NodeId,
    pub(crate) bob: NodeId,
}

impl World {
    /// All calls go to Bob.
    pub(crate) fn new(seed: u64) -> Self {
        Self::with(seed, border().otherwise(to_bob()))
    }

    pub(crate) fn with(seed: u64, policy: Fixed) -> Self {
        let mut sim = Sim::seed(seed);
        let sbc = sim.add_sbc(policy);
        let alice = sim.add_phone("alice", ALICE);
        let bob = sim.add_phone("bob", BOB);
        Self {
            sim,
            sbc,
            alice,
            bob,
        }
    }

    /// Over a network that misbehaves, from seed 1 on.
    pub(crate) fn bad(seed: u64) -> Self {
        let mut world = Self::new(seed);
        if seed > 0 {
            world.sim.set_link(Link::BAD);
        }
        world
    }

    pub(crate) fn bob_answers(mut self, answering: Answering) -> Self {
        self.sim.phone_mut(self.bob).answer_with(answering);
        self
    }

    /// Alice calls, and the world runs to its end, without fault.
    pub(crate) fn run(mut self, call: Placed) -> Self {
        self.sim.call(self.alice, call);
        self.sim.finish();
        self
    }

    pub(crate) fn alices(&self) -> &PhoneCall {
        self.first(self.alice)
    }

    pub(crate) fn bobs(&self) -> &PhoneCall {
        self.first(self.bob)
    }

    fn first(&self, phone: NodeId) -> &PhoneCall {
        let phone: &Phone = self.sim.phone(phone);
        phone.calls().first().expect("a call")
    }

    pub(crate) fn summary(&self) -> &CallSummary {
        self.sim
            .sbc(self.sbc)
            .ended()
            .next()
            .expect("a call that ended")
    }

    /// What the SBC told of its calls, one word each.
    pub(crate) fn told(&self) -> Vec<&'static str> {
        let events = self.sim.sbc(self.sbc).events().iter();
        let word = |event: &CallEvent| match event {
            CallEvent::Started => "started",
            CallEvent::Ringing(_) => "ringing",
            CallEvent::Answered => "answered",
            CallEvent::Recorder(_) => "recorder",
            CallEvent::Ended(_) => "ended",
        };
        events.map(|(_, _, event)| word(event)).collect()
    }
}
