//! One recording session as its server sees it.
//!
//! | state | input | next state | commands |
//! |---|---|---|---|
//! | `New` | INVITE with a stream for us | `Recording` | Record and Peer for each, Answer 200 |
//! | `New` | INVITE that demands another extension | `Over` | Refuse 420 |
//! | `New` | INVITE without a mark of a recording session | `Over` | Refuse 403 |
//! | `New` | no offer; none readable; another body | `Over` | Refuse 488; 400; 415 |
//! | `New` | no stream for us | `Over` | Refuse 488 |
//! | `New` | no port, or no room for the first files | `Over` | Release, Refuse 503 |
//! | `Recording` | INVITE or UPDATE with an offer | `Recording` | Peer, Record, Answer 200 |
//! | `Recording` | INVITE without offer | `Recording` | Answer 200 with our description |
//! | `Recording` | UPDATE without offer | `Recording` | Answer 200 |
//! | `Recording` | another method, a bad offer | `Recording` | Refuse |
//! | `Recording` | a stream failed, another is written | `Recording` | none: it is noted |
//! | `Recording` | the last stream failed | `Recording` | Hangup; the end comes as ended |
//! | `Recording` | ended | `Over` | none: the call closes its media |
//! | `Over` | a request | `Over` | Refuse 481 |
//!
//! The marks are those of RFC 7866 §6.2, answers follow §7.2 of it and RFC 3264 §6 and §8, refusals
//! RFC 3261 §8.2 and §14.2; an INVITE without offer in the dialog is answered with one (§14.2), and
//! what the ACK says to it is not looked at. A 503 lets the client try another server; so does the
//! BYE of a session of which nothing more can be written.
//!
//! Metadata in any of these requests is kept as it came; what is wrong with it is noted in
//! `recording.json` and never refuses or ends a recording.

use super::session::{self, Session};
use crate::metadata::{self, is_metadata};
use sbc_core::Instant;
use sbc_core::ports::{App, AppAnswer, AppCommand, AppCx, AppEvent, MediaEvent};
use sbc_core::sdp::Sdp;
use sbc_core::sip::{HeaderName, Message, Method, StatusCode};
use std::path::Path;
use std::sync::Arc;

/// One recording session; see the module's table.
#[derive(Debug)]
pub(super) struct RecordingApp {
    dir: Arc<Path>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Before its INVITE.
    New,
    /// Files are being written.
    Recording(Box<Session>),
    /// Refused or ended.
    Over,
}

/// Why a request is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    reason: String,
    headers: Vec<(HeaderName, String)>,
}

impl Refusal {
    pub(super) fn new(status: u16, reason: impl Into<String>) -> Self {
        Self {
            status: StatusCode::new(status).unwrap_or(StatusCode::of(500)),
            reason: reason.into(),
            headers: Vec::new(),
        }
    }

    fn with(mut self, name: HeaderName, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Not now: the client is told to try another server, or this one later.
    pub(super) fn later(reason: impl Into<String>) -> Self {
        Self::new(503, reason).with(HeaderName::RetryAfter, "10".into())
    }
}

impl RecordingApp {
    pub(super) fn new(dir: Arc<Path>) -> Self {
        Self {
            dir,
            state: State::New,
        }
    }

    fn begin(&self, cx: &mut AppCx<'_>, invite: &Message) -> Result<Session, Refusal> {
        let unknown: Vec<_> = invite
            .header_values(&HeaderName::Require)
            .filter(|token| !token.eq_ignore_ascii_case("siprec"))
            .collect();
        if !unknown.is_empty() {
            let refusal = Refusal::new(420, "");
            return Err(refusal.with(HeaderName::Unsupported, unknown.join(", ")));
        }
        let marks = Marks::of(invite);
        if !marks.any() {
            return Err(Refusal::new(403, "Only recording sessions are taken here"));
        }
        let Some(offer) = offer(invite)? else {
            return Err(Refusal::new(488, "An SDP offer is needed"));
        };
        let before = cx.out.len();
        let mut session = Session::begin(cx, &self.dir, invite, &offer)?;
        marks.complain(&mut session);
        let metadata = session.take_metadata(cx.now, invite);
        match metadata.and_then(|()| session.write_sheet()) {
            Ok(()) => Ok(session),
            Err(error) => {
                // No file may be opened in a folder that goes away.
                cx.out.truncate(before);
                Err(session.give_up(cx, &self.dir, &error))
            }
        }
    }
}

impl App for RecordingApp {
    fn on_event(&mut self, cx: &mut AppCx<'_>, event: AppEvent<'_>) {
        match (&mut self.state, event) {
            (State::New, AppEvent::Invite(invite)) => {
                self.state = match self.begin(cx, invite) {
                    Ok(session) => {
                        answer(cx, session.description());
                        State::Recording(Box::new(session))
                    }
                    Err(refusal) => {
                        refuse(cx, refusal);
                        State::Over
                    }
                };
            }
            (State::Recording(session), AppEvent::Request(request)) => {
                match renew(cx, session, request) {
                    Ok(body) => answer(cx, body),
                    Err(refusal) => refuse(cx, refusal),
                }
            }
            (State::Recording(session), AppEvent::Media(MediaEvent::RecordFailed(port, why))) => {
                let last = session.on_record_failed(port, &why);
                session.keep_sheet();
                if last {
                    cx.out.push_back(AppCommand::Hangup);
                }
            }
            (State::Recording(session), AppEvent::Ended) => {
                session.end(cx.now);
                self.state = State::Over;
            }
            (State::New, AppEvent::Ended) => self.state = State::Over,
            (
                State::New | State::Over | State::Recording(_),
                AppEvent::Request(_) | AppEvent::Invite(_),
            ) => refuse(cx, Refusal::new(481, "")),
            (_, AppEvent::Confirmed | AppEvent::Media(_) | AppEvent::Timeout | AppEvent::Ended) => {
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}

/// An in-dialog request: the body of its 200.
fn renew(cx: &mut AppCx<'_>, session: &mut Session, request: &Message) -> Result<Vec<u8>, Refusal> {
    let invite = match request.method() {
        Some(Method::Invite) => true,
        Some(Method::Update) => false,
        _ if request.body().is_empty() => return Ok(Vec::new()),
        _ => return Err(unsupported_body()),
    };
    let body = match offer(request)? {
        Some(offer) => {
            session.renew(cx, &offer)?;
            session.description()
        }
        None if invite => session.description(),
        None => Vec::new(),
    };
    if let Err(error) = session.take_metadata(cx.now, request) {
        // The streams go on as long as they can be written.
        tracing::warn!(%error, "metadata of a recording is not kept");
    }
    session.keep_sheet();
    Ok(body)
}

/// The offer of a request; nothing where it has none, which is no error where metadata is there.
fn offer(request: &Message) -> Result<Option<Sdp>, Refusal> {
    if let Some(bytes) = request.sdp() {
        let sdp = Sdp::parse(&bytes);
        return sdp.map(Some).map_err(|e| Refusal::new(400, e.to_string()));
    }
    let parts = request.parts();
    let parts = parts.map_err(|e| Refusal::new(400, e.to_string()))?;
    if parts.is_empty() || parts.iter().any(|p| is_metadata(&p.content_type)) {
        Ok(None)
    } else {
        Err(unsupported_body())
    }
}

fn unsupported_body() -> Refusal {
    Refusal::new(415, "").with(HeaderName::Accept, accept())
}

fn accept() -> String {
    format!(
        "application/sdp, {}, application/rs-metadata, multipart/mixed",
        metadata::MEDIA_TYPE
    )
}

fn answer(cx: &mut AppCx<'_>, body: Vec<u8>) {
    let content_type = if body.is_empty() {
        String::new()
    } else {
        "application/sdp".to_owned()
    };
    cx.out.push_back(AppCommand::Answer(Box::new(AppAnswer {
        status: StatusCode::of(200),
        contact_params: "+sip.srs",
        headers: vec![(HeaderName::Accept, accept())],
        content_type,
        body: body.into(),
    })));
}

fn refuse(cx: &mut AppCx<'_>, refusal: Refusal) {
    cx.out.push_back(AppCommand::Refuse {
        status: refusal.status,
        reason: refusal.reason,
        headers: refusal.headers,
    });
}

/// By what an INVITE can be known as a recording session. RFC 7866 §6.2 demands the first two; of
/// clients in the field one or both are missing, so that one of all is enough.
#[derive(Debug)]
struct Marks {
    require: bool,
    contact: bool,
    metadata: bool,
    /// Cisco: participants in headers of their own, no metadata.
    cisco: bool,
}

impl Marks {
    fn of(invite: &Message) -> Self {
        let cisco = HeaderName::Other("X-Cisco-Recording-Participant".into());
        let parts = invite.parts().unwrap_or_default();
        Self {
            require: invite.lists(&HeaderName::Require, "siprec"),
            contact: invite.contact().is_some_and(|contact| {
                let names = ["+sip.src", "src", "+sip-src"];
                // Avaya writes it inside the angle brackets.
                contact.uri.param("+sip.src").is_some()
                    || names.iter().any(|n| contact.param(n).is_some())
            }),
            metadata: parts.iter().any(session::is_document),
            cisco: invite.header(&cisco).is_some(),
        }
    }

    fn any(&self) -> bool {
        self.require || self.contact || self.metadata || self.cisco
    }

    fn complain(&self, session: &mut Session) {
        if !self.require {
            session.complain("the INVITE has no `Require: siprec`".into());
        }
        if !self.contact {
            session.complain("the Contact of the INVITE has no `+sip.src`".into());
        }
        if !self.metadata {
            session.complain("the INVITE has no metadata".into());
        }
    }
}
