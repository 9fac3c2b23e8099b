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

/// Residues by Call-ID.
#[derive(Debug, Default)]
pub(super) struct Linger {
    residues: HashMap<Box<str>, Vec<Residue>>,
    ends: BinaryHeap<Reverse<(Instant, Box<str>)>>,
}

impl Linger {
    pub(super) fn add(&mut self, now: Instant, call_id: &str, residues: Vec<Residue>) {
        self.sweep(now);
        let Some(last) = residues.iter().map(|r| r.until).max() else {
            return;
        };
        self.ends.push(Reverse((last, call_id.into())));
        self.residues
            .entry(call_id.into())
            .or_default()
            .extend(residues);
    }

    /// Whether anything of this Call-ID may linger.
    pub(super) fn knows(&self, call_id: &str) -> bool {
        self.residues.contains_key(call_id)
    }

    pub(super) fn on_message(&self, now: Instant, call_id: &str, message: &Message) -> Lingering {
        let Some(residues) = self.residues.get(call_id) else {
            return Lingering::Unknown;
        };
        let (Some(branch), Some(cseq)) = (message.branch(), message.cseq()) else {
            return Lingering::Unknown;
        };
        let is_ack = message.is_request() && *cseq.method == Method::Ack;
        let found = residues.iter().find(|r| {
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
            if let Some(residues) = self.residues.get_mut(&call_id) {
                residues.retain(|r| r.until > now);
                if residues.is_empty() {
                    self.residues.remove(&call_id);
                }
            }
        }
        if self.residues.is_empty() && self.residues.capacity() > KEPT_CAPACITY {
            self.residues.shrink_to(KEPT_CAPACITY);
            self.ends.shrink_to(KEPT_CAPACITY);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.residues.len()
    }
}
