//! Random calls in random worlds. A world is drawn from its seed: how bad the network is, how each
//! phone takes its call, who records, what breaks in the middle.
//!
//! After the last call of a world: each SBC told one end for each call and holds nothing of it
//! (calls, dialogs, deadlines, residues, media); no phone has a call that is not over, none and no
//! scanner saw a broken rule; and the phones agree with the SBC about how their calls went.
//!
//! `SBC_CHAOS_CALLS` says how many calls (10000), `SBC_CHAOS_SEED` the first seed (1).

mod tables;

use crate::recorder::plan;
use crate::world::{ALICE, BOB, INSIDE, OUTSIDE, border, millis, secs};
use sbc_core::Entropy;
use sbc_core::b2bua::Command;
use sbc_core::testing::{Answering, End, Fixed, Link, NodeId, PhoneCall, Placed, Reached, Route};
use sbc_core::testing::{Say, Sim};
use sbc_core::transport::Transport;
use std::sync::Arc;
use std::time::Duration;

const CALLS_OF_A_WORLD: u64 = 20;
/// A run of so many worlds reaches so many percent of the pairs of state and input.
const WORLDS_THAT_COVER: u64 = 500;
const COVERED: usize = 64;
const CAROL: &str = "198.51.100.30";
const RECORDERS: [&str; 2] = ["10.9.0.51", "10.9.0.52"];
const SECOND_SBC: (&str, &str) = ("198.51.100.2", "203.0.113.1");
const DAVE: &str = "203.0.113.40";

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

#[test]
fn random_calls_end_once_and_leave_nothing_behind() {
    let first = number("SBC_CHAOS_SEED", 1);
    let worlds = number("SBC_CHAOS_CALLS", 10_000).div_ceil(CALLS_OF_A_WORLD);
    let mut reached = Reached::default();
    for seed in first..first + worlds {
        let mut world = Chaos::draw(seed);
        let faults = world.run();
        assert!(
            faults.is_empty(),
            "{}\n{}\n{} faults; to see them again:\n  SBC_CHAOS_SEED={seed} \
             SBC_CHAOS_CALLS={CALLS_OF_A_WORLD} cargo test --test flows chaos",
            world.sim.ladder(),
            faults.join("\n"),
            faults.len(),
        );
        reached.merge(&world.sim.reached());
    }
    let coverage = reached.of_tables(&tables::all());
    println!("{reached}\n{coverage}");
    assert!(
        coverage.unforeseen.is_empty(),
        "no table has these pairs: {:#?}",
        coverage.unforeseen
    );
    let (reached, total) = coverage.total();
    assert!(
        worlds < WORLDS_THAT_COVER || reached * 100 >= total * COVERED,
        "fewer than {COVERED} percent"
    );
}

/// A world and what becomes of it.
struct Chaos {
    sim: Sim,
    dice: Entropy,
    sbcs: Vec<NodeId>,
    callers: Vec<NodeId>,
    callees: Vec<NodeId>,
    /// Connections break: what is under way in them is lost, and nobody is to blame for it.
    breaks: bool,
}

impl Chaos {
    fn draw(seed: u64) -> Self {
        let mut dice = Entropy::from_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut sim = Sim::seed(seed);
        sim.set_link(draw_link(&mut dice));
        let plans: Vec<Route> = (0..CALLS_OF_A_WORLD)
            .map(|_| draw_route(&mut dice))
            .collect();
        let mut policy = border().realm("recording", "10.9.0.1");
        for (n, route) in plans.into_iter().enumerate() {
            policy = policy.route(&format!("u{n}"), route);
        }
        let inner = sim.add_sbc(policy);
        let outer = sim.add_sbc(
            Fixed::new()
                .realm("near", SECOND_SBC.0)
                .realm("far", SECOND_SBC.1)
                .otherwise(Route::to(1, DAVE, Transport::Udp)),
        );
        let callers = vec![
            sim.add_phone("alice", ALICE),
            sim.add_phone("anna", "10.1.0.11"),
        ];
        let mut callees = vec![
            sim.add_phone("bob", BOB),
            sim.add_phone("carol", CAROL),
            sim.add_phone("dave", DAVE),
        ];
        for (n, ip) in RECORDERS.into_iter().enumerate() {
            callees.push(sim.add_phone(&format!("rec{n}"), ip));
        }
        if dice.chance(0.1) {
            sim.refuse_connections(RECORDERS[0]);
        }
        for phone in &callees {
            for n in 0..CALLS_OF_A_WORLD {
                let answering = draw_answering(&mut dice);
                sim.phone_mut(*phone)
                    .answer_user_with(&format!("u{n}"), answering);
            }
            // What recorders are called by says nothing of the call.
            let answering = draw_answering(&mut dice);
            sim.phone_mut(*phone).answer_with(answering);
        }
        let breaks = dice.chance(0.15);
        Self {
            sim,
            dice,
            sbcs: vec![inner, outer],
            callers,
            callees,
            breaks,
        }
    }

    fn run(&mut self) -> Vec<String> {
        for n in 0..CALLS_OF_A_WORLD {
            let caller = self.callers[usize::from(self.dice.chance(0.5))];
            let call = draw_call(&mut self.dice, n);
            self.sim.call(caller, call);
            let pause = self.dice.between(Duration::ZERO, secs(4));
            self.sim.run_for(pause);
            if self.dice.chance(0.05) {
                self.sim.command_all(self.sbcs[0], Command::HangUp);
            }
            if self.dice.chance(0.5) {
                self.renew_something();
            }
            if self.breaks && self.dice.chance(0.3) {
                self.break_a_connection();
            }
        }
        self.sim.run_to_the_end();
        let mut faults = self.sim.faults_at_the_end();
        if self.breaks {
            faults.retain(|fault| !fault.contains(": no ACK of "));
        } else {
            faults.extend(self.disagreements());
        }
        faults
    }

    /// A phone sends an offer, or another request, in one of its calls.
    fn renew_something(&mut self) {
        let phones = [self.callers.clone(), self.callees.clone()].concat();
        let pick =
            |dice: &mut Entropy, of: usize| usize::try_from(dice.below(of as u64)).unwrap_or(0);
        let phone = phones[pick(&mut self.dice, phones.len())];
        let calls = self.sim.phone(phone).calls().len();
        if calls > 0 {
            let methods = ["INVITE", "INVITE", "UPDATE", "INFO", "OPTIONS", "MESSAGE"];
            let method = methods[pick(&mut self.dice, methods.len())];
            let call = pick(&mut self.dice, calls);
            self.sim.request(phone, call, method);
        }
    }

    fn break_a_connection(&mut self) {
        let pairs = [
            (ALICE, INSIDE),
            (OUTSIDE, BOB),
            (OUTSIDE, SECOND_SBC.0),
            ("10.9.0.1", RECORDERS[0]),
        ];
        let drawn = usize::try_from(self.dice.below(4)).unwrap_or(0);
        let (a, b) = pairs[drawn];
        self.sim.reset(a, b);
    }

    /// Where a phone saw another call than the SBC.
    fn disagreements(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let sbc = self.sim.sbc(self.sbcs[0]);
        let calls = |ids: &[NodeId]| -> Vec<&PhoneCall> {
            ids.iter()
                .flat_map(|id| self.sim.phone(*id).calls())
                .collect()
        };
        for call in calls(&self.callers) {
            let Some(summary) = sbc.ended().find(|s| *s.call_id_a == *call.call_id()) else {
                faults.push(format!("{} never reached the SBC", call.call_id()));
                continue;
            };
            let (answered, status) = (summary.answered_at.is_some(), summary.status.code());
            let agrees = match call.ended() {
                Some(End::Refused(code)) => code == status && !answered,
                Some(End::ByPeer | End::HungUp) => answered || status == 487,
                Some(End::Cancelled | End::TimedOut) | None => false,
            };
            if !agrees {
                faults.push(format!(
                    "{} ended as {:?}, the SBC says {summary:?}",
                    call.call_id(),
                    call.ended()
                ));
            }
        }
        let everybody = [calls(&self.callers), calls(&self.callees)].concat();
        for call in everybody {
            let heard = call.heard();
            // Unless the BYEs of both sides cross, or one before the answer crosses that, the SBC
            // knows of a dialog that is up.
            let crossed = heard.contains(&"BYE") || heard.contains(&"200 BYE");
            if call.was_answered() && heard.contains(&"481 BYE") && !crossed {
                faults.push(format!("{} was up and unknown: {heard:?}", call.call_id()));
            }
        }
        faults
    }
}

fn draw_link(dice: &mut Entropy) -> Link {
    if dice.chance(0.3) {
        return Link::GOOD;
    }
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let mut up_to = |percent: u64| dice.below(percent + 1) as f64 / 100.0;
    let (loss, twice) = (up_to(10), up_to(20));
    Link {
        delay: millis(5 + dice.below(60)),
        jitter: millis(dice.below(150)),
        loss,
        twice,
    }
}

fn draw_transport(dice: &mut Entropy) -> Transport {
    if dice.chance(0.4) {
        Transport::Tcp
    } else {
        Transport::Udp
    }
}

fn draw_route(dice: &mut Entropy) -> Route {
    let hosts = [BOB, CAROL, SECOND_SBC.0];
    let mut host = || hosts[usize::try_from(dice.below(3)).unwrap_or(0)];
    let (first, second) = (host(), host());
    let mut route = Route::to(1, first, draw_transport(dice));
    if dice.chance(0.3) {
        route = route.or_to(1, second, draw_transport(dice));
    }
    if dice.chance(0.4) {
        let transport = draw_transport(dice);
        let uris = RECORDERS.map(|ip| format!("sip:rec@{ip};transport={transport}"));
        let timeout = millis(500 + dice.below(5000));
        route = route.recorded_by(Arc::new(plan(&[&uris[0], &uris[1]], timeout)));
    }
    route.ringing(secs(10 + dice.below(60)))
}

fn draw_call(dice: &mut Entropy, n: u64) -> Placed {
    let mut call = Placed::to(&format!("u{n}"), INSIDE);
    call.transport = draw_transport(dice);
    call.offers = dice.chance(0.85);
    call.acks = dice.chance(0.97);
    // Nobody waits for ever.
    call.hang_up_after = Some(dice.between(Duration::ZERO, secs(60)));
    call.cancel_after = Some(if dice.chance(0.3) {
        dice.between(Duration::ZERO, secs(6))
    } else {
        secs(100)
    });
    call.cancels_by_bye = dice.chance(0.1);
    if dice.chance(0.01) {
        call.max_forwards = 0;
    }
    call
}

fn draw_answering(dice: &mut Entropy) -> Answering {
    let mut steps = Vec::new();
    let forks = 1 + usize::from(dice.chance(0.15)) + usize::from(dice.chance(0.1));
    for fork in 0..forks {
        for _ in 0..dice.below(3) {
            let say = match dice.below(4) {
                0 => Say::status(100),
                1 => Say::with_sdp(183),
                _ => Say::status(180),
            };
            steps.push((dice.below(1500), say.by_fork(fork)));
        }
    }
    let last = usize::try_from(dice.below(forks as u64)).unwrap_or(0);
    let refusals = [300, 404, 408, 480, 486, 500, 503, 603];
    let drawn = usize::try_from(dice.below(refusals.len() as u64)).unwrap_or(0);
    match dice.below(20) {
        0 => return Answering::silent(),
        1..6 => steps.push((dice.below(3000), Say::status(refusals[drawn]))),
        _ => {
            steps.push((dice.below(5000), Say::with_sdp(200).by_fork(last)));
            if forks > 1 && dice.chance(0.3) {
                let other = (last + 1) % forks;
                steps.push((dice.below(200), Say::with_sdp(200).by_fork(other)));
            }
        }
    }
    let mut answering = Answering::with(&steps);
    answering.ignores_cancel = dice.chance(0.15);
    // The second is for a BYE that never comes.
    answering.hang_up_after = Some(if dice.chance(0.4) {
        dice.between(Duration::ZERO, secs(60))
    } else {
        secs(1000)
    });
    answering
}
