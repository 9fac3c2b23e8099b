//! The usual world: Alice inside, Bob outside, an SBC between them.

use sbc_core::b2bua::{CallEvent, CallSummary};
use sbc_core::sdp::Sdp;
use sbc_core::testing::{Answering, Fixed, Link, NodeId, Phone, PhoneCall, Placed, Route, Sim};
use sbc_core::transport::Transport;
use std::net::SocketAddr;
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

/// A tenth of all datagrams is lost.
const LOSS: Link = Link {
    loss: 0.1,
    ..Link::GOOD
};
/// Every third arrives twice.
const TWICE: Link = Link {
    twice: 0.3,
    ..Link::GOOD
};
/// Anything may overtake anything that was sent within 150 ms before it.
const REORDERED: Link = Link {
    jitter: Duration::from_millis(150),
    ..Link::GOOD
};

/// One run of a flow.
pub(crate) struct Run {
    name: &'static str,
    pub(crate) link: Link,
    pub(crate) seed: u64,
}

impl Run {
    /// All calls go to Bob.
    pub(crate) fn world(&self) -> World {
        self.with(border().otherwise(to_bob()))
    }

    pub(crate) fn with(&self, policy: Fixed) -> World {
        let mut world = World::with(self.seed, policy);
        world.sim.set_link(self.link);
        world
    }

    /// Nothing goes wrong on the way.
    pub(crate) fn is_good(&self) -> bool {
        self.link == Link::GOOD
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the network: {}; seed {}", self.name, self.seed);
        }
    }
}

/// Runs a flow over a network that is good, that loses, that doubles, that reorders, and that does
/// all of it; with `SBC_FLOW_SEEDS` seeds each (3).
pub(crate) fn each_network(flow: impl Fn(&Run)) {
    let seeds = std::env::var("SBC_FLOW_SEEDS");
    let seeds: u64 = seeds.map_or(3, |text| text.parse().expect("a number of seeds"));
    for (name, link) in [
        ("good", Link::GOOD),
        ("loses", LOSS),
        ("doubles", TWICE),
        ("reorders", REORDERED),
        ("does it all", Link::BAD),
    ] {
        for seed in 1..=seeds {
            flow(&Run { name, link, seed });
        }
    }
}

pub(crate) struct World {
    pub(crate) sim: Sim,
    pub(crate) sbc: NodeId,
    pub(crate) alice: NodeId,
    pub(crate) bob: NodeId,
}

/// Where a description wants its first stream; nothing where that is switched off.
pub(crate) fn rtp(sdp: &Sdp) -> Option<SocketAddr> {
    let media = sdp.media(0);
    let ip = media.connection().expect("an address");
    (media.port() != 0).then(|| SocketAddr::new(ip, media.port()))
}

/// An INVITE of Alice's to Bob with this description, as a text of its own.
pub(crate) fn raw_invite(alice: &str, sbc: &str, sdp: &str) -> String {
    // Each line gets its CR on the way.
    let length = sdp.len() + sdp.lines().count();
    format!(
        "INVITE sip:bob@{sbc} SIP/2.0\nVia: SIP/2.0/UDP {alice};branch=z9hG4bKraw1;rport\n\
         Max-Forwards: 70\nFrom: <sip:alice@alice.example>;tag=a1\nTo: <sip:bob@{sbc}>\n\
         Call-ID: raw1@alice.example\nCSeq: 1 INVITE\nContact: <sip:alice@{alice}>\n\
         Content-Type: application/sdp\nContent-Length: {length}\n\n{sdp}"
    )
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

    /// A call that is up.
    pub(crate) fn up(mut self, call: Placed) -> Self {
        self.sim.call(self.alice, call);
        self.sim.run_for(secs(20));
        assert!(
            self.alices().was_answered() && self.bobs().was_answered(),
            "{}",
            self.sim.ladder()
        );
        self
    }

    /// Both phones, each as the one and as the other.
    pub(crate) fn pairs(&self) -> [(NodeId, NodeId); 2] {
        [(self.alice, self.bob), (self.bob, self.alice)]
    }

    /// What a phone was told of its peer's media last.
    pub(crate) fn told_sdp(&self, phone: NodeId) -> Sdp {
        let messages = self.first(phone).messages().iter();
        let last = messages.filter_map(|heard| heard.message.sdp()).last();
        Sdp::parse(&last.expect("an SDP")).expect("an SDP that can be read")
    }

    /// What a phone said of its own last.
    pub(crate) fn said_sdp(&self, phone: NodeId) -> Sdp {
        let said = self.first(phone).said_sdp().expect("an SDP");
        Sdp::parse(said.as_bytes()).expect("an SDP that can be read")
    }

    /// Where RTP goes that a phone sends to where it was told to.
    pub(crate) fn ways_from(&self, phone: NodeId) -> Vec<SocketAddr> {
        let media = self.sim.sbc(self.sbc).media();
        rtp(&self.told_sdp(phone)).map_or(Vec::new(), |at| media.ways_of(at))
    }

    /// Whether RTP of the one reaches the other.
    pub(crate) fn hears(&self, one: NodeId, other: NodeId) -> bool {
        let ways = self.ways_from(one);
        assert!(ways.len() < 2, "{ways:?}");
        ways.first().copied() == rtp(&self.said_sdp(other)) && !ways.is_empty()
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
