//! What a leg wants and tells.

use crate::sip::Message;
use crate::transaction::{Outcome, TxId};
use crate::transport::{Target, Transmit};
use bytes::Bytes;

/// Why an INVITE of ours got no final response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// Timer B: nobody answered at all (as 408, RFC 3261 §8.1.3.1).
    TimedOut,
    /// Nobody could be reached (as 503, §8.1.3.1).
    Transport,
    /// The name has no address, or none of a family and transport that the realm can send.
    Unresolved,
}

/// What a leg tells its owner.
#[derive(Debug)]
pub enum LegEvent {
    /// UAC: a provisional response above 100.
    Provisional {
        /// The response.
        message: Box<Message>,
        /// Which early dialog it belongs to: numbered from 0 in the order they appeared.
        early: usize,
        /// The answer to our offer, where this response brought it.
        answer: Option<Bytes>,
    },
    /// UAC: the first 2xx. The owner sends the ACK with [`super::Leg::ack`].
    Answered {
        /// The response.
        message: Box<Message>,
        /// Its early dialog.
        early: usize,
        /// The SDP that counts: to an offer of ours the first answer of this dialog, else the
        /// callee's offer.
        sdp: Option<Bytes>,
    },
    /// UAC: a final response from 300 on. The ACK is sent.
    Refused(Box<Message>),
    /// UAC: no final response.
    Failed(Failure),
    /// UAS: CANCEL, or a BYE before the answer; both are answered, the INVITE with 487.
    Cancelled(Box<Message>),
    /// UAS: the ACK of our 2xx.
    Acked(Box<Message>),
    /// UAS: our 2xx was never acknowledged (RFC 3261 §13.3.1.4); the owner hangs up.
    AckMissing,
    /// The peer hung up; answered with 200.
    Bye(Box<Message>),
    /// Another request in the dialog, to be answered with [`super::Leg::reply_to_request`].
    Request {
        /// Its transaction.
        tx: TxId,
        /// The request.
        request: Box<Message>,
    },
    /// The peer cancelled a re-INVITE; the CANCEL is answered, the INVITE not yet.
    RequestCancelled(TxId),
    /// What became of a request of ours in the dialog.
    Response {
        /// Its transaction.
        tx: TxId,
        /// How it went.
        outcome: Outcome,
    },
}

/// What a leg wants or tells, in order.
#[derive(Debug)]
pub enum LegOutput {
    /// Send.
    Transmit(Transmit),
    /// Find the addresses of this target, and say so with [`super::Leg::on_resolved`].
    Resolve(Target),
    /// Something happened.
    Event(LegEvent),
}
