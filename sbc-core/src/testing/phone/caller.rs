//! A phone that calls.

use super::call::{Dialog, End, Peer, PhoneCall, Side, State, Step};
use super::repeat::{Client, PATIENCE};
use super::session::Session;
use super::text::{Body, Request};
use super::{Phone, Placed, Post, header, peer_of, sdp_of};
use crate::sip::{HeaderName, Host, Message, Method};
use crate::testing::SIP_PORT;
use crate::time::Instant;
use std::net::SocketAddr;

impl Phone {
    /// Places a call.
    pub(in crate::testing) fn place(&mut self, now: Instant, plan: Placed) -> (usize, Vec<Post>) {
        let index = self.calls.len();
        let name = self.name.clone();
        let domain = format!("{name}.example");
        let call_id = format!("{}@{domain}", self.entropy.token(16));
        let sbc = SocketAddr::new(plan.sbc.parse().expect("an address"), SIP_PORT);
        let peer = Peer {
            uri: format!("sip:{}@{}", plan.to, Host::Ip(sbc.ip())),
            transport: plan.transport,
            address: sbc,
            routes: Vec::new(),
        };
        let tag = self.entropy.token(10);
        let cseq = 1 + u32::try_from(self.entropy.below(900)).unwrap_or(0);
        let session = self.new_session();
        let mut dialog = Dialog::new(tag.clone(), None, peer.clone(), cseq, session);
        let (from, to) = (
            format!("\"{name}\" <sip:{name}@{domain}>"),
            format!("<{}>", peer.uri),
        );
        let mut lines = vec![
            self.contact(plan.transport),
            format!("User-Agent: Phone-of-{name}"),
            "Supported: replaces, 100rel".to_owned(),
        ];
        lines.extend(plan.headers.iter().cloned());
        let body = plan.offers.then(|| Body::sdp(dialog.session.offer()));
        let branch = self.branch();
        let request = Request {
            method: "INVITE",
            uri: &peer.uri,
            via: self.via(plan.transport, &branch),
            from: format!("{from};tag={tag}"),
            to: to.clone(),
            call_id: &call_id,
            cseq,
            max_forwards: plan.max_forwards,
            lines,
            body,
        };
        let post = self.post_to(&peer, request.write());
        self.clients.push(Client::new(
            now,
            &branch,
            Method::Invite,
            (index, 0),
            post.clone(),
        ));
        if let Some(after) = plan.cancel_after {
            self.wake(now + after, index, Step::Cancel);
        }
        let side = Side::Caller {
            plan,
            from,
            to,
            gave_up: false,
            cancelled: false,
            answers: Vec::new(),
        };
        let mut call = PhoneCall::new(call_id, side);
        call.dialogs.push(dialog);
        self.calls.push(call);
        (index, vec![post])
    }

    pub(super) fn new_session(&mut self) -> Session {
        let id = 10_000_000_000 + self.entropy.below(10_000_000_000);
        let port = self.port();
        let mut session = Session::new(&self.name, self.ip, id, port);
        session.speaks.clone_from(&self.speaks);
        session
    }

    pub(super) fn on_response(&mut self, now: Instant, response: Message, out: &mut Vec<Post>) {
        let (Some(branch), Some(method), Some(status)) =
            (response.branch(), response.method(), response.status())
        else {
            return self.fault("a response without branch, CSeq or status", &response);
        };
        let found = self.clients.iter().position(|c| c.is_of(branch, method));
        let Some(found) = found else {
            if branch.starts_with("z9hG4bKraw") {
                return self.replies.push(response);
            }
            return self.fault("a response to nothing", &response);
        };
        let (call, dialog) = (self.clients[found].call, self.clients[found].dialog);
        let method = method.clone();
        self.calls[call].hear(&response);
        match method {
            Method::Invite => self.on_invite_response(now, found, &response, out),
            _ if status.is_provisional() => {}
            _ => {
                if self.clients[found].offers() && !self.clients[found].done {
                    match status.is_success() {
                        true => drop(self.take_answer(found, &response)),
                        false => self.on_offer_refused(now, found, &response),
                    }
                }
                self.clients[found].finish();
                if method == Method::Bye {
                    self.calls[call].end(dialog, End::HungUp);
                }
            }
        }
    }

    fn on_invite_response(
        &mut self,
        now: Instant,
        found: usize,
        response: &Message,
        out: &mut Vec<Post>,
    ) {
        let call = self.clients[found].call;
        let status = response.status().map_or(0, |s| s.code());
        match status {
            ..200 => {
                if self.clients[found].done {
                    return;
                }
                self.clients[found].rings();
                let early = !self.clients[found].offers() && status > 100;
                if let Some(tag) = response.to_tag().filter(|_| early) {
                    self.calls[call].dialogs[0].remote_tag = Some(tag.to_owned());
                    if let Some(peer) = peer_of(response) {
                        self.calls[call].dialogs[0].peer = peer;
                    }
                    self.compare_answer(call, response);
                }
                self.cancel_if_wanted(now, found, out);
                self.cancel_renewal(now, found, out);
            }
            200..300 if self.clients[found].offers() => self.on_renewed(found, response, out),
            200..300 => self.on_success(now, found, response, out),
            _ => self.on_refusal(now, found, response, out),
        }
    }

    /// The answer of one dialog is the same in each of its responses (RFC 6337 §2.1).
    fn compare_answer(&mut self, call: usize, response: &Message) {
        let (Some(sdp), Some(tag)) = (sdp_of(response), response.to_tag()) else {
            return;
        };
        let Side::Caller { answers, plan, .. } = &mut self.calls[call].side else {
            return;
        };
        let offered = plan.offers;
        let known = answers
            .iter()
            .find(|(t, _)| t == tag)
            .map(|(_, sdp)| sdp.clone());
        match known {
            Some(known) if known != sdp => {
                self.fault("another answer in the same dialog", response)
            }
            Some(_) => {}
            None => answers.push((tag.to_owned(), sdp.clone())),
        }
        self.hear_sdp((call, 0), &sdp, response);
        let wrong = self.calls[call].dialogs[0].session.judge_answer(&sdp);
        if let (true, Some(why)) = (offered, wrong) {
            self.fault(why, response);
        }
    }

    fn on_success(&mut self, now: Instant, found: usize, response: &Message, out: &mut Vec<Post>) {
        let call = self.clients[found].call;
        let tag = response.to_tag().unwrap_or_default().to_owned();
        if self.clients[found].done {
            if self.calls[call].dialogs[0].remote_tag.as_ref() != Some(&tag) {
                self.fault("a 2xx of another dialog", response);
            }
            return out.extend(self.clients[found].ack.clone());
        }
        self.clients[found].finish();
        self.compare_answer(call, response);
        let Some(peer) = peer_of(response) else {
            return self.fault("a 2xx without Contact", response);
        };
        let offered = self.calls[call].dialogs[0].session.said.is_some();
        let Some(sdp) = sdp_of(response) else {
            return self.fault("a 2xx without SDP", response);
        };
        self.calls[call].dialogs[0].remote_tag = Some(tag);
        self.calls[call].dialogs[0].peer = peer;
        let session = &mut self.calls[call].dialogs[0].session;
        let body = (!offered).then(|| Body::sdp(session.answer(&sdp)));
        let Side::Caller { plan, gave_up, .. } = &self.calls[call].side else {
            return;
        };
        let (acks, gave_up, hang_up_after) = (plan.acks, *gave_up, plan.hang_up_after);
        if acks {
            let cseq = response.cseq().map_or(0, |c| c.number);
            let ack = self.in_dialog("ACK", (call, 0), cseq, body).1;
            self.clients[found].ack = Some(ack.clone());
            out.push(ack);
        }
        self.calls[call].confirm(0);
        if gave_up {
            return self.hang_up(now, call, 0, out);
        }
        if let Some(after) = hang_up_after {
            self.wake(now + after, call, Step::HangUp(0));
        }
        self.begin_acts(now, call, 0);
    }

    fn on_refusal(&mut self, now: Instant, found: usize, response: &Message, out: &mut Vec<Post>) {
        let call = self.clients[found].call;
        if self.clients[found].done {
            return out.extend(self.clients[found].ack.clone());
        }
        self.on_offer_refused(now, found, response);
        self.clients[found].finish();
        let status = response.status().map_or(0, |s| s.code());
        let dialog = self.clients[found].dialog;
        if self.calls[call].dialogs[dialog].state == State::Early {
            self.calls[call].end_early(End::Refused(status));
        }
        let post = self.clients[found].post().clone();
        let Ok(invite) = Message::parse_datagram(post.bytes.clone()) else {
            return;
        };
        let ack = Request {
            method: "ACK",
            uri: invite.request_uri(),
            via: header(&invite, &HeaderName::Via),
            from: header(&invite, &HeaderName::From),
            to: header(response, &HeaderName::To),
            call_id: &self.calls[call].call_id,
            cseq: invite.cseq().map_or(0, |c| c.number),
            max_forwards: 70,
            lines: Vec::new(),
            body: None,
        };
        let ack = Post {
            bytes: ack.write(),
            ..post
        };
        self.clients[found].ack = Some(ack.clone());
        out.push(ack);
    }

    /// It gives up: CANCEL, once a provisional response came.
    pub(super) fn give_up(&mut self, now: Instant, call: usize, out: &mut Vec<Post>) {
        let Side::Caller { gave_up, .. } = &mut self.calls[call].side else {
            return;
        };
        *gave_up = true;
        let pending = self.clients.iter().position(|client| {
            let first = client.method == Method::Invite && !client.offers();
            client.call == call && first && !client.done
        });
        if let Some(found) = pending
            && self.calls[call]
                .messages()
                .iter()
                .any(|h| h.what.ends_with("INVITE"))
        {
            self.cancel_if_wanted(now, found, out);
        }
    }

    fn cancel_if_wanted(&mut self, now: Instant, found: usize, out: &mut Vec<Post>) {
        let call = self.clients[found].call;
        let early = self.calls[call].dialogs[0].remote_tag.is_some();
        let Side::Caller {
            gave_up: true,
            cancelled,
            plan,
            from,
            to,
            ..
        } = &mut self.calls[call].side
        else {
            return;
        };
        if *cancelled || self.clients[found].offers() {
            return;
        }
        if plan.cancels_by_bye && !early {
            return;
        }
        *cancelled = true;
        self.clients[found].give_up_at(now + PATIENCE);
        if plan.cancels_by_bye {
            return self.bye(now, call, 0, out);
        }
        let (from, to) = (from.clone(), to.clone());
        let uri = to.trim_matches(['<', '>']).to_owned();
        let dialog = &self.calls[call].dialogs[0];
        let (invite, branch) = (
            self.clients[found].post().clone(),
            self.clients[found].branch.clone(),
        );
        let cancel = Request {
            method: "CANCEL",
            uri: &uri,
            via: self.via(invite.transport, &branch),
            from: format!("{from};tag={}", dialog.local_tag),
            to,
            call_id: &self.calls[call].call_id,
            cseq: dialog.cseq,
            max_forwards: 70,
            lines: Vec::new(),
            body: None,
        };
        let post = Post {
            bytes: cancel.write(),
            ..invite
        };
        self.clients.push(Client::new(
            now,
            &branch,
            Method::Cancel,
            (call, 0),
            post.clone(),
        ));
        out.push(post);
    }

    /// Hangs up a dialog that is up, or whose 2xx nobody acknowledged.
    pub(super) fn hang_up(
        &mut self,
        now: Instant,
        call: usize,
        dialog: usize,
        out: &mut Vec<Post>,
    ) {
        if !matches!(
            self.calls[call].dialogs[dialog].state,
            State::Up | State::Unacked
        ) {
            return;
        }
        self.calls[call].dialogs[dialog].state = State::Closing;
        self.bye(now, call, dialog, out);
    }

    fn bye(&mut self, now: Instant, call: usize, dialog: usize, out: &mut Vec<Post>) {
        self.calls[call].dialogs[dialog].cseq += 1;
        let cseq = self.calls[call].dialogs[dialog].cseq;
        let (branch, bye) = self.in_dialog("BYE", (call, dialog), cseq, None);
        self.clients.push(Client::new(
            now,
            &branch,
            Method::Bye,
            (call, dialog),
            bye.clone(),
        ));
        out.push(bye);
    }

    /// A request in a dialog, with its branch.
    pub(super) fn in_dialog(
        &mut self,
        method: &str,
        (call, dialog): (usize, usize),
        cseq: u32,
        body: Option<Body>,
    ) -> (String, Post) {
        let branch = self.branch();
        let extra = match method {
            "ACK" | "BYE" => Vec::new(),
            _ => std::mem::take(&mut self.next_lines),
        };
        let call = &self.calls[call];
        let dialog = &call.dialogs[dialog];
        let remote_tag = dialog.remote_tag.as_deref().unwrap_or_default();
        let (from, to) = match &call.side {
            Side::Caller { from, to, .. } => (
                format!("{from};tag={}", dialog.local_tag),
                format!("{to};tag={remote_tag}"),
            ),
            Side::Callee { invite, .. } => (
                format!(
                    "{};tag={}",
                    header(invite, &HeaderName::To),
                    dialog.local_tag
                ),
                header(invite, &HeaderName::From),
            ),
        };
        let routes = dialog
            .peer
            .routes
            .iter()
            .map(|route| format!("Route: {route}"));
        let renews = matches!(method, "INVITE" | "UPDATE");
        let contact = renews.then(|| self.contact(dialog.peer.transport));
        let request = Request {
            method,
            uri: &dialog.peer.uri,
            via: self.via(dialog.peer.transport, &branch),
            from,
            to,
            call_id: &call.call_id,
            cseq,
            max_forwards: 70,
            lines: routes.chain(contact).chain(extra).collect(),
            body,
        };
        let post = self.post_to(&dialog.peer, request.write());
        (branch, post)
    }
}
