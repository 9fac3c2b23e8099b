//! A re-INVITE of ours (RFC 3261 §14.1).
//!
//! | state | input | next | outputs |
//! |---|---|---|---|
//! | none | owner's re-INVITE | Waiting | INVITE |
//! | Waiting | 1xx | Waiting | CANCEL where one is wanted |
//! | Waiting | owner's cancel | Waiting | CANCEL once a 1xx came (§9.1) |
//! | Waiting | 2xx | Accepted | Response; the peer's Contact is its new target |
//! | Waiting | the dialog ends | Waiting, at most 64 T1 more | nothing |
//! | Waiting, the dialog ended | 64 T1 without final response | none | nothing |
//! | Waiting | other final response, Timer B, transport error | none | Response |
//! | Accepted | owner's ACK | none | ACK |
//! | Accepted | the dialog ends | none | ACK, before any BYE (RFC 3261 §13.2.2.4) |
//! | Waiting | 2xx, the leg is hung up | none | ACK |
//! | Accepted | 2xx again | Accepted | nothing: the ACK is still to come |
//! | none | 2xx again | none | ACK again |

use super::event::LegEvent;
use super::leg::{Leg, LegCx};
use crate::Probe;
use crate::sip::{InvalidValue, Message, Method, StatusCode};
use crate::time::Instant;
use crate::transaction::{Outcome, TIMER_B, TxId};

/// A re-INVITE of ours; see the table.
#[derive(Debug)]
pub(super) enum Reoffer {
    Waiting {
        tx: TxId,
        cseq: u32,
        provisional: bool,
        cancel: bool,
        /// The dialog is over: until then it may still be answered.
        forget_at: Option<Instant>,
    },
    Accepted {
        tx: TxId,
        cseq: u32,
    },
}

impl Reoffer {
    pub(super) const fn is(&self, wanted: TxId) -> bool {
        match self {
            Self::Waiting { tx, .. } | Self::Accepted { tx, .. } => tx.0 == wanted.0,
        }
    }
}

impl Leg {
    /// Sends a re-INVITE with the header lines and body of `draft`. The owner hears
    /// [`LegEvent::Response`], and after a 2xx sends the ACK with [`Self::ack_reinvite`].
    ///
    /// # Errors
    /// CR, LF or NUL in a header.
    pub fn reinvite(&mut self, cx: &mut LegCx<'_>, draft: &Message) -> Result<TxId, InvalidValue> {
        self.met_reoffer(cx.probe, "owner's re-INVITE");
        let request = self.build_request(Method::Invite, draft)?;
        let routed = self.routed(cx, request)?;
        let tx = self.send(cx, routed);
        let waiting = Reoffer::Waiting {
            tx,
            cseq: self.dialog.local_cseq(),
            provisional: false,
            cancel: false,
            forget_at: None,
        };
        self.reoffer = Some(Box::new(waiting));
        Ok(tx)
    }

    /// Acknowledges the 2xx of our re-INVITE.
    pub fn ack_reinvite(&mut self, cx: &mut LegCx<'_>, draft: Option<&Message>) {
        self.met_reoffer(cx.probe, "owner's ACK");
        let Some(Reoffer::Accepted { tx, cseq }) = self.reoffer.as_deref() else {
            return;
        };
        let (tx, cseq) = (*tx, *cseq);
        self.reoffer = None;
        self.send_ack(cx, tx, cseq, draft);
    }

    /// Cancels our re-INVITE; what becomes of it is told as ever.
    pub fn cancel_reinvite(&mut self, cx: &mut LegCx<'_>) {
        self.met_reoffer(cx.probe, "owner's cancel");
        let Some(Reoffer::Waiting {
            tx,
            provisional,
            cancel,
            ..
        }) = self.reoffer.as_deref_mut()
        else {
            return;
        };
        let first = !std::mem::replace(cancel, true);
        if first && *provisional {
            let tx = *tx;
            self.cancel_invite(cx, tx, "");
        }
    }

    pub(super) fn on_reinvite_outcome(&mut self, cx: &mut LegCx<'_>, tx: TxId, outcome: Outcome) {
        let status = match &outcome {
            Outcome::Response(response) => response.status(),
            Outcome::TimedOut | Outcome::TransportFailed => None,
        };
        let input = match (status.map(StatusCode::class), &outcome) {
            (Some(1), _) => "1xx",
            (Some(2), _) => "2xx",
            (_, Outcome::TimedOut) => "Timer B",
            (_, Outcome::TransportFailed) => "transport error",
            _ => "other final response",
        };
        self.met_reoffer(cx.probe, input);
        match status {
            Some(status) if status.is_provisional() => self.on_reinvite_provisional(cx),
            Some(status) if status.is_success() => self.on_reinvite_success(cx, tx, outcome),
            _ => {
                self.reoffer = None;
                cx.event(LegEvent::Response { tx, outcome });
            }
        }
    }

    /// The dialog ends: our re-INVITE, if one waits, is waited for no longer than a BYE would be. A
    /// peer that answered it with a 1xx and fell silent would hold the leg for ever. One that was
    /// accepted is owed its ACK now.
    pub(super) fn end_reinvite(&mut self, cx: &mut LegCx<'_>) {
        self.met_reoffer(cx.probe, "the dialog ends");
        match self.reoffer.as_deref_mut() {
            Some(Reoffer::Waiting { forget_at, .. }) => {
                forget_at.get_or_insert(cx.now + TIMER_B);
            }
            Some(Reoffer::Accepted { .. }) => self.ack_reinvite(cx, None),
            None => {}
        }
    }

    /// Notes a further 2xx of an INVITE while no re-INVITE is open.
    pub(super) fn met_further_success(&self, probe: &Probe) {
        if self.reoffer.is_none() {
            self.met_reoffer(probe, "2xx");
        }
    }

    /// Notes an input of the table.
    fn met_reoffer(&self, probe: &Probe, input: &'static str) {
        probe.note(|| {
            let state = match self.reoffer.as_deref() {
                None => "none",
                Some(Reoffer::Waiting { .. }) => "Waiting",
                Some(Reoffer::Accepted { .. }) => "Accepted",
            };
            ("re-INVITE", state, input)
        });
    }

    /// When [`Self::on_reinvite_timeout`] is due.
    pub(super) fn reinvite_deadline(&self) -> Option<Instant> {
        match self.reoffer.as_deref() {
            Some(Reoffer::Waiting { forget_at, .. }) => *forget_at,
            _ => None,
        }
    }

    pub(super) fn on_reinvite_timeout(&mut self, cx: &LegCx<'_>) {
        let Some(Reoffer::Waiting { tx, forget_at, .. }) = self.reoffer.as_deref() else {
            return;
        };
        if forget_at.is_some_and(|at| at <= cx.now) {
            self.met_reoffer(cx.probe, "64 T1 without final response");
            self.transactions.forget(*tx);
            self.reoffer = None;
        }
    }

    fn on_reinvite_provisional(&mut self, cx: &mut LegCx<'_>) {
        let Some(Reoffer::Waiting {
            tx,
            provisional,
            cancel,
            ..
        }) = self.reoffer.as_deref_mut()
        else {
            return;
        };
        let first = !std::mem::replace(provisional, true);
        if first && *cancel {
            let tx = *tx;
            self.cancel_invite(cx, tx, "");
        }
    }

    fn on_reinvite_success(&mut self, cx: &mut LegCx<'_>, tx: TxId, outcome: Outcome) {
        let Some(Reoffer::Waiting { cseq, .. }) = self.reoffer.as_deref() else {
            return;
        };
        let cseq = *cseq;
        self.reoffer = Some(Box::new(Reoffer::Accepted { tx, cseq }));
        if let Outcome::Response(response) = &outcome {
            self.dialog.refresh_target(response);
            let came_by = self.flow;
            // An answer does not show where it came from.
            self.update_flow(&came_by, self.behind_nat);
        }
        if self.is_over() {
            // A BYE overtook the answer; its ACK is owed all the same (§13.2.2.4).
            return self.ack_reinvite(cx, None);
        }
        cx.event(LegEvent::Response { tx, outcome });
    }

    /// Whether a response to a request of ours means that the peer has lost the dialog: 481 or 408
    /// (RFC 3261 §12.2.1.2).
    #[must_use]
    pub const fn ends_dialog(status: StatusCode) -> bool {
        matches!(status.code(), 408 | 481)
    }
}
