//! Offers inside a call that take more media, less, or are refused: the ports that the call has.

use crate::world::{INSIDE, World, each_network, secs};
use sbc_core::sip::{HeaderName, Message};
use sbc_core::testing::{Act, Answering, End, NodeId, Placed, Renewal, Say};

fn call() -> Placed {
    Placed::to("bob", INSIDE).hanging_up_after(secs(300))
}

/// So many streams, at these ports.
fn offer(method: &'static str, ports: &[u16]) -> Act {
    let mut text =
        String::from("v=0\r\no=- 7 1 IN IP4 10.1.0.10\r\ns=-\r\nc=IN IP4 10.1.0.10\r\nt=0 0\r\n");
    for port in ports {
        text.push_str(&format!("m=audio {port} RTP/AVP 0\r\n"));
    }
    Act::Body(method, "application/sdp", text.leak())
}

fn ports(world: &World) -> usize {
    world.sim.sbc(world.sbc).media().open().1
}

fn last<'a>(world: &'a World, phone: NodeId, what: &str) -> &'a Message {
    let heard = world.sim.phone(phone).calls()[0].messages().iter();
    let found = heard.filter(|heard| heard.what == what).last();
    let none = || panic!("no {what}\n{}", world.sim.ladder());
    &found.unwrap_or_else(none).message
}

#[test]
fn a_refused_offer_leaves_no_ports_behind() {
    let refusing = Renewal {
        status: 488,
        ..Renewal::default()
    };
    each_network(|run| {
        let answering = Answering::with(&[(500, Say::with_sdp(200))]).renewing(refusing);
        let mut world = run.world().bob_answers(answering).up(call());
        assert_eq!(ports(&world), 2);
        for (method, lines) in [("INVITE", 3), ("UPDATE", 10), ("INVITE", 20), ("INVITE", 2)] {
            let act = offer(method, &vec![30_000; lines]);
            world.sim.act(world.alice, 0, act);
            world.sim.run_for(secs(40));
            last(&world, world.alice, &format!("488 {method}"));
            assert_eq!(ports(&world), 2);
        }
        world.sim.finish();
        assert_eq!(world.alices().ended(), Some(End::HungUp));
    });
}

#[test]
fn lines_that_both_sides_close_give_their_ports_back_and_open_again() {
    each_network(|run| {
        let mut world = run.world().up(call());
        for (offered, open) in [
            (&[30_000, 30_002, 30_004][..], 6),
            (&[30_000, 0, 0], 2),
            (&[30_000, 0, 30_004], 4),
        ] {
            world.sim.act(world.alice, 0, offer("INVITE", offered));
            world.sim.run_for(secs(40));
            assert_eq!(ports(&world), open);
        }
        world.sim.finish();
        assert_eq!(world.alices().ended(), Some(End::HungUp));
    });
}

#[test]
fn an_offer_of_more_than_a_call_may_have_or_fewer_than_it_had_gets_488_and_why() {
    each_network(|run| {
        let mut world = run.world().up(call());
        for (lines, warning) in [
            (33, "399 - \"more media descriptions than a call may have\""),
            (0, "399 - \"fewer media descriptions than before\""),
        ] {
            let act = offer("INVITE", &vec![30_000; lines]);
            world.sim.act(world.alice, 0, act);
            world.sim.run_for(secs(40));
            let refusal = last(&world, world.alice, "488 INVITE");
            assert_eq!(refusal.header(&HeaderName::Warning), Some(warning));
            assert_eq!(ports(&world), 2);
        }
        world.sim.finish();
        assert_eq!(world.alices().ended(), Some(End::HungUp));
    });
}
