//! A world: three SBCs, phones, recorders; what happens in it, and what is wrong afterwards.

use super::draw::{self, pick};
use crate::world::{ALICE, BOB, INSIDE, OUTSIDE, border, millis, secs};
use sbc_core::Entropy;
use sbc_core::b2bua::Command;
use sbc_core::testing::{End, Fixed, NodeId, PhoneCall, Route, Sim};
use sbc_core::transport::Transport;
use std::time::Duration;

pub(super) const CALLS_OF_A_WORLD: u64 = 20;
pub(super) const CAROL: &str = "198.51.100.30";
/// Takes no connection.
pub(super) const ERIN: &str = "198.51.100.40";
/// Hears nothing.
pub(super) const FRED: &str = "198.51.100.50";
/// Carol's phone, and Bob's.
pub(super) const NAMED: &str = "phones.example";
/// Has no address.
pub(super) const NOBODY: &str = "nobody.example";
pub(super) const RECORDERS: [&str; 2] = ["10.9.0.51", "10.9.0.52"];
pub(super) const SECOND_SBC: (&str, &str) = ("198.51.100.2", "203.0.113.1");
const THIRD_SBC: (&str, &str) = ("203.0.113.2", "192.0.2.1");
const DAVE: &str = "203.0.113.40";
const GRACE: &str = "192.0.2.40";
/// Longer than anybody waits for an answer.
const FOR_EVER: Duration = Duration::from_secs(300);
const RECORDING: &str = "10.9.0.1";

/// What may be expected of a world.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mood {
    /// Datagrams are lost, doubled and late: nobody may complain of an SBC, and all agree how each
    /// call went.
    Honest,
    /// Connections break: what is under way in them is lost, and nobody is to blame for it.
    Breaking,
    /// Addresses cannot be reached for a while, and somebody forges messages: phones may be misled,
    /// SBCs keep their own rules and hold nothing in the end.
    Rough,
}

/// A world and what becomes of it.
pub(super) struct Chaos {
    pub(super) sim: Sim,
    dice: Entropy,
    sbcs: Vec<NodeId>,
    callers: Vec<NodeId>,
    callees: Vec<NodeId>,
    mood: Mood,
}

impl Chaos {
    pub(super) fn draw(seed: u64) -> Self {
        let mut dice = Entropy::from_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut sim = Sim::seed(seed);
        sim.set_link(draw::link(&mut dice));
        let mood = match dice.below(20) {
            0..3 => Mood::Breaking,
            3..7 => Mood::Rough,
            _ => Mood::Honest,
        };
        let sbcs = add_sbcs(&mut sim, &mut dice);
        let callers = vec![
            sim.add_phone("alice", ALICE),
            sim.add_phone("anna", "10.1.0.11"),
        ];
        let mut callees = Vec::new();
        for (name, ip) in [
            ("bob", BOB),
            ("carol", CAROL),
            ("dave", DAVE),
            ("erin", ERIN),
            ("grace", GRACE),
            ("rec0", RECORDERS[0]),
            ("rec1", RECORDERS[1]),
        ] {
            callees.push(sim.add_phone(name, ip));
        }
        sim.name(NAMED, &[CAROL, BOB]);
        sim.refuse_connections(ERIN);
        sim.darken(FRED);
        if dice.chance(0.1) {
            sim.refuse_connections(RECORDERS[0]);
        }
        for phone in &callees {
            for n in 0..CALLS_OF_A_WORLD {
                for user in ["u", "third", "around"] {
                    let mut answering = draw::answering(&mut dice, Some(n));
                    if mood == Mood::Rough && dice.chance(0.2) {
                        answering.renewal.after = FOR_EVER;
                    }
                    sim.phone_mut(*phone)
                        .answer_user_with(&format!("{user}{n}"), answering);
                }
            }
            // What recorders are called by says nothing of the call.
            let answering = draw::answering(&mut dice, None);
            sim.phone_mut(*phone).answer_with(answering);
        }
        Self {
            sim,
            dice,
            sbcs,
            callers,
            callees,
            mood,
        }
    }

    pub(super) fn run(&mut self) -> Vec<String> {
        for n in 0..CALLS_OF_A_WORLD {
            let caller = pick(&mut self.dice, &self.callers);
            let mut call = draw::call(&mut self.dice, n);
            if self.mood == Mood::Rough && self.dice.chance(0.2) {
                call.renewal.after = FOR_EVER;
            }
            self.sim.call(caller, call);
            let pause = self.dice.between(Duration::ZERO, secs(4));
            if self.mood == Mood::Rough {
                self.go_rough(pause);
            } else {
                self.sim.run_for(pause);
            }
            if self.dice.chance(0.05) {
                let command = pick(&mut self.dice, &[Command::HangUp, Command::Shutdown]);
                self.sim.command_all(self.sbcs[0], command);
            }
            if self.dice.chance(0.1) {
                let sbc = pick(&mut self.dice, &self.sbcs);
                self.sim.command_one(sbc, Command::HangUp, &mut self.dice);
            }
            if self.mood == Mood::Breaking && self.dice.chance(0.3) {
                self.break_a_connection();
            }
        }
        for ip in [ALICE, BOB, CAROL] {
            self.sim.set_unreachable(ip, false);
        }
        self.sim.run_to_the_end();
        match self.mood {
            Mood::Rough => {
                // Who was lied to may not know how to hang up.
                for sbc in self.sbcs.clone() {
                    self.sim.command_all(sbc, Command::HangUp);
                }
                self.sim.run_to_the_end();
                let mut faults = self.sim.faults_of_sbcs();
                // What is asked again on another way, or when a stream's transaction is over, may
                // be answered anew; no ACK is owed for a forged 2xx of an INVITE that failed; and
                // a fork that was hung up and answers again when its leg is gone is hung up again.
                let excused = [
                    ": follows another final response",
                    ": overtakes our ACK",
                    ": has a CSeq that did not grow\nBYE ",
                ];
                faults.retain(|fault| !excused.iter().any(|why| fault.contains(why)));
                faults
            }
            Mood::Breaking => {
                let mut faults = self.sim.faults_at_the_end();
                // Who heard of a lost connection takes its INVITE for failed, and has no ACK for a
                // 2xx that comes by another one.
                let excused = [": no ACK of ", ": overtakes our ACK"];
                faults.retain(|fault| !excused.iter().any(|why| fault.contains(why)));
                faults
            }
            Mood::Honest => {
                let mut faults = self.sim.faults_at_the_end();
                faults.extend(self.disagreements());
                faults
            }
        }
    }

    /// Lets time pass while somebody forges messages and addresses come and go.
    fn go_rough(&mut self, time: Duration) {
        for _ in 0..8 {
            for _ in 0..self.dice.below(4) {
                let sbc = pick(&mut self.dice, &self.sbcs);
                self.sim.forge(sbc, &mut self.dice);
            }
            let ip = pick(&mut self.dice, &[ALICE, BOB, CAROL]);
            let gone = self.dice.chance(0.1);
            self.sim.set_unreachable(ip, gone);
            self.sim.run_for(time / 8);
        }
    }

    fn break_a_connection(&mut self) {
        let pairs = [
            (ALICE, INSIDE),
            (OUTSIDE, BOB),
            (OUTSIDE, SECOND_SBC.0),
            (RECORDING, RECORDERS[0]),
        ];
        let (a, b) = pick(&mut self.dice, &pairs);
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
            // An early BYE may cross a refusal.
            let crossing = format!("{status} INVITE");
            let agrees = match call.ended() {
                Some(End::Refused(code)) => code == status && !answered,
                Some(End::ByPeer | End::HungUp) => {
                    answered || status == 487 || call.heard().contains(&crossing.as_str())
                }
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

/// Three in a row; calls to some users come back from the second to the first.
fn add_sbcs(sim: &mut Sim, dice: &mut Entropy) -> Vec<NodeId> {
    let mut policy = border().realm("recording", RECORDING);
    if dice.chance(0.1) {
        policy = policy.media_ports(3);
    }
    if dice.chance(0.3) {
        policy = draw::trunks(dice, policy);
    }
    for n in 0..CALLS_OF_A_WORLD {
        policy = draw::way(dice, policy, n);
    }
    let mut second = Fixed::new()
        .realm("near", SECOND_SBC.0)
        .realm("far", SECOND_SBC.1)
        .otherwise(Route::to(1, DAVE, Transport::Udp));
    for n in 0..CALLS_OF_A_WORLD {
        let transport = pick(dice, &[Transport::Udp, Transport::Tcp]);
        second = second
            .route(&format!("third{n}"), Route::to(1, THIRD_SBC.0, transport))
            .route(&format!("around{n}"), Route::to(0, OUTSIDE, transport));
    }
    let third = Fixed::new()
        .realm("near", THIRD_SBC.0)
        .realm("far", THIRD_SBC.1)
        .otherwise(Route::to(1, GRACE, Transport::Udp));
    let sbcs = vec![sim.add_sbc(policy), sim.add_sbc(second), sim.add_sbc(third)];
    if dice.chance(0.3) {
        sim.modules_take(sbcs[0], dice.between(millis(1), secs(3)));
    }
    if dice.chance(0.3) {
        sim.lookups_take(dice.between(Duration::ZERO, secs(3)));
    }
    sbcs
}
