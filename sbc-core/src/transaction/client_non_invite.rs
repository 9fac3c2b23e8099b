//! The client transaction of every request but INVITE and ACK (RFC 3261 §17.1.2).
//!
//! | state | input | state after | action | RFC |
//! |---|---|---|---|---|
//! | - | request to send | Trying | the owner sends it | 3261 §17.1.2.2 |
//! | Trying | Timer E | Trying | send the request; E doubles up to T2 | 3261 §17.1.2.2 |
//! | Trying, Proceeding | Timer F | Terminated | timed out | 3261 §17.1.2.2 |
//! | Trying | transport error | Terminated | failed | 3261 §17.1.4 |
//! | Trying, Proceeding | 1xx | Proceeding | pass up | 3261 §17.1.2.2 |
//! | Trying, Proceeding | 200-699 | Completed | pass up | 3261 §17.1.2.2 |
//! | Proceeding | Timer E | Proceeding | send the request; E is T2 | 3261 §17.1.2.2 |
//! | Proceeding | transport error | Proceeding | nothing: it may be answered yet | 3261 §18.2.2 |
//! | Completed | any response | Completed | nothing | 3261 §17.1.2.2 |
//! | Completed | Timer K | Terminated | nothing | 3261 §17.1.2.2 |
//! | Completed | transport error | Completed | nothing: nothing more is sent | 3261 §17.1.2.2 |
//!
//! Timer E does not run on reliable transports, and K is zero there: Completed is then Terminated
//! at once. F runs on every transport.

use super::ClientAction;
use super::timers::{Resend, T2, T4, TIMER_F, earlier};
use crate::sip::StatusCode;
use crate::time::Instant;

/// The machine.
#[derive(Clone, Debug)]
pub struct ClientNonInvite {
    state: State,
    reliable: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Trying(Waiting),
    Proceeding(Waiting),
    Completed {
        /// Timer K.
        until: Instant,
    },
    Terminated,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Waiting {
    /// Timer E.
    resend: Option<Resend>,
    /// Timer F.
    give_up_at: Instant,
}

impl ClientNonInvite {
    /// The request is sent now, over a transport that retransmits by itself or not.
    #[must_use]
    pub fn new(now: Instant, reliable: bool) -> Self {
        Self {
            state: State::Trying(Waiting {
                resend: Resend::start(now, reliable),
                give_up_at: now + TIMER_F,
            }),
            reliable,
        }
    }

    /// A response arrived.
    pub fn on_response(&mut self, now: Instant, status: StatusCode) -> ClientAction {
        match self.state {
            State::Trying(waiting) | State::Proceeding(waiting) => {
                self.state = if status.is_provisional() {
                    State::Proceeding(waiting)
                } else if self.reliable {
                    State::Terminated
                } else {
                    State::Completed { until: now + T4 }
                };
                ClientAction::PassUp
            }
            State::Completed { .. } | State::Terminated => ClientAction::Nothing,
        }
    }

    /// Acts on a deadline that has passed.
    pub fn on_timeout(&mut self, now: Instant) -> ClientAction {
        match self.state {
            State::Trying(waiting) | State::Proceeding(waiting) if waiting.give_up_at <= now => {
                self.state = State::Terminated;
                ClientAction::TimedOut
            }
            State::Trying(Waiting {
                resend: Some(resend),
                give_up_at,
            }) if resend.at <= now => {
                self.state = State::Trying(Waiting {
                    resend: Some(resend.next(now, T2)),
                    give_up_at,
                });
                ClientAction::SendRequest
            }
            State::Proceeding(Waiting {
                resend: Some(resend),
                give_up_at,
            }) if resend.at <= now => {
                self.state = State::Proceeding(Waiting {
                    resend: Some(Resend::after(now, T2)),
                    give_up_at,
                });
                ClientAction::SendRequest
            }
            State::Completed { until } if until <= now => {
                self.state = State::Terminated;
                ClientAction::Nothing
            }
            _ => ClientAction::Nothing,
        }
    }

    /// The transport could not deliver what was sent.
    pub fn on_transport_error(&mut self) -> ClientAction {
        match self.state {
            State::Trying(_) => {
                self.state = State::Terminated;
                ClientAction::Failed
            }
            State::Proceeding(_) | State::Completed { .. } | State::Terminated => {
                ClientAction::Nothing
            }
        }
    }

    /// When [`Self::on_timeout`] is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Trying(waiting) | State::Proceeding(waiting) => {
                Some(earlier(waiting.resend, waiting.give_up_at))
            }
            State::Completed { until } => Some(until),
            State::Terminated => None,
        }
    }

    /// Whether it waits for its final response.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        matches!(self.state, State::Trying(_) | State::Proceeding(_))
    }

    /// Until when it merely lingers; nothing where it is pending or at its end.
    #[must_use]
    pub fn lingers_until(&self) -> Option<Instant> {
        match self.state {
            State::Completed { until } => Some(until),
            _ => None,
        }
    }

    /// Whether it is at its end, to be dropped.
    #[must_use]
    pub fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }

    /// A response, as the table names it.
    pub(super) fn input_of(&self, status: StatusCode) -> &'static str {
        if status.is_provisional() {
            "1xx"
        } else {
            "200-699"
        }
    }

    /// The timer that [`Self::on_timeout`] would act on.
    pub(super) fn due(&self, now: Instant) -> &'static str {
        match self.state {
            State::Trying(w) | State::Proceeding(w) if w.give_up_at <= now => "Timer F",
            State::Completed { .. } => "Timer K",
            _ => "Timer E",
        }
    }

    /// The state's name in the RFC.
    #[must_use]
    pub fn state_name(&self) -> &'static str {
        match self.state {
            State::Trying(_) => "Trying",
            State::Proceeding(_) => "Proceeding",
            State::Completed { .. } => "Completed",
            State::Terminated => "Terminated",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, ms, run_table};
    use super::*;

    fn machine(state: &str, reliable: bool) -> ClientNonInvite {
        let mut machine = ClientNonInvite::new(at(0), reliable);
        let status = match state {
            "Trying" => return machine,
            "Terminated" => {
                assert_eq!(machine.on_timeout(at(32_000)), ClientAction::TimedOut);
                return machine;
            }
            "Proceeding" => 100,
            "Completed" => 200,
            other => panic!("no state {other}"),
        };
        let action = machine.on_response(at(0), StatusCode::of(status));
        assert_eq!(action, ClientAction::PassUp);
        machine
    }

    fn step(machine: &mut ClientNonInvite, input: &str) -> ClientAction {
        match input {
            "transport error" => machine.on_transport_error(),
            "32 s" => machine.on_timeout(at(32_000)),
            "0.5 s" => machine.on_timeout(at(500)),
            status => machine.on_response(at(1), StatusCode::of(status.parse().unwrap())),
        }
    }

    #[test]
    fn every_state_meets_every_input() {
        use ClientAction::{Failed, Nothing, PassUp, SendRequest, TimedOut};
        let table = [
            ("Trying", "100", "Proceeding", PassUp),
            ("Trying", "200", "Completed", PassUp),
            ("Trying", "503", "Completed", PassUp),
            ("Trying", "0.5 s", "Trying", SendRequest),
            ("Trying", "32 s", "Terminated", TimedOut),
            ("Trying", "transport error", "Terminated", Failed),
            ("Proceeding", "100", "Proceeding", PassUp),
            ("Proceeding", "200", "Completed", PassUp),
            ("Proceeding", "503", "Completed", PassUp),
            ("Proceeding", "0.5 s", "Proceeding", SendRequest),
            ("Proceeding", "32 s", "Terminated", TimedOut),
            ("Proceeding", "transport error", "Proceeding", Nothing),
            ("Completed", "100", "Completed", Nothing),
            ("Completed", "200", "Completed", Nothing),
            ("Completed", "503", "Completed", Nothing),
            ("Completed", "0.5 s", "Completed", Nothing),
            ("Completed", "32 s", "Terminated", Nothing),
            ("Completed", "transport error", "Completed", Nothing),
            ("Terminated", "100", "Terminated", Nothing),
            ("Terminated", "200", "Terminated", Nothing),
            ("Terminated", "503", "Terminated", Nothing),
            ("Terminated", "0.5 s", "Terminated", Nothing),
            ("Terminated", "32 s", "Terminated", Nothing),
            ("Terminated", "transport error", "Terminated", Nothing),
        ];
        run_table(
            &table,
            |state| machine(state, false),
            step,
            ClientNonInvite::state_name,
        );
    }

    fn sends_until_the_end(machine: &mut ClientNonInvite) -> (Vec<u64>, u64) {
        let mut sent = Vec::new();
        loop {
            let now = machine.deadline().unwrap();
            match machine.on_timeout(now) {
                ClientAction::SendRequest => sent.push(ms(now)),
                ClientAction::TimedOut => return (sent, ms(now)),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn unanswered_request_is_sent_eleven_times_and_times_out_at_32_s() {
        let (again, end) = sends_until_the_end(&mut ClientNonInvite::new(at(0), false));
        let expected = [
            500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500,
        ];
        assert_eq!(again, expected);
        assert_eq!(end, 32_000);
    }

    #[test]
    fn after_a_provisional_response_it_is_sent_every_four_seconds() {
        let mut machine = machine("Proceeding", false);
        let (again, end) = sends_until_the_end(&mut machine);
        assert_eq!(
            again,
            [500, 4500, 8500, 12_500, 16_500, 20_500, 24_500, 28_500]
        );
        assert_eq!(end, 32_000);
    }

    #[test]
    fn on_a_reliable_transport_it_is_sent_once_and_ends_with_its_response() {
        let mut waiting = ClientNonInvite::new(at(0), true);
        assert_eq!(sends_until_the_end(&mut waiting), (vec![], 32_000));
        assert!(machine("Completed", true).is_terminated());
    }

    #[test]
    fn a_finished_one_lingers_for_timer_k() {
        let machine = machine("Completed", false);
        assert!(!machine.is_pending());
        assert_eq!(machine.lingers_until(), Some(at(5000)));
        assert_eq!(machine.deadline(), Some(at(5000)));
    }
}
