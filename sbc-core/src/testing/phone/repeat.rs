//! What a phone sends again, and what it remembers in order to.

use super::call::{End, Step};
use super::{Act, Phone, Post, Spelling};
use crate::sip::{Message, Method};
use crate::time::Instant;
use crate::transport::Transport;
use std::time::Duration;

const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
/// 64 T1.
pub(super) const PATIENCE: Duration = Duration::from_secs(32);

/// A message, and when it is sent again.
#[derive(Debug)]
struct Again {
    at: Instant,
    pause: Duration,
    longest: Duration,
}

impl Again {
    fn new(now: Instant, longest: Duration) -> Self {
        Self {
            at: now + T1,
            pause: T1,
            longest,
        }
    }

    fn is_due(&mut self, now: Instant) -> bool {
        if self.at > now {
            return false;
        }
        self.pause = (self.pause * 2).min(self.longest);
        self.at = now + self.pause;
        true
    }
}

/// A request of ours.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) branch: String,
    pub(super) method: Method,
    pub(super) call: usize,
    pub(super) dialog: usize,
    post: Post,
    again: Option<Again>,
    give_up_at: Option<Instant>,
    /// A final response came; nothing is due any more.
    pub(super) done: bool,
    /// The ACK of its final response.
    pub(super) ack: Option<Post>,
    /// It brings an offer to a call that is up, or asks for one.
    pub(super) renews: Option<Renews>,
}

/// An own offer inside a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Renews {
    pub(super) act: Act,
    /// How often it was made, this time included.
    pub(super) tries: u8,
    /// What the phone wanted before.
    pub(super) before: (Spelling, u16),
}

impl Client {
    pub(super) fn new(
        now: Instant,
        branch: &str,
        method: Method,
        call: (usize, usize),
        post: Post,
    ) -> Self {
        let longest = if method == Method::Invite {
            PATIENCE
        } else {
            T2
        };
        let again = (post.transport == Transport::Udp).then(|| Again::new(now, longest));
        Self {
            branch: branch.into(),
            method,
            call: call.0,
            dialog: call.1,
            post,
            again,
            give_up_at: Some(now + PATIENCE),
            done: false,
            ack: None,
            renews: None,
        }
    }

    /// Whether it brings an offer to a call that is up, or asks for one.
    pub(super) const fn offers(&self) -> bool {
        self.renews.is_some()
    }

    pub(super) fn post(&self) -> &Post {
        &self.post
    }

    pub(super) fn is_of(&self, branch: &str, method: &Method) -> bool {
        self.branch == branch && self.method == *method
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let again = self.again.as_ref().map(|again| again.at);
        [again, self.give_up_at].into_iter().flatten().min()
    }

    /// A provisional response: an INVITE is not sent again and waits for as long as it rings.
    pub(super) fn rings(&mut self) {
        if self.method == Method::Invite && !self.done {
            self.again = None;
            self.give_up_at = None;
        }
    }

    /// After a CANCEL it waits no longer than this.
    pub(super) fn give_up_at(&mut self, at: Instant) {
        if !self.done {
            self.give_up_at = Some(at);
        }
    }

    pub(super) fn finish(&mut self) {
        self.done = true;
        self.again = None;
        self.give_up_at = None;
    }
}

/// A request of the peer's.
#[derive(Debug)]
pub(super) struct Server {
    branch: String,
    method: Method,
    pub(super) last: Option<Post>,
    /// A refusal of an INVITE that waits for its ACK.
    refusal: Option<(Option<Again>, Instant)>,
}

impl Server {
    pub(super) fn new(branch: &str, method: &Method) -> Self {
        Self {
            branch: branch.into(),
            method: method.clone(),
            last: None,
            refusal: None,
        }
    }

    pub(super) fn is_of(&self, branch: &str, method: &Method) -> bool {
        self.branch == branch && self.method == *method
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let (again, until) = self.refusal.as_ref()?;
        Some(again.as_ref().map_or(*until, |again| again.at.min(*until)))
    }

    /// The INVITE is refused: repeated until the ACK.
    pub(super) fn refuse(&mut self, now: Instant, post: Post) {
        let again = (post.transport == Transport::Udp).then(|| Again::new(now, T2));
        self.refusal = Some((again, now + PATIENCE));
        self.last = Some(post);
    }

    pub(super) fn on_ack(&mut self) -> bool {
        self.refusal.take().is_some()
    }
}

/// A 2xx of ours that waits for its ACK.
#[derive(Debug)]
pub(super) struct Unacked {
    pub(super) call: usize,
    pub(super) dialog: usize,
    pub(super) cseq: u32,
    /// It brought an offer: the ACK brings the answer.
    pub(super) offers: bool,
    post: Post,
    again: Again,
    until: Instant,
}

impl Unacked {
    /// `post` is the 2xx to `invite`.
    pub(super) fn new(
        now: Instant,
        (call, dialog): (usize, usize),
        invite: &Message,
        post: Post,
    ) -> Self {
        Self {
            call,
            dialog,
            cseq: invite.cseq().map_or(0, |c| c.number),
            offers: false,
            post,
            again: Again::new(now, T2),
            until: now + PATIENCE,
        }
    }

    pub(super) fn deadline(&self) -> Instant {
        self.again.at.min(self.until)
    }
}

impl Phone {
    pub(super) fn repeat_what_is_due(&mut self, now: Instant, out: &mut Vec<Post>) {
        let mut silent = Vec::new();
        for client in &mut self.clients {
            if client.give_up_at.is_some_and(|at| at <= now) {
                client.finish();
                if !client.offers() {
                    silent.push((client.call, client.dialog, client.method.clone()));
                }
            } else if client.again.as_mut().is_some_and(|again| again.is_due(now)) {
                out.push(client.post.clone());
            }
        }
        for server in &mut self.servers {
            let Some((again, until)) = &mut server.refusal else {
                continue;
            };
            if *until <= now {
                let line = server.last.as_ref().map(|p| p.bytes.clone());
                server.refusal = None;
                self.faults
                    .push(format!("{}: no ACK of {line:?}", self.name));
            } else if again.as_mut().is_some_and(|again| again.is_due(now)) {
                out.extend(server.last.clone());
            }
        }
        let mut missing = Vec::new();
        self.unacked.retain_mut(|unacked| {
            if unacked.until <= now {
                missing.push((unacked.call, unacked.dialog));
                return false;
            }
            if unacked.again.is_due(now) {
                out.push(unacked.post.clone());
            }
            true
        });
        for (call, dialog) in missing {
            self.wake(now, call, Step::HangUp(dialog));
        }
        for (call, dialog, method) in silent {
            match method {
                Method::Invite => self.calls[call].end(dialog, End::TimedOut),
                Method::Bye => self.calls[call].end(dialog, End::HungUp),
                _ => {}
            }
        }
    }
}
