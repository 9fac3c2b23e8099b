//! The bounds of a call, one past each.

use crate::recorder::plan;
use crate::world::{INSIDE, World, border, millis, secs, to_bob};
use sbc_core::limits;
use sbc_core::testing::{Answering, End, Placed, Route, Say};
use sbc_core::transport::Transport;
use std::collections::BTreeSet;
use std::sync::Arc;

fn call() -> Placed {
    Placed::to("bob", INSIDE).hanging_up_after(secs(20))
}

#[test]
fn a_call_has_so_many_recorders_and_no_more() {
    let addresses: Vec<String> = (0..=limits::RECORDERS)
        .map(|n| format!("10.9.0.{}", 50 + n))
        .collect();
    let mut route = to_bob();
    for address in &addresses {
        let uri = format!("sip:rec@{address}");
        route = route.recorded_by(Arc::new(plan(&[&uri], secs(2))));
    }
    let policy = border().realm("recording", "10.9.0.1").otherwise(route);
    let mut world = World::with(1, policy);
    let recorders: Vec<_> = addresses
        .iter()
        .map(|address| world.sim.add_phone(address, address))
        .collect();
    for recorder in &recorders {
        let taking = Answering::with(&[(50, Say::with_sdp(200))]);
        world.sim.phone_mut(*recorder).answer_with(taking);
    }
    let world = world.run(call());
    let asked = |node: &&_| !world.sim.phone(**node).calls().is_empty();
    assert_eq!(recorders.iter().filter(asked).count(), limits::RECORDERS);
    assert_eq!(world.alices().ended(), Some(End::HungUp));
}

#[test]
fn early_dialogs_beyond_the_limit_are_not_shown_to_the_caller() {
    let mut said = vec![(20, Say::with_sdp(183))];
    for fork in 1..=limits::EARLY_DIALOGS {
        said.push((20, Say::with_sdp(183).by_fork(fork)));
    }
    said.push((1000, Say::with_sdp(200)));
    let world = World::new(1)
        .bob_answers(Answering::with(&said))
        .run(call());
    let shown: BTreeSet<_> = world
        .alices()
        .messages()
        .iter()
        .filter(|heard| heard.what == "183 INVITE")
        .map(|heard| heard.message.to_tag().map(str::to_owned))
        .collect();
    assert_eq!(shown.len(), limits::EARLY_DIALOGS);
    assert_eq!(world.alices().ended(), Some(End::HungUp));
}

#[test]
fn hundreds_of_abandoned_invites_hold_few_ports_and_give_all_of_them_back() {
    let policy = border()
        .media_ports(40)
        .otherwise(to_bob().ringing(secs(5)));
    let mut world = World::with(1, policy).bob_answers(Answering::with(&[(20, Say::status(180))]));
    // More than the ports can hold at a time.
    for _ in 0..600 {
        world.sim.call(world.alice, call());
        world.sim.run_for(millis(100));
        let (_, ports) = world.sim.sbc(world.sbc).media().open();
        assert!(ports <= 2 * 40, "{ports} ports");
    }
    world.sim.run_for(secs(60));
    assert_eq!(world.sim.sbc(world.sbc).media().open(), (0, 0));
    let refused = |status| {
        let calls = world.sim.phone(world.alice).calls().iter();
        calls
            .filter(|c| c.ended() == Some(End::Refused(status)))
            .count()
    };
    assert_eq!(refused(503) + refused(408) + refused(480), 600);
    assert!(refused(503) >= 100, "{} without ports", refused(503));
    world
        .sim
        .phone_mut(world.bob)
        .answer_with(Answering::after_ringing());
    let last = world.sim.call(world.alice, call());
    world.sim.finish();
    let ended = world.sim.phone(world.alice).calls()[last].ended();
    assert_eq!(ended, Some(End::HungUp));
}

#[test]
fn max_forwards_goes_down_by_one_and_is_never_above_the_limit() {
    let beyond = limits::MAX_FORWARDS + 1;
    // From 256 on it is none, as if it had not come (RFC 4475 §3.1.2.4).
    let heard = [
        (1, 0),
        (70, 69),
        (beyond, 69),
        (255, 69),
        (256, 69),
        (4_000_000, 69),
    ];
    for (said, wanted) in heard {
        let mut placed = call();
        placed.max_forwards = said;
        let world = World::new(1).run(placed);
        let invite = &world.bobs().messages()[0].message;
        assert_eq!(invite.max_forwards(), Some(wanted), "{said}");
        assert_eq!(world.alices().ended(), Some(End::HungUp));
    }
}

/// Whatever a stranger writes into it: a call that comes back again and again ends.
#[test]
fn a_circle_is_as_long_as_the_limit_and_no_longer() {
    for said in [70, 255, 300, 6000] {
        let to_ourselves = Route::to(0, INSIDE, Transport::Udp);
        let mut world = World::with(1, border().otherwise(to_ourselves));
        let mut placed = call();
        placed.max_forwards = said;
        world.sim.call(world.alice, placed);
        world.sim.finish();
        assert_eq!(world.alices().ended(), Some(End::Refused(483)));
        let calls = world.sim.sbc(world.sbc).ended().count();
        assert_eq!(calls, limits::MAX_FORWARDS as usize + 1, "{said}");
    }
}
