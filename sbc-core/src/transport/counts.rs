//! What the transports dropped and refused, as numbers.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What happened on the transports since they were bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Messages delivered.
    pub received: u64,
    /// Keep-alives (RFC 5626 §4.4.1), on datagrams and on streams.
    pub keep_alives: u64,
    /// Datagrams dropped because nothing in them could be answered.
    pub unreadable: u64,
    /// Streams closed because they could not be cut into messages.
    pub broken: u64,
    /// Connections closed at once because their source or the table was full.
    pub refused: u64,
    /// Connections closed because a message did not end, or the peer took no bytes, in time.
    pub overdue: u64,
    /// Messages that could not be sent.
    pub unsent: u64,
    /// Messages dropped because their delivery panicked.
    pub panics: u64,
}

/// The numbers while they grow.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) received: Counter,
    pub(super) keep_alives: Counter,
    pub(super) unreadable: Counter,
    pub(super) broken: Counter,
    pub(super) refused: Counter,
    pub(super) overdue: Counter,
    pub(super) unsent: Counter,
    pub(super) panics: Counter,
}

/// One number that grows.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Relaxed);
    }
}

impl Counters {
    /// The numbers now.
    pub(super) fn read(&self) -> Counts {
        let at = |c: &Counter| c.0.load(Relaxed);
        Counts {
            received: at(&self.received),
            keep_alives: at(&self.keep_alives),
            unreadable: at(&self.unreadable),
            broken: at(&self.broken),
            refused: at(&self.refused),
            overdue: at(&self.overdue),
            unsent: at(&self.unsent),
            panics: at(&self.panics),
        }
    }
}
