//! Echo: who calls hears himself. To try a path with its media, and for monitoring.
//!
//! | state | input | next state | commands |
//! |---|---|---|---|
//! | `New` | INVITE that offers audio for us | `Echoing` | Peer, Relay to itself, Answer 200 |
//! | `New` | INVITE that demands an extension | `Over` | Refuse 420 |
//! | `New` | no offer, no audio for us; none readable; another body | `Over` | Refuse 488; 400; 415 |
//! | `New` | no port | `Over` | Refuse 503 |
//! | `New` | ended | `Over` | none |
//! | `Echoing` | INVITE or UPDATE with audio for us | `Echoing` | Peer where it changed, Answer 200 |
//! | `Echoing` | INVITE or UPDATE whose media are all off | `Echoing` | Peer, Answer 200 |
//! | `Echoing` | INVITE or UPDATE, offer as refused in `New` | `Echoing` | Refuse, as there |
//! | `Echoing` | INVITE without offer | `Echoing` | Answer 200 with our description |
//! | `Echoing` | UPDATE without offer, INFO | `Echoing` | Answer 200 |
//! | `Echoing` | ended | `Over` | none: the call closes its media |
//! | `Over` | a request | `Over` | Refuse 481 |
//!
//! Answers follow RFC 3264 §6 and §8, refusals RFC 3261 §8.2 and §14.2. Audio for us is the first
//! RTP/AVP or RTP/AVPF audio with an address and a codec that has a name: nothing is decoded, so
//! that every codec will do, but encrypted media would need keys of our own. Other media get port
//! 0. One port serves the call to its end, whichever m-line it stands in.
//!
//! An INVITE without offer cannot begin an echo: what its ACK would answer does not reach an app.
//! In the dialog it is answered with our description (§14.2), and the session stays as it was.

use sbc_core::Instant;
use sbc_core::ports::{
    App, AppAnswer, AppCommand, AppCx, AppEvent, AppFactory, Latch, MediaCmd, MediaPort, Peer,
};
use sbc_core::sdp::{Codec, Described, Direction, MediaView, Origin, Sdp, describe};
use sbc_core::sip::{HeaderName, Message, Method, StatusCode};

/// Makes an [`Echo`] for each call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EchoFactory;

impl AppFactory for EchoFactory {
    fn open(&self) -> Box<dyn App> {
        Box::new(Echo::New)
    }
}

/// One call; see the module's table.
#[derive(Debug)]
enum Echo {
    /// Before its INVITE.
    New,
    /// The caller hears himself.
    Echoing(Box<Session>),
    /// Refused or ended.
    Over,
}

/// What was agreed.
#[derive(Debug)]
struct Session {
    port: MediaPort,
    /// What the port was told last.
    peer: Peer,
    origin: Origin,
    /// Our last description.
    description: Vec<u8>,
}

/// Why a request is refused.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    reason: &'static str,
    header: Option<(HeaderName, String)>,
}

impl Refusal {
    const fn new(status: u16, reason: &'static str) -> Self {
        Self {
            status: StatusCode::of(status),
            reason,
            header: None,
        }
    }

    fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.header = Some((name, value.into()));
        self
    }
}

/// Audio that can be sent back.
struct Audio {
    /// Its m-line.
    index: usize,
    codecs: Vec<Codec>,
    peer: Peer,
}

impl App for Echo {
    fn on_event(&mut self, cx: &mut AppCx<'_>, event: AppEvent<'_>) {
        match (&mut *self, event) {
            (Self::New, AppEvent::Invite(invite)) => {
                *self = match Session::begin(cx, invite) {
                    Ok(session) => {
                        answer(cx, session.description.clone());
                        Self::Echoing(Box::new(session))
                    }
                    Err(refusal) => {
                        refuse(cx, refusal);
                        Self::Over
                    }
                };
            }
            (Self::Echoing(session), AppEvent::Request(request)) => {
                match session.renew(cx, request) {
                    Ok(body) => answer(cx, body),
                    Err(refusal) => refuse(cx, refusal),
                }
            }
            (_, AppEvent::Ended) => *self = Self::Over,
            (_, AppEvent::Invite(_) | AppEvent::Request(_)) => refuse(cx, Refusal::new(481, "")),
            (_, AppEvent::Confirmed | AppEvent::Media(_) | AppEvent::Timeout) => {}
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}

impl Session {
    fn begin(cx: &mut AppCx<'_>, invite: &Message) -> Result<Self, Refusal> {
        let demanded: Vec<_> = invite.header_values(&HeaderName::Require).collect();
        if !demanded.is_empty() {
            let refusal = Refusal::new(420, "");
            return Err(refusal.with(HeaderName::Unsupported, demanded.join(", ")));
        }
        let offer = offer(invite)?.ok_or(Refusal::new(488, "An SDP offer is needed"))?;
        let audio = audio(&offer).ok_or_else(nothing)?;
        let peer = Some(audio.peer.rtp.ip());
        let ours = cx.reserve.address(cx.realm, peer);
        if ours.is_some_and(|at| at.advertise.is_ipv4() != audio.peer.rtp.is_ipv4()) {
            return Err(other_family());
        }
        let port = cx.reserve.reserve(cx.realm, peer).map_err(|error| {
            tracing::warn!(%error, "an echo is refused");
            Refusal::new(503, "").with(HeaderName::RetryAfter, "10")
        })?;
        let mut session = Self {
            port,
            peer: audio.peer,
            origin: Origin {
                // Below 2^63, because some clients keep it in a signed number.
                id: cx.entropy.u64() >> 1,
                version: 1,
                address: port.rtp.ip(),
            },
            description: Vec::new(),
        };
        session.description = session.describe(&offer, Some(&audio));
        media(cx, MediaCmd::Peer(port.id, session.peer));
        media(cx, MediaCmd::Relay(port.id, port.id));
        Ok(session)
    }

    /// An in-dialog request: the body of its 200.
    fn renew(&mut self, cx: &mut AppCx<'_>, request: &Message) -> Result<Vec<u8>, Refusal> {
        if request.method() == Some(&Method::Info) {
            return Ok(Vec::new());
        }
        match offer(request)? {
            Some(offer) => self.take(cx, &offer)?,
            None if request.method() == Some(&Method::Invite) => {}
            None => return Ok(Vec::new()),
        }
        Ok(self.description.clone())
    }

    /// Takes a new offer; where it is refused, nothing changes.
    fn take(&mut self, cx: &mut AppCx<'_>, offer: &Sdp) -> Result<(), Refusal> {
        let audio = audio(offer);
        let peer = match &audio {
            Some(audio) => audio.peer,
            None if offer.medias().all(|m| m.port() == 0) => Peer {
                send: false,
                receive: false,
                ..self.peer
            },
            None => return Err(nothing()),
        };
        if peer.rtp.is_ipv4() != self.port.rtp.is_ipv4() {
            return Err(other_family());
        }
        // Said only where it is news: it lets other sources in.
        if peer != self.peer {
            self.peer = peer;
            media(cx, MediaCmd::Peer(self.port.id, peer));
        }
        // The version grows with each description that differs (RFC 3264 §8).
        if self.describe(offer, audio.as_ref()) != self.description {
            self.origin.version += 1;
            self.description = self.describe(offer, audio.as_ref());
        }
        Ok(())
    }

    /// Our answer to an offer whose audio is this.
    fn describe(&self, offer: &Sdp, audio: Option<&Audio>) -> Vec<u8> {
        let lines: Vec<_> = offer
            .medias()
            .enumerate()
            .map(|(index, line)| match audio {
                Some(audio) if audio.index == index => Described::Open {
                    kind: line.kind(),
                    protocol: line.protocol(),
                    rtp: self.port.rtp,
                    codecs: &audio.codecs,
                    ptime_ms: line.ptime_ms(),
                    label: line.label(),
                    direction: direction(line),
                },
                _ => Described::Closed {
                    kind: line.kind(),
                    protocol: line.protocol(),
                    formats: line.formats().collect(),
                    label: line.label(),
                },
            })
            .collect();
        describe(&self.origin, &lines).to_bytes()
    }
}

/// The offer of a request; nothing where it has no body.
fn offer(request: &Message) -> Result<Option<Sdp>, Refusal> {
    match request.sdp() {
        Some(bytes) => Sdp::parse(&bytes).map(Some).map_err(|e| {
            tracing::debug!(error = %e, "an offer is refused");
            Refusal::new(400, "Bad SDP")
        }),
        None if request.body().is_empty() => Ok(None),
        None => Err(Refusal::new(415, "").with(HeaderName::Accept, "application/sdp")),
    }
}

fn audio(offer: &Sdp) -> Option<Audio> {
    offer.medias().enumerate().find_map(|(index, line)| {
        let plain = ["RTP/AVP", "RTP/AVPF"]
            .iter()
            .any(|p| p.eq_ignore_ascii_case(line.protocol()));
        if line.port() == 0 || !plain || !line.kind().eq_ignore_ascii_case("audio") {
            return None;
        }
        // A payload type that nothing names cannot be named in the answer.
        let mut codecs = line.codecs();
        codecs.retain(|c| &*c.name != "?");
        let (rtp, rtcp) = line.wanted_at()?;
        let said = direction(line);
        (!codecs.is_empty()).then_some(Audio {
            index,
            codecs,
            peer: Peer {
                rtp,
                rtcp,
                latch: Latch::Once,
                send: said.sends(),
                receive: said.receives(),
            },
        })
    })
}

/// What our answer says to the offered direction; the address `0.0.0.0` wants nothing sent to it
/// (RFC 3264 §8.4).
fn direction(line: MediaView<'_>) -> Direction {
    match line.direction().mirrored() {
        Direction::SendRecv if line.is_held() => Direction::RecvOnly,
        Direction::SendOnly if line.is_held() => Direction::Inactive,
        said => said,
    }
}

fn nothing() -> Refusal {
    Refusal::new(488, "No audio over RTP was offered")
}

/// RFC 3261 §20.43: warning 301.
fn other_family() -> Refusal {
    Refusal::new(488, "").with(
        HeaderName::Warning,
        "301 sbc \"the media address is of another family than ours\"",
    )
}

fn media(cx: &mut AppCx<'_>, command: MediaCmd) {
    cx.out.push_back(AppCommand::Media(command));
}

fn answer(cx: &mut AppCx<'_>, body: Vec<u8>) {
    let content_type = if body.is_empty() {
        ""
    } else {
        "application/sdp"
    };
    cx.out.push_back(AppCommand::Answer(Box::new(AppAnswer {
        status: StatusCode::of(200),
        contact_params: "",
        headers: Vec::new(),
        content_type: content_type.to_owned(),
        body: body.into(),
    })));
}

fn refuse(cx: &mut AppCx<'_>, refusal: Refusal) {
    cx.out.push_back(AppCommand::Refuse {
        status: refusal.status,
        reason: refusal.reason.to_owned(),
        headers: refusal.header.into_iter().collect(),
    });
}

#[cfg(test)]
mod tests;
