//! Offer/answer of one dialog (RFC 3264, RFC 6337 §2).
//!
//! | state | input | next state | what the owner does |
//! |---|---|---|---|
//! | Idle, Stable | we send an offer | LocalOffer | waits for the answer |
//! | Idle, Stable | an offer arrives | RemoteOffer | owes an answer |
//! | LocalOffer | an answer arrives | Stable | both sides agree |
//! | LocalOffer | refused | as before the offer | the former session goes on (RFC 3261 §14.1) |
//! | LocalOffer | an offer arrives | LocalOffer | refuses it with 491 (RFC 3261 §14.2, RFC 3311 §5.2) |
//! | RemoteOffer | we send the answer | Stable | both sides agree |
//! | RemoteOffer | we refuse | as before the offer | the former session goes on |
//! | RemoteOffer | another offer arrives | RemoteOffer | refuses it with 500 (RFC 3311 §5.2) |
//! | RemoteOffer | we want to offer | RemoteOffer | waits until Stable |
//! | Stable | an answer repeats (18x, then 200) | Stable | ignores it (RFC 6337 §2.1: the first counts) |
//! | Stable | what we said is said again (18x, then 200) | Stable | nothing (RFC 6337 §2.1) |
//! | Idle | an answer arrives | Idle | a violation: there was no offer |

/// Where the exchange stands. `agreed` says whether there is a session to fall back to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OaState {
    /// Nothing was offered yet.
    Idle,
    /// Our offer waits for its answer.
    LocalOffer {
        /// Whether a session was agreed before.
        agreed: bool,
    },
    /// The peer's offer waits for our answer.
    RemoteOffer {
        /// Whether a session was agreed before.
        agreed: bool,
    },
    /// A session is agreed.
    Stable,
}

/// Why an input does not fit the state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OaError {
    /// An offer crossed ours: 491 (RFC 3261 §14.2).
    #[error("an offer crossed ours (RFC 3261 §14.2)")]
    Glare,
    /// The peer's earlier offer has no answer yet: 500 (RFC 3311 §5.2).
    #[error("another offer is not answered yet (RFC 3311 §5.2)")]
    Busy,
    /// An answer without an offer.
    #[error("an answer came without an offer (RFC 3264 §4)")]
    NoOffer,
}

/// The exchange of one dialog.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OfferAnswer(OaState);

impl Default for OfferAnswer {
    fn default() -> Self {
        Self::new()
    }
}

impl OfferAnswer {
    /// Nothing offered yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(OaState::Idle)
    }

    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> OaState {
        self.0
    }

    /// An input of the table, to be noted.
    pub(crate) fn met(&self, input: &'static str) -> crate::Met {
        let state = match self.0 {
            OaState::Idle => "Idle",
            OaState::LocalOffer { .. } => "LocalOffer",
            OaState::RemoteOffer { .. } => "RemoteOffer",
            OaState::Stable => "Stable",
        };
        ("offer/answer", state, input)
    }

    /// Whether a session is agreed and nothing is open.
    #[must_use]
    pub const fn is_stable(&self) -> bool {
        matches!(self.0, OaState::Stable)
    }

    /// We send an offer.
    ///
    /// # Errors
    /// While another exchange is open.
    pub fn send_offer(&mut self) -> Result<(), OaError> {
        match self.0 {
            OaState::Idle => self.0 = OaState::LocalOffer { agreed: false },
            OaState::Stable => self.0 = OaState::LocalOffer { agreed: true },
            OaState::LocalOffer { .. } => return Err(OaError::Glare),
            OaState::RemoteOffer { .. } => return Err(OaError::Busy),
        }
        Ok(())
    }

    /// An offer arrived.
    ///
    /// # Errors
    /// While another exchange is open.
    pub fn receive_offer(&mut self) -> Result<(), OaError> {
        match self.0 {
            OaState::Idle => self.0 = OaState::RemoteOffer { agreed: false },
            OaState::Stable => self.0 = OaState::RemoteOffer { agreed: true },
            OaState::LocalOffer { .. } => return Err(OaError::Glare),
            OaState::RemoteOffer { .. } => return Err(OaError::Busy),
        }
        Ok(())
    }

    /// We send the answer.
    ///
    /// # Errors
    /// Where no offer waits for one.
    pub fn send_answer(&mut self) -> Result<(), OaError> {
        match self.0 {
            OaState::RemoteOffer { .. } => {
                self.0 = OaState::Stable;
                Ok(())
            }
            _ => Err(OaError::NoOffer),
        }
    }

    /// An answer arrived. True: it agrees the session; false: it repeats what is agreed.
    ///
    /// # Errors
    /// Where no offer waits for one.
    pub fn receive_answer(&mut self) -> Result<bool, OaError> {
        match self.0 {
            OaState::LocalOffer { .. } => {
                self.0 = OaState::Stable;
                Ok(true)
            }
            OaState::Stable => Ok(false),
            _ => Err(OaError::NoOffer),
        }
    }

    /// The open offer was refused, by the peer or by us: the former session goes on.
    pub fn reject(&mut self) {
        self.0 = match self.0 {
            OaState::LocalOffer { agreed: true } | OaState::RemoteOffer { agreed: true } => {
                OaState::Stable
            }
            OaState::LocalOffer { .. } | OaState::RemoteOffer { .. } => OaState::Idle,
            same => same,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    #[test]
    fn an_offer_and_its_answer_agree_a_session() {
        let mut oa = OfferAnswer::new();
        oa.send_offer().expect("idle");
        assert_eq!(oa.receive_answer(), Ok(true));
        assert_eq!(
            oa.receive_answer(),
            Ok(false),
            "an answer that repeats is ignored"
        );
        oa.receive_offer().expect("stable");
        oa.send_answer().expect("owed");
        assert!(oa.is_stable());
    }

    #[test]
    fn an_offer_that_crosses_ours_is_glare() {
        let mut oa = OfferAnswer::new();
        oa.send_offer().expect("idle");
        assert_eq!(oa.receive_offer(), Err(OaError::Glare));
        assert_eq!(oa.state(), OaState::LocalOffer { agreed: false });
    }

    #[test]
    fn a_second_offer_before_the_answer_is_refused() {
        let mut oa = OfferAnswer::new();
        oa.receive_offer().expect("idle");
        assert_eq!(oa.receive_offer(), Err(OaError::Busy));
        assert_eq!(oa.send_offer(), Err(OaError::Busy));
    }

    #[test]
    fn a_refused_offer_leaves_the_former_session() {
        let mut oa = OfferAnswer::new();
        oa.send_offer().expect("idle");
        oa.reject();
        assert_eq!(oa.state(), OaState::Idle);
        oa.receive_offer().expect("idle");
        oa.send_answer().expect("owed");
        oa.send_offer().expect("stable");
        oa.reject();
        assert!(oa.is_stable());
        oa.reject();
        assert!(oa.is_stable(), "nothing open, nothing changes");
    }

    #[test]
    fn an_answer_without_offer_is_a_violation() {
        let mut oa = OfferAnswer::new();
        assert_eq!(oa.receive_answer(), Err(OaError::NoOffer));
        assert_eq!(oa.send_answer(), Err(OaError::NoOffer));
    }

    /// What is under way between two sides; each offer has a number.
    #[derive(Clone, Copy, Debug)]
    enum Said {
        Offer(u32),
        Answer(u32),
        Refusal(u32),
    }

    /// One of two sides, each with the machine of its own dialog with the other.
    #[derive(Default)]
    struct Party {
        machine: OfferAnswer,
        /// The offer that is open, ours or theirs.
        open: u32,
        /// The offer whose session it believes in; 0: none.
        believes: u32,
        inbox: VecDeque<Said>,
    }

    impl Party {
        /// What it says to what it hears.
        fn hear(&mut self) -> Option<Said> {
            match self.inbox.pop_front()? {
                Said::Offer(number) => match self.machine.receive_offer() {
                    Ok(()) => {
                        self.open = number;
                        None
                    }
                    Err(_) => Some(Said::Refusal(number)),
                },
                Said::Answer(number) => {
                    assert_eq!(self.machine.receive_answer(), Ok(true));
                    assert_eq!(number, self.open);
                    self.believes = number;
                    None
                }
                Said::Refusal(number) => {
                    assert_eq!(number, self.open);
                    self.machine.reject();
                    None
                }
            }
        }

        fn act(&mut self, choice: u8, number: u32) -> Option<Said> {
            match (choice, self.machine.state()) {
                (0, OaState::RemoteOffer { .. }) => {
                    self.machine.reject();
                    Some(Said::Refusal(self.open))
                }
                (_, OaState::RemoteOffer { .. }) => {
                    self.machine.send_answer().expect("an offer is open");
                    self.believes = self.open;
                    Some(Said::Answer(self.open))
                }
                _ => {
                    self.machine.send_offer().ok()?;
                    self.open = number;
                    Some(Said::Offer(number))
                }
            }
        }
    }

    proptest! {
        /// Each message arrives once and in order, as the transactions below see to it.
        #[test]
        fn two_sides_that_obey_their_machines_never_disagree(
            tape in proptest::collection::vec((any::<bool>(), 0..5_u8), 0..60),
        ) {
            let mut sides = [Party::default(), Party::default()];
            let mut offers = 0;
            // At the end everything arrives, and who owes an answer gives it; twice over.
            let hear = |n: u8| (true, (n.is_multiple_of(2), 4));
            let settling = (0..40).map(hear).chain([(true, (true, 1)), (true, (false, 1))]);
            let settling = settling.clone().chain(settling);
            for (end, (who, choice)) in tape.into_iter().map(|t| (false, t)).chain(settling) {
                let who = usize::from(who);
                let owes = matches!(sides[who].machine.state(), OaState::RemoteOffer { .. });
                let said = if choice > 2 {
                    sides[who].hear()
                } else if end && !owes {
                    None
                } else {
                    offers += 1;
                    sides[who].act(choice, offers)
                };
                sides[1 - who].inbox.extend(said);
            }
            let [one, other] = &sides;
            prop_assert!(one.inbox.is_empty() && other.inbox.is_empty());
            prop_assert_eq!(one.machine.state(), other.machine.state());
            prop_assert_eq!(one.believes, other.believes);
            let agreed = if one.believes == 0 { OaState::Idle } else { OaState::Stable };
            prop_assert_eq!(one.machine.state(), agreed);
        }
    }
}
