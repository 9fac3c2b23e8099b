//! Peers without a will of their own: they say what a test tells them to, word by word, and keep
//! what they hear. Nobody acknowledges, answers or repeats anything by itself.

use super::sim::Sim;
use super::wires::{NodeId, Post, Way};
use crate::sip::Message;
use crate::time::Instant;
use crate::transport::Transport;
use bytes::Bytes;
use std::net::SocketAddr;

/// A message that a peer heard.
#[derive(Clone, Debug)]
pub struct HeardByPeer {
    /// When.
    pub at: Instant,
    /// By what it came.
    pub transport: Transport,
    /// Where it came from.
    pub from: SocketAddr,
    /// The peer's address.
    pub to: SocketAddr,
    /// The message, byte for byte as it came.
    pub message: Message,
}

/// All peers of a world.
#[derive(Debug, Default)]
pub(super) struct Peers {
    heard: Vec<HeardByPeer>,
    /// By which way each message came, for those that go back by its connection.
    ways: Vec<Way>,
}

impl Peers {
    pub(super) fn on_message(&mut self, at: Instant, way: &Way, message: Message) {
        self.heard.push(HeardByPeer {
            at,
            transport: way.transport,
            from: way.remote,
            to: way.local,
            message,
        });
        self.ways.push(way.clone());
    }

    /// The way on which `peer` heard from an address last.
    fn way_back(&self, peer: SocketAddr, to: SocketAddr, transport: Transport) -> Option<&Way> {
        let is_it = |way: &&Way| {
            way.local == peer && way.remote.ip() == to.ip() && way.transport == transport
        };
        self.ways.iter().rev().find(is_it)
    }
}

impl Sim {
    /// Peers send these bytes from an address of theirs to one of an SBC: by TCP over the
    /// connection on which they heard from there last, if there is one.
    pub fn say(
        &mut self,
        peers: NodeId,
        from: SocketAddr,
        to: SocketAddr,
        transport: Transport,
        bytes: Bytes,
    ) {
        let connection = match transport {
            Transport::Udp => None,
            Transport::Tcp => {
                let way = self.peers_mut(peers).way_back(from, to, transport);
                way.and_then(|way| way.connection)
            }
        };
        let post = Post {
            transport,
            local: from,
            remote: to,
            connection,
            owner: 0,
            hurried: false,
            bytes,
        };
        self.post(peers, vec![post]);
    }

    /// What peers heard since the last time, in order.
    pub fn take_heard(&mut self, peers: NodeId) -> Vec<HeardByPeer> {
        std::mem::take(&mut self.peers_mut(peers).heard)
    }
}
