//! Media that is not there: ports are numbers, packets do not exist, commands are written down and
//! checked.

use crate::net::MediaAddress;
use crate::ports::{
    MediaCmd, MediaError, MediaPlane, MediaPort, Peer, PortId, PortStats, SessionId,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Ports that a session may have, as with the real one.
const SESSION_PORTS: usize = 64;

/// A media plane that counts. What a real one would have to ignore is a fault here: a command that
/// names a port of another session, or one that was given back.
#[derive(Debug, Default)]
pub struct FakeMedia(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    last_port: u64,
    /// RTP ports in use, by address.
    used: BTreeSet<(IpAddr, u16)>,
    open: BTreeMap<SessionId, Session>,
    commands: Vec<(SessionId, MediaCmd)>,
    faults: Vec<String>,
}

#[derive(Debug, Default)]
struct Session {
    ports: BTreeMap<PortId, SocketAddr>,
    relays: BTreeSet<(PortId, PortId)>,
    forks: BTreeSet<(PortId, PortId)>,
    peers: BTreeMap<PortId, Peer>,
}

impl FakeMedia {
    /// How many sessions and ports are open.
    #[must_use]
    pub fn open(&self) -> (usize, usize) {
        let inner = self.inner();
        (inner.open.len(), inner.used.len())
    }

    /// How many relays and forks are set up now.
    #[must_use]
    pub fn paths(&self) -> (usize, usize) {
        let inner = self.inner();
        let sessions = inner.open.values();
        sessions.fold((0, 0), |(relays, forks), session| {
            (relays + session.relays.len(), forks + session.forks.len())
        })
    }

    /// Where RTP goes that arrives at this address, as relayed and as forked: each way once. None
    /// where nothing is taken from the port's peer.
    #[must_use]
    pub fn ways_of(&self, at: SocketAddr) -> Vec<SocketAddr> {
        let inner = self.inner();
        let mut ways = Vec::new();
        for session in inner.open.values() {
            let Some((from, _)) = session.ports.iter().find(|(_, bound)| **bound == at) else {
                continue;
            };
            if session.peers.get(from).is_some_and(|peer| !peer.receive) {
                continue;
            }
            let paths = session.relays.iter().chain(&session.forks);
            let out = paths.filter(|(port, _)| port == from).map(|(_, out)| out);
            let peers = out.filter_map(|out| session.peers.get(out));
            ways.extend(peers.filter(|peer| peer.send).map(|peer| peer.rtp));
        }
        ways
    }

    /// Every command so far.
    #[must_use]
    pub fn commands(&self) -> Vec<(SessionId, MediaCmd)> {
        self.inner().commands.clone()
    }

    /// What was wrong so far.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        self.inner().faults.clone()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MediaPlane for FakeMedia {
    fn reserve(&self, session: SessionId, at: &MediaAddress) -> Result<MediaPort, MediaError> {
        let mut inner = self.inner();
        let has = inner.open.get(&session).map_or(0, |s| s.ports.len());
        if has >= SESSION_PORTS {
            return Err(MediaError::SessionFull);
        }
        let free = (at.first_port..at.last_port)
            .step_by(2)
            .find(|port| !inner.used.contains(&(at.bind, *port)))
            .ok_or(MediaError::NoPorts)?;
        inner.used.insert((at.bind, free));
        inner.last_port += 1;
        let id = PortId(inner.last_port);
        let bound = SocketAddr::new(at.bind, free);
        inner
            .open
            .entry(session)
            .or_default()
            .ports
            .insert(id, bound);
        Ok(MediaPort {
            id,
            rtp: SocketAddr::new(at.advertise, free),
            rtcp: SocketAddr::new(at.advertise, free + 1),
        })
    }

    fn command(&self, session: SessionId, commands: Vec<MediaCmd>) {
        let mut inner = self.inner();
        for command in commands {
            inner.commands.push((session, command.clone()));
            inner.carry_out(session, &command);
        }
    }

    fn stats(&self, session: SessionId) -> Vec<(PortId, PortStats)> {
        let inner = self.inner();
        let ports = inner.open.get(&session).map(|s| s.ports.keys());
        ports
            .into_iter()
            .flatten()
            .map(|port| (*port, PortStats::default()))
            .collect()
    }
}

impl Inner {
    fn carry_out(&mut self, id: SessionId, command: &MediaCmd) {
        let Some(session) = self.open.get_mut(&id) else {
            self.faults
                .push(format!("{command:?} to session {} which is not open", id.0));
            return;
        };
        let strangers: Vec<PortId> = named(command)
            .into_iter()
            .filter(|port| !session.ports.contains_key(port))
            .collect();
        if !strangers.is_empty() {
            self.faults.push(format!(
                "{command:?} names {strangers:?}, not of session {}",
                id.0
            ));
            return;
        }
        match command {
            MediaCmd::Relay(from, to) => {
                session.relays.insert((*from, *to));
            }
            MediaCmd::Unrelay(from, to) => {
                session.relays.remove(&(*from, *to));
            }
            MediaCmd::Fork(from, to, _) => {
                session.forks.insert((*from, *to));
            }
            MediaCmd::Unfork(from, to) => {
                session.forks.remove(&(*from, *to));
            }
            MediaCmd::Release(port) => {
                session.relays.retain(|(a, b)| a != port && b != port);
                session.forks.retain(|(a, b)| a != port && b != port);
                if let Some(bound) = session.ports.remove(port) {
                    self.used.remove(&(bound.ip(), bound.port()));
                }
            }
            MediaCmd::Close => {
                for bound in session.ports.values() {
                    self.used.remove(&(bound.ip(), bound.port()));
                }
                self.open.remove(&id);
            }
            MediaCmd::Peer(port, peer) => {
                session.peers.insert(*port, *peer);
                // `c=0.0.0.0` and port 0 say that nothing is wanted (RFC 3264 §8.4, §5.1).
                if peer.send && (peer.rtp.ip().is_unspecified() || peer.rtp.port() == 0) {
                    self.faults.push(format!("{command:?} sends to nowhere"));
                }
            }
            MediaCmd::Record(..) => {}
        }
    }
}

fn named(command: &MediaCmd) -> Vec<PortId> {
    match command {
        MediaCmd::Peer(port, _) | MediaCmd::Record(port, _) | MediaCmd::Release(port) => {
            vec![*port]
        }
        MediaCmd::Relay(from, to)
        | MediaCmd::Unrelay(from, to)
        | MediaCmd::Fork(from, to, _)
        | MediaCmd::Unfork(from, to) => vec![*from, *to],
        MediaCmd::Close => Vec::new(),
    }
}
