//! From UDP to TCP for requests that are too large, and back (RFC 3261 §18.1.1).
//!
//! A leg whose requests go by UDP decides anew for each of them, by its size as written; its own
//! way and its Contact stay UDP, and small requests with them. Only what the decision leaves open
//! is kept: the request by UDP, with a branch of its own, until the first response.
//!
//! | state | input | next | outputs |
//! |---|---|---|---|
//! | (new) | request of at most [`UdpMax`] | by UDP | the request |
//! | (new) | a larger one; no TCP listener of that family, the peer is behind a NAT or in [`TcpRefusals`] | by UDP | the request |
//! | (new) | a larger one | by TCP | the request, Via TCP; 500 ms to connect |
//! | by TCP | response | by TCP | as ever; from now on there is no way back |
//! | by TCP | not sent: refused, not connected in time, lost in the middle of it | by UDP | the request again, another branch, its timers anew; the peer goes into [`TcpRefusals`] |
//! | by TCP, its INVITE to be cancelled | not sent | over | nothing: nobody has it |
//! | by TCP | the connection is lost behind it | over | transport error: the peer may have it, and would see it twice |
//! | by TCP | Timer B, F | over | as ever |
//!
//! The ACK of a 2xx is a request like any other; it has no transaction, so that the leg itself
//! sends it again. The ACK of a refusal and CANCEL go the way of their INVITE (§17.1.1.3, §9.1).

use super::event::LegOutput;
use super::leg::{Leg, LegCx};
use crate::limits;
use crate::sip::{HeaderName, InvalidValue, Message, new_branch};
use crate::time::Instant;
use crate::transaction::{Detour, TxId, TxOutput};
use crate::transport::{Flow, Transmit, Transport, UdpMax};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Peers that took no TCP connection for a request that was too large for UDP: for
/// [`limits::TCP_REFUSED`] they are sent such requests by UDP at once. Shared by all calls.
#[derive(Debug, Default)]
pub struct TcpRefusals(Mutex<HashMap<(crate::net::ListenerId, SocketAddr), Instant>>);

impl TcpRefusals {
    /// The peer at the other end of `flow` took no connection. Forgotten where too many are
    /// remembered already.
    fn note(&self, now: Instant, flow: &Flow) {
        let mut until = self.until();
        if until.len() >= limits::TCP_REFUSALS {
            until.retain(|_, until| *until > now);
        }
        if until.len() < limits::TCP_REFUSALS {
            until.insert((flow.listener, flow.remote), now + limits::TCP_REFUSED);
        }
    }

    fn knows(&self, now: Instant, flow: &Flow) -> bool {
        let until = self.until();
        let found = until.get(&(flow.listener, flow.remote));
        found.is_some_and(|until| *until > now)
    }

    fn until(&self) -> MutexGuard<'_, HashMap<(crate::net::ListenerId, SocketAddr), Instant>> {
        // Nothing under the lock calls out, so a poisoned table is a whole one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that knows its way.
#[derive(Debug)]
pub(super) struct Routed {
    flow: Flow,
    request: Message,
    detour: Option<Detour>,
}

/// An ACK of ours, to be sent again.
#[derive(Debug)]
pub(super) struct Acked {
    transmit: Transmit,
    by_udp: Option<Transmit>,
}

impl Routed {
    /// An ACK, which needs no transaction.
    pub(super) fn into_ack(self) -> Acked {
        let hurried = self.detour.is_some();
        let transmit = Transmit::new(self.flow, self.request.to_bytes());
        Acked {
            transmit: Transmit {
                hurried,
                ..transmit
            },
            by_udp: self
                .detour
                .map(|detour| Transmit::new(detour.flow, detour.request.to_bytes())),
        }
    }
}

impl Acked {
    /// What is sent.
    pub(super) const fn transmit(&self) -> &Transmit {
        &self.transmit
    }

    /// It did not get through by TCP: true where it goes by UDP from now on.
    fn detour(&mut self, unsent: &Flow) -> bool {
        if self.transmit.flow != *unsent {
            return false;
        }
        match self.by_udp.take() {
            Some(by_udp) => {
                self.transmit = by_udp;
                true
            }
            None => false,
        }
    }
}

impl Leg {
    /// The largest request that goes by UDP from now on.
    pub fn set_udp_max(&mut self, udp_max: UdpMax) {
        self.udp_max = udp_max;
    }

    /// Puts a Via in front of a request that is otherwise as it will be sent: the listener that it
    /// leaves by, as the peer sees it, and a new branch.
    pub(super) fn routed(
        &self,
        cx: &mut LegCx<'_>,
        mut request: Message,
    ) -> Result<Routed, InvalidValue> {
        let via = self.via(&self.flow, &new_branch(cx.entropy));
        request.push_front(HeaderName::Via, &via)?;
        let Some(flow) = self.tcp_instead(cx, request.size_hint()) else {
            return Ok(Routed {
                flow: self.flow,
                request,
                detour: None,
            });
        };
        let mut by_tcp = request.clone();
        by_tcp.set(HeaderName::Via, &self.via(&flow, &new_branch(cx.entropy)))?;
        Ok(Routed {
            flow,
            request: by_tcp,
            detour: Some(Detour {
                flow: self.flow,
                request,
            }),
        })
    }

    /// The way by TCP, where a request of so many bytes goes by it.
    fn tcp_instead(&self, cx: &LegCx<'_>, bytes: usize) -> Option<Flow> {
        let fits = self.flow.transport != Transport::Udp || self.udp_max.allows(bytes);
        if fits || self.behind_nat {
            // No connection can be made to behind a NAT.
            return None;
        }
        let remote = self.flow.remote;
        let flow = Flow {
            listener: self
                .network
                .sender(self.realm, Transport::Tcp, remote.ip())?,
            transport: Transport::Tcp,
            remote,
            connection: None,
        };
        (!cx.refusals.knows(cx.now, &flow)).then_some(flow)
    }

    /// Sends a request in a new transaction.
    pub(super) fn send(&mut self, cx: &mut LegCx<'_>, routed: Routed) -> TxId {
        let Routed {
            flow,
            request,
            detour,
        } = routed;
        let mut out = Vec::new();
        let tx = match detour {
            None => self
                .transactions
                .send_request(cx.now, flow, &request, &mut out),
            Some(detour) => self
                .transactions
                .send_large_request(cx.now, flow, &request, detour, &mut out),
        };
        self.absorb(cx, out);
        tx
    }

    /// The transport could not send something of this leg by this flow, not even in part: what can
    /// go by UDP goes by UDP, the rest has failed.
    pub fn on_unsent(&mut self, cx: &mut LegCx<'_>, flow: &Flow) {
        let mut out = Vec::new();
        if !self.is_hung_up() && self.take_detours(cx, flow, &mut out) {
            cx.refusals.note(cx.now, flow);
        }
        self.absorb(cx, out);
        self.on_transport_error(cx, flow);
    }

    /// True where there was one.
    fn take_detours(&mut self, cx: &LegCx<'_>, flow: &Flow, out: &mut Vec<TxOutput>) -> bool {
        let mut any = self.transactions.take_detours(cx.now, flow, out);
        for (invite, ack) in &mut self.acks {
            if ack.detour(flow) {
                any = true;
                self.transactions
                    .acknowledged(*invite, ack.transmit().clone());
                out.push(TxOutput::Transmit(ack.transmit().clone()));
            }
        }
        for (_, ack) in &mut self.released {
            if ack.detour(flow) {
                any = true;
                out.push(TxOutput::Transmit(ack.transmit().clone()));
            }
        }
        any
    }

    /// Sends an ACK for the first time or again.
    pub(super) fn transmit_ack(cx: &mut LegCx<'_>, ack: &Acked) {
        cx.out
            .push_back(LegOutput::Transmit(ack.transmit().clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::ListenerId;

    fn to(port: u16) -> Flow {
        Flow {
            listener: ListenerId(0),
            transport: Transport::Tcp,
            remote: SocketAddr::from(([192, 0, 2, 1], port)),
            connection: None,
        }
    }

    #[test]
    fn a_refusal_is_remembered_for_a_minute_by_peer() {
        let refusals = TcpRefusals::default();
        let now = Instant::default();
        refusals.note(now, &to(1));
        let nearly = Instant::from_nanos(59_999_999_999);
        assert!(refusals.knows(nearly, &to(1)));
        assert!(!refusals.knows(nearly, &to(2)));
        assert!(!refusals.knows(now + limits::TCP_REFUSED, &to(1)));
    }

    #[test]
    fn a_bounded_number_of_refusals_is_remembered_and_old_ones_make_room() {
        let refusals = TcpRefusals::default();
        let now = Instant::default();
        for port in 0..=limits::TCP_REFUSALS {
            refusals.note(now, &to(u16::try_from(port).expect("a port")));
        }
        assert_eq!(refusals.until().len(), limits::TCP_REFUSALS);
        let last = to(u16::try_from(limits::TCP_REFUSALS).expect("a port"));
        assert!(!refusals.knows(now, &last));
        let later = now + limits::TCP_REFUSED;
        refusals.note(later, &last);
        assert!(refusals.knows(later, &last));
        assert_eq!(refusals.until().len(), 1);
    }

    #[test]
    fn the_largest_request_for_udp_has_just_so_many_bytes() {
        assert!(UdpMax::default().allows(1300));
        assert!(!UdpMax::default().allows(1301));
        assert!(UdpMax::NEVER_TCP.allows(limits::STREAM_MESSAGE_BYTES + 1000));
    }
}
