//! What is to be sent, and the part of it that a stream connection is writing.

use super::shell::Sink;
use super::{Flow, Transmit};
use crate::limits;
use bytes::Bytes;
use std::collections::{HashSet, VecDeque};
use std::io::{self, IoSlice};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// Messages written by one system call at most.
const BATCH: usize = 16;

/// A message and who wants to know if it cannot be sent.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// The caller's number.
    pub(super) owner: u64,
    /// The message and its way.
    pub(super) transmit: Transmit,
}

impl Outgoing {
    /// How many bytes it has.
    pub(super) fn len(&self) -> usize {
        self.transmit.bytes.len()
    }
}

/// One message, or an answer of the transport itself, that nobody waits for.
#[derive(Debug)]
struct Item {
    bytes: Bytes,
    owner: Option<(u64, Flow)>,
    /// Given back where no connection is there by then.
    until: Option<Instant>,
}

/// Whose messages a connection carried lately: they may wait for answers that cannot come by it any
/// more.
#[derive(Debug, Default)]
pub(super) struct Served(VecDeque<(u64, Flow)>);

impl Served {
    /// A message was taken to be written.
    pub(super) fn note(&mut self, owner: u64, flow: Flow) {
        let last = (owner, flow);
        if self.0.back() == Some(&last) {
            return;
        }
        if self.0.len() >= limits::CONNECTION_OWNERS {
            self.0.pop_front();
        }
        self.0.push_back(last);
    }

    /// The connection is gone: tells each of them once.
    pub(super) fn tell(&mut self, sink: &Sink) {
        let mut told = HashSet::new();
        for (owner, flow) in self.0.drain(..) {
            if told.insert((owner, flow)) {
                sink.events.on_connection_lost(owner, flow);
            }
        }
    }
}

/// What was taken from a connection's queue and is not wholly written.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    items: VecDeque<Item>,
    /// How much of the first is written.
    written: usize,
}

/// What one attempt to write did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Written {
    /// Bytes that the kernel took.
    pub(super) bytes: usize,
    /// Bytes of owned messages that are now wholly written.
    pub(super) released: usize,
}

impl Outbox {
    /// Whether all is written.
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether a system call could not carry more.
    pub(super) fn is_full(&self) -> bool {
        self.items.len() >= BATCH
    }

    /// Whether as much may be added as may wait for a connection.
    pub(super) fn takes_more(&self) -> bool {
        self.items.len() < limits::CONNECTION_QUEUE
    }

    /// Adds a message, which waits until then for a connection to be opened.
    pub(super) fn push_until(&mut self, outgoing: Outgoing, until: Option<Instant>) {
        self.items.push_back(Item {
            bytes: outgoing.transmit.bytes,
            owner: Some((outgoing.owner, outgoing.transmit.flow)),
            until,
        });
    }

    /// When the first message will have waited too long.
    pub(super) fn first_overdue_at(&self) -> Option<Instant> {
        self.items.iter().filter_map(|item| item.until).min()
    }

    /// Takes out the messages that have waited too long: owner, way and size of each.
    pub(super) fn take_overdue(&mut self, now: Instant) -> Vec<(u64, Flow, usize)> {
        let mut overdue = Vec::new();
        self.items.retain(|item| {
            let late = item.until.is_some_and(|until| until <= now);
            if let Some((owner, flow)) = item.owner.filter(|_| late) {
                overdue.push((owner, flow, item.bytes.len()));
            }
            !late
        });
        overdue
    }

    /// Adds an answer of the transport itself.
    pub(super) fn push_own(&mut self, bytes: Bytes) {
        self.items.push_back(Item {
            bytes,
            owner: None,
            until: None,
        });
    }

    /// Writes until all is written or the kernel takes no more.
    pub(super) fn write(&mut self, stream: &TcpStream) -> io::Result<Written> {
        let mut done = Written::default();
        while !self.items.is_empty() {
            let mut slices = [IoSlice::new(&[]); BATCH];
            let mut skip = self.written;
            for (slice, item) in slices.iter_mut().zip(&self.items) {
                *slice = IoSlice::new(&item.bytes[skip..]);
                skip = 0;
            }
            match stream.try_write_vectored(&slices) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    done.bytes += n;
                    done.released += self.advance(n);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    /// Drops `n` written bytes; says how many bytes of owned messages are done with.
    fn advance(&mut self, n: usize) -> usize {
        let mut released = 0;
        self.written += n;
        while let Some(first) = self.items.front() {
            let len = first.bytes.len();
            if self.written < len {
                break;
            }
            self.written -= len;
            released += if first.owner.is_some() { len } else { 0 };
            self.items.pop_front();
        }
        released
    }

    /// The owners of what is not wholly written, in order.
    pub(super) fn owners(&self) -> impl Iterator<Item = (u64, Flow)> {
        self.items.iter().filter_map(|item| item.owner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ConnectionId, Transport};
    use super::*;
    use crate::net::ListenerId;

    #[test]
    fn a_connection_remembers_a_bounded_number_of_owners() {
        let flow = Flow {
            listener: ListenerId(0),
            transport: Transport::Tcp,
            remote: std::net::SocketAddr::from(([192, 0, 2, 1], 5060)),
            connection: Some(ConnectionId(1)),
        };
        let mut served = Served::default();
        for owner in 0..=limits::CONNECTION_OWNERS as u64 {
            served.note(owner, flow);
        }
        assert_eq!(served.0.len(), limits::CONNECTION_OWNERS);
        assert_eq!(served.0.front(), Some(&(1, flow)), "the oldest goes");
    }
}
