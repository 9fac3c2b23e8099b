//! An app is the other side of a leg: it answers a call by itself. The recording server is one.
//! Sans-IO: events in, commands out.

use crate::Entropy;
use crate::net::RealmId;
use crate::ports::media::{MediaCmd, MediaEvent};
use crate::ports::side_leg::Reserve;
use crate::sip::{HeaderName, Message, StatusCode};
use crate::time::{Instant, Now};
use bytes::Bytes;
use std::collections::VecDeque;
use std::fmt;

/// Makes apps: one for each call.
pub trait AppFactory: Send + Sync + fmt::Debug {
    /// For a new call.
    fn open(&self) -> Box<dyn App>;
}

/// What an app hears.
#[derive(Debug)]
pub enum AppEvent<'a> {
    /// The INVITE that began the call. The app must answer: [`AppCommand::Answer`] or `Refuse`.
    Invite(&'a Message),
    /// The ACK of our 2xx.
    Confirmed,
    /// An in-dialog INVITE, UPDATE or INFO. The app must answer, as above.
    Request(&'a Message),
    /// The call is over: BYE, CANCEL, a missing ACK. Media is closed by the call.
    Ended,
    /// From the media plane.
    Media(MediaEvent),
    /// Its own deadline came.
    Timeout,
}

/// A 2xx.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AppAnswer {
    /// The status.
    pub status: StatusCode,
    /// Header parameters of our Contact: `+sip.srs`.
    pub contact_params: &'static str,
    /// Further headers.
    pub headers: Vec<(HeaderName, String)>,
    /// Content-Type; empty for no body.
    pub content_type: String,
    /// The body.
    pub body: Bytes,
}

/// What an app wants.
#[derive(Clone, PartialEq, Debug)]
pub enum AppCommand {
    /// Answers the request that waits.
    Answer(Box<AppAnswer>),
    /// Refuses the request that waits.
    Refuse {
        /// 300 to 699.
        status: StatusCode,
        /// Reason phrase; the code's own where empty.
        reason: String,
        /// Further headers.
        headers: Vec<(HeaderName, String)>,
    },
    /// Ends the call.
    Hangup,
    /// To the media plane, about ports that the app reserved.
    Media(MediaCmd),
}

/// What an app is given with each event.
pub struct AppCx<'a> {
    /// The time.
    pub now: Now,
    /// Randomness.
    pub entropy: &'a mut Entropy,
    /// The realm the call came from: where its media ports belong.
    pub realm: RealmId,
    /// Ports.
    pub reserve: &'a mut dyn Reserve,
    /// What it wants, in order.
    pub out: &'a mut VecDeque<AppCommand>,
}

/// Answers a call by itself.
pub trait App: Send + fmt::Debug {
    /// Something happened.
    fn on_event(&mut self, cx: &mut AppCx<'_>, event: AppEvent<'_>);

    /// When it wants [`AppEvent::Timeout`].
    fn poll_timeout(&self) -> Option<Instant>;
}
