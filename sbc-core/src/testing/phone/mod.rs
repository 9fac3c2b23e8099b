//! A phone: a small user agent that shares no machine with the SBC. It writes its messages by hand,
//! keeps its own transactions and dialogs, and tells what it holds against its peer. (It reads with
//! [`Message`], which has its own oracle in `sip`.) A fault that the SBC's transactions have is so
//! not mirrored here.
//!
//! | as caller | input | becomes | says |
//! |---|---|---|---|
//! | Early | 1xx | Early | CANCEL where it wants to |
//! | Early | 2xx | Up | ACK; BYE where it had given up |
//! | Early | 300 to 699, 32 s of silence | Over | ACK |
//! | Up | 2xx again | Up | ACK again |
//! | Up | time to hang up | Closing | BYE |
//!
//! | as callee | input | becomes | says |
//! |---|---|---|---|
//! | Early | its next step | Early, Unacked, Over | 1xx, 2xx, refusal |
//! | Early | CANCEL | Over | 200, 487 |
//! | Unacked | ACK | Up | |
//! | Unacked | 32 s without ACK | Closing | BYE |
//!
//! | either | input | becomes | says |
//! |---|---|---|---|
//! | Early, Unacked, Up | BYE | Over | 200 |
//! | Closing | final response, 32 s of silence | Over | |

mod call;
mod callee;
mod caller;
mod plan;
mod renew;
mod repeat;
mod session;
pub(super) mod text;

pub use call::{End, Heard, PhoneCall};
pub use plan::{Act, Answering, Placed, Renewal, Say, Spelling};

use super::SIP_PORT;
use super::wires::{Post, Way};
use crate::Entropy;
use crate::sip::{HeaderName, Message, Method, Uri};
use crate::time::Instant;
use crate::transport::Transport;
use bytes::Bytes;
use call::{Peer, Step};
use repeat::{Client, Server, Unacked};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

/// Something that a phone will do by itself.
#[derive(Debug)]
struct Wake {
    at: Instant,
    call: usize,
    step: Step,
}

/// A phone.
#[derive(Debug)]
pub struct Phone {
    name: String,
    ip: IpAddr,
    entropy: Entropy,
    default: Answering,
    answering: HashMap<String, Answering>,
    calls: Vec<PhoneCall>,
    clients: Vec<Client>,
    servers: Vec<Server>,
    unacked: Vec<Unacked>,
    wakes: Vec<Wake>,
    /// Responses to requests that were sent as raw text.
    replies: Vec<Message>,
    faults: Vec<String>,
    /// Offers of peers that it thinks about.
    offered: Vec<renew::Offered>,
    last_offered: u64,
    /// Header lines of the next request inside a call.
    next_lines: Vec<String>,
    last_port: u16,
    /// The payload types that it speaks in calls that begin from now on.
    speaks: Option<Box<str>>,
    /// What it takes its own address for.
    told: SocketAddr,
    /// Whether it asks for the port that it is seen at (RFC 3581).
    asks_rport: bool,
}

impl Phone {
    pub(super) fn new(name: &str, ip: IpAddr, entropy: Entropy) -> Self {
        Self {
            name: name.into(),
            ip,
            entropy,
            default: Answering::after_ringing(),
            answering: HashMap::new(),
            calls: Vec::new(),
            clients: Vec::new(),
            servers: Vec::new(),
            unacked: Vec::new(),
            wakes: Vec::new(),
            replies: Vec::new(),
            faults: Vec::new(),
            offered: Vec::new(),
            last_offered: 0,
            next_lines: Vec::new(),
            last_port: 49_998,
            speaks: None,
            told: SocketAddr::new(ip, SIP_PORT),
            asks_rport: true,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        SocketAddr::new(self.ip, SIP_PORT)
    }

    /// How it takes calls from now on.
    pub fn answer_with(&mut self, answering: Answering) {
        self.default = answering;
    }

    /// How it takes calls to this user.
    pub fn answer_user_with(&mut self, user: &str, answering: Answering) {
        self.answering.insert(user.into(), answering);
    }

    /// The next request that it sends inside a call has this header line too.
    pub fn saying_next(&mut self, line: &str) {
        self.next_lines.push(line.into());
    }

    /// In calls that begin from now on it offers these payload types, and answers with them
    /// whatever it is offered.
    pub fn speaking(&mut self, payload_types: &str) {
        self.speaks = Some(payload_types.into());
    }

    /// It takes itself to be at another address, as one behind a NAT does: Via and Contact name
    /// that. Whether its Via has `rport`.
    ///
    /// # Panics
    /// Where `told` is no address with port.
    pub fn believe(&mut self, told: &str, asks_rport: bool) {
        self.told = told.parse().expect("an address with port");
        self.asks_rport = asks_rport;
    }

    /// Its calls, in the order in which they began.
    #[must_use]
    pub fn calls(&self) -> &[PhoneCall] {
        &self.calls
    }

    /// Responses to requests that were sent as raw text, in order.
    #[must_use]
    pub fn replies(&self) -> &[Message] {
        &self.replies
    }

    /// What it holds against its peers: a broken rule, a call that it believes to be up still.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let open = self.calls.iter().filter(|call| !call.is_over());
        let open = open.map(|call| format!("{} has a call that is not over: {call:?}", self.name));
        self.faults.iter().cloned().chain(open).collect()
    }

    fn fault(&mut self, why: &str, message: &Message) {
        self.faults.push(format!(
            "{}: {why}\n{}",
            self.name,
            String::from_utf8_lossy(&message.to_bytes())
        ));
    }

    pub(super) fn raw(&self, to: &str, transport: Transport, text: &str) -> Post {
        let text: String = text.lines().map(|line| format!("{line}\r\n")).collect();
        Post {
            transport,
            local: self.address(),
            remote: SocketAddr::new(to.parse().expect("an address"), SIP_PORT),
            connection: None,
            owner: 0,
            hurried: false,
            bytes: Bytes::from(text),
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let clients = self.clients.iter().filter_map(Client::deadline);
        let servers = self.servers.iter().filter_map(Server::deadline);
        let unacked = self.unacked.iter().map(Unacked::deadline);
        let wakes = self.wakes.iter().map(|wake| wake.at);
        clients.chain(servers).chain(unacked).chain(wakes).min()
    }

    pub(super) fn on_timeout(&mut self, now: Instant) -> Vec<Post> {
        let mut out = Vec::new();
        self.repeat_what_is_due(now, &mut out);
        while let Some(due) = self.wakes.iter().position(|wake| wake.at <= now) {
            let Wake { call, step, .. } = self.wakes.remove(due);
            match step {
                Step::Say(number) => self.say(now, call, number, &mut out),
                Step::HangUp(dialog) => self.hang_up(now, call, dialog, &mut out),
                Step::Cancel => self.give_up(now, call, &mut out),
                Step::Act(dialog, number) => self.on_act(now, (call, dialog), number, &mut out),
                Step::Again(dialog, act, tries) => {
                    self.on_again(now, (call, dialog), (act, tries), &mut out);
                }
                Step::Renew(number) => self.on_thought(now, number, &mut out),
            }
        }
        out
    }

    pub(super) fn on_message(&mut self, now: Instant, way: &Way, message: Message) -> Vec<Post> {
        let mut out = Vec::new();
        if !message.defects().is_empty() {
            self.fault("a message with defects", &message);
        }
        match message.method() {
            _ if !message.is_request() => self.on_response(now, message, &mut out),
            Some(Method::Ack) => self.on_ack(now, &message),
            _ => self.on_request(now, way, &message, &mut out),
        }
        out
    }

    fn on_request(&mut self, now: Instant, way: &Way, request: &Message, out: &mut Vec<Post>) {
        let (Some(branch), Some(method)) = (request.branch(), request.method()) else {
            return self.fault("a request without branch", request);
        };
        if let Some(server) = self.servers.iter().find(|s| s.is_of(branch, method)) {
            return out.extend(server.last.clone());
        }
        self.servers.push(Server::new(branch, method));
        match method {
            Method::Invite if request.to_tag().is_none() => self.on_invite(now, way, request),
            Method::Cancel => self.on_cancel(now, way, request, out),
            _ => self.on_in_dialog(now, way, request, out),
        }
    }

    fn on_in_dialog(&mut self, now: Instant, way: &Way, request: &Message, out: &mut Vec<Post>) {
        let Some((call, dialog)) = self.dialog_of(request) else {
            return self.reply(now, way, request, 481, out);
        };
        let cseq = request.cseq().map_or(0, |c| c.number);
        self.calls[call].hear(request);
        if let Some(sdp) = sdp_of(request) {
            self.hear_sdp((call, dialog), &sdp, request);
        }
        if !self.calls[call].dialogs[dialog].grows(cseq) {
            // The network let a later one overtake it.
            return self.reply(now, way, request, 500, out);
        }
        let over = self.calls[call].dialogs[dialog].is_over();
        match request.method() {
            _ if over => self.reply(now, way, request, 481, out),
            Some(Method::Bye) => {
                self.reply(now, way, request, 200, out);
                self.unacked
                    .retain(|u| (u.call, u.dialog) != (call, dialog));
                self.drop_offers(now, |c, d, _| (c, d) == (call, dialog), out);
                self.calls[call].on_bye(dialog);
            }
            Some(Method::Invite | Method::Update) => {
                self.on_new_offer(now, way, request, (call, dialog), out);
            }
            Some(Method::Options | Method::Info) => self.reply(now, way, request, 200, out),
            _ => self.reply(now, way, request, 405, out),
        }
    }

    /// Answers a request that needs no more than a status.
    fn reply(
        &mut self,
        now: Instant,
        way: &Way,
        request: &Message,
        status: u16,
        out: &mut Vec<Post>,
    ) {
        let mut lines = Vec::new();
        if status == 500 {
            lines.push(format!("Retry-After: {}", self.entropy.below(11)));
        }
        let bytes = text::response(request, status, Some("stranger"), &lines, None);
        let post = self.back(way, bytes);
        if let (Some(branch), Some(method)) = (request.branch(), request.method())
            && let Some(server) = self.servers.iter_mut().find(|s| s.is_of(branch, method))
        {
            match (method, status) {
                (Method::Invite, 300..) => server.refuse(now, post.clone()),
                _ => server.last = Some(post.clone()),
            }
        }
        out.push(post);
    }

    /// The call and dialog of a request with a To tag of ours.
    fn dialog_of(&self, request: &Message) -> Option<(usize, usize)> {
        let (call_id, tag) = (request.call_id()?, request.to_tag()?);
        let call = self.calls.iter().position(|call| {
            call.call_id == call_id && call.dialogs.iter().any(|d| d.local_tag == tag)
        })?;
        let dialogs = &self.calls[call].dialogs;
        let dialog = dialogs.iter().position(|d| d.local_tag == tag)?;
        Some((call, dialog))
    }

    /// By the way that a request came.
    fn back(&self, way: &Way, bytes: Bytes) -> Post {
        Post {
            transport: way.transport,
            local: self.address(),
            remote: way.remote,
            connection: way.connection,
            owner: 0,
            hurried: false,
            bytes,
        }
    }

    /// To a peer's Contact, or to where the first INVITE goes.
    fn post_to(&self, peer: &Peer, bytes: Bytes) -> Post {
        Post {
            transport: peer.transport,
            local: self.address(),
            remote: peer.address,
            connection: None,
            owner: 0,
            hurried: false,
            bytes,
        }
    }

    fn wake(&mut self, at: Instant, call: usize, step: Step) {
        self.wakes.push(Wake { at, call, step });
    }

    fn branch(&mut self) -> String {
        format!("z9hG4bK{}", self.entropy.token(14))
    }

    fn via(&self, transport: Transport, branch: &str) -> String {
        let (transport, told) = (transport.via(), self.told);
        let rport = if self.asks_rport { ";rport" } else { "" };
        format!("SIP/2.0/{transport} {told};branch={branch}{rport}")
    }

    fn contact(&self, transport: Transport) -> String {
        let address = self.told;
        match transport {
            Transport::Udp => format!("Contact: <sip:{}@{address}>", self.name),
            Transport::Tcp => format!("Contact: <sip:{}@{address};transport=tcp>", self.name),
        }
    }

    fn port(&mut self) -> u16 {
        self.last_port = if self.last_port > 59_000 {
            50_000
        } else {
            self.last_port + 2
        };
        self.last_port
    }
}

/// Where requests go in the dialog that a message creates: by its route set to its Contact (RFC
/// 3261 §12.1). Routes are loose, and addresses of literals.
fn peer_of(message: &Message) -> Option<Peer> {
    let uri: Uri = message.contact()?.uri;
    let mut routes: Vec<String> = message
        .header_values(&HeaderName::RecordRoute)
        .map(ToOwned::to_owned)
        .collect();
    if !message.is_request() {
        routes.reverse();
    }
    let first = routes
        .first()
        .and_then(|r| crate::sip::NameAddr::parse(r).ok());
    let next = first.map_or_else(|| uri.clone(), |route| route.uri);
    let crate::sip::Host::Ip(ip) = next.host.clone()? else {
        return None;
    };
    let transport = next.param("transport").and_then(Transport::from_param);
    Some(Peer {
        uri: uri.to_string(),
        transport: transport.unwrap_or(Transport::Udp),
        address: SocketAddr::new(ip, next.port.unwrap_or(SIP_PORT)),
        routes,
    })
}

fn sdp_of(message: &Message) -> Option<String> {
    let sdp = message.sdp()?;
    Some(String::from_utf8_lossy(&sdp).into_owned())
}

fn header(message: &Message, name: &HeaderName) -> String {
    message.header(name).unwrap_or_default().to_owned()
}
