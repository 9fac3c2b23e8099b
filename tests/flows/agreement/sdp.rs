//! Descriptions as the model phones know them: written and read without the crate's own code.

use sbc_core::Entropy;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

const AUDIO: [u8; 4] = [0, 8, 9, 18];
const VIDEO: [u8; 3] = [31, 34, 32];
const DIRECTIONS: [&str; 4] = ["sendrecv", "sendonly", "recvonly", "inactive"];

/// A media description.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Stream {
    pub(super) kind: String,
    pub(super) rtp: SocketAddr,
    pub(super) formats: Vec<u8>,
    pub(super) direction: &'static str,
    /// By the address `0.0.0.0` (RFC 2543).
    pub(super) held: bool,
}

impl Stream {
    pub(super) const fn is_on(&self) -> bool {
        self.rtp.port() != 0
    }

    /// With a hold by address told as one by direction (RFC 3264 §8.4).
    pub(super) fn effective(&self) -> &'static str {
        match (self.held, self.direction) {
            (true, "sendrecv") => "sendonly",
            (true, "recvonly") => "inactive",
            (_, direction) => direction,
        }
    }

    pub(super) fn receives(&self) -> bool {
        matches!(self.effective(), "sendrecv" | "recvonly")
    }
}

/// A description.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Described {
    pub(super) streams: Vec<Stream>,
    pub(super) version: u64,
}

impl Described {
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut parts = text.split("\r\nm=");
        let session = parts.next()?;
        let version = line(session, "o=")?.split(' ').nth(2)?.parse().ok()?;
        let address = line(session, "c=");
        let direction = direction_in(session);
        let streams = parts.map(|part| {
            let mut words = part.lines().next()?.split(' ');
            let kind = words.next()?.to_owned();
            let port: u16 = words.next()?.parse().ok()?;
            let formats = words.skip(1).filter_map(|w| w.parse().ok()).collect();
            let ip = line(part, "c=").or(address)?.rsplit(' ').next()?;
            let ip: IpAddr = ip.parse().ok()?;
            Some(Stream {
                kind,
                rtp: SocketAddr::new(ip, port),
                formats,
                direction: direction_in(part).or(direction).unwrap_or("sendrecv"),
                held: ip.is_unspecified(),
            })
        });
        Some(Self {
            streams: streams.collect::<Option<Vec<_>>>()?,
            version,
        })
    }

    pub(super) fn write(&self, ip: IpAddr) -> String {
        let mut text = format!(
            "v=0\r\no=- 77 {} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n",
            self.version
        );
        for stream in &self.streams {
            let port = stream.rtp.port();
            let profile = if stream.kind == "image" {
                "udptl"
            } else {
                "RTP/AVP"
            };
            let formats = match stream.formats.as_slice() {
                [] => "t38".to_owned(),
                some => some.iter().map(u8::to_string).collect::<Vec<_>>().join(" "),
            };
            // A String takes anything.
            let _written = write!(text, "m={} {port} {profile} {formats}\r\n", stream.kind);
            if stream.held {
                text.push_str("c=IN IP4 0.0.0.0\r\n");
            }
            let _written = write!(text, "a={}\r\n", stream.direction);
        }
        text
    }
}

fn line<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(start))
}

fn direction_in(text: &str) -> Option<&'static str> {
    let attributes = || text.lines().filter_map(|line| line.strip_prefix("a="));
    DIRECTIONS
        .into_iter()
        .find(|d| attributes().any(|a| a == *d))
}

/// What a phone chooses.
pub(super) struct Chooser {
    pub(super) dice: Entropy,
    pub(super) ip: IpAddr,
    version: u64,
    port: u16,
}

impl Chooser {
    pub(super) fn new(seed: u64, ip: IpAddr) -> Self {
        Self {
            dice: Entropy::from_seed(seed),
            ip,
            version: 0,
            port: 40_000,
        }
    }

    /// An offer: a line that was there before stays there (RFC 3264 §8); `usable` has one to talk
    /// over.
    pub(super) fn offer(&mut self, before: Option<&Described>, usable: bool) -> Described {
        let before = before.map_or(&[][..], |b| &b.streams);
        let count = before.len().max(1 + self.below(3));
        let mut streams = Vec::new();
        for index in 0..count {
            let kind = match before.get(index) {
                Some(before) => before.kind.clone(),
                None => ["audio", "audio", "video", "image"][self.below(4)].to_owned(),
            };
            let on = self.dice.chance(0.85);
            streams.push(self.stream(&kind, on, &DIRECTIONS));
        }
        if usable && !streams.iter().any(|s| s.is_on() && s.kind != "image") {
            streams[0] = self.stream("audio", true, &DIRECTIONS);
        }
        self.version += 1;
        Described {
            streams,
            version: self.version,
        }
    }

    /// An answer: some of it, all of it or nothing (RFC 3264 §6).
    pub(super) fn answer(&mut self, offer: &Described) -> Described {
        let mut streams = Vec::new();
        for offered in &offer.streams {
            let on = offered.is_on() && self.dice.chance(0.85);
            let directions: &[&str] = match offered.effective() {
                "sendrecv" => &DIRECTIONS,
                "sendonly" => &["recvonly", "inactive"],
                "recvonly" => &["sendonly", "inactive"],
                _ => &["inactive"],
            };
            let mut stream = self.stream(&offered.kind, on, directions);
            stream.formats.clone_from(&offered.formats);
            stream.held &= offered.effective() == "sendrecv";
            if on && stream.formats.len() > 1 {
                let keep = 1 + self.below(stream.formats.len());
                stream.formats.truncate(keep);
            }
            streams.push(stream);
        }
        self.version += 1;
        Described {
            streams,
            version: self.version,
        }
    }

    fn stream(&mut self, kind: &str, on: bool, directions: &[&str]) -> Stream {
        let all: &[u8] = match kind {
            "audio" => &AUDIO,
            "video" => &VIDEO,
            _ => &[],
        };
        let mut formats = all.to_vec();
        if !formats.is_empty() {
            formats.rotate_left(self.below(all.len()));
            formats.truncate(1 + self.below(all.len()));
        }
        // The same port again, or a new one.
        if self.dice.chance(0.7) {
            self.port += 2;
        }
        let wanted = directions[self.below(directions.len())];
        let direction = DIRECTIONS.into_iter().find(|d| *d == wanted);
        Stream {
            kind: kind.to_owned(),
            rtp: SocketAddr::new(self.ip, if on { self.port } else { 0 }),
            formats,
            direction: direction.unwrap_or("inactive"),
            held: self.dice.chance(0.1),
        }
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.dice.below(bound as u64)).unwrap_or(0)
    }
}
