//! Every bound of the crate, one line of reason each.

use std::time::Duration;

/// A UDP datagram cannot be larger.
pub const DATAGRAM_BYTES: usize = 65_535;
/// A message on a stream: same bound as a datagram, so that transports behave alike.
pub const STREAM_MESSAGE_BYTES: usize = 65_535;
/// One header line; a long History-Info or Identity fits, an attack does not.
pub const HEADER_LINE_BYTES: usize = 8_192;
/// Header lines of a message.
pub const HEADERS: usize = 128;
/// Via values of a message: Max-Forwards starts at 70 (RFC 3261 §8.1.1.6), so no real chain is
/// longer; 32 would refuse the 34 of RFC 4475 §3.1.1.7, which are legal.
pub const VIAS: usize = 70;
/// Hops that a call may still go when it reaches us, whatever its sender says: what RFC 3261
/// §8.1.1.6 recommends to begin with. A call that a mistake sends in a circle ends after so many.
pub const MAX_FORWARDS: u32 = 70;
/// Leaf parts of a multipart body.
pub const BODY_PARTS: usize = 16;
/// Nested multiparts.
pub const BODY_NESTING: usize = 4;
/// Media descriptions of an SDP.
pub const SDP_MEDIA: usize = 64;
/// Lines of an SDP.
pub const SDP_LINES: usize = 2_048;
/// Messages that wait for one call; beyond: dropped on UDP, 503 on streams.
pub const CALL_MAILBOX: usize = 64;
/// Unanswered requests of one leg at a time: an attacker must not grow a dialog.
pub const LEG_TRANSACTIONS: usize = 16;
/// Answered transactions of one leg that wait for retransmissions: six seconds of digits by INFO.
pub const LEG_LINGERING: usize = 64;
/// Early dialogs of one outgoing INVITE (forking upstream proxies).
pub const EARLY_DIALOGS: usize = 16;
/// Targets of one call that redirections name: a callee must not make us call half the world.
pub const REDIRECTS: usize = 5;
/// Recorders of one call.
pub const RECORDERS: usize = 4;

/// Accepted connections of one source (an IPv4 address, an IPv6 /64): a proxy farm behind one NAT
/// fits, one host cannot take the table.
pub const CONNECTIONS_PER_SOURCE: usize = 64;
/// Accepted connections in all: 30 MB at rest, 640 MB for seconds if each withholds the end of a
/// message of full size, and far below a usual `LimitNOFILE`.
pub const CONNECTIONS_ACCEPTED: usize = 10_000;
/// Connections that we opened: trunks, recorders, answers; counted apart so that strangers who
/// fill the table of accepted ones do not cut us off from our peers.
pub const CONNECTIONS_OPENED: usize = 4_096;
/// Messages that wait for one connection: a busy trunk's second while a SYN is sent again.
pub const CONNECTION_QUEUE: usize = 1_024;
/// Bytes that wait for one connection: a peer that does not read costs no more than this.
pub const CONNECTION_QUEUE_BYTES: usize = 1 << 20;
/// Datagrams that wait for one socket whose send buffer is full.
pub const SOCKET_QUEUE: usize = 1_024;
/// Asked for as `SO_RCVBUF` of a UDP socket: a burst of 5,000 INVITEs while the reader is late.
pub const SOCKET_RECEIVE_BYTES: usize = 4 << 20;
/// `listen` backlog: the connections that arrive while accepting pauses.
pub const LISTEN_BACKLOG: i32 = 1_024;
/// To open a connection: beyond, the next target is the better use of the caller's patience.
pub const CONNECT: Duration = Duration::from_secs(5);
/// To open a connection for a request that can go by UDP instead: a SYN and its answer cross the
/// earth in less, and the caller hears nothing meanwhile.
pub const CONNECT_OR_UDP: Duration = Duration::from_millis(500);
/// How long requests too large for UDP go by it all the same to a peer that took no connection.
pub const TCP_REFUSED: Duration = Duration::from_secs(60);
/// Peers of which that is remembered; of more than these it is not, and each large request to them
/// waits for a connection again.
pub const TCP_REFUSALS: usize = 4_096;
/// From the first byte of a message on a stream to its last: slow senders hold no memory.
pub const STREAM_MESSAGE: Duration = Duration::from_secs(5);
/// A connection on which nothing comes or goes; longer than the usual keep-alive of 90 to 110 s.
pub const CONNECTION_IDLE: Duration = Duration::from_secs(120);
/// Bytes wait and the peer takes none: below Timer B, so that the request can still go elsewhere.
pub const CONNECTION_STALL: Duration = Duration::from_secs(10);
/// To write what is queued when a connection or the process ends.
pub const CONNECTION_FLUSH: Duration = Duration::from_secs(2);
/// To let a peer read our last answer before its unread bytes turn our close into a reset.
pub const CONNECTION_LINGER: Duration = Duration::from_secs(1);
/// Pause after a failure to accept or receive that would repeat at once (no file descriptors).
pub const SOCKET_PAUSE: Duration = Duration::from_millis(100);
/// Names looked up at a time: each holds a thread until the system's resolver gives up.
pub const LOOKUPS: usize = 32;
/// To look up a name.
pub const LOOKUP: Duration = Duration::from_secs(5);
/// Calls that a lost connection tells of its loss: those of its last messages; who sent earlier has
/// had an answer, or a retransmission of its peer's, long since.
pub const CONNECTION_OWNERS: usize = 4_096;
/// Media ports of a call in rehearsal: as many as one of the media plane may have.
pub const REHEARSED_PORTS: usize = 64;
