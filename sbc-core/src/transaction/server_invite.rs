//! The INVITE server transaction (RFC 3261 §17.2.1, RFC 6026 §7.1 and §8.5 to §8.8).
//!
//! | state | input | state after | action | RFC |
//! |---|---|---|---|---|
//! | - | INVITE | Proceeding | the owner sends 100 | 3261 §17.2.1 |
//! | Proceeding | INVITE again | Proceeding | send the last 1xx, if any | 3261 §17.2.1 |
//! | Proceeding | 1xx from the owner | Proceeding | send it | 3261 §17.2.1 |
//! | Proceeding | 2xx from the owner | Accepted | send it | 6026 §8.5 |
//! | Proceeding | 300-699 from the owner | Completed | send it | 3261 §17.2.1 |
//! | Proceeding | ACK | Proceeding | not absorbed: no refusal was sent | 3261 §17.2.1 |
//! | Accepted | INVITE again | Accepted | nothing | 6026 §8.7 |
//! | Accepted | 2xx from the owner | Accepted | send it | 6026 §8.7 |
//! | Accepted | other from the owner | Accepted | nothing | 6026 §8.6, figure 7 |
//! | Accepted | ACK | Accepted | the owner's | 6026 §8.7 |
//! | Accepted | Timer L | Terminated | nothing | 6026 §8.7 |
//! | Completed | INVITE again | Completed | send the refusal | 3261 §17.2.1 |
//! | Completed | any from the owner | Completed | nothing | 3261 §17.2.1 |
//! | Completed | Timer G | Completed | send the refusal; G doubles up to T2 | 3261 §17.2.1 |
//! | Completed | ACK | Confirmed | absorb | 3261 §17.2.1 |
//! | Completed | Timer H | Terminated | ACK missing | 3261 §17.2.1 |
//! | Confirmed | INVITE again, any from the owner | Confirmed | nothing | 3261 §17.2.1 |
//! | Confirmed | ACK | Confirmed | absorb | 3261 §17.2.1 |
//! | Confirmed | Timer I | Terminated | nothing | 3261 §17.2.1 |
//! | any | transport error | the same | nothing | 6026 §8.8 |
//!
//! Timer G does not run on reliable transports, and I is zero there: Confirmed is then Terminated
//! at once. H and L run on every transport. Proceeding has no timer: the owner answers.

use super::ServerAction;
use super::timers::{Resend, T2, T4, TIMER_H, TIMER_L, earlier};
use crate::sip::StatusCode;
use crate::time::Instant;

/// The machine.
#[derive(Clone, Debug)]
pub struct ServerInvite {
    state: State,
    reliable: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Proceeding,
    Accepted {
        /// Timer L.
        until: Instant,
    },
    Completed {
        /// Timer G.
        resend: Option<Resend>,
        /// Timer H.
        give_up_at: Instant,
    },
    Confirmed {
        /// Timer I.
        until: Instant,
    },
    Terminated,
}

impl ServerInvite {
    /// An INVITE arrived, over a transport that retransmits by itself or not.
    #[must_use]
    pub fn new(reliable: bool) -> Self {
        Self {
            state: State::Proceeding,
            reliable,
        }
    }

    /// The INVITE arrived again.
    #[must_use]
    pub fn on_request(&self) -> ServerAction {
        match self.state {
            State::Proceeding | State::Completed { .. } => ServerAction::SendResponse,
            State::Accepted { .. } | State::Confirmed { .. } | State::Terminated => {
                ServerAction::Nothing
            }
        }
    }

    /// The owner answers.
    pub fn respond(&mut self, now: Instant, status: StatusCode) -> ServerAction {
        match self.state {
            State::Proceeding => {
                if status.is_success() {
                    self.state = State::Accepted {
                        until: now + TIMER_L,
                    };
                } else if status.is_final() {
                    self.state = State::Completed {
                        resend: Resend::start(now, self.reliable),
                        give_up_at: now + TIMER_H,
                    };
                }
                ServerAction::SendResponse
            }
            State::Accepted { .. } if status.is_success() => ServerAction::SendResponse,
            _ => ServerAction::Nothing,
        }
    }

    /// An ACK arrived that matches. True: it acknowledges a refusal and is absorbed; false: it is
    /// the owner's, as that of a 2xx is.
    pub fn on_ack(&mut self, now: Instant) -> bool {
        if let State::Completed { .. } = self.state {
            self.state = if self.reliable {
                State::Terminated
            } else {
                State::Confirmed { until: now + T4 }
            };
        }
        matches!(self.state, State::Confirmed { .. } | State::Terminated)
    }

    /// Acts on a deadline that has passed.
    pub fn on_timeout(&mut self, now: Instant) -> ServerAction {
        match self.state {
            State::Completed { give_up_at, .. } if give_up_at <= now => {
                self.state = State::Terminated;
                ServerAction::AckMissing
            }
            State::Completed {
                resend: Some(resend),
                give_up_at,
            } if resend.at <= now => {
                self.state = State::Completed {
                    resend: Some(resend.next(now, T2)),
                    give_up_at,
                };
                ServerAction::SendResponse
            }
            State::Accepted { until } | State::Confirmed { until } if until <= now => {
                self.state = State::Terminated;
                ServerAction::Nothing
            }
            _ => ServerAction::Nothing,
        }
    }

    /// When [`Self::on_timeout`] is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Completed { resend, give_up_at } => Some(earlier(resend, give_up_at)),
            State::Accepted { until } | State::Confirmed { until } => Some(until),
            State::Proceeding | State::Terminated => None,
        }
    }

    /// Whether a refusal waits for its ACK.
    #[must_use]
    pub fn awaits_ack(&self) -> bool {
        matches!(self.state, State::Completed { .. })
    }

    /// Until when it merely lingers; nothing where something is still to come.
    #[must_use]
    pub fn lingers_until(&self) -> Option<Instant> {
        match self.state {
            State::Accepted { until } | State::Confirmed { until } => Some(until),
            _ => None,
        }
    }

    /// Whether it is at its end, to be dropped.
    #[must_use]
    pub fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }

    /// A response of the owner, as the table names it.
    pub(super) fn input_of(&self, status: StatusCode) -> &'static str {
        match status.class() {
            1 => "1xx from the owner",
            2 => "2xx from the owner",
            _ => "300-699 from the owner",
        }
    }

    /// The timer that [`Self::on_timeout`] would act on.
    pub(super) fn due(&self, now: Instant) -> &'static str {
        match self.state {
            State::Completed { give_up_at, .. } if give_up_at <= now => "Timer H",
            State::Accepted { .. } => "Timer L",
            State::Confirmed { .. } => "Timer I",
            _ => "Timer G",
        }
    }

    /// The state's name in the RFC.
    #[must_use]
    pub fn state_name(&self) -> &'static str {
        match self.state {
            State::Proceeding => "Proceeding",
            State::Accepted { .. } => "Accepted",
            State::Completed { .. } => "Completed",
            State::Confirmed { .. } => "Confirmed",
            State::Terminated => "Terminated",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, ms, run_table};
    use super::*;

    fn machine(state: &str, reliable: bool) -> ServerInvite {
        let mut machine = ServerInvite::new(reliable);
        let status = match state {
            "Proceeding" => 100,
            "Accepted" => 200,
            "Completed" | "Confirmed" | "Terminated" => 486,
            other => panic!("no state {other}"),
        };
        let action = machine.respond(at(0), StatusCode::of(status));
        assert_eq!(action, ServerAction::SendResponse);
        if state == "Confirmed" {
            assert!(machine.on_ack(at(0)));
        } else if state == "Terminated" {
            assert_eq!(machine.on_timeout(at(32_000)), ServerAction::AckMissing);
        }
        machine
    }

    /// What an input led to: an action, or for an ACK whose it is.
    #[derive(PartialEq, Debug)]
    enum Seen {
        Action(ServerAction),
        Absorbed,
        Owners,
    }

    fn step(machine: &mut ServerInvite, input: &str) -> Seen {
        Seen::Action(match input {
            "INVITE" => machine.on_request(),
            "0.5 s" => machine.on_timeout(at(500)),
            "32 s" => machine.on_timeout(at(32_000)),
            "ACK" if machine.on_ack(at(1)) => return Seen::Absorbed,
            "ACK" => return Seen::Owners,
            status => machine.respond(at(1), StatusCode::of(status.parse().unwrap())),
        })
    }

    #[test]
    fn every_state_meets_every_input() {
        use Seen::{Absorbed, Owners};
        const NOTHING: Seen = Seen::Action(ServerAction::Nothing);
        const SEND: Seen = Seen::Action(ServerAction::SendResponse);
        const MISSING: Seen = Seen::Action(ServerAction::AckMissing);
        let table = [
            ("Proceeding", "INVITE", "Proceeding", SEND),
            ("Proceeding", "180", "Proceeding", SEND),
            ("Proceeding", "200", "Accepted", SEND),
            ("Proceeding", "302", "Completed", SEND),
            ("Proceeding", "699", "Completed", SEND),
            ("Proceeding", "ACK", "Proceeding", Owners),
            ("Proceeding", "0.5 s", "Proceeding", NOTHING),
            ("Proceeding", "32 s", "Proceeding", NOTHING),
            ("Accepted", "INVITE", "Accepted", NOTHING),
            ("Accepted", "180", "Accepted", NOTHING),
            ("Accepted", "200", "Accepted", SEND),
            ("Accepted", "302", "Accepted", NOTHING),
            ("Accepted", "699", "Accepted", NOTHING),
            ("Accepted", "ACK", "Accepted", Owners),
            ("Accepted", "0.5 s", "Accepted", NOTHING),
            ("Accepted", "32 s", "Terminated", NOTHING),
            ("Completed", "INVITE", "Completed", SEND),
            ("Completed", "180", "Completed", NOTHING),
            ("Completed", "200", "Completed", NOTHING),
            ("Completed", "302", "Completed", NOTHING),
            ("Completed", "699", "Completed", NOTHING),
            ("Completed", "ACK", "Confirmed", Absorbed),
            ("Completed", "0.5 s", "Completed", SEND),
            ("Completed", "32 s", "Terminated", MISSING),
            ("Confirmed", "INVITE", "Confirmed", NOTHING),
            ("Confirmed", "180", "Confirmed", NOTHING),
            ("Confirmed", "200", "Confirmed", NOTHING),
            ("Confirmed", "302", "Confirmed", NOTHING),
            ("Confirmed", "699", "Confirmed", NOTHING),
            ("Confirmed", "ACK", "Confirmed", Absorbed),
            ("Confirmed", "0.5 s", "Confirmed", NOTHING),
            ("Confirmed", "32 s", "Terminated", NOTHING),
            ("Terminated", "INVITE", "Terminated", NOTHING),
            ("Terminated", "180", "Terminated", NOTHING),
            ("Terminated", "200", "Terminated", NOTHING),
            ("Terminated", "302", "Terminated", NOTHING),
            ("Terminated", "699", "Terminated", NOTHING),
            ("Terminated", "ACK", "Terminated", Absorbed),
            ("Terminated", "0.5 s", "Terminated", NOTHING),
            ("Terminated", "32 s", "Terminated", NOTHING),
        ];
        run_table(
            &table,
            |state| machine(state, false),
            step,
            ServerInvite::state_name,
        );
    }

    fn sends_until_the_end(machine: &mut ServerInvite) -> (Vec<u64>, u64) {
        let mut sent = Vec::new();
        loop {
            let now = machine.deadline().unwrap();
            match machine.on_timeout(now) {
                ServerAction::SendResponse => sent.push(ms(now)),
                ServerAction::AckMissing => return (sent, ms(now)),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_refusal_without_ack_is_sent_for_32_s_at_intervals_up_to_four_seconds() {
        let (again, end) = sends_until_the_end(&mut machine("Completed", false));
        let expected = [
            500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500,
        ];
        assert_eq!(again, expected);
        assert_eq!(end, 32_000);
    }

    #[test]
    fn on_a_reliable_transport_a_refusal_is_sent_once_and_its_ack_ends_it() {
        let mut machine = machine("Completed", true);
        assert_eq!(sends_until_the_end(&mut machine.clone()), (vec![], 32_000));
        assert!(machine.on_ack(at(1)));
        assert!(machine.is_terminated());
    }

    #[test]
    fn an_accepted_one_lingers_for_timer_l_on_every_transport() {
        assert_eq!(machine("Accepted", true).lingers_until(), Some(at(32_000)));
        assert_eq!(machine("Accepted", false).lingers_until(), Some(at(32_000)));
        assert_eq!(machine("Confirmed", false).lingers_until(), Some(at(5000)));
        assert_eq!(machine("Completed", false).lingers_until(), None);
        assert!(machine("Completed", false).awaits_ack());
        assert!(!machine("Confirmed", false).awaits_ack());
    }

    #[test]
    fn without_an_answer_nothing_ends_it() {
        let mut machine = ServerInvite::new(false);
        assert_eq!(machine.deadline(), None);
        assert_eq!(machine.on_timeout(at(600_000)), ServerAction::Nothing);
        assert_eq!(machine.state_name(), "Proceeding");
    }
}
