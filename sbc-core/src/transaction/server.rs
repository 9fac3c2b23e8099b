//! A server transaction of the set: a machine, and the response it sends again.

use super::client::same_way;
use super::key::Key;
use super::{Residue, ServerAction, ServerInvite, ServerNonInvite, TxId, TxOutput};
use crate::sip::{Message, Method, StatusCode};
use crate::time::Instant;
use crate::transport::{Flow, Transmit};
use crate::{Met, Probe};
use bytes::Bytes;

const INVITE: &str = "server INVITE";

#[derive(Debug)]
pub(super) struct Server {
    pub(super) id: TxId,
    pub(super) flow: Flow,
    method: Method,
    key: Key,
    machine: Machine,
    last: Option<Last>,
}

#[derive(Debug)]
enum Machine {
    Invite(ServerInvite),
    Other {
        machine: ServerNonInvite,
        /// What a 100 of our own is made of; gone with the first response.
        request: Option<Box<Message>>,
    },
}

/// The response that was sent last.
#[derive(Debug)]
struct Last {
    status: StatusCode,
    to_tag: Option<Box<str>>,
    bytes: Bytes,
}

impl Server {
    pub(super) fn new(now: Instant, id: TxId, flow: Flow, request: &Message) -> Self {
        let reliable = flow.transport.is_reliable();
        let method = request.method().cloned().unwrap_or(Method::Invite);
        let machine = if method == Method::Invite {
            Machine::Invite(ServerInvite::new(reliable))
        } else {
            Machine::Other {
                machine: ServerNonInvite::new(now, reliable),
                request: Some(Box::new(request.clone())),
            }
        };
        Self {
            id,
            flow,
            method,
            key: Key::of(request),
            machine,
            last: None,
        }
    }

    /// Whether `request` is the one that began this transaction, come again.
    pub(super) fn is_of(&self, request: &Message) -> bool {
        request.method() == Some(&self.method) && self.key.is_of(request)
    }

    /// Whether `cancel` means this INVITE (RFC 3261 §9.2).
    pub(super) fn is_cancelled_by(&self, cancel: &Message) -> bool {
        self.method == Method::Invite && self.key.is_of(cancel)
    }

    pub(super) fn on_request(&self, probe: &Probe, out: &mut Vec<TxOutput>) {
        probe.note(|| self.met(|_| "INVITE again", |_| "request again"));
        let action = match &self.machine {
            Machine::Invite(machine) => machine.on_request(),
            Machine::Other { machine, .. } => machine.on_request(),
        };
        if action == ServerAction::SendResponse {
            self.send(out);
        }
    }

    /// True: the ACK was for this transaction's refusal.
    pub(super) fn on_ack(&mut self, now: Instant, ack: &Message, probe: &Probe) -> bool {
        let tag = self.last.as_ref().and_then(|last| last.to_tag.as_deref());
        match &mut self.machine {
            Machine::Invite(machine) if self.key.is_of_ack(ack, tag) => {
                probe.note(|| (INVITE, machine.state_name(), "ACK"));
                machine.on_ack(now)
            }
            _ => false,
        }
    }

    /// The transport could not deliver to `flow`: nothing changes (RFC 6026 §8.8).
    pub(super) fn on_transport_error(&self, flow: &Flow, probe: &Probe) {
        if same_way(&self.flow, flow) {
            probe.note(|| self.met(|_| "transport error", |_| "transport error"));
        }
    }

    /// The machine, its state, and an input by the name that its table has for it.
    fn met(
        &self,
        invite: impl FnOnce(&ServerInvite) -> &'static str,
        other: impl FnOnce(&ServerNonInvite) -> &'static str,
    ) -> Met {
        match &self.machine {
            Machine::Invite(machine) => (INVITE, machine.state_name(), invite(machine)),
            Machine::Other { machine, .. } => {
                ("server other", machine.state_name(), other(machine))
            }
        }
    }

    pub(super) fn respond(
        &mut self,
        now: Instant,
        response: &Message,
        probe: &Probe,
        out: &mut Vec<TxOutput>,
    ) {
        let Some(status) = response.status() else {
            return;
        };
        probe.note(|| self.met(|m| m.input_of(status), |m| m.input_of(now, status)));
        let action = match &mut self.machine {
            Machine::Invite(machine) => machine.respond(now, status),
            Machine::Other { machine, .. } => machine.respond(now, status),
        };
        if action == ServerAction::SendResponse {
            self.send_new(status, response, out);
        }
    }

    pub(super) fn on_timeout(&mut self, now: Instant, probe: &Probe, out: &mut Vec<TxOutput>) {
        if self.deadline().is_none_or(|at| at > now) {
            return;
        }
        probe.note(|| self.met(|m| m.due(now), |m| m.due(now)));
        let action = match &mut self.machine {
            Machine::Invite(machine) => machine.on_timeout(now),
            Machine::Other { machine, .. } => machine.on_timeout(now),
        };
        match action {
            ServerAction::Nothing => {}
            ServerAction::SendResponse => self.send(out),
            ServerAction::AckMissing => out.push(TxOutput::AckMissing(self.id)),
            ServerAction::SendTrying => {
                if let Machine::Other { request, .. } = &mut self.machine
                    && let Some(request) = request.take()
                {
                    let status = StatusCode::of(100);
                    let trying = Message::reply_to(&request, status, status.reason(), None);
                    self.send_new(status, &trying, out);
                }
            }
        }
    }

    fn send_new(&mut self, status: StatusCode, response: &Message, out: &mut Vec<TxOutput>) {
        if let Machine::Other { request, .. } = &mut self.machine {
            *request = None;
        }
        self.last = Some(Last {
            status,
            to_tag: response.to_tag().map(Box::from),
            bytes: response.to_bytes(),
        });
        self.send(out);
    }

    fn transmit(&self) -> Option<Transmit> {
        let last = self.last.as_ref()?;
        Some(Transmit::new(self.flow, last.bytes.clone()))
    }

    fn send(&self, out: &mut Vec<TxOutput>) {
        out.extend(self.transmit().map(TxOutput::Transmit));
    }

    pub(super) fn last_response(&self) -> Option<(StatusCode, Bytes)> {
        self.last.as_ref().map(|l| (l.status, l.bytes.clone()))
    }

    /// Nothing where it does not linger, or where a branch alone would not find it again.
    pub(super) fn residue(&self) -> Option<Residue> {
        let answer = match &self.machine {
            // Whether the 2xx or the ACK is what comes again: both are absorbed (RFC 6026 §8.7).
            Machine::Invite(_) => None,
            Machine::Other { .. } => self.transmit(),
        };
        Some(Residue {
            branch: self.key.branch()?.into(),
            method: self.method.clone(),
            server: true,
            answer,
            until: self.lingers_until()?,
        })
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.machine {
            Machine::Invite(machine) => machine.deadline(),
            Machine::Other { machine, .. } => machine.deadline(),
        }
    }

    pub(super) fn awaits_ack(&self) -> bool {
        match &self.machine {
            Machine::Invite(machine) => machine.awaits_ack(),
            Machine::Other { .. } => false,
        }
    }

    pub(super) fn lingers_until(&self) -> Option<Instant> {
        match &self.machine {
            Machine::Invite(machine) => machine.lingers_until(),
            Machine::Other { machine, .. } => machine.lingers_until(),
        }
    }

    pub(super) fn is_terminated(&self) -> bool {
        match &self.machine {
            Machine::Invite(machine) => machine.is_terminated(),
            Machine::Other { machine, .. } => machine.is_terminated(),
        }
    }
}
