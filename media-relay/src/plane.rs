//! The media plane: [`MediaPlane`] over worker threads.

use crate::counters::{PortCounters, Totals, WorkerCounters};
use crate::engine::NewPort;
use crate::limits::{COMMANDS, SESSION_PORTS};
use crate::ports::PortPool;
use crate::recorder::Writer;
use crate::sys::Waker;
use crate::worker::{Request, Shared, Worker};
use sbc_core::net::MediaAddress;
use sbc_core::ports::{
    MediaCmd, MediaError, MediaEvents, MediaPlane, MediaPort, PortId, PortStats, SessionId,
};
use sbc_core::{Clock, Entropy};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How a [`MediaRelay`] works.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// Threads that relay; at least one is started.
    pub workers: usize,
    /// How long a busy worker rests before it drains its sockets: fewer wake-ups for at most this
    /// much delay. `None`: never, each packet wakes it.
    pub tick: Option<Duration>,
}

impl Default for Config {
    /// A thread for each processor, a tick of 250 us.
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            tick: Some(Duration::from_micros(250)),
        }
    }
}

/// The plane could not start.
#[derive(Debug, thiserror::Error)]
#[error("the media plane cannot start: {0}")]
pub struct StartError(#[from] std::io::Error);

/// Carries media on threads of its own. Dropping it closes every session, finishes every file and
/// waits for the threads.
pub struct MediaRelay {
    shards: Vec<Shard>,
    pool: Arc<PortPool>,
    clock: Arc<dyn Clock>,
    next_port: AtomicU64,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// A worker as the plane sees it.
struct Shard {
    requests: SyncSender<Request>,
    waker: Arc<Waker>,
    counters: Arc<WorkerCounters>,
    /// The open sessions, for [`MediaPlane::stats`].
    sessions: Mutex<Sessions>,
}

#[derive(Default)]
struct Sessions {
    closed: bool,
    ports: HashMap<SessionId, Vec<(PortId, Arc<PortCounters>)>>,
}

impl MediaRelay {
    /// Starts the threads. `clock` is the one whose times commands carry; `events` is called on
    /// these threads, must not block, and must not give commands from within the call.
    ///
    /// # Errors
    /// When threads, descriptors or randomness cannot be had.
    pub fn start(
        config: Config,
        clock: Arc<dyn Clock>,
        events: Arc<dyn MediaEvents>,
    ) -> Result<Self, StartError> {
        let mut entropy = Entropy::from_os()?;
        let pool = Arc::new(PortPool::new(entropy.split()));
        let writer = Writer::start(Arc::clone(&clock), Arc::clone(&events))?;
        let mut relay = Self {
            shards: Vec::new(),
            pool: Arc::clone(&pool),
            clock: Arc::clone(&clock),
            next_port: AtomicU64::new(1),
            threads: Mutex::default(),
        };
        for n in 0..config.workers.max(1) {
            let (requests, receiver) = sync_channel(COMMANDS);
            let waker = Arc::new(Waker::new()?);
            let counters = Arc::new(WorkerCounters::default());
            let shared = Shared {
                waker: Arc::clone(&waker),
                counters: Arc::clone(&counters),
                pool: Arc::clone(&pool),
                clock: Arc::clone(&clock),
                events: Arc::clone(&events),
                tick: config.tick,
            };
            let worker = Worker::new(shared, entropy.split(), receiver, writer.desk())?;
            let thread = std::thread::Builder::new()
                .name(format!("media-{n}"))
                .spawn(move || worker.run())?;
            relay.shards.push(Shard {
                requests,
                waker,
                counters,
                sessions: Mutex::default(),
            });
            relay.threads().push(thread);
        }
        // Last, because it ends after the workers.
        relay.threads().push(writer.into_thread());
        Ok(relay)
    }

    /// What it has done, and what it holds. Ports count as free from the first reservation of
    /// their range on.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for shard in &self.shards {
            shard.counters.add_to(&mut totals);
        }
        let (free, resting) = self.pool.count(self.clock.now().mono);
        totals.ports_free = free;
        totals.ports_in_quarantine = resting;
        totals
    }

    /// Closes every session and waits until the threads have ended. Later reservations fail.
    pub fn close(&self) {
        for shard in &self.shards {
            let mut sessions = shard.sessions();
            sessions.closed = true;
            sessions.ports.clear();
            drop(sessions);
            shard.ask(Request::Stop);
        }
        let me = std::thread::current().id();
        let threads = std::mem::take(&mut *self.threads());
        for thread in threads {
            // Dropped by an event's receiver on a worker: that one ends when it returns.
            if thread.thread().id() != me && thread.join().is_err() {
                tracing::error!("a media thread has panicked");
            }
        }
    }

    fn threads(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shard(&self, session: SessionId) -> &Shard {
        // Fibonacci hashing: session numbers count up, and may do so in steps.
        let hash = session.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let n = usize::try_from(hash).unwrap_or_default() % self.shards.len();
        &self.shards[n]
    }
}

impl Shard {
    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the worker; waits for room in its queue, which it makes without ever blocking.
    /// False where it has ended.
    fn ask(&self, request: Request) -> bool {
        let asked = match self.requests.try_send(request) {
            Ok(()) => true,
            Err(TrySendError::Disconnected(_)) => false,
            Err(TrySendError::Full(request)) => {
                self.waker.wake();
                self.requests.send(request).is_ok()
            }
        };
        self.waker.wake();
        asked
    }
}

impl MediaPlane for MediaRelay {
    fn reserve(&self, session: SessionId, at: &MediaAddress) -> Result<MediaPort, MediaError> {
        let shard = self.shard(session);
        let now = self.clock.now().mono;
        let (lease, sockets) = self.pool.reserve(now, at)?;
        let id = PortId(self.next_port.fetch_add(1, Ordering::Relaxed));
        let number = lease.rtp;
        let counters = Arc::new(PortCounters::default());
        // Held until the worker was asked, so that a port is asked for before its session closes.
        let mut sessions = shard.sessions();
        if sessions.closed {
            drop(sockets);
            self.pool.release(now, lease);
            return Err(MediaError::Closed);
        }
        let ports = sessions.ports.entry(session).or_default();
        if ports.len() >= SESSION_PORTS {
            drop(sockets);
            self.pool.release(now, lease);
            return Err(MediaError::SessionFull);
        }
        ports.push((id, Arc::clone(&counters)));
        let new = NewPort {
            session,
            id,
            own: [
                SocketAddr::new(at.bind, number),
                SocketAddr::new(at.advertise, number),
            ],
            counters,
        };
        let asked = shard.ask(Request::Open {
            new,
            lease,
            sockets,
        });
        drop(sessions);
        if !asked {
            return Err(MediaError::Closed);
        }
        Ok(MediaPort {
            id,
            rtp: SocketAddr::new(at.advertise, number),
            rtcp: SocketAddr::new(at.advertise, number + 1),
        })
    }

    fn command(&self, session: SessionId, commands: Vec<MediaCmd>) {
        let shard = self.shard(session);
        let mut sessions = shard.sessions();
        if !sessions.ports.contains_key(&session) {
            return;
        }
        for command in &commands {
            match command {
                MediaCmd::Close => {
                    sessions.ports.remove(&session);
                }
                MediaCmd::Release(port) => {
                    if let Some(ports) = sessions.ports.get_mut(&session) {
                        ports.retain(|(id, _)| id != port);
                    }
                }
                _ => {}
            }
        }
        shard.ask(Request::Command(session, commands));
    }

    fn stats(&self, session: SessionId) -> Vec<(PortId, PortStats)> {
        let sessions = self.shard(session).sessions();
        let ports = sessions.ports.get(&session).into_iter().flatten();
        ports.map(|(id, c)| (*id, c.read())).collect()
    }
}

impl Drop for MediaRelay {
    fn drop(&mut self) {
        self.close();
    }
}
