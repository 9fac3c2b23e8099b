//! The transactions of one owner (a call's leg): matching by branch, the earliest deadline, and the
//! bytes that retransmissions need.
//!
//! Inputs: a request or response that arrived, a request or response to send, time, a transport error.
//! Outputs: [`TxOutput`]s pushed to the caller's vector, in order.

use crate::sip::{Message, Method, StatusCode};
use crate::time::Instant;
use crate::transport::{Flow, Transmit};
use bytes::Bytes;

/// A transaction of this set. Never used again for another one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TxId(pub u32);

/// What a set wants or has to say.
#[derive(Debug)]
pub enum TxOutput {
    /// Send these bytes.
    Transmit(Transmit),
    /// How a client transaction went on.
    Client {
        /// Which.
        tx: TxId,
        /// The method of its request.
        method: Method,
        /// What happened.
        outcome: Outcome,
    },
    /// Timer H of a server INVITE transaction: the ACK of our refusal never came (not an error that
    /// anybody needs to act on).
    AckMissing(TxId),
}

/// What a client transaction tells its owner.
#[derive(Debug)]
pub enum Outcome {
    /// A response to pass up: every 1xx, the first final one, every further 2xx to an INVITE while
    /// Timer M runs. The ACK of a refusal has been sent by the set.
    Response(Box<Message>),
    /// Timer B or F: as if 408 had come (RFC 3261 §8.1.3.1).
    TimedOut,
    /// The transport gave up: as if 503 had come.
    TransportFailed,
}

/// What is left of a finished transaction: enough to answer what still comes. Kept by the endpoint
/// after the owner has gone (Timers D, J, K, L, M; and G/H for a refusal that waits for its ACK is
/// NOT a residue: the owner lives on until then).
#[derive(Clone, Debug)]
pub struct Residue {
    /// The branch that messages are matched by.
    pub branch: Box<str>,
    /// The method of its request.
    pub method: Method,
    /// Whether a message that matches is a request (server transaction) or a response.
    pub server: bool,
    /// Sent again for each message that matches: a response of a server transaction, the ACK of a client
    /// INVITE transaction. Nothing: absorb silently.
    pub answer: Option<Transmit>,
    /// Until when.
    pub until: Instant,
}

/// The set.
#[derive(Debug, Default)]
pub struct TransactionSet {
    _next: u32,
}

impl TransactionSet {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends a request (not ACK) in a new client transaction. `request` has its topmost Via, with a new
    /// branch of the caller's.
    pub fn send_request(
        &mut self,
        _now: Instant,
        _flow: Flow,
        _request: &Message,
        _out: &mut Vec<TxOutput>,
    ) -> TxId {
        unimplemented!()
    }

    /// A response arrived. False: no transaction of this set matches (branch and CSeq method, §17.1.3).
    pub fn on_response(
        &mut self,
        _now: Instant,
        _response: Box<Message>,
        _out: &mut Vec<TxOutput>,
    ) -> bool {
        unimplemented!()
    }

    /// A request (not ACK) arrived. `Some(tx)`: it is new, and now the caller's to answer through
    /// [`Self::respond`]. Nothing: a retransmission, dealt with. Matching: branch, sent-by, method
    /// (§17.2.3); an INVITE's own, never CANCEL's.
    pub fn on_request(
        &mut self,
        _now: Instant,
        _flow: Flow,
        _request: &Message,
        _out: &mut Vec<TxOutput>,
    ) -> Option<TxId> {
        unimplemented!()
    }

    /// An ACK arrived. True: it belongs to a refusal of a server INVITE transaction and was absorbed;
    /// false: it is the ACK of a 2xx, the caller's.
    pub fn on_ack(&mut self, _now: Instant, _ack: &Message) -> bool {
        unimplemented!()
    }

    /// The server INVITE transaction that a CANCEL means (§9.2), whatever its state.
    #[must_use]
    pub fn cancelled_by(&self, _cancel: &Message) -> Option<TxId> {
        unimplemented!()
    }

    /// Sends a response in a server transaction: any number of 1xx, then one final; for an INVITE, after a
    /// 2xx, the same 2xx again as often as the owner wants (RFC 6026 §7.1). Ignored in a state that
    /// forbids it.
    pub fn respond(
        &mut self,
        _now: Instant,
        _tx: TxId,
        _response: &Message,
        _out: &mut Vec<TxOutput>,
    ) {
        unimplemented!()
    }

    /// Status and bytes of the last response of a server transaction.
    #[must_use]
    pub fn last_response(&self, _tx: TxId) -> Option<(StatusCode, Bytes)> {
        unimplemented!()
    }

    /// Where a server transaction's responses go.
    #[must_use]
    pub fn flow(&self, _tx: TxId) -> Option<Flow> {
        unimplemented!()
    }

    /// Whether a client transaction still waits for its final response.
    #[must_use]
    pub fn is_pending(&self, _tx: TxId) -> bool {
        unimplemented!()
    }

    /// Ends a client transaction without a word (an INVITE whose 2xx came from another branch or whose
    /// CANCEL got no answer within 64 T1, §9.1).
    pub fn forget(&mut self, _tx: TxId) {
        unimplemented!()
    }

    /// The ACK that the owner sent for a 2xx, to be kept for the residue.
    pub fn acknowledged(&mut self, _invite: TxId, _ack: Transmit) {
        unimplemented!()
    }

    /// The transport could not deliver to this flow: every client transaction that has had no response
    /// over it fails (§17.1.4); server transactions drop their response (§17.2.4).
    pub fn on_transport_error(&mut self, _now: Instant, _flow: &Flow, _out: &mut Vec<TxOutput>) {
        unimplemented!()
    }

    /// Acts on every deadline that has passed.
    pub fn on_timeout(&mut self, _now: Instant, _out: &mut Vec<TxOutput>) {
        unimplemented!()
    }

    /// The earliest deadline.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        unimplemented!()
    }

    /// Whether anything here still has work to do: a client transaction without final response, or a
    /// refusal without ACK. What merely lingers does not count.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        unimplemented!()
    }

    /// Takes what lingers out of the set, for the endpoint's wheel.
    pub fn take_residues(&mut self, _now: Instant) -> Vec<Residue> {
        unimplemented!()
    }
}
