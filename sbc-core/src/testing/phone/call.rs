//! A call as a phone sees it.

use super::plan::{Act, Answering, Placed, Renewal};
use super::session::Session;
use crate::sip::Message;
use crate::testing::wires::{Way, summary_of};
use crate::transport::Transport;
use std::net::SocketAddr;
use std::time::Duration;

/// How a call ended for a phone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// Refused with this status: by the peer, or by the phone.
    Refused(u16),
    /// The peer gave up before the answer.
    Cancelled,
    /// The phone hung up.
    HungUp,
    /// The peer hung up.
    ByPeer,
    /// The peer said nothing.
    TimedOut,
}

/// A message that a phone heard.
#[derive(Clone, Debug)]
pub struct Heard {
    /// `180 INVITE`, `BYE`.
    pub what: String,
    /// The message.
    pub message: Message,
}

/// What a call does by itself.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// Step so and so of how it answers.
    Say(usize),
    HangUp(usize),
    Cancel,
    /// In this dialog, number so and so of what it does by plan.
    Act(usize, usize),
    /// In this dialog an offer that met 491, and how often it was made with this time.
    Again(usize, Act, u8),
    /// It has thought about an offer of the peer's.
    Renew(u64),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    Early,
    Unacked,
    Up,
    Closing,
    Over,
}

/// Where requests go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Peer {
    pub(super) uri: String,
    pub(super) transport: Transport,
    /// Of the first route, or of the URI.
    pub(super) address: SocketAddr,
    /// Route values, in order.
    pub(super) routes: Vec<String>,
}

impl Peer {
    /// The peer has another Contact; the routes of a dialog stay what they are (RFC 3261 §12.2).
    pub(super) fn follow(&mut self, peer: Self) {
        if self.routes.is_empty() {
            *self = peer;
        } else {
            self.uri = peer.uri;
        }
    }
}

#[derive(Debug)]
pub(super) struct Dialog {
    pub(super) local_tag: String,
    pub(super) remote_tag: Option<String>,
    pub(super) peer: Peer,
    pub(super) cseq: u32,
    heard_cseq: u32,
    pub(super) state: State,
    pub(super) session: Session,
}

impl Dialog {
    pub(super) fn new(
        local_tag: String,
        remote_tag: Option<String>,
        peer: Peer,
        cseq: u32,
        session: Session,
    ) -> Self {
        Self {
            local_tag,
            remote_tag,
            peer,
            cseq,
            heard_cseq: 0,
            state: State::Early,
            session,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Notes the CSeq of a request; false where it did not grow.
    pub(super) fn grows(&mut self, cseq: u32) -> bool {
        let grew = cseq > self.heard_cseq;
        self.heard_cseq = self.heard_cseq.max(cseq);
        grew
    }
}

/// Which side of the call the phone is.
#[derive(Debug)]
pub(super) enum Side {
    Caller {
        plan: Placed,
        /// From and To without tags.
        from: String,
        to: String,
        /// It wants to give up, or has said so.
        gave_up: bool,
        cancelled: bool,
        /// SDP heard, by To tag: it may not change from 183 to 200.
        answers: Vec<(String, String)>,
    },
    Callee {
        plan: Answering,
        invite: Box<Message>,
        way: Way,
    },
}

/// A call of a phone.
#[derive(Debug)]
pub struct PhoneCall {
    pub(super) call_id: String,
    pub(super) side: Side,
    /// One; or one for each phone behind the proxy that forks.
    pub(super) dialogs: Vec<Dialog>,
    heard: Vec<Heard>,
    end: Option<End>,
    answered: bool,
}

impl PhoneCall {
    pub(super) fn new(call_id: String, side: Side) -> Self {
        Self {
            call_id,
            side,
            dialogs: Vec::new(),
            heard: Vec::new(),
            end: None,
            answered: false,
        }
    }

    pub(super) fn hear(&mut self, message: &Message) {
        self.heard.push(Heard {
            what: summary_of(message),
            message: message.clone(),
        });
    }

    /// What it heard, in order, in two words each.
    #[must_use]
    pub fn heard(&self) -> Vec<&str> {
        self.heard.iter().map(|heard| heard.what.as_str()).collect()
    }

    /// What it heard, repetitions left out.
    #[must_use]
    pub fn heard_once(&self) -> Vec<&str> {
        let mut once = Vec::new();
        for heard in &self.heard {
            if !once.contains(&heard.what.as_str()) {
                once.push(heard.what.as_str());
            }
        }
        once
    }

    /// The messages it heard, in order.
    #[must_use]
    pub fn messages(&self) -> &[Heard] {
        &self.heard
    }

    /// The Call-ID.
    #[must_use]
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// What it said of its media last: the SDP of the dialog that was answered, or is the first.
    #[must_use]
    pub fn said_sdp(&self) -> Option<&str> {
        let up = self.dialogs.iter().find(|d| d.state == State::Up);
        let dialog = up.or_else(|| self.dialogs.first())?;
        dialog.session.said.as_deref()
    }

    /// What it does once the call is up.
    pub(super) fn acts(&self) -> &[(Duration, Act)] {
        match &self.side {
            Side::Caller { plan, .. } => &plan.acts,
            Side::Callee { plan, .. } => &plan.acts,
        }
    }

    pub(super) fn renewal(&self) -> Renewal {
        match &self.side {
            Side::Caller { plan, .. } => plan.renewal,
            Side::Callee { plan, .. } => plan.renewal,
        }
    }

    /// How it ended; nothing while it goes on.
    #[must_use]
    pub fn ended(&self) -> Option<End> {
        self.end
    }

    /// Whether there was a 2xx and its ACK.
    #[must_use]
    pub fn was_answered(&self) -> bool {
        self.answered
    }

    /// Whether no dialog of it is left.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.dialogs.iter().all(Dialog::is_over)
    }

    pub(super) fn confirm(&mut self, dialog: usize) {
        self.dialogs[dialog].state = State::Up;
        self.answered = true;
    }

    /// A dialog ended; the first reason is the call's.
    pub(super) fn end(&mut self, dialog: usize, end: End) {
        if let Some(dialog) = self.dialogs.get_mut(dialog) {
            dialog.state = State::Over;
        }
        self.end.get_or_insert(end);
    }

    /// The whole call ended before an answer.
    pub(super) fn end_early(&mut self, end: End) {
        for dialog in &mut self.dialogs {
            if dialog.state == State::Early {
                dialog.state = State::Over;
            }
        }
        self.end.get_or_insert(end);
    }

    pub(super) fn on_bye(&mut self, dialog: usize) {
        match self.dialogs[dialog].state {
            // Our own BYE is under way; its answer ends the dialog.
            State::Closing | State::Over => {}
            _ => self.end(dialog, End::ByPeer),
        }
    }
}
