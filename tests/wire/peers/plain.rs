//! A SIP peer that says exactly what a test writes, and keeps every byte that it hears.
//!
//! It knows no more of SIP than where a message ends and how a reply repeats its request; the rest
//! is the test's to say. It shares no code with what it tests.

use socket2::{Domain, Protocol, Socket, Type};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How long a message may take that has to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// A message as it was on the wire.
#[derive(Clone, Debug)]
pub(crate) struct Text(pub(crate) String);

impl Text {
    /// The status of a response, 0 of a request.
    pub(crate) fn status(&self) -> u16 {
        let rest = self.0.strip_prefix("SIP/2.0 ");
        rest.and_then(|rest| rest.get(..3)?.parse().ok())
            .unwrap_or(0)
    }

    /// The method of a request, `SIP/2.0` of a response.
    pub(crate) fn method(&self) -> &str {
        self.0.split(' ').next().unwrap_or_default()
    }

    /// Where a request goes.
    pub(crate) fn uri(&self) -> &str {
        self.0.split(' ').nth(1).unwrap_or_default()
    }

    /// The values of a header, in the order of the lines.
    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        let head = self
            .0
            .split_once("\r\n\r\n")
            .map_or(&*self.0, |(head, _)| head);
        let named = head.split("\r\n").skip(1).filter_map(|line| {
            let (found, value) = line.split_once(':')?;
            found
                .trim()
                .eq_ignore_ascii_case(name)
                .then(|| value.trim())
        });
        named.collect()
    }

    /// The first value of a header. Panics where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        match self.headers(name).first() {
            Some(value) => value,
            None => panic!("no {name} in:\n{}", self.0),
        }
    }

    pub(crate) fn body(&self) -> &str {
        self.0.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }

    /// Where the audio of its SDP is to go.
    pub(crate) fn media(&self) -> SocketAddr {
        let line = |start: &str| {
            let mut lines = self.body().lines();
            let rest = lines.find_map(|line| line.strip_prefix(start));
            rest.unwrap_or_else(|| panic!("no {start} in:\n{}", self.0))
        };
        let ip: Ipv4Addr = line("c=IN IP4 ").trim().parse().expect("an address");
        let port = line("m=audio ").split(' ').next().unwrap_or_default();
        SocketAddr::from((ip, port.parse().expect("a port")))
    }
}

/// One call as its caller sees it.
#[derive(Clone, Debug)]
pub(crate) struct Dialog {
    pub(crate) call_id: String,
    pub(crate) branch: String,
    from: String,
    to: String,
    uri: String,
    pub(crate) cseq: u32,
}

impl Dialog {
    /// Takes over tag and contact of a 2xx; requests go inside the dialog from now on.
    pub(crate) fn established(&mut self, answer: &Text) {
        self.to = answer.header("To").to_owned();
        self.uri = contact(answer);
        self.branch.push('x');
    }

    /// Takes over the tag of a refusal: its ACK belongs to the INVITE's transaction.
    pub(crate) fn refused(&mut self, answer: &Text) {
        self.to = answer.header("To").to_owned();
    }
}

/// The URI of its Contact.
pub(crate) fn contact(message: &Text) -> String {
    let value = message.header("Contact");
    let inside = value
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    inside.map_or(value, |(uri, _)| uri).to_owned()
}

enum Link {
    Udp(UdpSocket),
    Listening(TcpListener),
    Tcp(TcpStream, Vec<u8>),
}

/// The peer.
pub(crate) struct Plain {
    link: Link,
    /// Where it is; of a caller over TCP, its end of the connection.
    pub(crate) sip: SocketAddr,
    /// Where it sends what is not a reply, over UDP.
    pub(crate) sbc: Option<SocketAddr>,
    user: &'static str,
    /// Every byte that came.
    pub(crate) heard: Vec<u8>,
    /// The same, message by message.
    pub(crate) messages: Vec<Text>,
    last_from: Option<SocketAddr>,
}

impl Plain {
    /// Over UDP, on a port that the system chooses.
    pub(crate) fn udp(ip: Ipv4Addr, user: &'static str) -> Self {
        let socket = UdpSocket::bind((ip, 0)).expect("loopback has ports");
        socket.set_read_timeout(Some(PATIENCE)).expect("is valid");
        let sip = socket.local_addr().expect("it is bound");
        Self::new(Link::Udp(socket), sip, user)
    }

    /// Over TCP, connected to the SBC.
    pub(crate) fn tcp(ip: Ipv4Addr, user: &'static str, sbc: SocketAddr) -> Self {
        let socket =
            Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).expect("a socket");
        let own = SocketAddr::from((ip, 0));
        socket.set_reuse_address(true).expect("a socket option");
        socket.bind(&own.into()).expect("loopback has ports");
        socket.connect(&sbc.into()).expect("the SBC listens");
        let stream = TcpStream::from(socket);
        let sip = stream.local_addr().expect("it is bound");
        let mut plain = Self::new(connected(stream), sip, user);
        plain.sbc = Some(sbc);
        plain
    }

    /// Over TCP, waiting for one connection.
    pub(crate) fn tcp_listening(ip: Ipv4Addr, user: &'static str) -> Self {
        Self::tcp_listening_at((ip, 0).into(), user)
    }

    /// The same, at an address that was in use a moment ago.
    pub(crate) fn tcp_listening_at(at: SocketAddr, user: &'static str) -> Self {
        let listener = TcpListener::bind(at).expect("the address is free");
        let sip = listener.local_addr().expect("it is bound");
        Self::new(Link::Listening(listener), sip, user)
    }

    /// Whether somebody has connected to it, or did now. Of a listening peer.
    pub(crate) fn is_called(&mut self) -> bool {
        let Link::Listening(listener) = &self.link else {
            return true;
        };
        listener.set_nonblocking(true).expect("a socket option");
        let accepted = listener.accept();
        listener.set_nonblocking(false).expect("a socket option");
        let Ok((stream, _)) = accepted else {
            return false;
        };
        stream.set_nonblocking(false).expect("a socket option");
        self.link = connected(stream);
        true
    }

    fn new(link: Link, sip: SocketAddr, user: &'static str) -> Self {
        Self {
            link,
            sip,
            sbc: None,
            user,
            heard: Vec::new(),
            messages: Vec::new(),
            last_from: None,
        }
    }

    fn transport(&self) -> &'static str {
        match self.link {
            Link::Udp(_) => "UDP",
            Link::Listening(_) | Link::Tcp(..) => "TCP",
        }
    }

    /// How long the next messages may take.
    pub(crate) fn patience(&self, patience: Duration) {
        let set = match &self.link {
            Link::Udp(socket) => socket.set_read_timeout(Some(patience)),
            Link::Tcp(stream, _) => stream.set_read_timeout(Some(patience)),
            Link::Listening(_) => Ok(()),
        };
        set.expect("is valid");
    }

    /// A new call to `user` at the SBC; nothing is sent yet.
    pub(crate) fn dialog(&self, user: &str) -> Dialog {
        static CALLS: AtomicU32 = AtomicU32::new(1);
        let number = CALLS.fetch_add(1, Ordering::Relaxed);
        let (own, sbc) = (self.sip, self.sbc.expect("the caller knows the SBC"));
        Dialog {
            call_id: format!("{number}-{}-call@{}", self.user, own.ip()),
            branch: format!("z9hG4bK-{}-{number}", self.user),
            from: format!("\"{0}\" <sip:{0}@{own}>;tag={0}-tag-{number}", self.user),
            to: format!("<sip:{user}@{sbc}>"),
            uri: format!("sip:{user}@{sbc}"),
            cseq: 1,
        }
    }

    /// A request of a call, `extra` being whole header lines.
    pub(crate) fn send(&mut self, dialog: &mut Dialog, method: &str, extra: &str, body: &str) {
        if !matches!(method, "INVITE" | "ACK" | "CANCEL" | "OPTIONS") {
            dialog.cseq += 1;
            dialog.branch.push_str(&method.to_lowercase());
        }
        let text = self.request(dialog, method, extra, body);
        let to = self.sbc.or(self.last_from);
        self.write(text.as_bytes(), to.expect("it knows the SBC"));
    }

    /// The dialog of a call as its callee sees it.
    pub(crate) fn answering(&self, invite: &Text) -> Dialog {
        Dialog {
            call_id: invite.header("Call-ID").to_owned(),
            branch: format!("z9hG4bK-{}-answering", self.user),
            from: format!("{};tag={}-tag", invite.header("To"), self.user),
            to: invite.header("From").to_owned(),
            uri: contact(invite),
            cseq: 1000,
        }
    }

    /// The text of a request, with Max-Forwards 70 unless `extra` has one.
    pub(crate) fn request(&self, dialog: &Dialog, method: &str, extra: &str, body: &str) -> String {
        let (transport, own, user) = (self.transport(), self.sip, self.user);
        let Dialog {
            call_id,
            branch,
            from,
            to,
            uri,
            cseq,
        } = dialog;
        let hops = if extra.contains("Max-Forwards") {
            ""
        } else {
            "Max-Forwards: 70\r\n"
        };
        let kind = if body.is_empty() || extra.contains("Content-Type:") {
            ""
        } else {
            "Content-Type: application/sdp\r\n"
        };
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{transport} {own};rport;branch={branch}\r\n\
             {hops}From: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:{user}@{own};transport={lower}>\r\n\
             User-Agent: {user}phone/7.1 ({ip})\r\n\
             {extra}{kind}Content-Length: {length}\r\n\r\n{body}",
            lower = transport.to_lowercase(),
            ip = own.ip(),
            length = body.len(),
        )
    }

    /// Repeats a request's headers in a reply. The peer's own tag stands in all but a 100.
    pub(crate) fn reply(&mut self, request: &Text, status: &str, extra: &str, body: &str) {
        let mut text = format!("SIP/2.0 {status}\r\n");
        for name in ["Via", "From", "Call-ID", "CSeq", "Record-Route"] {
            for value in request.headers(name) {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        let (to, user, own) = (request.header("To"), self.user, self.sip);
        let tag = if to.contains(";tag=") || status.starts_with("100") {
            String::new()
        } else {
            format!(";tag={user}-tag")
        };
        text.push_str(&format!("To: {to}{tag}\r\n"));
        if !extra.contains("Contact:") {
            let transport = self.transport().to_lowercase();
            text.push_str(&format!(
                "Contact: <sip:{user}@{own};transport={transport}>\r\n"
            ));
        }
        text.push_str(&format!(
            "Server: {user}phone/7.1 ({})\r\n{extra}",
            own.ip()
        ));
        if !body.is_empty() && !extra.contains("Content-Type:") {
            text.push_str("Content-Type: application/sdp\r\n");
        }
        text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        let to = self.last_from.or(self.sbc).expect("a request came");
        self.write(text.as_bytes(), to);
    }

    /// Sends bytes as they are.
    pub(crate) fn write(&mut self, bytes: &[u8], to: SocketAddr) {
        let sent = match &mut self.link {
            Link::Udp(socket) => socket.send_to(bytes, to).map(drop),
            Link::Tcp(stream, _) => stream.write_all(bytes),
            Link::Listening(_) => panic!("nobody has connected"),
        };
        sent.expect("loopback takes a message");
    }

    /// An SDP of one audio stream at `port`.
    pub(crate) fn sdp(&self, port: u16) -> String {
        let (ip, user) = (self.sip.ip(), self.user);
        format!(
            "v=0\r\no={user} 778899 778899 IN IP4 {ip}\r\ns={user}phone\r\nc=IN IP4 {ip}\r\n\
             t=0 0\r\nm=audio {port} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n\
             a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=rtcp:{rtcp}\r\n\
             a=sendrecv\r\n",
            rtcp = port + 1
        )
    }

    /// The next message; `None` when none comes in time or the connection ends.
    pub(crate) fn next(&mut self) -> Option<Text> {
        if let Link::Listening(listener) = &self.link {
            let (stream, _) = accept(listener)?;
            self.link = connected(stream);
        }
        let bytes = match &mut self.link {
            Link::Udp(socket) => {
                let mut buffer = vec![0; 65_535];
                let (length, from) = socket.recv_from(&mut buffer).ok()?;
                self.last_from = Some(from);
                buffer.truncate(length);
                buffer
            }
            Link::Tcp(stream, kept) => {
                self.last_from = stream.peer_addr().ok();
                framed(stream, kept)?
            }
            Link::Listening(_) => return None,
        };
        self.heard.extend(&bytes);
        let text = Text(String::from_utf8_lossy(&bytes).into_owned());
        self.messages.push(text.clone());
        Some(text)
    }

    /// The next message, which has this status or method. Only 100 and repeated messages may come
    /// before it.
    pub(crate) fn expect(&mut self, what: &str) -> Text {
        let mut seen = Vec::new();
        while let Some(text) = self.next() {
            let is = match what.parse::<u16>() {
                Ok(status) => text.status() == status,
                Err(_) => text.method() == what,
            };
            if is {
                return text;
            }
            seen.push(text.0);
        }
        panic!("{}: no {what}; instead:\n{}", self.user, seen.join("\n"));
    }
}

/// The next connection, if there is one in time.
fn accept(listener: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let patience = Timespec::try_from(PATIENCE).expect("a few seconds");
    let mut waiting = [PollFd::new(listener, PollFlags::IN)];
    let ready = poll(&mut waiting, Some(&patience)).expect("a socket can be polled");
    (ready > 0).then(|| listener.accept().expect("loopback accepts"))
}

fn connected(stream: TcpStream) -> Link {
    stream.set_read_timeout(Some(PATIENCE)).expect("is valid");
    stream.set_nodelay(true).expect("a socket option");
    Link::Tcp(stream, Vec::new())
}

/// One message by its Content-Length.
fn framed(stream: &mut TcpStream, kept: &mut Vec<u8>) -> Option<Vec<u8>> {
    loop {
        // The answer to a keep-alive (RFC 5626 4.4.1).
        while kept.starts_with(b"\r\n") {
            kept.drain(..2);
        }
        // By bytes: what comes back of a broken message need not be UTF-8.
        if let Some(at) = kept.windows(4).position(|part| part == b"\r\n\r\n") {
            let head = Text(String::from_utf8_lossy(&kept[..at]).into_owned());
            let length: usize = head.header("Content-Length").parse().expect("a length");
            let end = at + 4 + length;
            if kept.len() >= end {
                return Some(kept.drain(..end).collect());
            }
        }
        let mut buffer = [0; 4096];
        let length = stream.read(&mut buffer).ok().filter(|length| *length > 0)?;
        kept.extend(&buffer[..length]);
    }
}
