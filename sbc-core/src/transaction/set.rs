//! The transactions of one owner (a call's leg): matching by branch, the earliest deadline, and the
//! bytes that retransmissions need.
//!
//! Inputs: a request or response that arrived, a request or response to send, time, a transport
//! error. Outputs: [`TxOutput`]s pushed to the caller's vector, in order.
//!
//! Bounds: at most [`LEG_TRANSACTIONS`](limits::LEG_TRANSACTIONS) requests of the peer are open at
//! a time, and at most [`LEG_LINGERING`](limits::LEG_LINGERING) transactions of each kind linger.

use super::client::Client;
use super::server::Server;
use crate::Probe;
use crate::limits;
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

/// A request once more, by another way: for one that the first way does not take (RFC 3261
/// §18.1.1).
#[derive(Clone, Debug)]
pub struct Detour {
    /// The way.
    pub flow: Flow,
    /// The request; its branch is another one, since for the peer it is another transaction.
    pub request: Message,
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
    /// Sent again for each message that matches: a response of a server transaction, the ACK of a
    /// client INVITE transaction. Nothing: absorb silently.
    pub answer: Option<Transmit>,
    /// Until when.
    pub until: Instant,
}

/// The set. Both lists are short, and searched from end to end.
#[derive(Debug, Default)]
pub struct TransactionSet {
    probe: Probe,
    next: u32,
    clients: Vec<Client>,
    servers: Vec<Server>,
}

impl TransactionSet {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`Self::new`]; its machines note what they meet.
    #[must_use]
    pub fn noting(probe: Probe) -> Self {
        Self {
            probe,
            ..Self::default()
        }
    }

    /// Sends a request (not ACK) in a new client transaction. `request` has its topmost Via, with a
    /// new branch of the caller's; a CANCEL has the branch of its INVITE (RFC 3261 §9.1).
    pub fn send_request(
        &mut self,
        now: Instant,
        flow: Flow,
        request: &Message,
        out: &mut Vec<TxOutput>,
    ) -> TxId {
        let id = self.new_id();
        evict(&mut self.clients, |client| client.lingers_until().is_some());
        self.clients.push(Client::send(now, id, flow, request, out));
        id
    }

    /// Whether a response belongs to a transaction of this set (§17.1.3).
    #[must_use]
    pub fn awaits(&self, response: &Message) -> bool {
        let (Some(branch), Some(cseq)) = (response.branch(), response.cseq()) else {
            return false;
        };
        self.clients.iter().any(|c| c.is_of(branch, cseq.method))
    }

    /// The same for a request that [`Self::take_detours`] may send by another way.
    pub fn send_large_request(
        &mut self,
        now: Instant,
        flow: Flow,
        request: &Message,
        detour: Detour,
        out: &mut Vec<TxOutput>,
    ) -> TxId {
        let id = self.new_id();
        evict(&mut self.clients, |client| client.lingers_until().is_some());
        let client = Client::send_or_detour(now, id, flow, request, detour, out);
        self.clients.push(client);
        id
    }

    /// Nothing can be sent by `flow`: every client transaction that waits there for its first
    /// response and has a [`Detour`] takes it, and keeps its [`TxId`]. True where one did.
    pub fn take_detours(&mut self, now: Instant, flow: &Flow, out: &mut Vec<TxOutput>) -> bool {
        let mut any = false;
        for client in &mut self.clients {
            any |= client.take_detour(now, flow, out);
        }
        any
    }

    /// An INVITE as it was sent last, and its way: what its CANCEL is made of. Nothing where its
    /// transaction is over.
    #[must_use]
    pub fn invite(&self, tx: TxId) -> Option<(Flow, &Message)> {
        self.clients.iter().find(|c| c.id == tx)?.invite()
    }

    /// A response arrived. False: no transaction of this set matches (branch and CSeq method,
    /// §17.1.3).
    pub fn on_response(
        &mut self,
        now: Instant,
        response: Box<Message>,
        out: &mut Vec<TxOutput>,
    ) -> bool {
        let (Some(branch), Some(cseq)) = (response.branch(), response.cseq()) else {
            return false;
        };
        let found = self
            .clients
            .iter()
            .position(|c| c.is_of(branch, cseq.method));
        let Some(found) = found else { return false };
        self.clients[found].on_response(now, response, &self.probe, out);
        self.sweep();
        true
    }

    /// A request (not ACK) arrived. `Some(tx)`: it is new, and now the caller's to answer through
    /// [`Self::respond`]. Nothing: it is dealt with, as a retransmission or because too many
    /// requests of the peer are open already: then it got 503, without a transaction, and what
    /// comes of that (its retransmissions, an ACK) is a stranger to the set. BYE and CANCEL are let
    /// in always: they make an end of things, and are answered at once. Matching: branch, sent-by,
    /// method (§17.2.3); an INVITE's own, never CANCEL's.
    pub fn on_request(
        &mut self,
        now: Instant,
        flow: Flow,
        request: &Message,
        out: &mut Vec<TxOutput>,
    ) -> Option<TxId> {
        if let Some(server) = self.servers.iter().find(|s| s.is_of(request)) {
            server.on_request(&self.probe, out);
            return None;
        }
        let ends = matches!(request.method(), Some(Method::Bye | Method::Cancel));
        let open = self.servers.iter().filter(|s| s.lingers_until().is_none());
        if !ends && open.count() >= limits::LEG_TRANSACTIONS {
            // Without Retry-After it counts as 500: it is the request that fails, not the peer
            // (§21.5.4).
            let status = StatusCode::of(503);
            let refusal = Message::reply_to(request, status, status.reason(), None);
            let bytes = refusal.to_bytes();
            out.push(TxOutput::Transmit(Transmit::new(flow, bytes)));
            return None;
        }
        let id = self.new_id();
        evict(&mut self.servers, |server| server.lingers_until().is_some());
        self.servers.push(Server::new(now, id, flow, request));
        Some(id)
    }

    /// An ACK arrived. True: it belongs to a refusal of a server INVITE transaction and was
    /// absorbed; false: it is the ACK of a 2xx, the caller's.
    pub fn on_ack(&mut self, now: Instant, ack: &Message) -> bool {
        let mut servers = self.servers.iter_mut();
        let absorbed = servers.any(|s| s.on_ack(now, ack, &self.probe));
        self.sweep();
        absorbed
    }

    /// The server INVITE transaction that a CANCEL means (§9.2), whatever its state.
    #[must_use]
    pub fn cancelled_by(&self, cancel: &Message) -> Option<TxId> {
        let invite = self.servers.iter().find(|s| s.is_cancelled_by(cancel))?;
        Some(invite.id)
    }

    /// Sends a response in a server transaction: any number of 1xx, then one final; for an INVITE,
    /// after a 2xx, the same 2xx again as often as the owner wants (RFC 6026 §7.1). Ignored in a
    /// state that forbids it, and so are the responses that RFC 4320 forbids to requests other than
    /// INVITE: 408, any 1xx but 100, and a 100 within 3.5 s on UDP. Their 100 the set sends by
    /// itself when it is due.
    pub fn respond(&mut self, now: Instant, tx: TxId, response: &Message, out: &mut Vec<TxOutput>) {
        if let Some(server) = self.servers.iter_mut().find(|s| s.id == tx) {
            server.respond(now, response, &self.probe, out);
            self.sweep();
        }
    }

    /// Status and bytes of the last response of a server transaction; nothing where none was sent,
    /// or where the transaction is over.
    #[must_use]
    pub fn last_response(&self, tx: TxId) -> Option<(StatusCode, Bytes)> {
        self.server(tx)?.last_response()
    }

    /// Where a server transaction's responses go.
    #[must_use]
    pub fn flow(&self, tx: TxId) -> Option<Flow> {
        Some(self.server(tx)?.flow)
    }

    /// Whether a client transaction still waits for its final response.
    #[must_use]
    pub fn is_pending(&self, tx: TxId) -> bool {
        self.clients.iter().any(|c| c.id == tx && c.is_pending())
    }

    /// Ends a client transaction without a word (an INVITE whose 2xx came from another branch or
    /// whose CANCEL got no answer within 64 T1, §9.1).
    pub fn forget(&mut self, tx: TxId) {
        self.clients.retain(|c| c.id != tx);
    }

    /// The ACK that the owner sent for a 2xx, to be kept for the residue.
    pub fn acknowledged(&mut self, invite: TxId, ack: Transmit) {
        if let Some(client) = self.clients.iter_mut().find(|c| c.id == invite) {
            client.acknowledged(ack);
        }
    }

    /// The transport could not deliver to this flow: every client transaction that has had no
    /// response over it fails (§17.1.4); server transactions stay as they are (RFC 6026 §8.8).
    pub fn on_transport_error(&mut self, flow: &Flow, out: &mut Vec<TxOutput>) {
        for client in &mut self.clients {
            client.on_transport_error(flow, &self.probe, out);
        }
        for server in &self.servers {
            server.on_transport_error(flow, &self.probe);
        }
        self.sweep();
    }

    /// Acts on every deadline that has passed.
    pub fn on_timeout(&mut self, now: Instant, out: &mut Vec<TxOutput>) {
        for client in &mut self.clients {
            client.on_timeout(now, &self.probe, out);
        }
        for server in &mut self.servers {
            server.on_timeout(now, &self.probe, out);
        }
        self.sweep();
    }

    /// The earliest deadline.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let clients = self.clients.iter().filter_map(Client::deadline);
        let servers = self.servers.iter().filter_map(Server::deadline);
        clients.chain(servers).min()
    }

    /// Whether anything here still has work to do: a client transaction without final response, or
    /// a refusal without ACK. What merely lingers does not count.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.clients.iter().any(Client::is_pending) || self.servers.iter().any(Server::awaits_ack)
    }

    /// Takes what lingers out of the set, for the endpoint's wheel. Transactions of RFC 2543
    /// clients leave nothing: no branch would find them again.
    pub fn take_residues(&mut self, now: Instant) -> Vec<Residue> {
        let clients = self.clients.iter().filter_map(Client::residue);
        let servers = self.servers.iter().filter_map(Server::residue);
        let residues = clients.chain(servers).filter(|r| r.until > now).collect();
        self.clients.retain(|c| c.lingers_until().is_none());
        self.servers.retain(|s| s.lingers_until().is_none());
        residues
    }

    fn new_id(&mut self) -> TxId {
        let id = TxId(self.next);
        self.next = self.next.wrapping_add(1);
        id
    }

    fn server(&self, tx: TxId) -> Option<&Server> {
        self.servers.iter().find(|s| s.id == tx)
    }

    fn sweep(&mut self) {
        self.clients.retain(|c| !c.is_terminated());
        self.servers.retain(|s| !s.is_terminated());
    }
}

/// Drops the oldest that lingers where as many linger as may. What comes of it again is a stranger.
fn evict<T>(transactions: &mut Vec<T>, lingers: impl Fn(&T) -> bool) {
    if transactions.iter().filter(|t| lingers(t)).count() >= limits::LEG_LINGERING
        && let Some(oldest) = transactions.iter().position(lingers)
    {
        transactions.remove(oldest);
    }
}

#[cfg(test)]
mod tests;
