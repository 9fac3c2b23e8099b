//! What a model phone makes of what it hears.

use super::super::sdp::Described;
use super::{Client, Phone, Server, Session};
use bytes::Bytes;
use sbc_core::sip::{HeaderName, Message, Method, StatusCode};

impl Phone {
    pub(in super::super) fn hear(&mut self, bytes: Bytes) -> Vec<Bytes> {
        let message = Message::parse_datagram(bytes).expect("what the SBC sends");
        match message.method() {
            _ if !message.is_request() => self.on_response(&message),
            Some(Method::Ack) => {
                self.on_ack(&message);
                Vec::new()
            }
            _ => self.on_request(message),
        }
    }

    fn on_response(&mut self, response: &Message) -> Vec<Bytes> {
        let (Some(branch), Some(cseq), Some(status)) =
            (response.branch(), response.cseq(), response.status())
        else {
            return Vec::new();
        };
        let is = |c: &Client| c.branch == branch && c.method == *cseq.method;
        let Some(found) = self.clients.iter().position(is) else {
            self.faults
                .push(format!("a response to nothing: {response:?}"));
            return Vec::new();
        };
        if status.is_provisional() {
            self.clients[found].rang = true;
            return Vec::new();
        }
        if self.clients[found].done {
            return self.clients[found].ack.iter().cloned().collect();
        }
        self.clients[found].done = true;
        match (&self.clients[found].method, status.is_success()) {
            (Method::Invite, true) => self.on_accepted(found, response),
            (Method::Invite, false) => {
                // The ACK of a refusal is of its transaction.
                let client = &self.clients[found];
                let mut ack = self.message(&Method::Ack, branch, client.cseq, None);
                let to = response.header(&HeaderName::To).unwrap_or_default();
                ack.set(HeaderName::To, to).expect("a value");
                self.refused(status);
                let ack = ack.to_bytes();
                self.clients[found].ack = Some(ack.clone());
                vec![ack]
            }
            (Method::Update, true) => {
                self.agree_by_answer(found, response);
                Vec::new()
            }
            (Method::Update, false) => {
                self.refused(status);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn refused(&mut self, status: StatusCode) {
        let expected = [486, 487, 488, 491, 500, 606].contains(&status.code());
        if !expected && !self.over {
            self.faults.push(format!("refused with {status}"));
        }
    }

    fn on_accepted(&mut self, found: usize, response: &Message) -> Vec<Bytes> {
        if !self.up {
            self.remote_tag = response.to_tag().unwrap_or_default().to_owned();
            self.up = true;
        }
        self.retarget(response);
        let answer = if self.clients[found].offer.is_some() {
            self.agree_by_answer(found, response);
            None
        } else {
            self.read(response).map(|theirs| {
                let ours = self.chooser.answer(&theirs);
                let session = Session {
                    ours: ours.clone(),
                    theirs,
                };
                self.session = Some(session);
                ours
            })
        };
        let cseq = self.clients[found].cseq;
        self.branches += 1;
        let branch = format!("z9hG4bK{}x{}", self.local_tag, self.branches);
        let ack = self.message(&Method::Ack, &branch, cseq, answer.as_ref());
        let ack = ack.to_bytes();
        self.clients[found].ack = Some(ack.clone());
        vec![ack]
    }

    fn agree_by_answer(&mut self, found: usize, response: &Message) {
        let Some(ours) = self.clients[found].offer.clone() else {
            return;
        };
        if let Some(theirs) = self.read(response) {
            if theirs.streams.len() != ours.streams.len() {
                self.faults.push(format!("{theirs:?} answers {ours:?}"));
            }
            self.session = Some(Session { ours, theirs });
        }
    }

    pub(super) fn retarget(&mut self, message: &Message) {
        if let Some(contact) = message.contact() {
            self.target = contact.uri.to_string();
        }
    }

    /// The peer's description: a new one has a new version (RFC 3264 §8).
    pub(super) fn read(&mut self, message: &Message) -> Option<Described> {
        let text = message
            .sdp()
            .map(|sdp| String::from_utf8_lossy(&sdp).into_owned());
        let Some(read) = text.as_deref().and_then(Described::read) else {
            self.faults.push(format!("no description in {message:?}"));
            return None;
        };
        let text = text.unwrap_or_default();
        if let Some((version, before)) = &self.seen
            && (read.version < *version || (read.version == *version) != (text == *before))
        {
            self.faults
                .push(format!("version {version} was\n{before}\nand now\n{text}"));
        }
        self.seen = Some((read.version, text));
        Some(read)
    }

    fn on_request(&mut self, request: Message) -> Vec<Bytes> {
        let (Some(branch), Some(cseq)) = (request.branch(), request.cseq()) else {
            return Vec::new();
        };
        let (branch, cseq, method) = (branch.to_owned(), cseq.number, cseq.method.clone());
        let is = |s: &Server| s.branch == branch && s.method == method;
        if let Some(server) = self.servers.iter().find(|s| is(s)) {
            return server.reply.iter().cloned().collect();
        }
        let first = self.remote_tag.is_empty();
        if first {
            self.begin(&request);
        }
        let busy = !self.may_offer() && !first;
        let late = cseq < self.heard_cseq;
        if method != Method::Cancel {
            self.heard_cseq = self.heard_cseq.max(cseq);
        }
        let offers = method == Method::Invite || request.sdp().is_some();
        self.servers.push(Server {
            branch: branch.clone(),
            method: method.clone(),
            cseq,
            request,
            reply: None,
            offered: None,
            acked: false,
        });
        let newest = self.servers.len() - 1;
        match method {
            Method::Cancel => self.on_cancel(newest, &branch),
            _ if late => self.reply(newest, 500, None),
            Method::Bye => {
                if !self.over {
                    self.faults.push("hung up by the SBC".to_owned());
                }
                self.reply(newest, 200, None)
            }
            _ if offers && busy => self.reply(newest, 491, None),
            // Answered later.
            Method::Invite if self.chooser.dice.chance(0.7) => {
                let trying = StatusCode::of(100);
                let request = &self.servers[newest].request;
                vec![Message::reply_to(request, trying, "", None).to_bytes()]
            }
            _ if offers => Vec::new(),
            _ => self.reply(newest, 200, None),
        }
    }

    fn begin(&mut self, invite: &Message) {
        self.call_id = invite.call_id().unwrap_or_default().to_owned();
        self.remote_tag = invite.from_tag().unwrap_or_default().to_owned();
        self.us = invite
            .header(&HeaderName::To)
            .unwrap_or_default()
            .to_owned();
        let from = invite.header(&HeaderName::From).unwrap_or_default();
        self.them = from.split(";tag=").next().unwrap_or_default().to_owned();
        self.retarget(invite);
    }

    fn on_cancel(&mut self, newest: usize, branch: &str) -> Vec<Bytes> {
        let mut out = self.reply(newest, 200, None);
        let open = |s: &Server| s.branch == branch && s.method == Method::Invite;
        if let Some(invite) = self
            .servers
            .iter()
            .position(|s| open(s) && s.reply.is_none())
        {
            out.extend(self.reply(invite, 487, None));
        }
        out
    }

    fn on_ack(&mut self, ack: &Message) {
        let cseq = ack.cseq().map(|c| c.number);
        let is = |s: &Server| s.waits_for_ack() && Some(s.cseq) == cseq;
        let Some(found) = self.servers.iter().position(is) else {
            return;
        };
        self.servers[found].acked = true;
        if let Some(ours) = self.servers[found].offered.clone()
            && let Some(theirs) = self.read(ack)
        {
            self.session = Some(Session { ours, theirs });
        }
        self.up = true;
    }
}
