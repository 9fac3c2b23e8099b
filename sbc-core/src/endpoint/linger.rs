//! What finished transactions leave behind: for 32 seconds at most, somebody may still repeat a
//! request or a response to them (Timers D, J, K, L, M). One table for the whole endpoint; no task
//! and no timer of its own: it is swept when something is added.

use crate::sip::{Message, Method};
use crate::time::Instant;
use crate::transaction::Residue;
use crate::transport::Transmit;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// What became of a message that might belong to a finished transaction.
#[derive(Debug)]
pub(super) enum Lingering {
    /// It does not.
    Unknown,
    /// It does, and needs no answer.
    Absorbed,
    /// It does: send this again.
    Again(Transmit),
}

/// Entries whose memory is kept when nothing lingers.
const KEPT_CAPACITY: usize = 1024;

/// The INVITE that began a call.
#[derive(Debug)]
pub(super) struct Initial {
    pub(super) from_tag: Box<str>,
    pub(super) branch: Box<str>,
    pub(super) cseq: u32,
}

impl Initial {
    /// Whether `invite` is this one, come by another way (RFC 3261 §8.2.2.2).
    pub(super) fn is_merged_with(&self, invite: &Message) -> bool {
        invite.cseq().is_some_and(|cseq| cseq.number == self.cseq)
            && invite.from_tag() == Some(&*self.from_tag)
    }
}

/// What is left of one Call-ID.
#[derive(Debug, Default)]
struct Left {
    residues: Vec<Residue>,
    /// The INVITEs of calls that are over, each as long as its own residue is there.
    initials: Vec<(Instant, Initial)>,
}

/// Residues by Call-ID.
#[derive(Debug, Default)]
pub(super) struct Linger {
    left: HashMap<Box<str>, Left>,
    ends: BinaryHeap<Reverse<(Instant, Box<str>)>>,
}

impl Linger {
    /// `initials`: the INVITEs that began what left this.
    pub(super) fn add(
        &mut self,
        now: Instant,
        call_id: &str,
        residues: Vec<Residue>,
        initials: impl Iterator<Item = Initial>,
    ) {
        self.sweep(now);
        let Some(last) = residues.iter().map(|r| r.until).max() else {
            return;
        };
        self.ends.push(Reverse((last, call_id.into())));
        let left = self.left.entry(call_id.into()).or_default();
        left.initials.extend(initials.filter_map(|initial| {
            let own = residues
                .iter()
                .find(|r| r.server && r.method == Method::Invite && r.branch == initial.branch)?;
            Some((own.until, initial))
        }));
        left.residues.extend(residues);
    }

    /// Whether anything of this Call-ID may linger.
    pub(super) fn knows(&self, call_id: &str) -> bool {
        self.left.contains_key(call_id)
    }

    /// Whether the same INVITE came before by another way, and its transaction lasts.
    pub(super) fn is_merged(&self, now: Instant, call_id: &str, invite: &Message) -> bool {
        self.left.get(call_id).is_some_and(|left| {
            let mut initials = left.initials.iter();
            initials.any(|(until, initial)| *until > now && initial.is_merged_with(invite))
        })
    }

    pub(super) fn on_message(&self, now: Instant, call_id: &str, message: &Message) -> Lingering {
        let Some(left) = self.left.get(call_id) else {
            return Lingering::Unknown;
        };
        let (Some(branch), Some(cseq)) = (message.branch(), message.cseq()) else {
            return Lingering::Unknown;
        };
        let is_ack = message.is_request() && *cseq.method == Method::Ack;
        let found = left.residues.iter().find(|r| {
            r.until > now
                && r.server == message.is_request()
                && *r.branch == *branch
                && (r.method == *cseq.method || (is_ack && r.method == Method::Invite))
        });
        match found {
            None => Lingering::Unknown,
            Some(_) if is_ack => Lingering::Absorbed,
            Some(residue) => match &residue.answer {
                Some(answer) => Lingering::Again(answer.clone()),
                None => Lingering::Absorbed,
            },
        }
    }

    /// Forgets what is over, and gives memory back once a rush is.
    pub(super) fn sweep(&mut self, now: Instant) {
        while let Some(Reverse((until, _))) = self.ends.peek() {
            if *until > now {
                break;
            }
            let Some(Reverse((_, call_id))) = self.ends.pop() else {
                break;
            };
            if let Some(left) = self.left.get_mut(&call_id) {
                left.residues.retain(|r| r.until > now);
                left.initials.retain(|(until, _)| *until > now);
                if left.residues.is_empty() {
                    self.left.remove(&call_id);
                }
            }
        }
        if self.left.is_empty() && self.left.capacity() > KEPT_CAPACITY {
            self.left.shrink_to(KEPT_CAPACITY);
            self.ends.shrink_to(KEPT_CAPACITY);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.left.len()
    }
}
