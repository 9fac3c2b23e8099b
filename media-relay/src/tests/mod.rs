//! The plane on real sockets of the loopback interface.

mod files;
mod forks;
mod relaying;
mod resources;

use crate::rtp::packet::{Header, write};
use crate::{Config, MediaRelay};
use sbc_core::net::MediaAddress;
use sbc_core::ports::{
    Latch, MediaCmd, MediaEvent, MediaEvents, MediaPlane, MediaPort, Peer, PortStats, SessionId,
};
use sbc_core::{Clock, SystemClock};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

/// Longer than anything takes; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Hands events to the test.
struct Events(SyncSender<(SessionId, MediaEvent)>);

impl MediaEvents for Events {
    fn on_media(&self, session: SessionId, event: MediaEvent) {
        self.0.try_send((session, event)).unwrap();
    }
}

/// A plane, its clock, its events, and the range that a test has for itself.
struct Bench {
    relay: MediaRelay,
    clock: Arc<dyn Clock>,
    events: Receiver<(SessionId, MediaEvent)>,
    range: MediaAddress,
}

/// `first_port` is another one in every test: they run side by side.
fn bench(first_port: u16) -> Bench {
    bench_with(
        first_port,
        Config {
            workers: 2,
            ..Config::default()
        },
    )
}

fn bench_with(first_port: u16, config: Config) -> Bench {
    bench_on(first_port, config, Arc::new(SystemClock::start()))
}

fn bench_on(first_port: u16, config: Config, clock: Arc<dyn Clock>) -> Bench {
    let (sender, events) = sync_channel(1000);
    let relay = MediaRelay::start(config, Arc::clone(&clock), Arc::new(Events(sender))).unwrap();
    Bench {
        relay,
        clock,
        events,
        range: MediaAddress {
            bind: Ipv4Addr::LOCALHOST.into(),
            advertise: Ipv4Addr::LOCALHOST.into(),
            first_port,
            last_port: first_port + 99,
            quarantine: Duration::ZERO,
        },
    }
}

impl Bench {
    fn reserve(&self, session: u64) -> MediaPort {
        self.relay.reserve(SessionId(session), &self.range).unwrap()
    }

    fn command(&self, session: u64, commands: impl IntoIterator<Item = MediaCmd>) {
        self.relay
            .command(SessionId(session), commands.into_iter().collect());
    }

    fn stats(&self, session: u64, port: &MediaPort) -> PortStats {
        let stats = self.relay.stats(SessionId(session));
        stats.iter().find(|(id, _)| *id == port.id).unwrap().1
    }

    fn event(&self) -> MediaEvent {
        self.events.recv_timeout(PATIENCE).unwrap().1
    }

    /// Waits until something holds.
    fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let pause = phone();
        pause
            .set_read_timeout(Some(Duration::from_millis(2)))
            .unwrap();
        let end = self.clock.now().mono + PATIENCE;
        while !holds() {
            assert!(self.clock.now().mono < end, "{what}");
            assert!(pause.recv(&mut [0]).is_err());
        }
    }

    /// Two phones that talk through two ports.
    fn call(&self, session: u64) -> Call {
        let (a, b) = (self.reserve(session), self.reserve(session));
        let call = Call {
            phones: [Phone::new(), Phone::new()],
            ports: [a, b],
        };
        let [phone_a, phone_b] = &call.phones;
        self.command(
            session,
            [
                MediaCmd::Peer(a.id, phone_a.peer()),
                MediaCmd::Peer(b.id, phone_b.peer()),
                MediaCmd::Relay(a.id, b.id),
                MediaCmd::Relay(b.id, a.id),
            ],
        );
        call
    }
}

struct Call {
    phones: [Phone; 2],
    ports: [MediaPort; 2],
}

/// An endpoint on the wire.
struct Phone {
    rtp: UdpSocket,
    rtcp: UdpSocket,
}

impl Phone {
    fn new() -> Self {
        Self {
            rtp: phone(),
            rtcp: phone(),
        }
    }

    fn peer(&self) -> Peer {
        Peer {
            rtp: self.rtp.local_addr().unwrap(),
            rtcp: self.rtcp.local_addr().unwrap(),
            latch: Latch::Once,
            send: true,
            receive: true,
        }
    }
}

fn phone() -> UdpSocket {
    phone_at(Ipv4Addr::LOCALHOST.into())
}

fn phone_at(ip: IpAddr) -> UdpSocket {
    let socket = UdpSocket::bind((ip, 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// A packet of 20 ms of G.711.
fn rtp(ssrc: u32, sequence: u16, kind: u8, value: u8) -> Vec<u8> {
    let timestamp = u32::from(sequence) * 160;
    let mut packet = write(false, kind, sequence, timestamp, ssrc).to_vec();
    packet.extend([value; 160]);
    packet
}

fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 2000];
    let (len, from) = socket.recv_from(&mut buffer).unwrap();
    (buffer[..len].to_vec(), from)
}

fn header(packet: &[u8]) -> Header {
    Header::parse(packet).unwrap()
}

/// Nothing has arrived. Only after something else that was sent later did.
fn is_silent(socket: &UdpSocket) -> bool {
    socket.set_nonblocking(true).unwrap();
    let silent = socket.recv(&mut [0; 2000]).is_err();
    socket.set_nonblocking(false).unwrap();
    silent
}
