//! The descriptions of one dialog as a phone sees them: what it says of its media, and what it
//! holds against what it hears (RFC 3264, RFC 6337 §2.1). Plain text, read by hand.

use super::plan::Spelling;
use std::fmt::Write as _;
use std::net::IpAddr;

/// Both halves of a dialog's session.
#[derive(Debug)]
pub(super) struct Session {
    name: String,
    ip: IpAddr,
    id: u64,
    version: u64,
    port: u16,
    /// The payload types that it speaks whatever it is offered; else what everybody does.
    pub(super) speaks: Option<Box<str>>,
    /// What the phone wants now.
    pub(super) spelling: Spelling,
    /// What it said last.
    pub(super) said: Option<String>,
    /// Descriptions heard: of which To tag, session id, version, text.
    heard: Vec<(String, u64, u64, String)>,
}

impl Session {
    pub(super) fn new(name: &str, ip: IpAddr, id: u64, port: u16) -> Self {
        Self {
            name: name.into(),
            ip,
            id,
            version: 1,
            port,
            speaks: None,
            spelling: Spelling::SendRecv,
            said: None,
            heard: Vec::new(),
        }
    }

    pub(super) fn move_to(&mut self, port: u16) {
        self.port = port;
    }

    /// What it wants now: to go back to where an offer is refused.
    pub(super) const fn wanted(&self) -> (Spelling, u16) {
        (self.spelling, self.port)
    }

    pub(super) const fn want(&mut self, (spelling, port): (Spelling, u16)) {
        (self.spelling, self.port) = (spelling, port);
    }

    /// An offer of one audio stream.
    pub(super) fn offer(&mut self) -> String {
        let family = self.family();
        let wish = self.spelling;
        let address = match (wish, self.ip) {
            (Spelling::NoAddress, IpAddr::V4(_)) => "0.0.0.0".to_owned(),
            (Spelling::NoAddress, IpAddr::V6(_)) => "::".to_owned(),
            (_, ip) => ip.to_string(),
        };
        let port = if wish == Spelling::NoPort {
            0
        } else {
            self.port
        };
        let of_session = match wish {
            Spelling::SendOnlyForAll => "a=sendonly\r\n",
            Spelling::InactiveForAll => "a=inactive\r\n",
            _ => "",
        };
        let of_stream = match wish {
            Spelling::SendRecv | Spelling::Moved => "a=sendrecv\r\n",
            Spelling::SendOnly => "a=sendonly\r\n",
            Spelling::RecvOnly => "a=recvonly\r\n",
            Spelling::Inactive => "a=inactive\r\n",
            _ => "",
        };
        let formats = self.speaks.as_deref().unwrap_or("0 8 101");
        self.say(&format!(
            "s=-\r\nc=IN {family} {address}\r\nt=0 0\r\n{of_session}\
             m=audio {port} RTP/AVP {formats}\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
             a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n{of_stream}"
        ))
    }

    /// An answer that takes every stream of an offer with its first format, in the directions that
    /// both want (RFC 3264 §6.1).
    pub(super) fn answer(&mut self, offer: &str) -> String {
        let mut text = format!("s=-\r\nc=IN {} {}\r\nt=0 0\r\n", self.family(), self.ip);
        let wish = self.spelling;
        for (n, stream) in streams(offer).iter().enumerate() {
            let first = stream.words.get(3).map_or("0", String::as_str);
            let format = self.speaks.as_deref().unwrap_or(first);
            let profile = stream.words.get(2).map_or("RTP/AVP", String::as_str);
            let kind = stream.words.first().map_or("audio", String::as_str);
            let mine = self.port + 2 * u16::try_from(n).unwrap_or(0);
            let port = if stream.is_off() || wish == Spelling::NoPort {
                0
            } else {
                mine
            };
            let both = (
                stream.receives && wish.sends(),
                stream.sends && wish.receives(),
            );
            let direction = match both {
                (true, true) => "",
                (true, false) => "a=sendonly\r\n",
                (false, true) => "a=recvonly\r\n",
                (false, false) => "a=inactive\r\n",
            };
            // A String takes anything.
            let _written = write!(text, "m={kind} {port} {profile} {format}\r\n{direction}");
        }
        self.say(&text)
    }

    /// Its version grows by one where anything changed (RFC 3264 §8).
    fn say(&mut self, rest: &str) -> String {
        let family = self.family();
        let Self { name, ip, id, .. } = self;
        let build =
            |version: u64| format!("v=0\r\no={name} {id} {version} IN {family} {ip}\r\n{rest}");
        let mut text = build(self.version);
        if self.said.as_ref().is_some_and(|said| *said != text) {
            self.version += 1;
            text = build(self.version);
        }
        self.said = Some(text.clone());
        text
    }

    const fn family(&self) -> &'static str {
        match self.ip {
            IpAddr::V4(_) => "IP4",
            IpAddr::V6(_) => "IP6",
        }
    }

    /// A description of the peer's; what is wrong with its `o=` line.
    pub(super) fn hear(&mut self, tag: &str, sdp: &str) -> Option<&'static str> {
        let (id, version) = origin(sdp)?;
        let mut of_tag = self.heard.iter().filter(|(t, ..)| t == tag);
        if of_tag.clone().any(|(_, known, ..)| *known != id) {
            return Some("another session id in the same dialog");
        }
        match of_tag.find(|(_, _, v, _)| *v == version) {
            Some((.., text)) if text != sdp => Some("another description of the same version"),
            Some(_) => None,
            None => {
                self.heard.push((tag.into(), id, version, sdp.into()));
                None
            }
        }
    }

    /// The answer to what the phone offered last; what is wrong with it (RFC 3264 §6).
    pub(super) fn judge_answer(&self, answer: &str) -> Option<&'static str> {
        let offered = streams(self.said.as_deref()?);
        let answered = streams(answer);
        if offered.len() != answered.len() {
            return Some("an answer with another number of streams");
        }
        for (offer, answer) in offered.iter().zip(&answered) {
            if answer.is_off() {
                continue;
            }
            if offer.is_off() {
                return Some("an answer that opens a stream which was not offered");
            }
            if (answer.sends && !offer.receives) || (answer.receives && !offer.sends) {
                return Some("an answer in a direction that was not offered");
            }
        }
        None
    }
}

/// Session id and version.
fn origin(sdp: &str) -> Option<(u64, u64)> {
    let line = sdp.lines().find(|line| line.starts_with("o="))?;
    let mut words = line.split(' ').skip(1);
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

struct Stream {
    /// Of its `m=` line.
    words: Vec<String>,
    sends: bool,
    receives: bool,
}

impl Stream {
    fn is_off(&self) -> bool {
        self.words.get(1).is_some_and(|port| port == "0")
    }
}

fn streams(sdp: &str) -> Vec<Stream> {
    let mut blocks = sdp.split("\r\nm=");
    let session = blocks.next().unwrap_or_default();
    let said = |block: &str, name: &str| {
        block
            .lines()
            .any(|line| line.strip_prefix("a=") == Some(name))
    };
    let of_block = |block: &str| {
        [
            ("sendrecv", (true, true)),
            ("sendonly", (true, false)),
            ("recvonly", (false, true)),
            ("inactive", (false, false)),
        ]
        .into_iter()
        .find(|(name, _)| said(block, name))
        .map(|(_, direction)| direction)
    };
    let nowhere = |block: &str| {
        let connection = block.lines().find(|line| line.starts_with("c="));
        connection.map(|line| line.ends_with(" 0.0.0.0") || line.ends_with(" ::"))
    };
    blocks
        .map(|block| {
            let (sends, receives) = of_block(block)
                .or_else(|| of_block(session))
                .unwrap_or((true, true));
            let held = nowhere(block).or_else(|| nowhere(session)).unwrap_or(false);
            Stream {
                words: block
                    .lines()
                    .next()
                    .unwrap_or_default()
                    .split(' ')
                    .map(ToOwned::to_owned)
                    .collect(),
                sends,
                receives: receives && !held,
            }
        })
        .collect()
}
