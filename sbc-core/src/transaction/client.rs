//! A client transaction of the set: a machine, and the messages it sends again.

use super::key::top_via;
use super::{ClientAction, ClientInvite, ClientNonInvite, Outcome, Residue, TxId, TxOutput};
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
        let client = Self {
            id,
            method,
            branch: request.branch().unwrap_or("").into(),
            flow,
            request: request.to_bytes(),
            machine,
        };
        client.send_request(out);
        client
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
        out.push(TxOutput::Transmit(Transmit {
            flow: self.flow,
            bytes: self.request.clone(),
        }));
    }

    fn build_ack(&mut self, refusal: Option<&Message>) {
        if let Machine::Invite { invite, ack, .. } = &mut self.machine {
            *ack = refusal
                .and_then(|refusal| ack_of_refusal(invite, refusal).ok())
                .map(|message| Transmit {
                    flow: self.flow,
                    bytes: message.to_bytes(),
                });
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
