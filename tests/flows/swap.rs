//! The policy is swapped while calls ring and talk: each goes on as it began, the next one begins
//! with the new policy.

use crate::world::{ALICE, BOB, INSIDE, OUTSIDE, secs};
use sbc::Modules;
use sbc_core::ports::PolicyEngine;
use sbc_core::sip::HeaderName;
use sbc_core::testing::{Answering, End, Heard, NodeId, Placed, Sim};
use std::sync::Arc;

const CAROL: &str = "198.51.100.30";
const DAVE: &str = "198.51.100.40";

/// Calls of Alice's side to Bob, then to Carol.
const BEFORE: &str = "
trunks:
  pair:
    realm: outside
    targets: [ 'sip:198.51.100.20', { uri: 'sip:198.51.100.30', priority: 2 } ]
profiles:
  stamped:
    headers: [ { set: X-Policy, to: 'first ${target.name}' } ]
routes:
  - { name: out, from: inside, to: [ pair ], profile: stamped }
";

/// All to Dave; the trunk is gone, and the outside is trusted.
const AFTER: &str = "
trunks:
  other: { realm: outside, targets: [ 'sip:198.51.100.40' ] }
profiles:
  plain:
    headers: [ { set: X-Policy, to: 'second ${target.name}' } ]
routes:
  - { name: elsewhere, to: [ other ], from: inside, profile: plain }
";

pub(crate) fn policy(rest: &str, outside: &str, modules: &Modules) -> Arc<dyn PolicyEngine> {
    let yaml = format!(
        "version: 1\nlisteners:\n  in: {{ realm: inside, udp: '{INSIDE}:5060' }}\n  \
         out: {{ realm: outside, udp: '{OUTSIDE}:5060' }}\nrealms:\n  \
         inside: {{ trust: full, media: {{ bind: {INSIDE}, ports: 20000-20099 }} }}\n  \
         outside: {{ trust: {outside}, media: {{ bind: {OUTSIDE}, ports: 20000-20099 }} }}\n{rest}"
    );
    let compiled = policies::Loaded::from_text("flow", &yaml)
        .and_then(|loaded| loaded.compile(modules))
        .unwrap_or_else(|errors| panic!("{errors}"));
    compiled.engine
}

struct World {
    sim: Sim,
    sbc: NodeId,
    alice: NodeId,
    bob: NodeId,
    carol: NodeId,
    dave: NodeId,
}

fn world() -> World {
    let mut sim = Sim::seed(1);
    let sbc = sim.add_sbc_of(policy(BEFORE, "none", &Modules::default()), false);
    let [alice, bob, carol, dave] = [
        ("alice", ALICE),
        ("bob", BOB),
        ("carol", CAROL),
        ("dave", DAVE),
    ]
    .map(|(name, ip)| sim.add_phone(name, ip));
    World {
        sim,
        sbc,
        alice,
        bob,
        carol,
        dave,
    }
}

impl World {
    fn swap(&mut self) {
        self.sim
            .set_policy(self.sbc, policy(AFTER, "full", &Modules::default()));
    }

    fn calls(&mut self, after: u64) -> usize {
        let call = Placed::to("4711", INSIDE).hanging_up_after(secs(after));
        self.sim.call(self.alice, call)
    }

    /// What a phone heard as `method` in its first call, and what `X-Policy` said in it.
    fn stamps(&self, phone: NodeId, method: &str) -> Vec<String> {
        let heard = self.sim.phone(phone).calls()[0].messages().iter();
        let name = HeaderName::parse("X-Policy");
        let stamp = |heard: &Heard| heard.message.header(&name).unwrap_or_default().to_owned();
        heard
            .filter(|heard| heard.message.is_request())
            .filter(|heard| heard.message.method().is_some_and(|m| m.as_str() == method))
            .map(stamp)
            .collect()
    }

    fn routes(&self) -> Vec<String> {
        let ended = self.sim.sbc(self.sbc).ended();
        ended.map(|call| call.route.to_string()).collect()
    }
}

#[test]
fn a_call_that_is_up_keeps_its_policy_and_the_next_one_has_the_new_one() {
    let mut world = world();
    world.calls(60);
    world.sim.run_for(secs(10));
    world.swap();
    world.calls(10);
    for method in ["INVITE", "UPDATE", "INFO"] {
        world.sim.request(world.alice, 0, method);
        world.sim.run_for(secs(5));
    }
    world.sim.request(world.bob, 0, "INVITE");
    world.sim.finish();
    for method in ["INVITE", "UPDATE", "INFO", "BYE"] {
        let stamps = world.stamps(world.bob, method);
        assert!(!stamps.is_empty(), "{method}");
        assert!(stamps.iter().all(|s| s == "first pair"), "{stamps:?}");
    }
    // Rules act on what goes to the callee.
    assert_eq!(world.stamps(world.alice, "INVITE"), [""]);
    assert_eq!(world.stamps(world.dave, "INVITE"), ["second other"]);
    assert_eq!(world.stamps(world.dave, "BYE"), ["second other"]);
    assert_eq!(world.routes(), ["elsewhere", "out"]);
    for call in world.sim.phone(world.alice).calls() {
        assert_eq!(call.ended(), Some(End::HungUp));
    }
}

#[test]
fn a_call_that_rings_goes_on_to_the_targets_it_began_with() {
    let mut world = world();
    world
        .sim
        .phone_mut(world.bob)
        .answer_with(Answering::with(&[
            (50, sbc_core::testing::Say::status(180)),
            (20_000, sbc_core::testing::Say::status(503)),
        ]));
    world.calls(10);
    world.sim.run_for(secs(5));
    world.swap();
    world.sim.finish();
    assert_eq!(world.stamps(world.bob, "INVITE"), ["first pair"]);
    assert_eq!(world.stamps(world.carol, "INVITE"), ["first pair"]);
    assert_eq!(world.stamps(world.carol, "BYE"), ["first pair"]);
    assert!(world.sim.phone(world.dave).calls().is_empty());
    assert_eq!(world.routes(), ["out"]);
}
