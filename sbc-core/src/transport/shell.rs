//! The transports of a process: sockets, tasks, and the one way in and out.

use super::bind::{Bound, bind_all};
use super::connection::Connection;
use super::counts::Counters;
use super::deadlines::Bounds;
use super::listen::accept;
use super::outbox::Outgoing;
use super::pool::{Pool, Sent};
use super::{BindError, ConnectionId, Counts, Flow, Incoming, Transmit, Transport, udp};
use crate::net::{ListenerId, Network};
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, warn};

/// Where the transports tell what happened. Nothing here may block or wait: it holds up every
/// message behind it.
pub trait TransportEvents: Send + Sync + 'static {
    /// A message arrived. Called on the reader's task, in order of arrival per socket and per
    /// connection.
    fn on_message(&self, incoming: Incoming);

    /// A message given to [`Transports::send`] with this number was not sent: refused, no answer
    /// in time, connection lost before all of it was written, queue full. Once per message;
    /// sometimes from within `send` itself. Nothing is said of datagrams lost behind our socket.
    fn on_send_failed(&self, owner: u64, flow: Flow);

    /// A connection is gone that carried a message with this number, one of the last
    /// [`crate::limits::CONNECTION_OWNERS`]: an answer that is still to come cannot come by it.
    /// Once for each number and flow.
    fn on_connection_lost(&self, owner: u64, flow: Flow);

    /// A connection is gone: what came by it cannot be answered by it. Not told of a connection
    /// that could never be opened.
    fn on_closed(&self, connection: ConnectionId);
}

/// The transports of a network. Cheap to clone; all clones are the same transports.
///
/// They stop by [`Transports::shutdown`], or when the last clone is dropped.
#[derive(Clone)]
pub struct Transports(Arc<Inner>);

struct Inner {
    /// Until [`Transports::start`].
    bound: Mutex<Option<Vec<Bound>>>,
    running: OnceLock<Running>,
    addresses: Vec<IpAddr>,
    pool: Arc<Pool>,
    counters: Arc<Counters>,
    bounds: Bounds,
    stop: watch::Sender<bool>,
    runtime: Handle,
}

struct Running {
    /// Not a [`Context`]: that has a [`Stop`], and who has one keeps a shutdown waiting.
    sink: Sink,
    /// By [`ListenerId`]; nothing at TCP listeners.
    datagrams: Vec<Option<udp::Sender>>,
}

/// What every task of the transports needs.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) sink: Sink,
    pub(super) bounds: Bounds,
    pub(super) stop: Stop,
}

/// Where happenings go: to the owner, and into the counts.
#[derive(Clone)]
pub(super) struct Sink {
    pub(super) events: Arc<dyn TransportEvents>,
    pub(super) counters: Arc<Counters>,
}

/// Tells a task to stop; dropped, tells the transports that it did.
#[derive(Clone)]
pub(super) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Returns when the transports stop.
    pub(super) async fn asked(&mut self) {
        // An error: the last handle was dropped without a shutdown.
        if self.0.wait_for(|stop| *stop).await.is_err() {
            debug!("transports dropped");
        }
    }
}

impl Sink {
    /// Hands a message over, with its source noted on a request (RFC 3261 §18.2.1).
    pub(super) fn deliver(&self, mut incoming: Incoming) {
        if incoming.message.is_request() {
            incoming.message.stamp_received(incoming.flow.remote);
        }
        self.counters.received.add();
        self.events.on_message(incoming);
    }

    /// Tells an owner that its message was not sent.
    pub(super) fn unsent(&self, outgoing: &Outgoing, why: &dyn fmt::Display) {
        self.unsent_to(outgoing.owner, outgoing.transmit.flow, why);
    }

    /// The same, where the message is gone already.
    pub(super) fn unsent_to(&self, owner: u64, flow: Flow, why: &dyn fmt::Display) {
        debug!(owner, remote = %flow.remote, transport = %flow.transport, %why, "not sent");
        self.counters.unsent.add();
        self.events.on_send_failed(owner, flow);
    }
}

impl Context {
    /// Waits before something is tried again that failed for want of resources.
    pub(super) async fn pause(&mut self) {
        tokio::select! {
            () = self.stop.asked() => {}
            () = sleep_until(Instant::now() + self.bounds.pause) => {}
        }
    }
}

impl Transports {
    /// Binds every listener of the network. Port 0 is allowed: the bound address is written back
    /// into `bind`, and into `advertise` where its port was 0.
    ///
    /// Async because sockets belong to a runtime; it does not wait.
    ///
    /// # Errors
    /// At the first listener that cannot be bound; the network is as it was.
    pub async fn bind(network: &mut Network) -> Result<Self, BindError> {
        Self::bind_with(network, Bounds::default())
    }

    /// With other bounds than those of `limits`. Within a tokio runtime.
    pub(super) fn bind_with(network: &mut Network, bounds: Bounds) -> Result<Self, BindError> {
        let bound = bind_all(network)?;
        Ok(Self(Arc::new(Inner {
            bound: Mutex::new(Some(bound)),
            running: OnceLock::new(),
            addresses: network.listeners.iter().map(|l| l.bind.ip()).collect(),
            pool: Arc::new(Pool::new(bounds)),
            counters: Arc::default(),
            bounds,
            stop: watch::Sender::new(false),
            runtime: Handle::current(),
        })))
    }

    /// Starts reading. Apart from binding, so that the owner of `events` can hold the transports;
    /// only the first call has an effect.
    pub fn start(&self, events: Arc<dyn TransportEvents>) {
        let inner = &*self.0;
        let mut bound = inner.bound.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sockets) = bound.take() else {
            return;
        };
        let sink = Sink {
            events,
            counters: Arc::clone(&inner.counters),
        };
        let context = inner.context(&sink);
        let mut datagrams = Vec::with_capacity(sockets.len());
        let mut readers = Vec::with_capacity(sockets.len());
        for (id, socket) in (0..).map(ListenerId).zip(sockets) {
            match socket {
                Bound::Udp(socket) => {
                    let socket = Arc::new(socket);
                    let (sender, backlog) = udp::sender(&socket);
                    inner.runtime.spawn(backlog.write(context.clone()));
                    datagrams.push(Some(sender));
                    readers.push((id, Ok(socket)));
                }
                Bound::Tcp(socket) => {
                    datagrams.push(None);
                    readers.push((id, Err(socket)));
                }
            }
        }
        let running = Running { sink, datagrams };
        // Set before anything is read: what arrives may be answered at once.
        if inner.running.set(running).is_err() {
            return;
        }
        for (id, socket) in readers {
            let (context, pool) = (context.clone(), Arc::clone(&inner.pool));
            match socket {
                Ok(udp) => inner.runtime.spawn(udp::read(udp, id, context)),
                Err(tcp) => inner.runtime.spawn(accept(tcp, id, pool, context)),
            };
        }
    }

    /// Sends a message, without waiting. `owner` is the caller's number, given back in
    /// [`TransportEvents::on_send_failed`].
    ///
    /// Messages of one flow leave in the order in which they were given. Before
    /// [`Transports::start`] there is nobody to tell of a failure, and nothing is sent.
    pub fn send(&self, owner: u64, transmit: Transmit) {
        let inner = &*self.0;
        let Some(running) = inner.running.get() else {
            warn!(owner, "message dropped: the transports are not started");
            return;
        };
        let sink = &running.sink;
        let flow = transmit.flow;
        let outgoing = Outgoing { owner, transmit };
        if *inner.stop.borrow() {
            return sink.unsent(&outgoing, &"stopped");
        }
        let at = usize::from(flow.listener.0);
        match (flow.transport, running.datagrams.get(at)) {
            (Transport::Udp, Some(Some(sender))) => sender.send(outgoing, sink),
            (Transport::Tcp, Some(None)) => inner.send_by_stream(outgoing, sink),
            _ => sink.unsent(&outgoing, &"no such listener of this transport"),
        }
    }

    /// Stops accepting and reading, writes what is queued within a bound, and closes.
    pub async fn shutdown(&self) {
        let inner = &*self.0;
        inner.stop.send_replace(true);
        // Every task ends within these bounds by itself; the timeout is for those that do not.
        let within = 2 * inner.bounds.flush + inner.bounds.linger;
        if timeout(within, inner.stop.closed()).await.is_err() {
            warn!("transports did not end in time");
        }
    }

    /// Stream connections, those being opened included.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.0.pool.len()
    }

    /// What happened since the transports were bound.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.0.counters.read()
    }
}

impl Inner {
    fn context(&self, sink: &Sink) -> Context {
        Context {
            sink: sink.clone(),
            bounds: self.bounds,
            stop: Stop(self.stop.subscribe()),
        }
    }

    fn send_by_stream(&self, outgoing: Outgoing, sink: &Sink) {
        let local = self.addresses[usize::from(outgoing.transmit.flow.listener.0)];
        match self.pool.send(outgoing) {
            Sent::Queued => {}
            Sent::Opening(lease) => {
                let connection = Connection::new(lease, self.context(sink));
                self.runtime.spawn(connection.open(local));
            }
            Sent::Refused(outgoing) => sink.unsent(&outgoing, &"too much waits to be sent"),
        }
    }
}

impl fmt::Debug for Transports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transports")
            .field("listeners", &self.0.addresses.len())
            .field("connections", &self.connections())
            .finish_non_exhaustive()
    }
}
