//! A model phone: it offers, answers, refuses and changes its mind, and knows what it believes the
//! session to be. It shares no machine with the SBC, and repeats itself as UDP demands.

mod hear;

use super::sdp::{Chooser, Described};
use bytes::Bytes;
use sbc_core::sip::{HeaderName, Message, Method, StatusCode};
use std::net::SocketAddr;

/// What a phone believes to be agreed.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) ours: Described,
    pub(super) theirs: Described,
}

/// A request of ours.
struct Client {
    branch: String,
    method: Method,
    cseq: u32,
    bytes: Bytes,
    /// The offer it brought; none: the answer brings one.
    offer: Option<Described>,
    rang: bool,
    done: bool,
    cancelled: bool,
    ack: Option<Bytes>,
}

impl Client {
    fn is_session(&self) -> bool {
        self.method == Method::Invite || self.offer.is_some()
    }
}

/// A request of the peer's.
struct Server {
    branch: String,
    method: Method,
    cseq: u32,
    request: Message,
    reply: Option<Bytes>,
    /// Our offer, which the ACK answers.
    offered: Option<Described>,
    acked: bool,
}

impl Server {
    fn waits_for_ack(&self) -> bool {
        self.method == Method::Invite && self.reply.is_some() && !self.acked
    }
}

pub(super) struct Phone {
    pub(super) address: SocketAddr,
    pub(super) chooser: Chooser,
    pub(super) session: Option<Session>,
    pub(super) faults: Vec<String>,
    pub(super) over: bool,
    pub(super) up: bool,
    us: String,
    them: String,
    call_id: String,
    local_tag: String,
    remote_tag: String,
    target: String,
    cseq: u32,
    heard_cseq: u32,
    branches: u32,
    clients: Vec<Client>,
    servers: Vec<Server>,
    /// The newest description of the peer's in this dialog, as it was written.
    seen: Option<(u64, String)>,
}

impl Phone {
    pub(super) fn new(name: &str, address: SocketAddr, seed: u64) -> Self {
        Self {
            address,
            chooser: Chooser::new(seed, address.ip()),
            session: None,
            faults: Vec::new(),
            over: false,
            up: false,
            us: format!("<sip:{name}@example.com>"),
            them: "<sip:bob@example.com>".to_owned(),
            call_id: "c1@example.com".to_owned(),
            local_tag: format!("{name}1"),
            remote_tag: String::new(),
            target: "sip:bob@10.1.0.1".to_owned(),
            cseq: 10,
            heard_cseq: 0,
            branches: 0,
            clients: Vec::new(),
            servers: Vec::new(),
            seen: None,
        }
    }

    /// Nothing of it is open.
    pub(super) fn is_quiet(&self) -> bool {
        let clients = self.clients.iter().all(|c| c.done);
        clients
            && self
                .servers
                .iter()
                .all(|s| s.reply.is_some() && !s.waits_for_ack())
    }

    /// No offer is open in either direction.
    fn may_offer(&self) -> bool {
        let own = self.clients.iter().any(|c| !c.done && c.is_session());
        let peers = |s: &Server| s.reply.is_none() || s.waits_for_ack();
        self.up && !own && !self.servers.iter().any(peers)
    }

    /// The first INVITE.
    pub(super) fn call(&mut self, with_sdp: bool) -> Vec<Bytes> {
        let offer = with_sdp.then(|| self.chooser.offer(None, true));
        vec![self.request(Method::Invite, offer)]
    }

    /// A re-INVITE or an UPDATE, where that is allowed now.
    pub(super) fn offer(&mut self, method: Method, with_sdp: bool) -> Vec<Bytes> {
        if !self.may_offer() {
            return Vec::new();
        }
        let before = self.session.as_ref().map(|s| s.ours.clone());
        let offer = with_sdp.then(|| self.chooser.offer(before.as_ref(), false));
        vec![self.request(method, offer)]
    }

    pub(super) fn info(&mut self) -> Vec<Bytes> {
        if !self.up {
            return Vec::new();
        }
        vec![self.request(Method::Info, None)]
    }

    pub(super) fn hang_up(&mut self) -> Vec<Bytes> {
        self.over = true;
        vec![self.request(Method::Bye, None)]
    }

    /// Gives up its re-INVITE, once that has been heard.
    pub(super) fn cancel(&mut self) -> Vec<Bytes> {
        let open = |c: &&mut Client| c.method == Method::Invite && !c.done && c.rang;
        let up = self.up;
        let Some(invite) = self
            .clients
            .iter_mut()
            .find(open)
            .filter(|c| up && !c.cancelled)
        else {
            return Vec::new();
        };
        invite.cancelled = true;
        let (branch, cseq) = (invite.branch.clone(), invite.cseq);
        vec![self.send(Method::Cancel, &branch, cseq, None)]
    }

    fn request(&mut self, method: Method, offer: Option<Described>) -> Bytes {
        self.cseq += 1;
        self.branches += 1;
        let branch = format!("z9hG4bK{}x{}", self.local_tag, self.branches);
        self.send(method, &branch, self.cseq, offer)
    }

    fn send(&mut self, method: Method, branch: &str, cseq: u32, offer: Option<Described>) -> Bytes {
        let message = self.message(&method, branch, cseq, offer.as_ref());
        let bytes = message.to_bytes();
        self.clients.push(Client {
            branch: branch.to_owned(),
            method,
            cseq,
            bytes: bytes.clone(),
            offer,
            rang: false,
            done: false,
            cancelled: false,
            ack: None,
        });
        bytes
    }

    fn message(
        &self,
        method: &Method,
        branch: &str,
        cseq: u32,
        sdp: Option<&Described>,
    ) -> Message {
        let mut message = Message::request(method.clone(), &self.target);
        let via = format!("SIP/2.0/UDP {};branch={branch};rport", self.address);
        let from = format!("{};tag={}", self.us, self.local_tag);
        let to = match self.remote_tag.as_str() {
            "" => self.them.clone(),
            tag => format!("{};tag={tag}", self.them),
        };
        let lines = [
            ("Via", via),
            ("Max-Forwards", "70".to_owned()),
            ("From", from),
            ("To", to),
            ("Call-ID", self.call_id.clone()),
            ("CSeq", format!("{cseq} {method}")),
            ("Contact", self.contact()),
        ];
        for (name, value) in lines {
            push(&mut message, name, &value);
        }
        self.attach(&mut message, sdp);
        message
    }

    fn contact(&self) -> String {
        format!("<sip:x@{}>", self.address)
    }

    fn attach(&self, message: &mut Message, sdp: Option<&Described>) {
        if let Some(sdp) = sdp {
            let body = sdp.write(self.address.ip());
            message
                .set_body("application/sdp", body.into())
                .expect("a type");
        }
    }

    /// Rings: with an early description of another phone behind the same proxy, or none.
    pub(super) fn ring(&mut self, early: bool) -> Vec<Bytes> {
        let Some(invite) = self.servers.iter().find(|s| s.reply.is_none() && !self.up) else {
            return Vec::new();
        };
        let offer = invite.request.sdp();
        let offer = offer.and_then(|sdp| Described::read(&String::from_utf8_lossy(&sdp)));
        let tag = if early { "other" } else { &self.local_tag };
        let code = StatusCode::of(if early { 183 } else { 180 });
        let mut reply = Message::reply_to(&invite.request, code, "", Some(tag));
        push(&mut reply, "Contact", &self.contact());
        if let Some(offer) = offer.filter(|_| early) {
            let answer = self.chooser.answer(&offer);
            self.attach(&mut reply, Some(&answer));
        }
        vec![reply.to_bytes()]
    }

    /// Answers the request that waits longest: takes it, or refuses it with `status`.
    pub(super) fn answer(&mut self, status: u16) -> Vec<Bytes> {
        let Some(found) = self.servers.iter().position(|s| s.reply.is_none()) else {
            return Vec::new();
        };
        let status = if self.up { status } else { 200 };
        if status >= 300 {
            return self.reply(found, status, None);
        }
        let request = self.servers[found].request.clone();
        self.retarget(&request);
        let ours = if request.sdp().is_some() {
            let Some(theirs) = self.read(&request) else {
                return self.reply(found, 400, None);
            };
            let ours = self.chooser.answer(&theirs);
            self.session = Some(Session {
                ours: ours.clone(),
                theirs,
            });
            ours
        } else {
            let before = self.session.as_ref().map(|s| s.ours.clone());
            let ours = self.chooser.offer(before.as_ref(), !self.up);
            self.servers[found].offered = Some(ours.clone());
            ours
        };
        self.reply(found, 200, Some(&ours))
    }

    fn reply(&mut self, found: usize, status: u16, sdp: Option<&Described>) -> Vec<Bytes> {
        let request = &self.servers[found].request;
        let code = StatusCode::of(status);
        let mut reply = Message::reply_to(request, code, "", Some(&self.local_tag));
        push(&mut reply, "Contact", &self.contact());
        self.attach(&mut reply, sdp);
        let bytes = reply.to_bytes();
        self.servers[found].reply = Some(bytes.clone());
        vec![bytes]
    }

    /// What UDP wants said again.
    pub(super) fn repeat(&self) -> Vec<Bytes> {
        let silent = |c: &&Client| !(c.done || c.method == Method::Invite && c.rang);
        let requests = self.clients.iter().filter(silent).map(|c| c.bytes.clone());
        let unacked = self.servers.iter().filter(|s| s.waits_for_ack());
        requests
            .chain(unacked.filter_map(|s| s.reply.clone()))
            .collect()
    }
}

fn push(message: &mut Message, name: &str, value: &str) {
    message
        .push(HeaderName::parse(name), value)
        .expect("a value without line end");
}
