//! One SIP connection over TCP (RFC 3261 §18.3; keep-alives of RFC 5626 §4.4.1).
//!
//! One task reads and writes; it ends with its connection and leaves nothing behind.
//!
//! | State | Input | Next | What is done |
//! |---|---|---|---|
//! | opening | connected | open | |
//! | opening | refused, no answer in time, stop | gone | each owner told |
//! | opening | a message with another way waited too long | opening; gone where nobody else waits | its owner told |
//! | open | whole message | open | delivered, in order |
//! | open | double CRLF | open | answered by one CRLF |
//! | open | room to write | open | the queue, in order |
//! | open | no message (§18.3) | closing | 400 where headers can be read; nothing more is read |
//! | open | end of stream, stop | closing | |
//! | open | reset | gone | owners of what is unwritten told |
//! | open | a deadline passes | gone | owners of what is unwritten told |
//! | closing | all written and peer closed, or bound | gone | owners of what is unwritten told |
//!
//! A message is *sent* when the kernel has all of it; what is lost behind that is the business of
//! the transaction's timers.

use super::Incoming;
use super::deadlines::{Deadlines, Overdue};
use super::outbox::{Outbox, Outgoing, Served};
use super::pool::Lease;
use super::shell::Context;
use crate::Entropy;
use crate::sip::{Defect, Framed, Framer, Message, Method, ParseError, StatusCode, new_tag};
use bytes::Bytes;
use std::io;
use std::net::{IpAddr, SocketAddr};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::coop::consume_budget;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::debug;

/// Bytes read by one system call; on the stack of the reading function, not in the task.
const READ_BYTES: usize = 16_384;
/// Reads before other tasks of the thread, and this one's writes, get their turn.
const READS_PER_TURN: usize = 8;
/// The same for writes.
const WRITES_PER_TURN: usize = 8;
/// The answer to a ping.
const PONG: Bytes = Bytes::from_static(b"\r\n");

/// A connection and what its task holds.
pub(super) struct Connection {
    lease: Lease,
    context: Context,
    outbox: Outbox,
    served: Served,
    /// Whether it was ever connected: only then its end is an event.
    opened: bool,
}

/// Why an open connection ends.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("the transports stop")]
    Stopped,
    #[error("closed by the peer")]
    PeerClosed,
    #[error("cannot be cut into messages: {0}")]
    Broken(ParseError),
    #[error("lost: {0}")]
    Lost(io::Error),
    #[error("a deadline passed: {0:?}")]
    Overdue(Overdue),
}

impl Connection {
    /// Of a place in the pool.
    pub(super) fn new(lease: Lease, context: Context) -> Self {
        Self {
            lease,
            context,
            outbox: Outbox::default(),
            served: Served::default(),
            opened: false,
        }
    }

    /// Runs a connection that came in.
    pub(super) async fn accepted(self, stream: TcpStream) {
        self.run(stream).await;
    }

    /// Opens a connection from the address of its listener, and runs it.
    pub(super) async fn open(mut self, local: IpAddr) {
        let remote = self.lease.flow.remote;
        match self.connect(local, remote).await {
            Ok(stream) => self.run(stream).await,
            Err(error) => debug!(%remote, %error, "cannot connect"),
        }
    }

    /// Connects, as long as somebody waits for it.
    async fn connect(&mut self, local: IpAddr, remote: SocketAddr) -> io::Result<TcpStream> {
        let give_up_at = Instant::now() + self.context.bounds.connect;
        let connecting = connect(local, remote);
        tokio::pin!(connecting);
        loop {
            let hurried = self.outbox.first_overdue_at();
            let due = hurried.map_or(give_up_at, |at| at.min(give_up_at));
            tokio::select! {
                biased;
                () = self.context.stop.asked() => return Err(io::ErrorKind::Interrupted.into()),
                connected = &mut connecting => return connected,
                Some(outgoing) = self.lease.queue.recv(), if self.outbox.takes_more() => {
                    let patience = self.context.bounds.connect_or_udp;
                    let until = outgoing.transmit.hurried.then(|| Instant::now() + patience);
                    self.outbox.push_until(outgoing, until);
                }
                () = sleep_until(due) => {
                    self.give_back();
                    if due == give_up_at || self.outbox.is_empty() {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                }
            }
        }
    }

    /// Gives messages back that have another way and waited too long for this one.
    fn give_back(&mut self) {
        for (owner, flow, bytes) in self.outbox.take_overdue(Instant::now()) {
            self.lease.release(bytes);
            let sink = &self.context.sink;
            sink.unsent_to(owner, flow, &"not connected soon enough");
        }
    }

    async fn run(mut self, stream: TcpStream) {
        self.opened = true;
        for (owner, flow) in self.outbox.owners() {
            self.served.note(owner, flow);
        }
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "TCP_NODELAY not set");
        }
        let mut framer = Framer::new();
        let end = self.serve(&stream, &mut framer).await;
        debug!(remote = %self.lease.flow.remote, why = %end, "connection ends");
        // From here on, messages to this peer go by another connection.
        self.lease.queue.close();
        if !matches!(end, End::Stopped) {
            self.served.tell(&self.context.sink);
        }
        self.finish(stream, &mut framer, end).await;
    }

    async fn serve(&mut self, stream: &TcpStream, framer: &mut Framer) -> End {
        let mut deadlines = Deadlines::new(Instant::now());
        let timer = sleep_until(deadlines.next(&self.context.bounds));
        tokio::pin!(timer);
        loop {
            consume_budget().await;
            let writing = !self.outbox.is_empty();
            let done = tokio::select! {
                biased;
                () = self.context.stop.asked() => Err(End::Stopped),
                () = &mut timer => {
                    let passed = deadlines.passed(Instant::now(), &self.context.bounds);
                    timer.as_mut().reset(deadlines.next(&self.context.bounds));
                    passed.map_or(Ok(()), |overdue| Err(End::Overdue(overdue)))
                }
                Some(outgoing) = self.lease.queue.recv(), if !writing => {
                    self.take(outgoing);
                    self.write(stream, &mut deadlines)
                }
                Ok(()) = stream.writable(), if writing => self.write(stream, &mut deadlines),
                Ok(()) = stream.readable() => {
                    let read = self.read(stream, framer, &mut deadlines);
                    // Pongs.
                    read.and_then(|()| self.write(stream, &mut deadlines))
                }
            };
            if let Err(end) = done {
                return end;
            }
            let due = deadlines.next(&self.context.bounds);
            // A deadline that moved back is looked at when the timer fires.
            if due < timer.deadline() {
                timer.as_mut().reset(due);
            }
        }
    }

    /// Reads what is there, in order.
    fn read(
        &mut self,
        stream: &TcpStream,
        framer: &mut Framer,
        deadlines: &mut Deadlines,
    ) -> Result<(), End> {
        let mut chunk = [0_u8; READ_BYTES];
        for _ in 0..READS_PER_TURN {
            match stream.try_read(&mut chunk) {
                Ok(0) => return Err(End::PeerClosed),
                Ok(n) => {
                    framer.push(&chunk[..n]);
                    let whole = self.take_messages(framer)?;
                    deadlines.on_read(Instant::now(), whole, framer.in_message());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(End::Lost(error)),
            }
        }
        Ok(())
    }

    /// Delivers every whole message; true if there was one, or a keep-alive.
    fn take_messages(&mut self, framer: &mut Framer) -> Result<bool, End> {
        let mut any = false;
        while let Some(framed) = framer.next().map_err(End::Broken)? {
            any = true;
            match framed {
                Framed::Message(message) => self.context.sink.deliver(Incoming {
                    flow: self.lease.flow,
                    message,
                }),
                Framed::Ping => {
                    self.context.sink.counters.keep_alives.add();
                    // Who does not read its pongs gets no more of them.
                    if !self.outbox.is_full() {
                        self.outbox.push_own(PONG);
                    }
                }
                Framed::Pong => self.context.sink.counters.keep_alives.add(),
            }
        }
        Ok(any)
    }

    /// Writes what is queued, as far as there is room.
    fn write(&mut self, stream: &TcpStream, deadlines: &mut Deadlines) -> Result<(), End> {
        for _ in 0..WRITES_PER_TURN {
            self.fill();
            if self.outbox.is_empty() {
                break;
            }
            let written = self.outbox.write(stream).map_err(End::Lost)?;
            self.lease.release(written.released);
            let rest = !self.outbox.is_empty();
            deadlines.on_write(Instant::now(), written.bytes > 0, rest);
            if rest {
                break;
            }
        }
        Ok(())
    }

    /// Takes messages from the queue, as many as one write can carry.
    fn fill(&mut self) {
        while !self.outbox.is_full() {
            let Ok(outgoing) = self.lease.queue.try_recv() else {
                return;
            };
            self.take(outgoing);
        }
    }

    fn take(&mut self, outgoing: Outgoing) {
        self.served.note(outgoing.owner, outgoing.transmit.flow);
        self.outbox.push_until(outgoing, None);
    }

    async fn finish(&mut self, mut stream: TcpStream, framer: &mut Framer, end: End) {
        let counters = &self.context.sink.counters;
        match end {
            End::Lost(_) | End::Overdue(Overdue::Idle) => return,
            End::Overdue(Overdue::Message | Overdue::Stall) => return counters.overdue.add(),
            End::Stopped | End::PeerClosed => {}
            End::Broken(error) => {
                counters.broken.add();
                if let Some(answer) = framer.broken().and_then(|m| self.refusal(m, error)) {
                    self.outbox.push_own(answer);
                }
            }
        }
        if !self.flush(&mut stream).await {
            return;
        }
        // Bytes left unread would make our close a reset, which can take back what we wrote.
        let linger = timeout(self.context.bounds.linger, discard(&stream));
        if linger.await.is_err() {
            debug!(remote = %self.lease.flow.remote, "peer did not close in time");
        }
    }

    /// A 400 to a request that cannot be read to its end, a 513 to one over a limit; nothing to an
    /// ACK (RFC 3261 §17.1.1.3) or a response.
    fn refusal(&self, mut request: Message, error: ParseError) -> Option<Bytes> {
        if !request.is_request() || request.method() == Some(&Method::Ack) {
            return None;
        }
        request.stamp_received(self.lease.flow.remote);
        let tag = new_tag(&mut Entropy::from_os().ok()?);
        let status = if request.defects().contains(&Defect::TooLarge) {
            StatusCode::of(513)
        } else {
            StatusCode::of(400)
        };
        let answer = Message::reply_to(&request, status, &error.to_string(), Some(&tag));
        Some(answer.to_bytes())
    }

    /// Writes all that is queued, within the bound, and says that no more will come; true if it
    /// could.
    async fn flush(&mut self, stream: &mut TcpStream) -> bool {
        let within = self.context.bounds.flush;
        let flushed = timeout(within, async {
            loop {
                self.fill();
                if self.outbox.is_empty() {
                    return stream.shutdown().await;
                }
                stream.writable().await?;
                let written = self.outbox.write(stream)?;
                self.lease.release(written.released);
            }
        });
        match flushed.await {
            Ok(Ok(())) => return true,
            Ok(Err(error)) => debug!(%error, "connection lost while it was flushed"),
            Err(_) => debug!("peer took no bytes while its connection was flushed"),
        }
        false
    }
}

impl Drop for Connection {
    /// Whichever way it ended: nobody waits for an answer that cannot come.
    fn drop(&mut self) {
        self.lease.queue.close();
        if std::thread::panicking() {
            return;
        }
        let rest = std::mem::take(&mut self.outbox);
        for (owner, flow) in rest.owners() {
            self.context
                .sink
                .unsent_to(owner, flow, &"connection ended");
        }
        while let Ok(outgoing) = self.lease.queue.try_recv() {
            self.context.sink.unsent(&outgoing, &"connection ended");
        }
        self.lease.leave();
        if self.opened {
            self.context.sink.events.on_closed(self.lease.id);
        }
    }
}

async fn connect(local: IpAddr, remote: SocketAddr) -> io::Result<TcpStream> {
    let socket = match (local, remote) {
        (IpAddr::V4(_), SocketAddr::V4(_)) => TcpSocket::new_v4()?,
        (IpAddr::V6(_), SocketAddr::V6(_)) => TcpSocket::new_v6()?,
        _ => return Err(io::ErrorKind::AddrNotAvailable.into()),
    };
    if !local.is_unspecified() {
        socket.bind(SocketAddr::new(local, 0))?;
    }
    let stream = socket.connect(remote).await?;
    if stream.local_addr()? == stream.peer_addr()? {
        // Nobody listened, and the system chose the very port for our side (RFC 793 §3.4,
        // simultaneous open): we would talk to ourselves.
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(stream)
}

/// Reads and forgets until the peer closes.
async fn discard(stream: &TcpStream) {
    let mut chunk = [0_u8; 512];
    while stream.readable().await.is_ok() {
        consume_budget().await;
        match stream.try_read(&mut chunk) {
            Ok(1..) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(0) | Err(_) => return,
        }
    }
}
