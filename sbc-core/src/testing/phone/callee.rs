//! A phone that is called.

use super::call::{Dialog, End, Peer, PhoneCall, Side, State, Step};
use super::repeat::Unacked;
use super::text;
use super::{Phone, Post, Say, Way, peer_of, sdp_of};
use crate::sip::{Message, Method, Uri};
use crate::time::Instant;
use crate::transport::Transport;

impl Phone {
    pub(super) fn on_invite(&mut self, now: Instant, way: &Way, invite: &Message) {
        let cseq = invite.cseq().map(|c| c.number);
        let known = self.calls.iter().any(|call| match &call.side {
            Side::Callee { invite: had, .. } => {
                had.call_id() == invite.call_id() && had.cseq().map(|c| c.number) == cseq
            }
            Side::Caller { .. } => Some(call.call_id.as_str()) == invite.call_id(),
        });
        if known {
            self.fault("an INVITE with Call-ID and CSeq that another had", invite);
        }
        let uri = Uri::parse(invite.request_uri()).ok();
        let user = uri.and_then(|uri| uri.user).unwrap_or_default();
        let plan = self.answering.get(&*user).unwrap_or(&self.default).clone();
        let Some(first) = plan.steps.first().map(|(after, _)| *after) else {
            // As if it had never come.
            self.servers.pop();
            return;
        };
        let side = Side::Callee {
            plan,
            invite: Box::new(invite.clone()),
            way: way.clone(),
        };
        let mut call = PhoneCall::new(invite.call_id().unwrap_or_default().to_owned(), side);
        call.hear(invite);
        let index = self.calls.len();
        self.calls.push(call);
        self.wake(now + first, index, Step::Say(0));
    }

    /// The next step of how it answers.
    pub(super) fn say(&mut self, now: Instant, call: usize, number: usize, out: &mut Vec<Post>) {
        let Side::Callee { plan, .. } = &self.calls[call].side else {
            return;
        };
        let Some((_, say)) = plan.steps.get(number).cloned() else {
            return;
        };
        let next = plan.steps.get(number + 1).map(|(after, _)| *after);
        let over = self.calls[call].ended().is_some() && !plan.ignores_cancel;
        if over {
            return;
        }
        self.respond(now, call, &say, out);
        if let Some(after) = next {
            self.wake(now + after, call, Step::Say(number + 1));
        }
    }

    fn respond(&mut self, now: Instant, call: usize, say: &Say, out: &mut Vec<Post>) {
        let Side::Callee { invite, way, plan } = &self.calls[call].side else {
            return;
        };
        let (invite, way) = (invite.clone(), way.clone());
        let contact = if plan.plain_contact {
            Transport::Udp
        } else {
            way.transport
        };
        if say.status == 100 {
            let bytes = text::response(&invite, 100, None, &[], None);
            let post = self.back(&way, bytes);
            self.remember(&invite, &post);
            return out.push(post);
        }
        let Some(dialog) = self.fork(call, say.fork, &invite) else {
            return self.fault("an INVITE without Contact", &invite);
        };
        let body = say.sdp.then(|| self.description(call, dialog, &invite));
        let mut lines = say.headers.clone();
        if say.status < 300 {
            lines.push(self.contact(contact));
            lines.push(format!("Server: Phone-of-{}", self.name));
        }
        let tag = self.calls[call].dialogs[dialog].local_tag.clone();
        let bytes = text::response(&invite, say.status, Some(&tag), &lines, body.as_deref());
        let post = self.back(&way, bytes);
        match say.status {
            ..200 => self.remember(&invite, &post),
            200..300 => {
                self.remember(&invite, &post);
                self.calls[call].dialogs[dialog].state = State::Unacked;
                let mut unacked = Unacked::new(now, (call, dialog), &invite, post.clone());
                unacked.offers = invite.sdp().is_none();
                self.unacked.push(unacked);
                self.end_other_forks(call);
            }
            status => {
                if let (Some(branch), Some(method)) = (invite.branch(), invite.method())
                    && let Some(s) = self.servers.iter_mut().find(|s| s.is_of(branch, method))
                {
                    s.refuse(now, post.clone());
                }
                self.calls[call].end_early(End::Refused(status));
            }
        }
        out.push(post);
    }

    pub(super) fn remember(&mut self, invite: &Message, post: &Post) {
        if let (Some(branch), Some(method)) = (invite.branch(), invite.method())
            && let Some(server) = self.servers.iter_mut().find(|s| s.is_of(branch, method))
        {
            server.last = Some(post.clone());
        }
    }

    /// Early dialogs end where another one was answered; what its phone still says counts again.
    fn end_other_forks(&mut self, call: usize) {
        for dialog in &mut self.calls[call].dialogs {
            if dialog.state == State::Early {
                dialog.state = State::Over;
            }
        }
    }

    /// The dialog of a phone behind the proxy that forks.
    fn fork(&mut self, call: usize, fork: usize, invite: &Message) -> Option<usize> {
        let peer: Peer = peer_of(invite)?;
        while self.calls[call].dialogs.len() <= fork {
            let tag = self.entropy.token(10);
            let remote = invite.from_tag().map(ToOwned::to_owned);
            let session = self.new_session();
            let dialog = Dialog::new(tag, remote, peer.clone(), 0, session);
            self.calls[call].dialogs.push(dialog);
            if let Some(sdp) = sdp_of(invite) {
                let last = self.calls[call].dialogs.len() - 1;
                self.hear_sdp((call, last), &sdp, invite);
            }
        }
        Some(fork)
    }

    fn description(&mut self, call: usize, dialog: usize, invite: &Message) -> String {
        let session = &mut self.calls[call].dialogs[dialog].session;
        match (&session.said, sdp_of(invite)) {
            (Some(said), _) => said.clone(),
            (None, Some(offer)) => session.answer(&offer),
            (None, None) => session.offer(),
        }
    }

    pub(super) fn on_ack(&mut self, now: Instant, ack: &Message) {
        let branch = ack.branch().unwrap_or_default();
        let refused = self
            .servers
            .iter_mut()
            .find(|s| s.is_of(branch, &Method::Invite));
        if refused.is_some_and(super::repeat::Server::on_ack) {
            return;
        }
        let Some((call, dialog)) = self.dialog_of(ack) else {
            return;
        };
        self.calls[call].hear(ack);
        self.take_ack((call, dialog), ack);
        if self.calls[call].dialogs[dialog].state != State::Unacked {
            return;
        }
        self.calls[call].confirm(dialog);
        let Side::Callee { plan, .. } = &self.calls[call].side else {
            return;
        };
        let hang_up_after = plan.hang_up_after;
        if let Some(after) = hang_up_after {
            self.wake(now + after, call, Step::HangUp(dialog));
        }
        self.begin_acts(now, call, dialog);
    }

    /// The ACK of a 2xx; where that brought an offer, with the answer.
    fn take_ack(&mut self, (call, dialog): (usize, usize), ack: &Message) {
        let cseq = ack.cseq().map_or(0, |c| c.number);
        let its = |u: &Unacked| (u.call, u.dialog, u.cseq) == (call, dialog, cseq);
        let Some(index) = self.unacked.iter().position(its) else {
            return;
        };
        if !self.unacked.swap_remove(index).offers {
            return;
        }
        // Who hangs up before the answer acknowledges without one.
        let Some(answer) = sdp_of(ack) else { return };
        self.hear_sdp((call, dialog), &answer, ack);
        let session = &self.calls[call].dialogs[dialog].session;
        if let Some(why) = session.judge_answer(&answer) {
            self.fault(why, ack);
        }
    }

    pub(super) fn on_cancel(
        &mut self,
        now: Instant,
        way: &Way,
        cancel: &Message,
        out: &mut Vec<Post>,
    ) {
        let call = self.calls.iter().position(|call| match &call.side {
            Side::Callee { invite, .. } => invite.branch() == cancel.branch(),
            Side::Caller { .. } => false,
        });
        let Some(call) = call else {
            let branch = cancel.branch();
            let before = out.len();
            if self.drop_offers(now, |_, _, of| of == branch, out) {
                self.reply(now, way, cancel, 200, out);
                // The 200 first.
                return out[before..].rotate_right(1);
            }
            let known =
                branch.is_some_and(|b| self.servers.iter().any(|s| s.is_of(b, &Method::Invite)));
            if !known {
                self.fault("a CANCEL of nothing", cancel);
            }
            return self.reply(now, way, cancel, if known { 200 } else { 481 }, out);
        };
        self.calls[call].hear(cancel);
        self.reply(now, way, cancel, 200, out);
        let Side::Callee { plan, .. } = &self.calls[call].side else {
            return;
        };
        if !plan.ignores_cancel && self.calls[call].ended().is_none() {
            self.terminate(now, call, out);
        }
    }

    /// 487, where nobody has answered.
    fn terminate(&mut self, now: Instant, call: usize, out: &mut Vec<Post>) {
        let answered = |d: &Dialog| !matches!(d.state, State::Early);
        if self.calls[call].dialogs.iter().any(answered) {
            return;
        }
        self.calls[call].end_early(End::Cancelled);
        self.respond(now, call, &Say::status(487), out);
    }
}
