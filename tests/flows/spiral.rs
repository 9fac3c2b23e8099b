//! Calls that pass several SBCs, or the same one more than once: a spiral is a call like any other
//! (RFC 3261 §16.3), a loop ends by Max-Forwards (§8.2.2.2, §16.3).

use crate::world::{ALICE, BOB, INSIDE, OUTSIDE, Run, border, each_network, secs};
use sbc_core::testing::{
    Act, Answering, End, Fixed, NodeId, PhoneCall, Placed, Route, Say, Sim, Spelling,
};
use sbc_core::transport::Transport;

/// Another SBC, that has one side only.
const MIRROR: &str = "198.51.100.2";

fn first(sim: &Sim, phone: NodeId) -> &PhoneCall {
    sim.phone(phone).calls().first().expect("a call")
}

/// Both sides hold and resume, and one hangs up.
fn lively(by_caller: bool) -> (Placed, Answering) {
    let mut call = Placed::to("bob", INSIDE);
    let mut answering = Answering::after_ringing();
    for how in [Spelling::NoAddress, Spelling::Inactive] {
        call = call
            .then(secs(20), Act::Invite(how))
            .then(secs(20), Act::Ask);
        let resume = Act::Update(Spelling::SendRecv);
        answering = answering
            .then(secs(17), Act::Update(how))
            .then(secs(17), resume);
    }
    if by_caller {
        (call.hanging_up_after(secs(150)), answering)
    } else {
        (call, answering.hanging_up_after(secs(150)))
    }
}

/// A world in which Alice's calls to INSIDE end at Bob's, through `calls` calls of SBCs.
fn lives(run: &Run, build: impl Fn(&mut Sim) -> Vec<NodeId>, calls: usize) {
    let by_caller = run.seed.is_multiple_of(2);
    let mut sim = Sim::seed(run.seed);
    sim.set_link(run.link);
    let sbcs = build(&mut sim);
    let alice = sim.add_phone("alice", ALICE);
    let bob = sim.add_phone("bob", BOB);
    let (call, answering) = lively(by_caller);
    sim.phone_mut(bob).answer_with(answering);
    sim.call(alice, call);
    sim.finish();
    let ends = [first(&sim, alice).ended(), first(&sim, bob).ended()];
    let mut wanted = [Some(End::HungUp), Some(End::ByPeer)];
    if !by_caller {
        wanted.reverse();
    }
    assert_eq!(ends, wanted);
    for (phone, wanted) in [
        (alice, ["UPDATE", "200 INVITE"]),
        (bob, ["INVITE", "200 UPDATE"]),
    ] {
        for what in wanted {
            // The caller holds, resumes and is answered; so does the callee.
            let times = first(&sim, phone)
                .heard()
                .iter()
                .filter(|h| **h == what)
                .count();
            assert!(times >= 4, "{what}\n{}", sim.ladder());
        }
    }
    assert_eq!(calls_of(&sim, &sbcs), calls);
}

/// How many calls these SBCs had.
fn calls_of(sim: &Sim, sbcs: &[NodeId]) -> usize {
    sbcs.iter().map(|sbc| sim.sbc(*sbc).ended().count()).sum()
}

/// An SBC that sends every call on to `next`, by its outside.
pub(crate) fn hop(inside: &str, outside: &str, next: &str, transport: Transport) -> Fixed {
    Fixed::new()
        .realm("inside", inside)
        .realm("outside", outside)
        .otherwise(Route::to(1, next, transport))
}

#[test]
fn a_call_through_two_sbcs() {
    each_network(|run| {
        let build = |sim: &mut Sim| {
            vec![
                sim.add_sbc(hop(INSIDE, "192.0.2.1", "192.0.2.2", Transport::Udp)),
                sim.add_sbc(hop("192.0.2.2", OUTSIDE, BOB, Transport::Udp)),
            ]
        };
        lives(run, build, 2);
    });
}

#[test]
fn a_call_through_three_sbcs() {
    each_network(|run| {
        let build = |sim: &mut Sim| {
            vec![
                sim.add_sbc(hop(INSIDE, "192.0.2.1", "192.0.2.2", Transport::Tcp)),
                sim.add_sbc(hop(
                    "192.0.2.2",
                    "203.0.113.1",
                    "203.0.113.2",
                    Transport::Udp,
                )),
                sim.add_sbc(hop("203.0.113.2", OUTSIDE, BOB, Transport::Udp)),
            ]
        };
        lives(run, build, 3);
    });
}

#[test]
fn a_call_that_comes_back_to_the_same_sbc() {
    each_network(|run| {
        let build = |sim: &mut Sim| {
            let there = Route::to(1, MIRROR, Transport::Udp);
            let on = Route::to(1, BOB, Transport::Udp);
            let back = Route::to(0, OUTSIDE, Transport::Udp);
            vec![
                sim.add_sbc(border().arriving(0, there).arriving(1, on)),
                sim.add_sbc(Fixed::new().realm("near", MIRROR).otherwise(back)),
            ]
        };
        lives(run, build, 3);
    });
}

#[test]
fn a_call_that_goes_in_circles_ends_by_max_forwards() {
    each_network(|run| {
        let mut sim = Sim::seed(run.seed);
        sim.set_link(run.link);
        let there = Route::to(1, MIRROR, Transport::Udp);
        let back = Route::to(0, OUTSIDE, Transport::Udp);
        let sbcs = [
            sim.add_sbc(border().otherwise(there)),
            sim.add_sbc(Fixed::new().realm("near", MIRROR).otherwise(back)),
        ];
        let alice = sim.add_phone("alice", ALICE);
        let mut call = Placed::to("bob", INSIDE);
        call.max_forwards = 9;
        sim.call(alice, call);
        sim.finish();
        assert_eq!(first(&sim, alice).ended(), Some(End::Refused(483)));
        // One for each of the ten hops.
        assert_eq!(calls_of(&sim, &sbcs), 10);
    });
}

#[test]
fn a_cancel_passes_all_of_three_sbcs() {
    each_network(|run| {
        let mut sim = Sim::seed(run.seed);
        sim.set_link(run.link);
        sim.add_sbc(hop(INSIDE, "192.0.2.1", "192.0.2.2", Transport::Udp));
        sim.add_sbc(hop(
            "192.0.2.2",
            "203.0.113.1",
            "203.0.113.2",
            Transport::Udp,
        ));
        sim.add_sbc(hop("203.0.113.2", OUTSIDE, BOB, Transport::Udp));
        let alice = sim.add_phone("alice", ALICE);
        let bob = sim.add_phone("bob", BOB);
        let ringing = Answering::with(&vec![(300, Say::status(180)); 9]);
        sim.phone_mut(bob).answer_with(ringing);
        sim.call(alice, Placed::to("bob", INSIDE).cancelling_after(secs(9)));
        sim.finish();
        assert_eq!(first(&sim, alice).ended(), Some(End::Refused(487)));
        assert_eq!(first(&sim, bob).ended(), Some(End::Cancelled));
    });
}
