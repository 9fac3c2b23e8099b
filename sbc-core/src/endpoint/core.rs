//! Which owner a message belongs to, without I/O.
//!
//! | message | found by | else |
//! |---|---|---|
//! | response with a defect that matters | - | dropped (RFC 3261 §18.3) |
//! | response | Call-ID and From tag (ours) | lingering transaction (a 2xx of another fork: ACK and BYE), else dropped |
//! | request with To tag | Call-ID and To tag (ours) | lingering transaction, else 481 (ACK: dropped) |
//! | INVITE without To tag | Call-ID, From tag, branch: the same INVITE again | the same CSeq by another branch, also where its call is over and its transaction lingers: 482 (RFC 3261 §8.2.2.2); else a new call |
//! | CANCEL without To tag | Call-ID, From tag, branch | lingering transaction, else 481 |
//! | ACK without To tag | - | dropped |
//! | any other | - | lingering transaction, else answered without state |
//!
//! Where a call keeps the caller's Call-ID and From tag towards its callees
//! (`transparent_dialog_ids`), several dialogs of one call may bear the same Call-ID and tag: a
//! target and the one before it. What lingers of an earlier one is found first there. No two calls
//! bear the same: a call whose Call-ID is claimed already takes ids of its own ([`Begun`]).

use super::late_fork;
use super::linger::{Initial, Linger, Lingering};
use super::stateless::{Stateless, Verdict, transmit};
use crate::b2bua::CallKey;
use crate::sip::{Defect, HeaderName, Message, Method, StatusCode};
use crate::time::Instant;
use crate::transaction::Residue;
use crate::transport::{Flow, Incoming, Transmit};
use smallvec::SmallVec;
use std::collections::HashMap;

/// Why a message was dropped without an answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Dropped {
    /// A response to nothing that is known.
    StrayResponse,
    /// An ACK to nothing that is known.
    StrayAck,
    /// So broken that nobody can be answered.
    Unanswerable,
    /// Repeated, and needs no answer.
    Absorbed,
}

/// What is to be done with a message.
#[derive(Debug)]
pub enum Route {
    /// It belongs to this call.
    Owner(CallKey),
    /// It begins a call.
    Begin,
    /// Nobody's: this answer is sent.
    Reply(Transmit),
    /// A late 2xx of a fork: these end it.
    HangUp(Box<[Transmit; 2]>),
    /// Nobody's, and gets no answer.
    Drop(Dropped),
}

#[derive(Debug)]
struct Claim {
    tag: Box<str>,
    initial: Option<Initial>,
    owner: CallKey,
    /// Transactions of an earlier dialog of this Call-ID linger, or did.
    has_forerunner: bool,
}

/// What is known of a Call-ID when a call begins with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Begun {
    /// Another call bears it too: a spiral, or an INVITE that is sent again with another CSeq.
    pub is_shared: bool,
}

/// The index of dialogs, and what lingers.
#[derive(Debug, Default)]
pub struct EndpointCore {
    claims: HashMap<Box<str>, SmallVec<[Claim; 1]>>,
    linger: Linger,
    stateless: Stateless,
}

impl EndpointCore {
    /// Nothing claimed, nothing lingers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Finds who a message belongs to.
    #[must_use]
    pub fn route(&mut self, now: Instant, incoming: &Incoming) -> Route {
        let Incoming { flow, message } = incoming;
        let Some(call_id) = message.call_id() else {
            return self.refuse_broken(flow, message);
        };
        let spoils = if message.is_request() {
            Defect::is_fatal
        } else {
            Defect::spoils_response
        };
        if message.defects().iter().any(spoils) {
            return self.refuse_broken(flow, message);
        }
        let claim = self.claim_of(call_id, message);
        let owner = claim.map(|claim| claim.owner);
        if let Some(claim) = claim
            && !claim.has_forerunner
        {
            return Route::Owner(claim.owner);
        }
        match (self.linger.on_message(now, call_id, message), owner) {
            (Lingering::Again(ack), _) if late_fork::is_of_another(message, &ack) => {
                return self.hang_up(flow, message);
            }
            (Lingering::Again(transmit), _) => return Route::Reply(transmit),
            (Lingering::Absorbed, _) => return Route::Drop(Dropped::Absorbed),
            (Lingering::Unknown, Some(owner)) => return Route::Owner(owner),
            (Lingering::Unknown, None) => {}
        }
        match (message.is_request(), message.method(), message.to_tag()) {
            (false, ..) => Route::Drop(Dropped::StrayResponse),
            (true, Some(Method::Ack), _) => Route::Drop(Dropped::StrayAck),
            (true, _, Some(_)) => self.reply(flow, message, StatusCode::of(481), &[]),
            (true, Some(Method::Invite), None) if self.is_merged(now, call_id, message) => {
                self.reply(flow, message, StatusCode::of(482), &[])
            }
            (true, ..) => match self.stateless.judge(message) {
                Verdict::Begin => Route::Begin,
                Verdict::Reply(reply) => Route::Reply(transmit(*flow, message, &reply)),
                Verdict::Drop => Route::Drop(Dropped::StrayAck),
            },
        }
    }

    fn hang_up(&self, flow: &Flow, response: &Message) -> Route {
        let branch = |method: &Method| self.stateless.branch(response, method);
        match late_fork::release(response, *flow, branch) {
            Some(requests) => Route::HangUp(Box::new(requests)),
            None => Route::Drop(Dropped::StrayResponse),
        }
    }

    fn claim_of(&self, call_id: &str, message: &Message) -> Option<&Claim> {
        let claims = self.claims.get(call_id)?;
        let tag = if message.is_request() {
            message.to_tag()
        } else {
            message.from_tag()
        };
        match tag {
            Some(tag) => claims.iter().find(|claim| *claim.tag == *tag),
            None => claims.iter().find(|claim| {
                claim.initial.as_ref().is_some_and(|initial| {
                    Some(&*initial.branch) == message.branch()
                        && Some(&*initial.from_tag) == message.from_tag()
                })
            }),
        }
    }

    /// Whether the same INVITE came before by another way.
    fn is_merged(&self, now: Instant, call_id: &str, invite: &Message) -> bool {
        let claims = self.claims.get(call_id).into_iter().flatten();
        let mut initials = claims.filter_map(|claim| claim.initial.as_ref());
        initials.any(|initial| initial.is_merged_with(invite))
            || self.linger.is_merged(now, call_id, invite)
    }

    fn refuse_broken(&self, flow: &Flow, message: &Message) -> Route {
        match self.stateless.refuse_defects(message) {
            Some(reply) if message.is_request() && has_via(message) => {
                Route::Reply(transmit(*flow, message, &reply))
            }
            _ => Route::Drop(Dropped::Unanswerable),
        }
    }

    fn reply(
        &self,
        flow: &Flow,
        request: &Message,
        status: StatusCode,
        headers: &[(HeaderName, &str)],
    ) -> Route {
        let reply = self.stateless.answer(request, status, "", headers);
        Route::Reply(transmit(*flow, request, &reply))
    }

    /// A refusal without state, as 503 with Retry-After where the box takes no more; without reason
    /// phrase, the code's own. Nothing for an ACK.
    #[must_use]
    pub fn refuse(
        &self,
        incoming: &Incoming,
        status: StatusCode,
        reason: &str,
        headers: &[(HeaderName, &str)],
    ) -> Option<Transmit> {
        let Incoming { flow, message } = incoming;
        if !message.is_request() || message.method() == Some(&Method::Ack) {
            return None;
        }
        let reply = self.stateless.answer(message, status, reason, headers);
        Some(transmit(*flow, message, &reply))
    }

    /// The INVITE of [`Route::Begin`] now has an owner.
    pub fn begin(&mut self, owner: CallKey, tag: &str, invite: &Message) -> Begun {
        let initial = invite.cseq().map(|cseq| Initial {
            from_tag: invite.from_tag().unwrap_or_default().into(),
            branch: invite.branch().unwrap_or_default().into(),
            cseq: cseq.number,
        });
        let call_id = invite.call_id().unwrap_or_default();
        let is_shared = self.claims.contains_key(call_id);
        self.add(owner, call_id, tag, initial);
        Begun { is_shared }
    }

    /// Messages of this dialog belong to this call.
    pub fn claim(&mut self, owner: CallKey, call_id: &str, tag: &str) {
        self.add(owner, call_id, tag, None);
    }

    fn add(&mut self, owner: CallKey, call_id: &str, tag: &str, initial: Option<Initial>) {
        let claim = Claim {
            tag: tag.into(),
            initial,
            owner,
            has_forerunner: self.linger.knows(call_id),
        };
        match self.claims.get_mut(call_id) {
            Some(claims) => claims.push(claim),
            None => {
                self.claims
                    .insert(call_id.into(), SmallVec::from_iter([claim]));
            }
        }
    }

    /// They no longer do; what still comes is answered from the residues.
    pub fn release(
        &mut self,
        now: Instant,
        call_id: &str,
        tags: &[Box<str>],
        residues: Vec<Residue>,
    ) {
        let mut initials: SmallVec<[Initial; 1]> = SmallVec::new();
        if let Some(claims) = self.claims.get_mut(call_id) {
            for tag in tags {
                // Of several dialogs with the same tag only one is released.
                if let Some(at) = claims.iter().position(|claim| claim.tag == *tag) {
                    initials.extend(claims.remove(at).initial);
                }
            }
            for claim in claims.iter_mut() {
                claim.has_forerunner |= !residues.is_empty();
            }
            if claims.is_empty() {
                self.claims.remove(call_id);
            }
        }
        let initials = initials.into_iter();
        self.linger.add(now, call_id, residues, initials);
    }

    /// Forgets lingering transactions that are over.
    pub fn sweep(&mut self, now: Instant) {
        self.linger.sweep(now);
    }

    /// How many dialogs are claimed.
    #[must_use]
    pub fn claimed(&self) -> usize {
        self.claims.values().map(SmallVec::len).sum()
    }

    /// How many Call-IDs have something lingering.
    #[must_use]
    pub fn lingering(&self) -> usize {
        self.linger.len()
    }
}

/// Whether there is a Via, be it one that cannot be read: the refusal repeats it and goes where the
/// request came from (RFC 4475 3.1.2.1).
fn has_via(request: &Message) -> bool {
    request.headers().any(|line| *line.name == HeaderName::Via)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::ListenerId;
    use crate::transport::Transport;
    use bytes::Bytes;

    fn arrives(core: &mut EndpointCore, header: &[u8]) -> Route {
        let mut text = b"INVITE sip:bob@192.0.2.1 SIP/2.0\r\n\
            Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK1\r\n\
            Max-Forwards: 70\r\nTo: <sip:bob@192.0.2.1>\r\nCall-ID: a\r\n\
            CSeq: 1 INVITE\r\nContact: <sip:alice@192.0.2.7>\r\n"
            .to_vec();
        text.extend_from_slice(header);
        text.extend_from_slice(b"\r\nContent-Length: 0\r\n\r\n");
        core.route(Instant::default(), &incoming(text))
    }

    fn incoming(text: Vec<u8>) -> Incoming {
        let message = Message::parse_datagram(Bytes::from(text)).expect("a message");
        let remote = std::net::SocketAddr::from(([192, 0, 2, 7], 5060));
        let listener = ListenerId(0);
        let flow = Flow {
            listener,
            transport: Transport::Udp,
            remote,
            connection: None,
        };
        Incoming { flow, message }
    }

    #[test]
    fn letters_that_are_not_utf8_refuse_a_call_only_where_they_are_read() {
        let mut core = EndpointCore::new();
        let from = b"From: <sip:alice@192.0.2.7>;tag=1\r\nSubject: caf\xe9";
        assert!(matches!(arrives(&mut core, from), Route::Begin));
        let from = b"From: \"caf\xe9\" <sip:alice@192.0.2.7>;tag=1";
        let Route::Reply(reply) = arrives(&mut core, from) else {
            panic!("From must be readable");
        };
        assert!(reply.bytes.starts_with(b"SIP/2.0 400 "));
    }

    #[test]
    fn a_response_that_its_transaction_could_not_use_is_dropped_unseen() {
        let mut core = EndpointCore::new();
        core.claim(CallKey(1), "a", "1");
        let mut arrives = |to: &str, length: u8| {
            let text = format!(
                "SIP/2.0 486 Busy\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n\
                 From: <sip:a@192.0.2.1>;tag=1\r\nSubject: x\ry\r\n{to}Call-ID: a\r\n\
                 CSeq: 1 INVITE\r\nContent-Length: {length}\r\n\r\n"
            );
            core.route(Instant::default(), &incoming(text.into()))
        };
        let to = "To: <sip:b@192.0.2.7>;tag=2\r\n";
        assert!(matches!(arrives(to, 0), Route::Owner(CallKey(1))));
        for (to, length) in [(to, 1), ("", 0), ("To: <sip:b\r\n", 0)] {
            let dropped = Route::Drop(Dropped::Unanswerable);
            let found = arrives(to, length);
            assert_eq!(format!("{found:?}"), format!("{dropped:?}"), "{to}");
        }
    }
}
