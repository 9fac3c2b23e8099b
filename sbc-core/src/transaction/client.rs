//! A client transaction of the set: a machine, and the messages it sends again.

use super::key::top_via;
use super::{
    ClientAction, ClientInvite, ClientNonInvite, Detour, Outcome, Residue, TxId, TxOutput,
};
use crate::sip::{HeaderName, InvalidValue, Message, Method};
use crate::time::Instant;
use crate::transport::{Flow, Transmit};
use crate::{Met, Probe};
use bytes::Bytes;

#[derive(Debug)]
pub(super) struct Client {
    pub(super) id: TxId,
    method: Method,
    branch: Box<str>,
    flow: Flow,
    /// The request; empty once its final response is there.
    request: Bytes,
    /// Another way, until the first response.
    detour: Option<Box<Detour>>,
    machine: Machine,
}

#[derive(Debug)]
enum Machine {
    Invite {
        machine: ClientInvite,
        /// What the ACK of a refusal is made of.
        invite: Box<Message>,
        /// The ACK of the final response, once it was sent.
        ack: Option<Transmit>,
    },
    Other(ClientNonInvite),
}

impl Client {
    /// Sends the request.
    pub(super) fn send(
        now: Instant,
        id: TxId,
        flow: Flow,
        request: &Message,
        out: &mut Vec<TxOutput>,
    ) -> Self {
        let client = Self::new(now, id, flow, request);
        client.send_request(out);
        client
    }

    /// Sends a request that can go by another way.
    pub(super) fn send_or_detour(
        now: Instant,
        id: TxId,
        flow: Flow,
        request: &Message,
        detour: Detour,
        out: &mut Vec<TxOutput>,
    ) -> Self {
        let mut client = Self::new(now, id, flow, request);
        client.detour = Some(Box::new(detour));
        client.send_request(out);
        client
    }

    fn new(now: Instant, id: TxId, flow: Flow, request: &Message) -> Self {
        let reliable = flow.transport.is_reliable();
        let method = request.method().cloned().unwrap_or(Method::Invite);
        let machine = if method == Method::Invite {
            Machine::Invite {
                machine: ClientInvite::new(now, reliable),
                invite: Box::new(request.clone()),
                ack: None,
            }
        } else {
            Machine::Other(ClientNonInvite::new(now, reliable))
        };
        Self {
            id,
            method,
            branch: request.branch().unwrap_or("").into(),
            flow,
            request: request.to_bytes(),
            detour: None,
            machine,
        }
    }

    /// Begins anew by its other way, where there is one and `unsent` is the way it went.
    pub(super) fn take_detour(
        &mut self,
        now: Instant,
        unsent: &Flow,
        out: &mut Vec<TxOutput>,
    ) -> bool {
        if !same_way(&self.flow, unsent) {
            return false;
        }
        let Some(detour) = self.detour.take() else {
            return false;
        };
        *self = Self::send(now, self.id, detour.flow, &detour.request, out);
        true
    }

    /// The INVITE and its way.
    pub(super) fn invite(&self) -> Option<(Flow, &Message)> {
        match &self.machine {
            Machine::Invite { invite, .. } => Some((self.flow, invite)),
            Machine::Other(_) => None,
        }
    }

    /// RFC 3261 §17.1.3: branch and CSeq method.
    pub(super) fn is_of(&self, branch: &str, method: &Method) -> bool {
        *self.branch == *branch && self.method == *method
    }

    pub(super) fn on_response(
        &mut self,
        now: Instant,
        response: Box<Message>,
        probe: &Probe,
        out: &mut Vec<TxOutput>,
    ) {
        let Some(status) = response.status() else {
            return;
        };
        probe.note(|| self.met(|m| m.input_of(status), |m| m.input_of(status)));
        self.detour = None;
        let action = match &mut self.machine {
            Machine::Invite { machine, .. } => machine.on_response(now, status),
            Machine::Other(machine) => machine.on_response(now, status),
        };
        if !self.is_pending() {
            self.request = Bytes::new();
        }
        self.act(action, Some(response), out);
    }

    pub(super) fn on_timeout(&mut self, now: Instant, probe: &Probe, out: &mut Vec<TxOutput>) {
        if self.deadline().is_none_or(|at| at > now) {
            return;
        }
        probe.note(|| self.met(|m| m.due(now), |m| m.due(now)));
        let action = match &mut self.machine {
            Machine::Invite { machine, .. } => machine.on_timeout(now),
            Machine::Other(machine) => machine.on_timeout(now),
        };
        self.act(action, None, out);
    }

    /// The transport could not deliver to `flow`.
    pub(super) fn on_transport_error(
        &mut self,
        flow: &Flow,
        probe: &Probe,
        out: &mut Vec<TxOutput>,
    ) {
        if !same_way(&self.flow, flow) {
            return;
        }
        probe.note(|| self.met(|_| "transport error", |_| "transport error"));
        let action = match &mut self.machine {
            Machine::Invite { machine, .. } => machine.on_transport_error(),
            Machine::Other(machine) => machine.on_transport_error(),
        };
        self.act(action, None, out);
    }

    /// The machine, its state, and an input by the name that its table has for it.
    fn met(
        &self,
        invite: impl FnOnce(&ClientInvite) -> &'static str,
        other: impl FnOnce(&ClientNonInvite) -> &'static str,
    ) -> Met {
        match &self.machine {
            Machine::Invite { machine, .. } => {
                ("client INVITE", machine.state_name(), invite(machine))
            }
            Machine::Other(machine) => ("client other", machine.state_name(), other(machine)),
        }
    }

    fn act(
        &mut self,
        action: ClientAction,
        response: Option<Box<Message>>,
        out: &mut Vec<TxOutput>,
    ) {
        let outcome = match action {
            ClientAction::Nothing => return,
            ClientAction::SendRequest => return self.send_request(out),
            ClientAction::SendAck => return self.send_ack(out),
            ClientAction::PassUp => response.map(Outcome::Response),
            ClientAction::SendAckAndPassUp => {
                self.build_ack(response.as_deref());
                self.send_ack(out);
                response.map(Outcome::Response)
            }
            ClientAction::TimedOut => Some(Outcome::TimedOut),
            ClientAction::Failed => Some(Outcome::TransportFailed),
        };
        out.extend(outcome.map(|outcome| TxOutput::Client {
            tx: self.id,
            method: self.method.clone(),
            outcome,
        }));
    }

    fn send_request(&self, out: &mut Vec<TxOutput>) {
        let transmit = Transmit::new(self.flow, self.request.clone());
        out.push(TxOutput::Transmit(Transmit {
            hurried: self.detour.is_some(),
            ..transmit
        }));
    }

    fn build_ack(&mut self, refusal: Option<&Message>) {
        if let Machine::Invite { invite, ack, .. } = &mut self.machine {
            *ack = refusal
                .and_then(|refusal| ack_of_refusal(invite, refusal).ok())
                .map(|message| Transmit::new(self.flow, message.to_bytes()));
        }
    }

    fn send_ack(&self, out: &mut Vec<TxOutput>) {
        if let Machine::Invite { ack, .. } = &self.machine {
            out.extend(ack.clone().map(TxOutput::Transmit));
        }
    }

    /// The owner's ACK of a 2xx.
    pub(super) fn acknowledged(&mut self, sent: Transmit) {
        if let Machine::Invite { machine, ack, .. } = &mut self.machine
            && machine.is_accepted()
        {
            *ack = Some(sent);
        }
    }

    pub(super) fn residue(&self) -> Option<Residue> {
        let answer = match &self.machine {
            Machine::Invite { ack, .. } => ack.clone(),
            Machine::Other(_) => None,
        };
        Some(Residue {
            branch: self.branch.clone(),
            method: self.method.clone(),
            server: false,
            answer,
            until: self.lingers_until()?,
        })
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.machine {
            Machine::Invite { machine, .. } => machine.deadline(),
            Machine::Other(machine) => machine.deadline(),
        }
    }

    pub(super) fn is_pending(&self) -> bool {
        match &self.machine {
            Machine::Invite { machine, .. } => machine.is_pending(),
            Machine::Other(machine) => machine.is_pending(),
        }
    }

    pub(super) fn lingers_until(&self) -> Option<Instant> {
        match &self.machine {
            Machine::Invite { machine, .. } => machine.lingers_until(),
            Machine::Other(machine) => machine.lingers_until(),
        }
    }

    pub(super) fn is_terminated(&self) -> bool {
        match &self.machine {
            Machine::Invite { machine, .. } => machine.is_terminated(),
            Machine::Other(machine) => machine.is_terminated(),
        }
    }
}

/// Whether what failed is the way that `sent` went. A connection that is not named may be any.
pub(super) fn same_way(sent: &Flow, failed: &Flow) -> bool {
    (sent.listener, sent.transport, sent.remote)
        == (failed.listener, failed.transport, failed.remote)
        && (sent.connection == failed.connection
            || sent.connection.is_none()
            || failed.connection.is_none())
}

/// The ACK of a refusal (RFC 3261 §17.1.1.3): Request-URI, topmost Via, Route, From, Call-ID and
/// the number of CSeq from the INVITE, To from the response.
fn ack_of_refusal(invite: &Message, refusal: &Message) -> Result<Message, InvalidValue> {
    let mut ack = Message::request(Method::Ack, invite.request_uri());
    ack.push(HeaderName::Via, top_via(invite).unwrap_or(""))?;
    ack.push(HeaderName::MaxForwards, "70")?;
    let mut copy = |name: HeaderName, from: &Message| {
        for line in from.headers().filter(|line| *line.name == name) {
            ack.push_copy(line);
        }
    };
    copy(HeaderName::Route, invite);
    copy(HeaderName::From, invite);
    copy(HeaderName::To, refusal);
    copy(HeaderName::CallId, invite);
    let number = invite.cseq().map_or(0, |cseq| cseq.number);
    ack.push(HeaderName::CSeq, &format!("{number} ACK"))?;
    Ok(ack)
}
