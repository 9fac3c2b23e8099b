//! SIP over UDP (RFC 3261 §18.2.1, §18.3; RFC 3581 §4).
//!
//! One task reads a socket, in order of arrival. One writes what the socket's send buffer did not
//! take at once; beyond [`limits::SOCKET_QUEUE`] datagrams are dropped and their owners told.

use super::outbox::Outgoing;
use super::shell::{Context, Sink};
use super::{Flow, Incoming, Transport};
use crate::limits;
use crate::net::ListenerId;
use crate::sip::{Defect, Message, ParseError};
use bytes::Bytes;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::coop::consume_budget;
use tokio::time::{Instant, timeout};
use tracing::{error, trace, warn};

/// Datagrams read before other tasks of the thread get their turn.
const READS_PER_TURN: usize = 64;

/// Where datagrams are sent from.
#[derive(Debug)]
pub(super) struct Sender {
    socket: Arc<UdpSocket>,
    queue: mpsc::Sender<Outgoing>,
    /// Datagrams queued or being written: while there are any, nothing overtakes them.
    waiting: Arc<AtomicUsize>,
}

/// What the writing task holds.
#[derive(Debug)]
pub(super) struct Backlog {
    socket: Arc<UdpSocket>,
    queue: mpsc::Receiver<Outgoing>,
    waiting: Arc<AtomicUsize>,
}

/// Both sides of sending by one socket.
pub(super) fn sender(socket: &Arc<UdpSocket>) -> (Sender, Backlog) {
    let (sender, receiver) = mpsc::channel(limits::SOCKET_QUEUE);
    let waiting = Arc::new(AtomicUsize::new(0));
    let backlog = Backlog {
        socket: Arc::clone(socket),
        queue: receiver,
        waiting: Arc::clone(&waiting),
    };
    let sender = Sender {
        socket: Arc::clone(socket),
        queue: sender,
        waiting,
    };
    (sender, backlog)
}

impl Sender {
    /// Sends now, or queues where the socket's buffer is full.
    pub(super) fn send(&self, outgoing: Outgoing, sink: &Sink) {
        if self.waiting.load(Ordering::Acquire) == 0 {
            let remote = outgoing.transmit.flow.remote;
            match self.socket.try_send_to(&outgoing.transmit.bytes, remote) {
                Ok(_) => return,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return sink.unsent(&outgoing, &error),
            }
        }
        self.waiting.fetch_add(1, Ordering::AcqRel);
        if let Err(error) = self.queue.try_send(outgoing) {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
            sink.unsent(&error.into_inner(), &"the socket's queue is full");
        }
    }
}

impl Backlog {
    /// Writes what is queued until the transports stop, then what is left.
    pub(super) async fn write(mut self, mut context: Context) {
        loop {
            let outgoing = tokio::select! {
                biased;
                () = context.stop.asked() => break,
                Some(outgoing) = self.queue.recv() => outgoing,
            };
            self.write_one(&outgoing, &context).await;
        }
        self.queue.close();
        let end = Instant::now() + context.bounds.flush;
        while let Ok(outgoing) = self.queue.try_recv() {
            if Instant::now() < end {
                self.write_one(&outgoing, &context).await;
            } else {
                context.sink.unsent(&outgoing, &"stopped");
            }
        }
    }

    async fn write_one(&self, outgoing: &Outgoing, context: &Context) {
        let transmit = &outgoing.transmit;
        let sent = self.socket.send_to(&transmit.bytes, transmit.flow.remote);
        match timeout(context.bounds.flush, sent).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => context.sink.unsent(outgoing, &error),
            Err(late) => context.sink.unsent(outgoing, &late),
        }
        self.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Reads one socket until the transports stop.
pub(super) async fn read(socket: Arc<UdpSocket>, listener: ListenerId, mut context: Context) {
    let mut buffer = vec![0_u8; limits::DATAGRAM_BYTES].into_boxed_slice();
    loop {
        consume_budget().await;
        let ready = tokio::select! {
            biased;
            () = context.stop.asked() => return,
            ready = socket.readable() => ready,
        };
        let mut result = ready;
        for _ in 0..READS_PER_TURN {
            match result.and_then(|()| socket.try_recv_from(&mut buffer)) {
                Ok((len, remote)) => on_datagram(&buffer[..len], remote, listener, &context.sink),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    warn!(%error, listener = listener.0, "cannot read datagrams; pausing");
                    context.pause().await;
                    break;
                }
            }
            result = Ok(());
        }
    }
}

/// One datagram. Whatever it does to the code behind, the listener survives: a panic costs this
/// datagram only.
fn on_datagram(bytes: &[u8], remote: SocketAddr, listener: ListenerId, sink: &Sink) {
    // Unwind safe: the message is gone with the panic, and the sink's own state is behind its own
    // locks.
    let delivery = AssertUnwindSafe(|| deliver(bytes, remote, listener, sink));
    if catch_unwind(delivery).is_err() {
        sink.counters.panics.add();
        error!(%remote, "a datagram was dropped: its delivery panicked");
    }
}

fn deliver(bytes: &[u8], remote: SocketAddr, listener: ListenerId, sink: &Sink) {
    let counters = &sink.counters;
    let message = match Message::parse_datagram(Bytes::copy_from_slice(bytes)) {
        Ok(message) => message,
        Err(ParseError::KeepAlive) => return counters.keep_alives.add(),
        Err(error) => {
            let excess = matches!(error, ParseError::Limit(_)).then(|| Message::of_excess(bytes));
            match excess.flatten() {
                Some(message) => message,
                None => {
                    trace!(%remote, %error, "datagram dropped");
                    return counters.unreadable.add();
                }
            }
        }
    };
    // A response whose body is cut short is dropped (§18.3); a request is answered by the core.
    if !message.is_request() && message.defects().contains(&Defect::ContentLength) {
        return counters.unreadable.add();
    }
    let flow = Flow {
        listener,
        transport: Transport::Udp,
        remote,
        connection: None,
    };
    sink.deliver(Incoming { flow, message });
}

#[cfg(test)]
mod tests {
    use super::super::counts::Counters;
    use super::super::{Transmit, TransportEvents};
    use super::*;

    /// Counts what could not be sent.
    #[derive(Default)]
    struct Unsent(AtomicUsize);

    impl TransportEvents for Unsent {
        fn on_message(&self, _: Incoming) {}

        fn on_send_failed(&self, _: u64, _: Flow) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }

        fn on_connection_lost(&self, _: u64, _: Flow) {}

        fn on_closed(&self, _: super::super::ConnectionId) {}
    }

    #[tokio::test]
    async fn a_socket_that_takes_nothing_holds_a_bounded_number_of_datagrams() {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let remote = socket.local_addr().unwrap();
        let (sender, _backlog) = sender(&Arc::new(socket));
        // As if one were being written.
        sender.waiting.store(1, Ordering::Release);
        let unsent = Arc::new(Unsent::default());
        let sink = Sink {
            events: Arc::<Unsent>::clone(&unsent),
            counters: Arc::new(Counters::default()),
        };
        let flow = Flow {
            listener: ListenerId(0),
            transport: Transport::Udp,
            remote,
            connection: None,
        };
        for n in 0..=limits::SOCKET_QUEUE {
            assert_eq!(unsent.0.load(Ordering::Relaxed), 0, "datagram {n}");
            let bytes = Bytes::from_static(b"x");
            let transmit = Transmit::new(flow, bytes);
            sender.send(Outgoing { owner: 1, transmit }, &sink);
        }
        assert_eq!(unsent.0.load(Ordering::Relaxed), 1);
    }
}
