//! A worker: one thread, one epoll, one [`Engine`]; a session lives on one worker all its life.
//!
//! Level-triggered epoll, one receive for each ready socket: at 50 packets a second and stream
//! nearly no socket ever has two. While little happens the thread blocks. Above
//! [`PACE_ABOVE`] it paces itself: it rests for a tick (250 us), *then* drains all sockets, because
//! waking up costs more than relaying. A command ends the rest.

use crate::counters::WorkerCounters;
use crate::engine::{Channel, Engine, NewPort, Outbound, PortKey};
use crate::limits::{COARSE, DATAGRAM_BYTES, PACE_ABOVE, RATE_WINDOW, ROUNDS};
use crate::ports::{Lease, PortPool, Sockets};
use crate::recorder::{Desk, Note};
use crate::sys::{Poller, Ready, Waker};
use sbc_core::ports::{MediaCmd, MediaEvent, MediaEvents, SessionId};
use sbc_core::{Clock, Entropy, Instant, Now};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

/// To a worker.
#[derive(Debug)]
pub(crate) enum Request {
    /// A port was reserved.
    Open {
        new: NewPort,
        lease: Lease,
        sockets: Sockets,
    },
    /// Commands of a session, in order.
    Command(SessionId, Vec<MediaCmd>),
    /// The plane closes.
    Stop,
}

/// What a worker shares with the plane.
pub(crate) struct Shared {
    pub(crate) waker: Arc<Waker>,
    pub(crate) counters: Arc<WorkerCounters>,
    pub(crate) pool: Arc<PortPool>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) events: Arc<dyn MediaEvents>,
    /// How long it rests while it paces itself; `None`: never.
    pub(crate) tick: Option<Duration>,
}

/// See the module.
pub(crate) struct Worker {
    engine: Engine,
    wire: Wire,
    requests: Receiver<Request>,
    waker: Arc<Waker>,
    clock: Arc<dyn Clock>,
    tick: Option<Duration>,
    pace: Pace,
    timers_at: Instant,
    buffer: Vec<u8>,
}

/// The sockets, and everybody whom the engine speaks to.
struct Wire {
    poller: Poller,
    /// By the engine's keys.
    sockets: Vec<Option<(Sockets, Lease)>>,
    pool: Arc<PortPool>,
    events: Arc<dyn MediaEvents>,
    desk: Desk,
    now: Instant,
}

/// Whether the worker is busy: packets in the current window of time.
#[derive(Debug)]
struct Pace {
    since: Instant,
    packets: u64,
    pacing: bool,
}

const WAKE: u64 = u64::MAX;

impl Worker {
    pub(crate) fn new(
        shared: Shared,
        entropy: Entropy,
        requests: Receiver<Request>,
        desk: Desk,
    ) -> io::Result<Self> {
        let poller = Poller::new()?;
        poller.add_waker(&shared.waker, WAKE)?;
        let now = shared.clock.now().mono;
        Ok(Self {
            engine: Engine::new(entropy, shared.counters),
            wire: Wire {
                poller,
                sockets: Vec::new(),
                pool: shared.pool,
                events: shared.events,
                desk,
                now,
            },
            requests,
            waker: shared.waker,
            clock: shared.clock,
            tick: shared.tick,
            pace: Pace {
                since: now,
                packets: 0,
                pacing: false,
            },
            timers_at: now,
            buffer: vec![0; DATAGRAM_BYTES],
        })
    }

    /// Works until it is told to stop; closes everything then.
    pub(crate) fn run(mut self) {
        let mut ready = Ready::new();
        while self.turn(&mut ready) {}
        let now = self.now();
        self.engine.close_all(now, &mut self.wire);
        self.wire.desk.finish();
    }

    /// Waits, drains the sockets, looks at the timers; false if it was told to stop.
    fn turn(&mut self, ready: &mut Ready) -> bool {
        let wait = self.rest();
        self.wire.poller.wait(ready, wait);
        let mut now = self.now();
        for _ in 0..ROUNDS {
            if ready.is_empty() {
                break;
            }
            // Before the packets: one that was sent after a command finds it carried out.
            if ready.tokens().any(|token| token == WAKE) {
                self.waker.clear();
                if !self.on_requests(now) {
                    return false;
                }
            }
            self.serve(now, ready);
            self.wire.poller.wait(ready, Some(Duration::ZERO));
            now = self.now();
        }
        self.pace.measure(now.mono);
        self.on_timers(now);
        true
    }

    fn now(&mut self) -> Now {
        let now = self.clock.now();
        self.wire.now = now.mono;
        now
    }

    /// Rests for a tick where the worker is busy; says how long epoll may wait then.
    fn rest(&self) -> Option<Duration> {
        match self.tick {
            Some(tick) if self.pace.pacing => {
                self.waker.wait(tick);
                Some(Duration::ZERO)
            }
            _ if self.engine.has_timers() || self.wire.desk.is_waiting() => Some(COARSE),
            _ => None,
        }
    }

    /// One receive from each socket that is ready.
    fn serve(&mut self, now: Now, ready: &Ready) {
        for token in ready.tokens() {
            // No socket has the token of the waker, and a socket that was closed a moment ago, or
            // replaced by another one, has nothing to read.
            let (key, channel) = from_token(token);
            let Some(socket) = self.wire.socket(key, channel) else {
                continue;
            };
            // An error is one of the socket's queue (ICMP) or that somebody else read; the next
            // round tells.
            if let Ok((len, from)) = socket.recv_from(&mut self.buffer) {
                self.pace.packets += 1;
                let packet = &self.buffer[..len];
                self.engine
                    .on_packet(now, key, channel, from, packet, &mut self.wire);
            }
        }
    }

    /// Carries out what was asked; false if the worker shall stop.
    fn on_requests(&mut self, now: Now) -> bool {
        loop {
            match self.requests.try_recv() {
                Ok(Request::Open {
                    new,
                    lease,
                    sockets,
                }) => {
                    let key = self.engine.open(new);
                    self.wire.open(key, sockets, lease);
                }
                Ok(Request::Command(session, commands)) => {
                    for command in commands {
                        self.engine.command(now, session, command, &mut self.wire);
                    }
                }
                Ok(Request::Stop) | Err(TryRecvError::Disconnected) => return false,
                Err(TryRecvError::Empty) => return true,
            }
        }
    }

    fn on_timers(&mut self, now: Now) {
        if now.mono < self.timers_at {
            return;
        }
        self.timers_at = now.mono + COARSE;
        self.engine.on_timeout(now, &mut self.wire);
        self.wire.desk.flush();
    }
}

impl Pace {
    /// Begins a new window when the current one is over. Busy begins above the limit and ends
    /// below half of it.
    fn measure(&mut self, now: Instant) {
        let time = now.since(self.since);
        if time < RATE_WINDOW {
            return;
        }
        let limit = if self.pacing {
            PACE_ABOVE / 2
        } else {
            PACE_ABOVE
        };
        let window = u128::from(self.packets) * RATE_WINDOW.as_nanos();
        self.pacing = window > u128::from(limit) * time.as_nanos();
        self.since = now;
        self.packets = 0;
    }
}

impl Wire {
    fn socket(&self, key: PortKey, channel: Channel) -> Option<&UdpSocket> {
        let (sockets, _) = self.sockets.get(key.0)?.as_ref()?;
        Some(match channel {
            Channel::Rtp => &sockets.rtp,
            Channel::Rtcp => &sockets.rtcp,
        })
    }

    fn open(&mut self, key: PortKey, sockets: Sockets, lease: Lease) {
        let watched = self
            .poller
            .add(&sockets.rtp, to_token(key, Channel::Rtp))
            .and_then(|()| self.poller.add(&sockets.rtcp, to_token(key, Channel::Rtcp)));
        if let Err(error) = watched {
            // The kernel's limit of watched descriptors; the port is deaf, the call times out.
            tracing::error!(port = lease.rtp, %error, "media port cannot be watched");
        }
        if self.sockets.len() <= key.0 {
            self.sockets.resize_with(key.0 + 1, || None);
        }
        self.sockets[key.0] = Some((sockets, lease));
    }
}

impl Outbound for Wire {
    fn send(&mut self, port: PortKey, channel: Channel, to: SocketAddr, packet: &[u8]) -> bool {
        self.socket(port, channel)
            .is_some_and(|socket| socket.send_to(packet, to).is_ok())
    }

    fn event(&mut self, session: SessionId, event: MediaEvent) {
        self.events.on_media(session, event);
    }

    fn record(&mut self, note: Note) -> bool {
        self.desk.push(note)
    }

    fn close(&mut self, port: PortKey) {
        if let Some((sockets, lease)) = self.sockets.get_mut(port.0).and_then(Option::take) {
            drop(sockets);
            self.pool.release(self.now, lease);
        }
    }
}

fn to_token(key: PortKey, channel: Channel) -> u64 {
    (key.0 as u64) << 1 | u64::from(channel == Channel::Rtcp)
}

fn from_token(token: u64) -> (PortKey, Channel) {
    let channel = if token & 1 == 0 {
        Channel::Rtp
    } else {
        Channel::Rtcp
    };
    (
        PortKey(usize::try_from(token >> 1).unwrap_or(usize::MAX)),
        channel,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_paces_itself_above_the_limit_and_stops_below_half_of_it() {
        let mut pace = Pace {
            since: Instant::default(),
            packets: 0,
            pacing: false,
        };
        let mut now = Instant::default();
        let mut window = |packets| {
            pace.packets = packets;
            now = now + RATE_WINDOW;
            pace.measure(now);
            pace.pacing
        };
        assert!(!window(PACE_ABOVE));
        assert!(window(PACE_ABOVE + 1));
        assert!(window(PACE_ABOVE / 2 + 1), "no fluttering");
        assert!(!window(PACE_ABOVE / 2));
    }

    #[test]
    fn a_token_names_its_port_and_channel() {
        for key in [0, 1, 70_000].map(PortKey) {
            for channel in [Channel::Rtp, Channel::Rtcp] {
                assert_eq!(from_token(to_token(key, channel)), (key, channel));
            }
        }
    }
}
