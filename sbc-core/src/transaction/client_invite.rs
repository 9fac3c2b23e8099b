//! The INVITE client transaction (RFC 3261 §17.1.1, RFC 6026 §7.2 and §8.4).
//!
//! | state | input | state after | action | RFC |
//! |---|---|---|---|---|
//! | - | request to send | Calling | the owner sends it | 3261 §17.1.1.2 |
//! | Calling | Timer A | Calling | send the request; A doubles | 3261 §17.1.1.2 |
//! | Calling | Timer B | Terminated | timed out | 3261 §17.1.1.2 |
//! | Calling | transport error | Terminated | failed | 3261 §17.1.4 |
//! | Calling, Proceeding | 1xx | Proceeding | pass up | 3261 §17.1.1.2 |
//! | Calling, Proceeding | 2xx | Accepted | pass up; the owner sends the ACK | 6026 §8.4 |
//! | Calling, Proceeding | 300-699 | Completed | send ACK, pass up | 6026 §8.4 |
//! | Proceeding | transport error | Proceeding | nothing: it may be answered yet | 3261 §18.2.2 |
//! | Completed | 300-699 | Completed | send the ACK again | 6026 §8.4 |
//! | Completed | 1xx, 2xx | Completed | nothing | 6026 §8.4, figure 5 |
//! | Completed | Timer D | Terminated | nothing | 6026 §8.4 |
//! | Completed | transport error | Terminated | nothing: the owner has its response | 6026 §8.4 |
//! | Accepted | 2xx | Accepted | pass up | 6026 §8.4 |
//! | Accepted | 1xx, 300-699 | Accepted | nothing | 6026 §8.4, figure 5 |
//! | Accepted | Timer M | Terminated | nothing | 6026 §8.4 |
//! | Accepted | transport error | Accepted | nothing: nothing of ours was sent | 6026 §8.4 |
//!
//! Timer A does not run on reliable transports, and D is zero there: Completed is then Terminated
//! at once. B and M run on every transport. Proceeding has no timer: how long it may ring is for
//! the owner to say.

use super::ClientAction;
use super::timers::{Resend, TIMER_B, TIMER_D, TIMER_M, earlier};
use crate::sip::StatusCode;
use crate::time::Instant;
use std::time::Duration;

/// The machine.
#[derive(Clone, Debug)]
pub struct ClientInvite {
    state: State,
    reliable: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Calling {
        /// Timer A.
        resend: Option<Resend>,
        /// Timer B.
        give_up_at: Instant,
    },
    Proceeding,
    Completed {
        /// Timer D.
        until: Instant,
    },
    Accepted {
        /// Timer M.
        until: Instant,
    },
    Terminated,
}

impl ClientInvite {
    /// The INVITE is sent now, over a transport that retransmits by itself or not.
    #[must_use]
    pub fn new(now: Instant, reliable: bool) -> Self {
        Self {
            state: State::Calling {
                resend: Resend::start(now, reliable),
                give_up_at: now + TIMER_B,
            },
            reliable,
        }
    }

    /// A response arrived.
    pub fn on_response(&mut self, now: Instant, status: StatusCode) -> ClientAction {
        match self.state {
            State::Calling { .. } | State::Proceeding => {
                let (state, action) = if status.is_provisional() {
                    (State::Proceeding, ClientAction::PassUp)
                } else if status.is_success() {
                    let until = now + TIMER_M;
                    (State::Accepted { until }, ClientAction::PassUp)
                } else {
                    (self.completed(now), ClientAction::SendAckAndPassUp)
                };
                self.state = state;
                action
            }
            State::Completed { .. } if status.class() >= 3 => ClientAction::SendAck,
            State::Accepted { .. } if status.is_success() => ClientAction::PassUp,
            State::Completed { .. } | State::Accepted { .. } | State::Terminated => {
                ClientAction::Nothing
            }
        }
    }

    fn completed(&self, now: Instant) -> State {
        if self.reliable {
            State::Terminated
        } else {
            State::Completed {
                until: now + TIMER_D,
            }
        }
    }

    /// Acts on a deadline that has passed.
    pub fn on_timeout(&mut self, now: Instant) -> ClientAction {
        match self.state {
            State::Calling { give_up_at, .. } if give_up_at <= now => {
                self.state = State::Terminated;
                ClientAction::TimedOut
            }
            State::Calling {
                resend: Some(resend),
                give_up_at,
            } if resend.at <= now => {
                self.state = State::Calling {
                    resend: Some(resend.next(now, Duration::MAX)),
                    give_up_at,
                };
                ClientAction::SendRequest
            }
            State::Completed { until } | State::Accepted { until } if until <= now => {
                self.state = State::Terminated;
                ClientAction::Nothing
            }
            _ => ClientAction::Nothing,
        }
    }

    /// The transport could not deliver what was sent.
    pub fn on_transport_error(&mut self) -> ClientAction {
        match self.state {
            State::Calling { .. } => {
                self.state = State::Terminated;
                ClientAction::Failed
            }
            State::Completed { .. } => {
                self.state = State::Terminated;
                ClientAction::Nothing
            }
            State::Proceeding | State::Accepted { .. } | State::Terminated => ClientAction::Nothing,
        }
    }

    /// When [`Self::on_timeout`] is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Calling { resend, give_up_at } => Some(earlier(resend, give_up_at)),
            State::Completed { until } | State::Accepted { until } => Some(until),
            State::Proceeding | State::Terminated => None,
        }
    }

    /// Whether it waits for its final response.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        matches!(self.state, State::Calling { .. } | State::Proceeding)
    }

    /// Until when it merely lingers; nothing where it is pending or at its end.
    #[must_use]
    pub fn lingers_until(&self) -> Option<Instant> {
        match self.state {
            State::Completed { until } | State::Accepted { until } => Some(until),
            _ => None,
        }
    }

    /// Whether a 2xx came, and Timer M runs.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        matches!(self.state, State::Accepted { .. })
    }

    /// Whether it is at its end, to be dropped.
    #[must_use]
    pub fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }

    /// A response, as the table names it.
    pub(super) fn input_of(&self, status: StatusCode) -> &'static str {
        match status.class() {
            1 => "1xx",
            2 => "2xx",
            _ => "300-699",
        }
    }

    /// The timer that [`Self::on_timeout`] would act on.
    pub(super) fn due(&self, now: Instant) -> &'static str {
        match self.state {
            State::Calling { give_up_at, .. } if give_up_at <= now => "Timer B",
            State::Completed { .. } => "Timer D",
            State::Accepted { .. } => "Timer M",
            _ => "Timer A",
        }
    }

    /// The state's name in the RFC.
    #[must_use]
    pub fn state_name(&self) -> &'static str {
        match self.state {
            State::Calling { .. } => "Calling",
            State::Proceeding => "Proceeding",
            State::Completed { .. } => "Completed",
            State::Accepted { .. } => "Accepted",
            State::Terminated => "Terminated",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, ms, run_table};
    use super::*;

    fn machine(state: &str, reliable: bool) -> ClientInvite {
        let mut machine = ClientInvite::new(at(0), reliable);
        match state {
            "Calling" => {}
            "Terminated" => drop_action(machine.on_timeout(at(32_000))),
            "Proceeding" => drop_action(machine.on_response(at(0), StatusCode::of(180))),
            "Completed" => drop_action(machine.on_response(at(0), StatusCode::of(486))),
            "Accepted" => drop_action(machine.on_response(at(0), StatusCode::of(200))),
            other => panic!("no state {other}"),
        }
        machine
    }

    fn drop_action(action: ClientAction) {
        assert_ne!(action, ClientAction::Nothing);
    }

    fn step(machine: &mut ClientInvite, input: &str) -> ClientAction {
        match input {
            "transport error" => machine.on_transport_error(),
            "32 s" => machine.on_timeout(at(32_000)),
            "0.5 s" => machine.on_timeout(at(500)),
            status => machine.on_response(at(1), StatusCode::of(status.parse().unwrap())),
        }
    }

    #[test]
    fn every_state_meets_every_input() {
        use ClientAction::{
            Failed, Nothing, PassUp, SendAck, SendAckAndPassUp, SendRequest, TimedOut,
        };
        let table = [
            ("Calling", "183", "Proceeding", PassUp),
            ("Calling", "200", "Accepted", PassUp),
            ("Calling", "302", "Completed", SendAckAndPassUp),
            ("Calling", "699", "Completed", SendAckAndPassUp),
            ("Calling", "0.5 s", "Calling", SendRequest),
            ("Calling", "32 s", "Terminated", TimedOut),
            ("Calling", "transport error", "Terminated", Failed),
            ("Proceeding", "183", "Proceeding", PassUp),
            ("Proceeding", "200", "Accepted", PassUp),
            ("Proceeding", "302", "Completed", SendAckAndPassUp),
            ("Proceeding", "699", "Completed", SendAckAndPassUp),
            ("Proceeding", "0.5 s", "Proceeding", Nothing),
            ("Proceeding", "32 s", "Proceeding", Nothing),
            ("Proceeding", "transport error", "Proceeding", Nothing),
            ("Completed", "183", "Completed", Nothing),
            ("Completed", "200", "Completed", Nothing),
            ("Completed", "302", "Completed", SendAck),
            ("Completed", "699", "Completed", SendAck),
            ("Completed", "0.5 s", "Completed", Nothing),
            ("Completed", "32 s", "Terminated", Nothing),
            ("Completed", "transport error", "Terminated", Nothing),
            ("Accepted", "183", "Accepted", Nothing),
            ("Accepted", "200", "Accepted", PassUp),
            ("Accepted", "302", "Accepted", Nothing),
            ("Accepted", "699", "Accepted", Nothing),
            ("Accepted", "0.5 s", "Accepted", Nothing),
            ("Accepted", "32 s", "Terminated", Nothing),
            ("Accepted", "transport error", "Accepted", Nothing),
            ("Terminated", "183", "Terminated", Nothing),
            ("Terminated", "200", "Terminated", Nothing),
            ("Terminated", "302", "Terminated", Nothing),
            ("Terminated", "699", "Terminated", Nothing),
            ("Terminated", "0.5 s", "Terminated", Nothing),
            ("Terminated", "32 s", "Terminated", Nothing),
            ("Terminated", "transport error", "Terminated", Nothing),
        ];
        run_table(
            &table,
            |state| machine(state, false),
            step,
            ClientInvite::state_name,
        );
    }

    #[test]
    fn unanswered_invite_is_sent_seven_times_and_times_out_at_32_s() {
        let mut machine = ClientInvite::new(at(0), false);
        let mut sent = vec![0];
        let end = loop {
            let now = machine.deadline().unwrap();
            match machine.on_timeout(now) {
                ClientAction::SendRequest => sent.push(ms(now)),
                ClientAction::TimedOut => break ms(now),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(sent, [0, 500, 1500, 3500, 7500, 15_500, 31_500]);
        assert_eq!(end, 32_000);
        assert!(machine.is_terminated());
        assert_eq!(machine.deadline(), None);
    }

    #[test]
    fn on_a_reliable_transport_nothing_is_sent_again_but_timer_b_runs() {
        let mut machine = ClientInvite::new(at(0), true);
        assert_eq!(machine.deadline(), Some(at(32_000)));
        assert_eq!(machine.on_timeout(at(32_000)), ClientAction::TimedOut);
    }

    #[test]
    fn on_a_reliable_transport_a_refusal_ends_it_at_once_and_a_2xx_does_not() {
        assert!(machine("Completed", true).is_terminated());
        let accepted = machine("Accepted", true);
        assert_eq!(accepted.lingers_until(), Some(at(32_000)));
    }

    #[test]
    fn a_late_driver_sends_once_and_not_in_a_burst() {
        let mut machine = ClientInvite::new(at(0), false);
        assert_eq!(machine.on_timeout(at(9000)), ClientAction::SendRequest);
        assert_eq!(machine.on_timeout(at(9000)), ClientAction::Nothing);
        assert_eq!(machine.deadline(), Some(at(10_000)));
    }

    #[test]
    fn only_what_waits_for_a_final_response_is_pending() {
        let pending = |state| machine(state, false).is_pending();
        assert!(pending("Calling") && pending("Proceeding"));
        assert!(!pending("Completed") && !pending("Accepted"));
        assert!(machine("Accepted", false).is_accepted());
        assert_eq!(machine("Proceeding", false).lingers_until(), None);
        assert_eq!(
            machine("Completed", false).lingers_until(),
            Some(at(32_000))
        );
    }
}
