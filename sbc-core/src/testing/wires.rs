//! The network between nodes: datagrams that are late, lost, doubled or overtaken; streams that are
//! whole and in order, refused where nobody listens, and reset when a test says so.

use crate::Entropy;
use crate::limits;
use crate::sip::{Framed, Framer, Message};
use crate::time::Instant;
use crate::transport::{ConnectionId, Transport};
use bytes::Bytes;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// How datagrams fare. Streams know the delay and the jitter only, and keep their order.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Link {
    /// One way.
    pub delay: Duration,
    /// Up to this much more, drawn for each datagram: what is sent later may arrive first.
    pub jitter: Duration,
    /// Probability that a datagram is lost.
    pub loss: f64,
    /// Probability that it arrives twice.
    pub twice: f64,
}

impl Link {
    /// Ten milliseconds, and nothing goes wrong.
    pub const GOOD: Self = Self {
        delay: Duration::from_millis(10),
        jitter: Duration::ZERO,
        loss: 0.0,
        twice: 0.0,
    };
    /// A tenth is lost, a tenth arrives twice, and anything may overtake anything sent within 80
    /// ms.
    pub const BAD: Self = Self {
        delay: Duration::from_millis(20),
        jitter: Duration::from_millis(80),
        loss: 0.1,
        twice: 0.1,
    };
}

/// A node of the simulation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeId(pub(super) usize);

/// Something to be sent.
#[derive(Clone, Debug)]
pub(super) struct Post {
    pub(super) transport: Transport,
    /// The sender's listener.
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) connection: Option<ConnectionId>,
    /// Told where it cannot be sent.
    pub(super) owner: u64,
    /// Has another way.
    pub(super) hurried: bool,
    pub(super) bytes: Bytes,
}

/// Something that arrived, or could not be sent.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) transport: Transport,
    /// The receiver's listener.
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) connection: Option<ConnectionId>,
}

/// What the network will do later.
#[derive(Debug)]
pub(super) enum Later {
    Datagram {
        from: SocketAddr,
        to: SocketAddr,
        bytes: Bytes,
    },
    Chunk {
        connection: ConnectionId,
        /// Which end hears it.
        to: usize,
        bytes: Bytes,
    },
    /// This could not be sent.
    Failed { node: NodeId, post: Post },
    /// The connection that this went by is gone.
    Lost { node: NodeId, post: Post },
}

/// One end of a connection.
#[derive(Debug)]
struct End {
    node: NodeId,
    /// The listener that it belongs to.
    listener: SocketAddr,
    /// As the other end sees it.
    seen_as: SocketAddr,
    /// When what was sent last to this end arrives.
    last: Instant,
    framer: Framer,
}

#[derive(Debug)]
struct Connection {
    ends: [End; 2],
    /// Who sent by it, and what.
    carried: Vec<(NodeId, Post)>,
}

/// Messages that a test wants lost.
#[derive(Debug)]
struct Loss {
    from: IpAddr,
    to: IpAddr,
    what: Box<str>,
    left: usize,
}

/// The network.
#[derive(Debug)]
pub(super) struct Wires {
    pub(super) link: Link,
    ends: HashMap<SocketAddr, NodeId>,
    /// Who has every other address.
    elsewhere: Option<NodeId>,
    /// Who sits behind a NAT, and how the world sees it.
    seen_as: HashMap<SocketAddr, SocketAddr>,
    /// Addresses where no stream connection is taken.
    refusing: HashSet<IpAddr>,
    /// Addresses where an attempt to connect gets no answer.
    swallowing: HashSet<IpAddr>,
    /// Addresses where nothing arrives.
    dark: HashSet<IpAddr>,
    /// Addresses to which nothing can be sent.
    pub(super) unreachable: HashSet<IpAddr>,
    connections: BTreeMap<ConnectionId, Connection>,
    last: u64,
    losses: Vec<Loss>,
    /// What went over the wires, for whoever reads of a failure.
    trace: Vec<(Instant, Post, &'static str)>,
}

impl Wires {
    pub(super) fn new() -> Self {
        Self {
            link: Link::GOOD,
            ends: HashMap::new(),
            elsewhere: None,
            seen_as: HashMap::new(),
            refusing: HashSet::new(),
            swallowing: HashSet::new(),
            dark: HashSet::new(),
            unreachable: HashSet::new(),
            connections: BTreeMap::new(),
            last: 0,
            losses: Vec::new(),
            trace: Vec::new(),
        }
    }

    pub(super) fn listen(&mut self, node: NodeId, at: SocketAddr) {
        self.ends.insert(at, node);
    }

    /// Whatever is sent to an address where nobody listens comes to this node.
    pub(super) fn listen_elsewhere(&mut self, node: NodeId) {
        self.elsewhere = Some(node);
    }

    /// What is sent from `inside` comes from `outside`.
    pub(super) fn translate(&mut self, inside: SocketAddr, outside: SocketAddr) {
        self.seen_as.insert(inside, outside);
    }

    fn seen(&self, at: SocketAddr) -> SocketAddr {
        self.seen_as.get(&at).copied().unwrap_or(at)
    }

    pub(super) fn refuse(&mut self, ip: IpAddr) {
        self.refusing.insert(ip);
    }

    pub(super) fn swallow(&mut self, ip: IpAddr) {
        self.swallowing.insert(ip);
    }

    /// Connections are taken there again.
    pub(super) fn take(&mut self, ip: IpAddr) {
        self.refusing.remove(&ip);
        self.swallowing.remove(&ip);
    }

    pub(super) fn darken(&mut self, ip: IpAddr) {
        self.dark.insert(ip);
    }

    pub(super) fn lose(&mut self, from: IpAddr, to: IpAddr, what: &str, count: usize) {
        self.losses.push(Loss {
            from,
            to,
            what: what.into(),
            left: count,
        });
    }

    /// Ends every connection between two addresses; what is under way in them is lost, and who sent
    /// by them is told: each message that they carried, and its sender.
    pub(super) fn reset(&mut self, a: IpAddr, b: IpAddr) -> Vec<(NodeId, Post)> {
        let mut lost = Vec::new();
        self.connections.retain(|_, connection| {
            let [x, y] = &connection.ends;
            let pair = (x.seen_as.ip(), y.seen_as.ip());
            let stays = pair != (a, b) && pair != (b, a);
            if !stays {
                lost.append(&mut connection.carried);
            }
            stays
        });
        lost
    }

    /// All that went over the wires, a line each.
    pub(super) fn trace(&self) -> impl Iterator<Item = (Instant, String)> {
        self.trace.iter().map(|(at, post, fate)| {
            let line = first_line(&post.bytes);
            let (transport, local, remote) = (post.transport, post.local, post.remote);
            let text = format!("{transport} {local} -> {remote}  {line}{fate}");
            (*at, text)
        })
    }

    /// What went over the wires lately, the last first.
    pub(super) fn recent(&self) -> impl Iterator<Item = &Post> {
        self.trace.iter().rev().map(|(_, post, _)| post)
    }

    fn note(&mut self, now: Instant, post: &Post, fate: &'static str) {
        self.trace.push((now, post.clone(), fate));
    }

    /// Sends: pushes what will happen, and when.
    pub(super) fn send(
        &mut self,
        now: Instant,
        entropy: &mut Entropy,
        node: NodeId,
        post: Post,
        later: &mut Vec<(Instant, Later)>,
    ) {
        match post.transport {
            _ if self.unreachable.contains(&post.remote.ip()) => {
                self.note(now, &post, "  (unreachable)");
                let at = now + self.link.delay;
                later.push((at, Later::Failed { node, post }));
            }
            Transport::Udp => self.send_datagram(now, entropy, post, later),
            Transport::Tcp => self.send_stream(now, entropy, node, post, later),
        }
    }

    fn send_datagram(
        &mut self,
        now: Instant,
        entropy: &mut Entropy,
        post: Post,
        later: &mut Vec<(Instant, Later)>,
    ) {
        let dark = self.dark.contains(&post.remote.ip()) || self.dark.contains(&post.local.ip());
        if dark || self.is_wanted_lost(&post) || entropy.chance(self.link.loss) {
            return self.note(now, &post, "  (lost)");
        }
        let copies = if entropy.chance(self.link.twice) {
            2
        } else {
            1
        };
        self.note(now, &post, if copies == 2 { "  (twice)" } else { "" });
        for _ in 0..copies {
            let at = now + self.link.delay + entropy.between(Duration::ZERO, self.link.jitter);
            let datagram = Later::Datagram {
                from: self.seen(post.local),
                to: post.remote,
                bytes: post.bytes.clone(),
            };
            later.push((at, datagram));
        }
    }

    fn is_wanted_lost(&mut self, post: &Post) -> bool {
        if self.losses.is_empty() {
            return false;
        }
        let line = summary(&post.bytes);
        let found = self.losses.iter_mut().find(|loss| {
            loss.left > 0
                && loss.from == post.local.ip()
                && loss.to == post.remote.ip()
                && *loss.what == *line
        });
        match found {
            Some(loss) => {
                loss.left -= 1;
                true
            }
            None => false,
        }
    }

    fn send_stream(
        &mut self,
        now: Instant,
        entropy: &mut Entropy,
        node: NodeId,
        post: Post,
        later: &mut Vec<(Instant, Later)>,
    ) {
        let opening = self.line_of(node, &post).is_none();
        let found = self
            .line_of(node, &post)
            .or_else(|| self.open(now, node, &post));
        let Some(id) = found else {
            self.note(now, &post, "  (refused)");
            let ip = post.remote.ip();
            let silent = self.dark.contains(&ip) || self.swallowing.contains(&ip);
            let wait = match (silent, post.hurried) {
                (true, true) => limits::CONNECT_OR_UDP,
                (true, false) => limits::CONNECT,
                (false, _) => self.link.delay * 2,
            };
            return later.push((now + wait, Later::Failed { node, post }));
        };
        self.note(now, &post, "");
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let to = usize::from(
            connection.ends[0].node == node && connection.ends[0].listener == post.local,
        );
        connection.carried.push((node, post.clone()));
        let end = &mut connection.ends[to];
        let handshake = if opening {
            self.link.delay * 2
        } else {
            Duration::ZERO
        };
        let late = entropy.between(Duration::ZERO, self.link.jitter);
        let at = (now + handshake + self.link.delay + late).max(end.last);
        end.last = at;
        // A stream keeps no message together.
        let cut = usize::try_from(entropy.below(post.bytes.len() as u64)).unwrap_or(0);
        for bytes in [post.bytes.slice(..cut), post.bytes.slice(cut..)] {
            let chunk = Later::Chunk {
                connection: id,
                to,
                bytes,
            };
            later.push((at, chunk));
        }
    }

    /// The connection that a message goes by: its own where it is still there, else one to the
    /// peer.
    fn line_of(&self, node: NodeId, post: &Post) -> Option<ConnectionId> {
        let own = post
            .connection
            .filter(|id| self.connections.contains_key(id));
        own.or_else(|| {
            let to_peer = |c: &Connection| {
                let ours = |n: usize| c.ends[n].node == node && c.ends[n].listener == post.local;
                (ours(0) && c.ends[1].seen_as == post.remote)
                    || (ours(1) && c.ends[0].seen_as == post.remote)
            };
            let mut lines = self.connections.iter().rev();
            lines.find(|(_, c)| to_peer(c)).map(|(id, _)| *id)
        })
    }

    fn open(&mut self, now: Instant, node: NodeId, post: &Post) -> Option<ConnectionId> {
        let ip = post.remote.ip();
        let sets = [&self.refusing, &self.swallowing, &self.dark];
        if sets.iter().any(|set| set.contains(&ip)) {
            return None;
        }
        let server = self.receiver(post.remote)?;
        self.last += 1;
        let id = ConnectionId(self.last);
        let port = 40_000 + u16::try_from(self.last % 9_000).unwrap_or(0);
        let end = |node, listener, seen_as| End {
            node,
            listener,
            seen_as,
            last: now,
            framer: Framer::new(),
        };
        let ends = [
            end(
                node,
                post.local,
                SocketAddr::new(self.seen(post.local).ip(), port),
            ),
            end(server, post.remote, post.remote),
        ];
        let carried = Vec::new();
        self.connections.insert(id, Connection { ends, carried });
        Some(id)
    }

    /// How many connections were ever opened.
    pub(super) fn opened(&self) -> u64 {
        self.last
    }

    /// A datagram's receiver.
    pub(super) fn receiver(&self, at: SocketAddr) -> Option<NodeId> {
        self.ends.get(&at).copied().or(self.elsewhere)
    }

    /// Bytes came out of a connection: the whole messages that they complete.
    pub(super) fn receive(
        &mut self,
        id: ConnectionId,
        to: usize,
        bytes: &[u8],
    ) -> Option<(NodeId, Way, Vec<Message>)> {
        let connection = self.connections.get_mut(&id)?;
        let remote = connection.ends[1 - to].seen_as;
        let end = &mut connection.ends[to];
        end.framer.push(bytes);
        let mut messages = Vec::new();
        while let Ok(Some(framed)) = end.framer.next() {
            if let Framed::Message(message) = framed {
                messages.push(message);
            }
        }
        let way = Way {
            transport: Transport::Tcp,
            local: end.listener,
            remote,
            connection: Some(id),
        };
        Some((end.node, way, messages))
    }
}

fn first_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().next().unwrap_or_default();
    let cseq = text.lines().find(|l| l.starts_with("CSeq:")).unwrap_or("");
    let call_id = text
        .lines()
        .find(|l| l.starts_with("Call-ID:"))
        .unwrap_or("");
    format!("{line} | {cseq} | {call_id}")
}

/// A message in two words: `ACK`, `200 INVITE`.
pub(super) fn summary(bytes: &Bytes) -> String {
    Message::parse_datagram(bytes.clone()).map_or_else(|_| "?".into(), |m| summary_of(&m))
}

/// As [`summary`].
pub(super) fn summary_of(message: &Message) -> String {
    let method = message.method().map_or("?", |m| m.as_str());
    match message.status() {
        Some(status) => format!("{} {method}", status.code()),
        None => method.to_owned(),
    }
}
