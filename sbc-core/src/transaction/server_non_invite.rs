//! The server transaction of every request but INVITE and ACK (RFC 3261 §17.2.2, RFC 4320).
//!
//! | state | input | state after | action | RFC |
//! |---|---|---|---|---|
//! | - | request | Trying | pass up | 3261 §17.2.2 |
//! | Trying | request again | Trying | nothing | 3261 §17.2.2 |
//! | Trying | 3.5 s | Proceeding | send 100 | 4320 §4.1 |
//! | Trying | 100 from the owner before 3.5 s, on UDP | Trying | nothing | 4320 §4.1 |
//! | Trying, Proceeding | 100 from the owner otherwise | Proceeding | send it | 4320 §4.1 |
//! | Trying, Proceeding | 101-199 from the owner | the same | nothing | 4320 §4.1 |
//! | Trying, Proceeding | 408 from the owner | Completed | nothing | 4320 §4.2 |
//! | Trying, Proceeding | other final from the owner | Completed | send it | 3261 §17.2.2 |
//! | Trying, Proceeding | 64 T1 | Terminated | nothing | 4320 §4.2 |
//! | Proceeding | request again | Proceeding | send the last 1xx | 3261 §17.2.2 |
//! | Completed | request again | Completed | send the last response, if any | 3261 §17.2.2 |
//! | Completed | any from the owner | Completed | nothing | 3261 §17.2.2 |
//! | Completed | Timer J | Terminated | nothing | 3261 §17.2.2 |
//! | any | transport error | the same | nothing | 6026 §8.8 |
//!
//! J is zero on reliable transports: Completed is then Terminated at once. After 64 T1 the client
//! has given up (its Timer F), and a final response would be a stray (RFC 4320 §2.2).

use super::ServerAction;
use super::timers::{TIMER_F, TIMER_J, TRYING_AFTER};
use crate::sip::StatusCode;
use crate::time::Instant;

/// The machine.
#[derive(Clone, Debug)]
pub struct ServerNonInvite {
    state: State,
    reliable: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Trying {
        /// When 100 is due.
        hurry_at: Instant,
        /// When the client gives up.
        expires_at: Instant,
    },
    Proceeding {
        /// When the client gives up.
        expires_at: Instant,
    },
    Completed {
        /// Timer J.
        until: Instant,
    },
    Terminated,
}

impl ServerNonInvite {
    /// The request arrived now, over a transport that retransmits by itself or not.
    #[must_use]
    pub fn new(now: Instant, reliable: bool) -> Self {
        Self {
            state: State::Trying {
                hurry_at: now + TRYING_AFTER,
                expires_at: now + TIMER_F,
            },
            reliable,
        }
    }

    /// The request arrived again.
    #[must_use]
    pub fn on_request(&self) -> ServerAction {
        match self.state {
            State::Proceeding { .. } | State::Completed { .. } => ServerAction::SendResponse,
            State::Trying { .. } | State::Terminated => ServerAction::Nothing,
        }
    }

    /// The owner answers.
    pub fn respond(&mut self, now: Instant, status: StatusCode) -> ServerAction {
        match (self.state, status.code()) {
            (State::Completed { .. } | State::Terminated, _) => ServerAction::Nothing,
            (State::Trying { hurry_at, .. }, 100) if !self.reliable && now < hurry_at => {
                ServerAction::Nothing
            }
            (State::Trying { expires_at, .. } | State::Proceeding { expires_at }, 100) => {
                self.state = State::Proceeding { expires_at };
                ServerAction::SendResponse
            }
            (_, 101..200) => ServerAction::Nothing,
            (_, code) => {
                self.state = if self.reliable {
                    State::Terminated
                } else {
                    State::Completed {
                        until: now + TIMER_J,
                    }
                };
                if code == 408 {
                    ServerAction::Nothing
                } else {
                    ServerAction::SendResponse
                }
            }
        }
    }

    /// Acts on a deadline that has passed.
    pub fn on_timeout(&mut self, now: Instant) -> ServerAction {
        match self.state {
            State::Trying {
                expires_at: end, ..
            }
            | State::Proceeding { expires_at: end }
            | State::Completed { until: end }
                if end <= now =>
            {
                self.state = State::Terminated;
                ServerAction::Nothing
            }
            State::Trying {
                hurry_at,
                expires_at,
            } if hurry_at <= now => {
                self.state = State::Proceeding { expires_at };
                ServerAction::SendTrying
            }
            _ => ServerAction::Nothing,
        }
    }

    /// When [`Self::on_timeout`] is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Trying { hurry_at, .. } => Some(hurry_at),
            State::Proceeding { expires_at } => Some(expires_at),
            State::Completed { until } => Some(until),
            State::Terminated => None,
        }
    }

    /// Until when it merely lingers; nothing where something is still to come.
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

    /// A response of the owner, as the table names it.
    pub(super) fn input_of(&self, now: Instant, status: StatusCode) -> &'static str {
        match (status.code(), self.state) {
            (100, State::Trying { hurry_at, .. }) if !self.reliable && now < hurry_at => {
                "100 from the owner before 3.5 s, on UDP"
            }
            (100, _) => "100 from the owner otherwise",
            (101..200, _) => "101-199 from the owner",
            (408, _) => "408 from the owner",
            _ => "other final from the owner",
        }
    }

    /// The timer that [`Self::on_timeout`] would act on.
    pub(super) fn due(&self, now: Instant) -> &'static str {
        match self.state {
            State::Completed { .. } => "Timer J",
            State::Trying { expires_at, .. } if expires_at > now => "3.5 s",
            _ => "64 T1",
        }
    }

    /// The state's name in the RFC.
    #[must_use]
    pub fn state_name(&self) -> &'static str {
        match self.state {
            State::Trying { .. } => "Trying",
            State::Proceeding { .. } => "Proceeding",
            State::Completed { .. } => "Completed",
            State::Terminated => "Terminated",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, run_table};
    use super::*;

    fn machine(state: &str, reliable: bool) -> ServerNonInvite {
        let mut machine = ServerNonInvite::new(at(0), reliable);
        match state {
            "Trying" => {}
            "Terminated" => assert_eq!(machine.on_timeout(at(32_000)), ServerAction::Nothing),
            "Proceeding" => assert_eq!(machine.on_timeout(at(3500)), ServerAction::SendTrying),
            "Completed" => {
                let action = machine.respond(at(0), StatusCode::of(200));
                assert_eq!(action, ServerAction::SendResponse);
            }
            other => panic!("no state {other}"),
        }
        machine
    }

    fn step(machine: &mut ServerNonInvite, input: &str) -> ServerAction {
        match input {
            "request" => machine.on_request(),
            "3.5 s" => machine.on_timeout(at(3500)),
            "32 s" => machine.on_timeout(at(32_000)),
            "100 later" => machine.respond(at(3500), StatusCode::of(100)),
            status => machine.respond(at(1), StatusCode::of(status.parse().unwrap())),
        }
    }

    #[test]
    fn every_state_meets_every_input() {
        use ServerAction::{Nothing, SendResponse, SendTrying};
        let table = [
            ("Trying", "request", "Trying", Nothing),
            ("Trying", "100", "Trying", Nothing),
            ("Trying", "100 later", "Proceeding", SendResponse),
            ("Trying", "180", "Trying", Nothing),
            ("Trying", "200", "Completed", SendResponse),
            ("Trying", "408", "Completed", Nothing),
            ("Trying", "699", "Completed", SendResponse),
            ("Trying", "3.5 s", "Proceeding", SendTrying),
            ("Trying", "32 s", "Terminated", Nothing),
            ("Proceeding", "request", "Proceeding", SendResponse),
            ("Proceeding", "100", "Proceeding", SendResponse),
            ("Proceeding", "180", "Proceeding", Nothing),
            ("Proceeding", "200", "Completed", SendResponse),
            ("Proceeding", "408", "Completed", Nothing),
            ("Proceeding", "699", "Completed", SendResponse),
            ("Proceeding", "3.5 s", "Proceeding", Nothing),
            ("Proceeding", "32 s", "Terminated", Nothing),
            ("Proceeding", "100 later", "Proceeding", SendResponse),
            ("Completed", "request", "Completed", SendResponse),
            ("Completed", "100", "Completed", Nothing),
            ("Completed", "100 later", "Completed", Nothing),
            ("Completed", "180", "Completed", Nothing),
            ("Completed", "200", "Completed", Nothing),
            ("Completed", "408", "Completed", Nothing),
            ("Completed", "699", "Completed", Nothing),
            ("Completed", "3.5 s", "Completed", Nothing),
            ("Completed", "32 s", "Terminated", Nothing),
            ("Terminated", "request", "Terminated", Nothing),
            ("Terminated", "100", "Terminated", Nothing),
            ("Terminated", "100 later", "Terminated", Nothing),
            ("Terminated", "180", "Terminated", Nothing),
            ("Terminated", "200", "Terminated", Nothing),
            ("Terminated", "408", "Terminated", Nothing),
            ("Terminated", "699", "Terminated", Nothing),
            ("Terminated", "3.5 s", "Terminated", Nothing),
            ("Terminated", "32 s", "Terminated", Nothing),
        ];
        run_table(
            &table,
            |state| machine(state, false),
            step,
            ServerNonInvite::state_name,
        );
    }

    #[test]
    fn deadlines_are_those_of_the_table() {
        assert_eq!(machine("Trying", false).deadline(), Some(at(3500)));
        assert_eq!(machine("Proceeding", false).deadline(), Some(at(32_000)));
        assert_eq!(machine("Completed", false).deadline(), Some(at(32_000)));
        assert_eq!(
            machine("Completed", false).lingers_until(),
            Some(at(32_000))
        );
        assert_eq!(machine("Proceeding", false).lingers_until(), None);
    }

    #[test]
    fn on_a_reliable_transport_100_may_come_at_once_and_an_answer_ends_it() {
        let mut machine = machine("Trying", true);
        let action = machine.respond(at(0), StatusCode::of(100));
        assert_eq!(action, ServerAction::SendResponse);
        let action = machine.respond(at(1), StatusCode::of(200));
        assert_eq!(action, ServerAction::SendResponse);
        assert!(machine.is_terminated());
    }
}
