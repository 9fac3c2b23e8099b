//! Real sockets on loopback.

mod abuse;
mod lifecycle;
mod tcp;
mod udp;

use super::deadlines::Bounds;
use super::{ConnectionId, Flow, Incoming, Transmit, Transport, TransportEvents, Transports};
use crate::net::{Listener, ListenerId, Network, Realm, RealmId, Trust};
use bytes::Bytes;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::time::timeout;

const UDP: ListenerId = ListenerId(0);
const TCP: ListenerId = ListenerId(1);
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// No test waits this long unless it fails.
const LONG: Duration = Duration::from_secs(20);

/// What the transports told.
#[derive(Debug)]
enum Seen {
    Message(Box<Incoming>),
    Failed(u64, Flow),
    Lost(u64, Flow),
    Closed(ConnectionId),
}

/// Owners from here on want to know of lost connections.
const LOSES: u64 = 1_000_000;

struct Log(mpsc::Sender<Seen>);

impl Log {
    fn add(&self, seen: Seen) {
        // Closed: the test is over.
        if let Err(TrySendError::Full(seen)) = self.0.try_send(seen) {
            panic!("nobody looks at {seen:?}");
        }
    }
}

impl TransportEvents for Log {
    fn on_message(&self, incoming: Incoming) {
        assert_ne!(incoming.message.call_id(), Some("panic"), "as asked for");
        self.add(Seen::Message(Box::new(incoming)));
    }

    fn on_send_failed(&self, owner: u64, flow: Flow) {
        self.add(Seen::Failed(owner, flow));
    }

    fn on_connection_lost(&self, owner: u64, flow: Flow) {
        // Told of each message that went by the connection: only the tests that mean it want to
        // know.
        if owner >= LOSES {
            self.add(Seen::Lost(owner, flow));
        }
    }

    fn on_closed(&self, connection: ConnectionId) {
        self.add(Seen::Closed(connection));
    }
}

/// Transports with one UDP and one TCP listener, and all that they tell.
struct Rig {
    transports: Transports,
    network: Network,
    seen: mpsc::Receiver<Seen>,
}

impl Rig {
    fn new() -> Self {
        Self::with(LOOPBACK, Bounds::default())
    }

    fn with(ip: IpAddr, bounds: Bounds) -> Self {
        let mut network = network(SocketAddr::new(ip, 0));
        let transports = Transports::bind_with(&mut network, bounds).unwrap();
        let (sender, seen) = mpsc::channel(16_384);
        transports.start(Arc::new(Log(sender)));
        Self {
            transports,
            network,
            seen,
        }
    }

    fn address(&self, listener: ListenerId) -> SocketAddr {
        self.network.listener(listener).bind
    }

    async fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address(TCP)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    fn send(&self, owner: u64, flow: Flow, text: impl Into<String>) {
        let bytes = Bytes::from(text.into());
        self.transports.send(owner, Transmit::new(flow, bytes));
    }

    async fn next(&mut self) -> Seen {
        let next = timeout(LONG, self.seen.recv()).await;
        next.expect("something is told in time").unwrap()
    }

    async fn message(&mut self) -> Incoming {
        match self.next().await {
            Seen::Message(incoming) => *incoming,
            other => panic!("no message: {other:?}"),
        }
    }

    async fn failed(&mut self) -> (u64, Flow) {
        match self.next().await {
            Seen::Failed(owner, flow) => (owner, flow),
            other => panic!("no failure: {other:?}"),
        }
    }

    async fn closed(&mut self) -> ConnectionId {
        match self.next().await {
            Seen::Closed(id) => id,
            other => panic!("not closed: {other:?}"),
        }
    }
}

fn network(address: SocketAddr) -> Network {
    let listener = |name: &str, transport| Listener {
        name: name.into(),
        realm: RealmId(0),
        transport,
        bind: address,
        advertise: address,
    };
    Network {
        realms: vec![Realm {
            name: "lan".into(),
            trust: Trust::None,
            media: Vec::new(),
        }],
        listeners: vec![
            listener("lan-udp", Transport::Udp),
            listener("lan-tcp", Transport::Tcp),
        ],
    }
}

/// A way to a peer by our TCP listener.
fn to(remote: SocketAddr) -> Flow {
    Flow {
        listener: TCP,
        transport: Transport::Tcp,
        remote,
        connection: None,
    }
}

fn options(call_id: &str) -> String {
    format!(
        "OPTIONS sip:sbc@192.0.2.1 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.9:5060;rport;branch=z9hG4bKa\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:a@192.0.2.9>;tag=a\r\n\
         To: <sip:sbc@192.0.2.1>\r\n\
         Call-ID: {call_id}\r\n\
         CSeq: 1 OPTIONS\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

/// Reads until `stream` has given `len` bytes.
async fn read_exactly(stream: &mut TcpStream, len: usize) -> String {
    let mut bytes = vec![0; len];
    let read = timeout(LONG, stream.read_exact(&mut bytes)).await;
    read.expect("bytes come in time").unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Reads until the end of `stream`, which must be a close: a reset can take back what was sent,
/// be it that on loopback it comes too late to do so.
async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let read = timeout(LONG, stream.read_to_string(&mut text)).await;
    read.expect("the end comes in time").unwrap();
    let reset = stream.take_error().unwrap();
    assert!(reset.is_none(), "{reset:?} behind {text}");
    text
}

/// Whether the other side still reads: it answers a ping.
async fn assert_alive(stream: &mut TcpStream) {
    stream.write_all(b"\r\n\r\n").await.unwrap();
    assert_eq!(read_exactly(stream, 2).await, "\r\n");
}

/// Waits until the runtime has no more than `tasks` tasks.
async fn tasks_fall_to(tasks: usize) {
    let metrics = tokio::runtime::Handle::current().metrics();
    let fall = timeout(LONG, async {
        while metrics.num_alive_tasks() > tasks {
            tokio::task::yield_now().await;
        }
    });
    fall.await.expect("tasks end in time");
}
