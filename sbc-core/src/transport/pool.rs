//! The table of stream connections: which one a message goes by, how many there may be.
//!
//! A connection is in the table from the moment it is accepted, or wanted, until its task ends.
//! One that is still being opened already has its queue, so that messages to one peer keep their
//! order and open one connection, however many are sent meanwhile.

use super::deadlines::Bounds;
use super::outbox::Outgoing;
use super::{ConnectionId, Flow, Transport};
use crate::limits;
use crate::net::ListenerId;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

/// Connections of every listener.
#[derive(Debug)]
pub(super) struct Pool {
    table: Mutex<Table>,
    bounds: Bounds,
}

#[derive(Debug, Default)]
struct Table {
    last: u64,
    lines: HashMap<ConnectionId, Line>,
    /// Oldest first; more than one where a peer connects from the port that it listens on.
    by_remote: HashMap<(ListenerId, SocketAddr), SmallVec<[ConnectionId; 1]>>,
    by_source: HashMap<IpAddr, usize>,
    accepted: usize,
}

/// The table's side of a connection.
#[derive(Debug)]
struct Line {
    queue: mpsc::Sender<Outgoing>,
    waiting: Arc<AtomicUsize>,
    listener: ListenerId,
    remote: SocketAddr,
    /// Whose share of accepted connections it takes; nothing where we opened it.
    source: Option<IpAddr>,
}

/// The task's side of a connection. Dropped, the connection leaves the table.
#[derive(Debug)]
pub(super) struct Lease {
    pool: Arc<Pool>,
    /// The way; `connection` is its own number.
    pub(super) flow: Flow,
    /// Its number.
    pub(super) id: ConnectionId,
    /// What is to be sent by it.
    pub(super) queue: mpsc::Receiver<Outgoing>,
    waiting: Arc<AtomicUsize>,
}

/// What became of a message.
#[derive(Debug)]
pub(super) enum Sent {
    /// A connection has it.
    Queued,
    /// A connection that must be opened has it.
    Opening(Lease),
    /// It found no place.
    Refused(Outgoing),
}

impl Pool {
    /// Without connections.
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            table: Mutex::default(),
            bounds,
        }
    }

    /// How many connections there are, those being opened included.
    pub(super) fn len(&self) -> usize {
        self.table().lines.len()
    }

    /// A place for a connection that came in; nothing where its source or the table is full.
    pub(super) fn admit(self: &Arc<Self>, to: ListenerId, remote: SocketAddr) -> Option<Lease> {
        let source = source_of(remote.ip());
        let mut table = self.table();
        let of_source = table.by_source.get(&source).copied().unwrap_or(0);
        if table.accepted >= self.bounds.accepted || of_source >= self.bounds.per_source {
            return None;
        }
        table.accepted += 1;
        table.by_source.insert(source, of_source + 1);
        Some(self.add(&mut table, to, remote, Some(source)))
    }

    /// Gives a message to the connection of its flow, else to one to the same peer, else to a new
    /// one (RFC 3261 §18.1.1, §18.2.2). A message for a full queue is refused: a second connection
    /// to a peer that does not read would not help it.
    pub(super) fn send(self: &Arc<Self>, outgoing: Outgoing) -> Sent {
        let Flow {
            listener,
            remote,
            connection,
            ..
        } = outgoing.transmit.flow;
        let mut table = self.table();
        let of_peer = table.by_remote.get(&(listener, remote));
        let candidates: SmallVec<[ConnectionId; 2]> = connection
            .into_iter()
            .chain(of_peer.into_iter().flatten().rev().copied())
            .collect();
        let mut outgoing = outgoing;
        for id in candidates {
            let Some(line) = table.lines.get(&id) else {
                continue;
            };
            match line.push(outgoing) {
                Ok(()) => return Sent::Queued,
                Err(Push::Full(back)) => return Sent::Refused(back),
                Err(Push::Ending(back)) => outgoing = back,
            }
        }
        if table.lines.len() - table.accepted >= self.bounds.opened {
            return Sent::Refused(outgoing);
        }
        let lease = self.add(&mut table, listener, remote, None);
        match table.lines[&lease.id].push(outgoing) {
            Ok(()) => Sent::Opening(lease),
            Err(Push::Full(back) | Push::Ending(back)) => {
                // The lease takes the lock when it is dropped.
                drop(table);
                Sent::Refused(back)
            }
        }
    }

    fn add(
        self: &Arc<Self>,
        table: &mut Table,
        listener: ListenerId,
        remote: SocketAddr,
        source: Option<IpAddr>,
    ) -> Lease {
        table.last += 1;
        let id = ConnectionId(table.last);
        let (sender, queue) = mpsc::channel(limits::CONNECTION_QUEUE);
        let waiting = Arc::new(AtomicUsize::new(0));
        let line = Line {
            queue: sender,
            waiting: Arc::clone(&waiting),
            listener,
            remote,
            source,
        };
        table.lines.insert(id, line);
        let of_peer = table.by_remote.entry((listener, remote)).or_default();
        of_peer.push(id);
        Lease {
            pool: Arc::clone(self),
            flow: Flow {
                listener,
                transport: Transport::Tcp,
                remote,
                connection: Some(id),
            },
            id,
            queue,
            waiting,
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing under the lock calls out, so a poisoned table is a whole one.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a line did not take a message.
enum Push {
    Full(Outgoing),
    Ending(Outgoing),
}

impl Line {
    fn push(&self, outgoing: Outgoing) -> Result<(), Push> {
        let len = outgoing.len();
        if self.waiting.load(Relaxed).saturating_add(len) > limits::CONNECTION_QUEUE_BYTES {
            return Err(Push::Full(outgoing));
        }
        self.waiting.fetch_add(len, Relaxed);
        self.queue.try_send(outgoing).map_err(|error| {
            self.waiting.fetch_sub(len, Relaxed);
            match error {
                mpsc::error::TrySendError::Full(back) => Push::Full(back),
                mpsc::error::TrySendError::Closed(back) => Push::Ending(back),
            }
        })
    }
}

impl Lease {
    /// `bytes` of what was queued are written.
    pub(super) fn release(&self, bytes: usize) {
        self.waiting.fetch_sub(bytes, Relaxed);
    }

    /// Leaves the table, as dropping does.
    pub(super) fn leave(&self) {
        let mut table = self.pool.table();
        let Some(line) = table.lines.remove(&self.id) else {
            return;
        };
        if let Entry::Occupied(mut of_peer) = table.by_remote.entry((line.listener, line.remote)) {
            of_peer.get_mut().retain(|id| *id != self.id);
            if of_peer.get().is_empty() {
                of_peer.remove();
            }
        }
        let Some(source) = line.source else { return };
        table.accepted -= 1;
        if let Entry::Occupied(mut count) = table.by_source.entry(source) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.leave();
    }
}

/// What counts as one source: an IPv4 address, or an IPv6 /64, which is what one host is given.
fn source_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Transmit;
    use bytes::Bytes;

    const HERE: ListenerId = ListenerId(0);

    fn pool(bounds: Bounds) -> Arc<Pool> {
        Arc::new(Pool::new(bounds))
    }

    fn peer(n: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, n], port))
    }

    fn message(remote: SocketAddr, connection: Option<ConnectionId>, len: usize) -> Outgoing {
        let flow = Flow {
            listener: HERE,
            transport: Transport::Tcp,
            remote,
            connection,
        };
        let bytes = Bytes::from(vec![b'x'; len]);
        Outgoing {
            owner: 1,
            transmit: Transmit::new(flow, bytes),
        }
    }

    fn opened(sent: Sent) -> Lease {
        match sent {
            Sent::Opening(lease) => lease,
            other => panic!("not opened: {other:?}"),
        }
    }

    #[test]
    fn what_is_sent_to_one_peer_while_its_connection_opens_shares_it_in_order() {
        let pool = pool(Bounds::default());
        let mut lease = opened(pool.send(message(peer(1, 5060), None, 1)));
        for len in 2..5 {
            assert!(matches!(
                pool.send(message(peer(1, 5060), None, len)),
                Sent::Queued
            ));
        }
        let lens: Vec<_> = std::iter::from_fn(|| lease.queue.try_recv().ok())
            .map(|m| m.len())
            .collect();
        assert_eq!(lens, [1, 2, 3, 4]);
        opened(pool.send(message(peer(1, 5080), None, 1)));
    }

    #[test]
    fn a_response_takes_its_connection_whatever_its_address_and_else_a_new_one() {
        let pool = pool(Bounds::default());
        let mut incoming = pool.admit(HERE, peer(1, 40_000)).unwrap();
        let response = || message(peer(1, 5060), Some(ConnectionId(1)), 9);
        assert!(matches!(pool.send(response()), Sent::Queued));
        assert_eq!(incoming.queue.try_recv().unwrap().len(), 9);
        incoming.queue.close();
        let lease = opened(pool.send(response()));
        assert_eq!(lease.flow.remote, peer(1, 5060));
        drop(incoming);
        drop(lease);
        assert_eq!(pool.len(), 0);
    }

    #[test]
    fn a_peer_that_does_not_read_holds_a_bounded_number_of_bytes() {
        let pool = pool(Bounds::default());
        let lease = opened(pool.send(message(peer(1, 5060), None, 60_000)));
        let mut taken = 1;
        while matches!(
            pool.send(message(peer(1, 5060), None, 60_000)),
            Sent::Queued
        ) {
            taken += 1;
        }
        assert_eq!(taken, limits::CONNECTION_QUEUE_BYTES / 60_000);
        lease.release(60_000);
        assert!(matches!(
            pool.send(message(peer(1, 5060), None, 60_000)),
            Sent::Queued
        ));
    }

    #[test]
    fn a_peer_that_does_not_read_holds_a_bounded_number_of_messages() {
        let pool = pool(Bounds::default());
        let _lease = opened(pool.send(message(peer(1, 5060), None, 1)));
        let queued = || matches!(pool.send(message(peer(1, 5060), None, 1)), Sent::Queued);
        let taken = 1 + std::iter::repeat_with(queued)
            .take_while(|taken| *taken)
            .count();
        assert_eq!(taken, limits::CONNECTION_QUEUE);
    }

    #[test]
    fn shares_are_counted_by_source_and_given_back() {
        let pool = pool(Bounds {
            per_source: 2,
            accepted: 3,
            opened: 1,
            ..Bounds::default()
        });
        let first = pool.admit(HERE, peer(1, 1)).unwrap();
        let _second = pool.admit(HERE, peer(1, 2)).unwrap();
        assert!(pool.admit(HERE, peer(1, 3)).is_none());
        let _other = pool.admit(HERE, peer(2, 1)).unwrap();
        assert!(pool.admit(HERE, peer(3, 1)).is_none());
        drop(first);
        let _again = pool.admit(HERE, peer(1, 4)).unwrap();
        let ours = opened(pool.send(message(peer(9, 5060), None, 1)));
        assert!(matches!(
            pool.send(message(peer(8, 5060), None, 1)),
            Sent::Refused(_)
        ));
        drop(ours);
        opened(pool.send(message(peer(8, 5060), None, 1)));
    }

    #[test]
    fn hosts_of_one_ipv6_network_are_one_source() {
        let one: IpAddr = "2001:db8:1:2::3".parse().unwrap();
        let two: IpAddr = "2001:db8:1:2:ffff::4".parse().unwrap();
        let far: IpAddr = "2001:db8:1:3::3".parse().unwrap();
        assert_eq!(source_of(one), source_of(two));
        assert_ne!(source_of(one), source_of(far));
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(source_of(mapped), IpAddr::from([192, 0, 2, 1]));
    }
}
