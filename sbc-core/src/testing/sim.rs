//! The simulation: nodes, one clock, one queue of what is to happen.

use super::peers::Peers;
use super::phone::{Act, Phone, Placed};
use super::policy::Fixed;
use super::proxy::Proxy;
use super::reached::Reached;
use super::sbc::{Sbc, Wishes};
use super::wires::{Later, Link, NodeId, Post, Way, Wires};
use crate::Entropy;
use crate::b2bua::{CallKey, Command, LegId};
use crate::ports::{PolicyEngine, Verdict};
use crate::sip::{Host, Message};
use crate::time::{Instant, Now, UnixMillis};
use crate::transport::Transport;
use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// 2026-01-05T10:00:00Z.
const EPOCH: u64 = 1_767_607_200_000;
/// Of an ended call's residues nothing may be left after this (64 T1, twice over).
const LINGERING: Duration = Duration::from_secs(65);

/// What is to happen.
#[derive(Debug)]
pub(super) enum Event {
    Network(Later),
    Resolved(NodeId, CallKey, LegId, Vec<IpAddr>),
    Command(NodeId, CallKey, Command),
    Verdict(NodeId, CallKey, Verdict),
}

#[derive(Debug)]
struct Entry {
    at: Instant,
    number: u64,
    event: Event,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

enum Node {
    Sbc(Box<Sbc>),
    Phone(Box<Phone>),
    Proxy(Proxy),
    Peers(Peers),
}

/// A world of SBCs and phones in which time passes only when nothing else is left to do. The same
/// seed gives the same run.
pub struct Sim {
    seed: u64,
    pub(super) now: Instant,
    entropy: Entropy,
    queue: BinaryHeap<Reverse<Entry>>,
    number: u64,
    nodes: Vec<Node>,
    deadlines: Vec<Option<Instant>>,
    pub(super) wires: Wires,
    names: HashMap<Box<str>, Vec<IpAddr>>,
    /// What a lookup takes beside the network's delay.
    pub(super) lookup: Duration,
}

impl Sim {
    /// An empty world.
    #[must_use]
    pub fn seed(seed: u64) -> Self {
        Self {
            seed,
            now: Instant::from_nanos(0),
            entropy: Entropy::from_seed(seed),
            queue: BinaryHeap::new(),
            number: 0,
            nodes: Vec::new(),
            deadlines: Vec::new(),
            wires: Wires::new(),
            names: HashMap::new(),
            lookup: Duration::ZERO,
        }
    }

    /// Adds an SBC.
    pub fn add_sbc(&mut self, policy: Fixed) -> NodeId {
        let ids_cross = policy.keeps_ids();
        self.add_sbc_of(Arc::new(policy), ids_cross)
    }

    /// Adds an SBC with any policy: its listeners have addresses and ports of their own. Whether a
    /// Call-ID of one side may show on the other is for the policy's author to say.
    pub fn add_sbc_of(&mut self, policy: Arc<dyn PolicyEngine>, ids_cross: bool) -> NodeId {
        let sbc = Sbc::new(policy, ids_cross, self.entropy.split());
        let id = NodeId(self.nodes.len());
        for address in sbc.addresses() {
            self.wires.listen(id, address);
        }
        self.add(Node::Sbc(Box::new(sbc)))
    }

    /// Adds a phone with an address of its own.
    ///
    /// # Panics
    /// Where `ip` is no address.
    pub fn add_phone(&mut self, name: &str, ip: &str) -> NodeId {
        let ip: IpAddr = ip.parse().expect("an address");
        let phone = Phone::new(name, ip, self.entropy.split());
        let id = NodeId(self.nodes.len());
        self.wires.listen(id, phone.address());
        self.add(Node::Phone(Box::new(phone)))
    }

    /// Adds a phone behind a NAT: it believes to be at `ip`, the world sees it at `seen_as`.
    ///
    /// # Panics
    /// Where one of them is no address.
    pub fn add_phone_behind_nat(&mut self, name: &str, ip: &str, seen_as: &str) -> NodeId {
        let phone = Phone::new(name, address(ip), self.entropy.split());
        let id = NodeId(self.nodes.len());
        let seen_as = seen_as.parse().expect("an address and a port");
        self.wires.translate(phone.address(), seen_as);
        self.wires.listen(id, seen_as);
        self.add(Node::Phone(Box::new(phone)))
    }

    /// Adds a proxy that sends calls to it on to `target`, stays on their route, and is a loose or
    /// a strict router.
    ///
    /// # Panics
    /// Where one of them is no address.
    pub fn add_proxy(&mut self, ip: &str, target: &str, strict: bool) -> NodeId {
        let proxy = Proxy::new(address(ip), address(target), strict);
        self.wires.listen(NodeId(self.nodes.len()), proxy.address());
        self.add(Node::Proxy(proxy))
    }

    /// Adds peers that have every address which no other node has: they hear all that is sent
    /// there, and say what [`Self::say`] tells them to.
    pub fn add_peers(&mut self) -> NodeId {
        self.wires.listen_elsewhere(NodeId(self.nodes.len()));
        self.add(Node::Peers(Peers::default()))
    }

    fn add(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        self.deadlines.push(None);
        NodeId(self.nodes.len() - 1)
    }

    /// How datagrams fare from now on.
    pub fn set_link(&mut self, link: Link) {
        self.wires.link = link;
    }

    /// The next `count` datagrams from one address to the other that read as `what` (`ACK`,
    /// `200 INVITE`) are lost.
    pub fn lose(&mut self, from: &str, to: &str, what: &str, count: usize) {
        self.wires.lose(address(from), address(to), what, count);
    }

    /// No stream connection is taken at this address.
    pub fn refuse_connections(&mut self, ip: &str) {
        self.wires.refuse(address(ip));
    }

    /// An attempt to open a stream connection to this address gets no answer.
    pub fn swallow_connections(&mut self, ip: &str) {
        self.wires.swallow(address(ip));
    }

    /// Stream connections are taken at this address again.
    pub fn take_connections(&mut self, ip: &str) {
        self.wires.take(address(ip));
    }

    /// Nothing arrives at this address, and nothing leaves it.
    pub fn darken(&mut self, ip: &str) {
        self.wires.darken(address(ip));
    }

    /// Every stream connection between two addresses breaks; what is under way is lost.
    pub fn reset(&mut self, a: &str, b: &str) {
        for (node, post) in self.wires.reset(address(a), address(b)) {
            self.push(self.now, Event::Network(Later::Lost { node, post }));
        }
    }

    /// How many stream connections there were so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.wires.opened()
    }

    /// What a name resolves to.
    pub fn name(&mut self, name: &str, addresses: &[&str]) {
        let found = addresses.iter().map(|ip| address(ip)).collect();
        self.names.insert(name.into(), found);
    }

    /// Randomness of the run.
    pub fn entropy(&mut self) -> &mut Entropy {
        &mut self.entropy
    }

    /// Time since the beginning.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.now.as_nanos())
    }

    fn wall(&self) -> Now {
        let millis = u64::try_from(self.elapsed().as_millis()).unwrap_or(0);
        Now {
            mono: self.now,
            unix: UnixMillis(EPOCH + millis),
        }
    }

    /// An SBC.
    ///
    /// # Panics
    /// Where the node is a phone.
    #[must_use]
    pub fn sbc(&self, id: NodeId) -> &Sbc {
        match &self.nodes[id.0] {
            Node::Sbc(sbc) => sbc,
            _ => panic!("node {} is no SBC", id.0),
        }
    }

    /// A phone.
    ///
    /// # Panics
    /// Where the node is an SBC.
    #[must_use]
    pub fn phone(&self, id: NodeId) -> &Phone {
        match &self.nodes[id.0] {
            Node::Phone(phone) => phone,
            _ => panic!("node {} is no phone", id.0),
        }
    }

    pub(super) fn sbc_mut(&mut self, id: NodeId) -> &mut Sbc {
        match &mut self.nodes[id.0] {
            Node::Sbc(sbc) => sbc,
            _ => panic!("node {} is no SBC", id.0),
        }
    }

    /// A phone, to tell it what to do.
    ///
    /// # Panics
    /// Where the node is an SBC.
    pub fn phone_mut(&mut self, id: NodeId) -> &mut Phone {
        match &mut self.nodes[id.0] {
            Node::Phone(phone) => phone,
            _ => panic!("node {} is no phone", id.0),
        }
    }

    pub(super) fn peers_mut(&mut self, id: NodeId) -> &mut Peers {
        match &mut self.nodes[id.0] {
            Node::Peers(peers) => peers,
            _ => panic!("node {} is no peers", id.0),
        }
    }

    /// A policy for the calls that begin at an SBC from now on.
    ///
    /// # Panics
    /// Where its listeners are others.
    pub fn set_policy(&mut self, sbc: NodeId, policy: Arc<dyn PolicyEngine>) {
        self.sbc_mut(sbc).set_policy(policy);
    }

    /// A phone calls. The index of its call at that phone.
    pub fn call(&mut self, phone: NodeId, call: Placed) -> usize {
        let now = self.now;
        let (index, posts) = self.phone_mut(phone).place(now, call);
        self.post(phone, posts);
        self.touched(phone);
        index
    }

    /// A phone sends a request in a call that is up; INVITE and UPDATE with an offer. Nothing is
    /// sent where the call is not up, or where an offer is open.
    pub fn request(&mut self, phone: NodeId, call: usize, method: &'static str) {
        let now = self.now;
        let posts = self.phone_mut(phone).request(now, call, method);
        self.post(phone, posts);
        self.touched(phone);
    }

    /// A phone acts in a call that is up, now. Nothing is sent where the call is not up, or where
    /// an offer is open.
    pub fn act(&mut self, phone: NodeId, call: usize, act: Act) {
        let now = self.now;
        let posts = self.phone_mut(phone).act_now(now, call, act);
        self.post(phone, posts);
        self.touched(phone);
    }

    /// As [`Self::act`], though an offer be open or nobody have answered yet: what few phones do.
    pub fn act_rudely(&mut self, phone: NodeId, call: usize, act: Act) {
        let now = self.now;
        let posts = self.phone_mut(phone).act_rudely(now, call, act);
        self.post(phone, posts);
        self.touched(phone);
    }

    /// A phone sends a request outside of any dialog, or any other text. Line ends become CRLF; the
    /// length of a body is not corrected.
    pub fn send_raw(&mut self, phone: NodeId, to: &str, transport: Transport, text: &str) {
        let post = self.phone(phone).raw(to, transport, text);
        self.post(phone, vec![post]);
    }

    /// An operator's command to every call that an SBC has.
    pub fn command_all(&mut self, sbc: NodeId, command: Command) {
        let keys: Vec<CallKey> = self.sbc(sbc).calls().collect();
        for key in keys {
            self.push(self.now, Event::Command(sbc, key, command));
        }
    }

    /// Lets time pass.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step(end) {}
        self.now = end;
    }

    /// Lets time pass until nothing is left to do.
    ///
    /// # Panics
    /// Where that takes more than a day.
    pub fn run_to_the_end(&mut self) {
        let end = self.now + Duration::from_secs(86_400);
        while self.step(end) {}
        assert!(
            self.queue.is_empty(),
            "the run has no end\n{}",
            self.ladder()
        );
    }

    /// Lets time pass until everything is over, and judges the run: no SBC and no phone broke a
    /// rule, every call ended once, nothing is left.
    ///
    /// # Panics
    /// Where it is not so, with all that went over the wires.
    pub fn finish(&mut self) {
        self.run_to_the_end();
        let faults = self.faults_at_the_end();
        assert!(
            faults.is_empty(),
            "seed {}\n{}\n{}",
            self.seed,
            self.ladder(),
            faults.join("\n")
        );
    }

    /// What is wrong after everything is over: as [`Self::finish`] judges.
    #[must_use]
    pub fn faults_at_the_end(&mut self) -> Vec<String> {
        let mut faults = self.faults_of_sbcs();
        for node in &self.nodes {
            if let Node::Phone(phone) = node {
                faults.extend(phone.faults());
            }
        }
        faults
    }

    /// The same without what phones hold against their peers: where somebody has lied to the SBCs,
    /// phones have reason to complain.
    #[must_use]
    pub fn faults_of_sbcs(&mut self) -> Vec<String> {
        self.now = self.now + LINGERING;
        let now = self.now;
        let mut faults = Vec::new();
        for node in &mut self.nodes {
            if let Node::Sbc(sbc) = node {
                faults.extend(sbc.faults());
                faults.extend(sbc.leftovers(now));
            }
        }
        faults
    }

    /// Which states of the SBCs' machines met which inputs.
    #[must_use]
    pub fn reached(&self) -> Reached {
        let mut reached = Reached::default();
        for node in &self.nodes {
            if let Node::Sbc(sbc) = node {
                reached.merge(&sbc.reached());
            }
        }
        reached
    }

    /// All that went over the wires.
    #[must_use]
    pub fn ladder(&self) -> String {
        let line = |(at, line): (Instant, String)| {
            let at = Duration::from_nanos(at.as_nanos()).as_secs_f64();
            format!("{at:>9.3}  {line}\n")
        };
        self.wires.trace().map(line).collect()
    }

    /// What happens next, not after `end`. False: nothing does.
    fn step(&mut self, end: Instant) -> bool {
        let queued = self.queue.peek().map(|Reverse(entry)| entry.at);
        let timers = self.deadlines.iter().enumerate();
        let timer = timers
            .filter_map(|(node, at)| at.map(|at| (at, node)))
            .min();
        let due = match (queued, timer) {
            (Some(queued), Some((at, node))) if at < queued => Some((at, Some(node))),
            (Some(queued), _) => Some((queued, None)),
            (None, Some((at, node))) => Some((at, Some(node))),
            (None, None) => None,
        };
        let Some((at, node)) = due.filter(|(at, _)| *at <= end) else {
            return false;
        };
        self.now = self.now.max(at);
        match node {
            Some(node) => self.on_timeout(NodeId(node)),
            None => {
                if let Some(Reverse(entry)) = self.queue.pop() {
                    self.on_event(entry.event);
                }
            }
        }
        true
    }

    pub(super) fn push(&mut self, at: Instant, event: Event) {
        self.number += 1;
        self.queue.push(Reverse(Entry {
            at,
            number: self.number,
            event,
        }));
    }

    fn on_timeout(&mut self, id: NodeId) {
        let now = self.wall();
        match &mut self.nodes[id.0] {
            Node::Sbc(sbc) => {
                let mut wishes = Wishes::default();
                sbc.on_timeout(now, &mut wishes);
                self.grant(id, wishes);
            }
            Node::Phone(phone) => {
                let posts = phone.on_timeout(now.mono);
                self.post(id, posts);
            }
            Node::Proxy(_) | Node::Peers(_) => {}
        }
        self.touched(id);
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Network(Later::Datagram { from, to, bytes }) => {
                let Some(node) = self.wires.receiver(to) else {
                    return;
                };
                let way = Way {
                    transport: Transport::Udp,
                    local: to,
                    remote: from,
                    connection: None,
                };
                if let Ok(message) = Message::parse_datagram(bytes) {
                    self.deliver(node, &way, message);
                }
            }
            Event::Network(Later::Chunk {
                connection,
                to,
                bytes,
            }) => {
                let Some((node, way, messages)) = self.wires.receive(connection, to, &bytes) else {
                    return;
                };
                for message in messages {
                    self.deliver(node, &way, message);
                }
            }
            Event::Network(Later::Failed { node, post }) => self.on_failed(node, &post, true),
            Event::Network(Later::Lost { node, post }) => self.on_failed(node, &post, false),
            Event::Resolved(node, key, leg, addresses) => {
                self.tell(node, |sbc, now, wishes| {
                    sbc.on_resolved(now, key, leg, addresses, wishes);
                });
            }
            Event::Verdict(node, key, verdict) => {
                self.tell(node, |sbc, now, wishes| {
                    sbc.on_verdict(now, key, verdict, wishes);
                });
            }
            Event::Command(node, key, command) => {
                self.tell(node, |sbc, now, wishes| {
                    sbc.on_command(now, key, command, wishes);
                });
            }
        }
    }

    fn on_failed(&mut self, node: NodeId, post: &Post, unsent: bool) {
        self.tell(node, |sbc, now, wishes| {
            sbc.on_failed(now, post, unsent, wishes);
        });
    }

    fn deliver(&mut self, id: NodeId, way: &Way, message: Message) {
        let now = self.wall();
        match &mut self.nodes[id.0] {
            Node::Sbc(sbc) => {
                let mut wishes = Wishes::default();
                sbc.on_message(now, way, message, &mut wishes);
                self.grant(id, wishes);
            }
            Node::Phone(phone) => {
                let posts = phone.on_message(now.mono, way, message);
                self.post(id, posts);
            }
            Node::Proxy(proxy) => {
                let posts = proxy.on_message(way, &message).into_iter().collect();
                self.post(id, posts);
            }
            Node::Peers(peers) => peers.on_message(now.mono, way, message),
        }
        self.touched(id);
    }

    fn tell(&mut self, id: NodeId, act: impl FnOnce(&mut Sbc, Now, &mut Wishes)) {
        let now = self.wall();
        let mut wishes = Wishes::default();
        if let Node::Sbc(sbc) = &mut self.nodes[id.0] {
            act(sbc, now, &mut wishes);
        }
        self.grant(id, wishes);
        self.touched(id);
    }

    fn grant(&mut self, id: NodeId, wishes: Wishes) {
        self.post(id, wishes.posts);
        for (key, after, verdict) in wishes.verdicts {
            self.push(self.now + after, Event::Verdict(id, key, verdict));
        }
        for (key, leg, host) in wishes.lookups {
            let found = match host {
                Host::Ip(ip) => vec![ip],
                Host::Name(name) => self.names.get(&name).cloned().unwrap_or_default(),
            };
            let at = self.now + self.wires.link.delay + self.lookup;
            self.push(at, Event::Resolved(id, key, leg, found));
        }
    }

    pub(super) fn post(&mut self, id: NodeId, posts: Vec<Post>) {
        let mut later = Vec::new();
        for post in posts {
            self.wires
                .send(self.now, &mut self.entropy, id, post, &mut later);
        }
        for (at, what) in later {
            self.push(at, Event::Network(what));
        }
    }

    fn touched(&mut self, id: NodeId) {
        self.deadlines[id.0] = match &self.nodes[id.0] {
            Node::Sbc(sbc) => sbc.poll_timeout(),
            Node::Phone(phone) => phone.poll_timeout(),
            Node::Proxy(_) | Node::Peers(_) => None,
        };
    }
}

pub(super) fn address(ip: &str) -> IpAddr {
    ip.parse().expect("an address")
}
