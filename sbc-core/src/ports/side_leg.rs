//! A side leg: somebody who decides about one more leg of a call without being in the conversation.
//! SIPREC's recording session is the one that exists.
//!
//! A side leg is sans-IO and has no SIP machinery of its own. It hears what happens to the call and
//! what became of its leg, and decides; the leg is an ordinary one of the call.

use crate::net::{MediaAddress, RealmId};
use crate::ports::media::{Fork, MediaError, MediaPort, PortId};
use crate::sdp::{Codec, Direction};
use crate::sip::{HeaderName, Message, StatusCode, Uri};
use crate::time::{Instant, Now};
use crate::{Entropy, Probe};
use bytes::Bytes;
use std::collections::VecDeque;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// A recorder as the configuration describes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecorderPlan {
    /// Its name.
    pub name: Arc<str>,
    /// Its servers in the order they are tried. A URI without `transport` goes by TCP.
    pub srs: Vec<Uri>,
    /// From connecting or sending until a final response; a provisional above 100 extends it once.
    pub timeout: Duration,
    /// Regular expression over the whole status code: no failover on these.
    pub skip_failover_codes: Option<Box<str>>,
    /// From which side the servers are reached.
    pub realm: RealmId,
}

/// Makes side legs: one for each call that wants it. Compiled with the policy.
pub trait SideLegFactory: Send + Sync + fmt::Debug {
    /// The recorder's name.
    fn name(&self) -> &Arc<str>;

    /// A side leg for a new call.
    fn open(&self) -> Box<dyn SideLeg>;
}

/// A person (or machine) in the call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Participant {
    /// Address of record, without display name and parameters of the dialog:
    /// `sip:alice@example.com`.
    pub aor: Box<str>,
    /// Display name, empty where none.
    pub name: Box<str>,
}

/// One direction of one media description of the call: what one participant says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamView {
    /// The media port its packets arrive at.
    pub port: PortId,
    /// Who speaks: index into [`CallView::participants`].
    pub from: usize,
    /// Who listens.
    pub to: usize,
    /// `audio`, `video`.
    pub kind: Box<str>,
    /// What the speaker may send, the codec in use first: the codecs that the listener's side
    /// accepted.
    pub codecs: Vec<Codec>,
    /// `ptime` in milliseconds, where negotiated.
    pub ptime_ms: Option<u32>,
    /// From the speaker: `sendrecv` and `sendonly` mean that it speaks.
    pub direction: Direction,
}

/// The call as a recorder sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallView {
    /// Caller first, then callee.
    pub participants: Vec<Participant>,
    /// Caller's stream first, then callee's, for each media description.
    pub streams: Vec<StreamView>,
    /// The Call-ID of the caller's leg.
    pub call_id: Box<str>,
    /// When the caller was answered.
    pub answered_at: Now,
}

/// What became of the side leg's leg.
#[derive(Debug)]
pub enum LegNews<'a> {
    /// A provisional response.
    Provisional(StatusCode),
    /// A 2xx; the ACK is sent.
    Answered(&'a Message),
    /// A refusal (300 to 699), or a 401/407 with nothing to answer it.
    Refused(StatusCode),
    /// No final response: transaction timeout.
    TimedOut,
    /// Name not resolved, connection refused, reset before an answer.
    TransportFailed,
    /// The peer sent BYE, or refused an in-dialog request with 481 or 408.
    EndedByPeer,
}

/// What a side leg hears.
#[derive(Debug)]
pub enum SideEvent<'a> {
    /// The caller was answered; media flows.
    Answered(&'a CallView),
    /// The call's media or participants changed.
    Changed(&'a CallView),
    /// The call is over. What the side leg still wants to send, it must command now.
    Ended,
    /// About its own leg.
    Leg(LegNews<'a>),
    /// Its own deadline came.
    Timeout,
}

/// An INVITE of a side leg.
#[derive(Clone, PartialEq, Debug)]
pub struct SideDial {
    /// From which side.
    pub realm: RealmId,
    /// Request-URI, To, and where it goes: a URI without `transport` goes by TCP.
    pub uri: Uri,
    /// Header parameters of our Contact: `+sip.src`.
    pub contact_params: &'static str,
    /// Further headers.
    pub headers: Vec<(HeaderName, String)>,
    /// Content-Type.
    pub content_type: String,
    /// The body.
    pub body: Bytes,
}

/// What a side leg wants.
#[derive(Clone, PartialEq, Debug)]
pub enum SideCommand {
    /// Gives up its present leg (CANCEL, BYE, whatever its state needs), and begins another.
    Dial(Box<SideDial>),
    /// Gives up its present leg: CANCEL before the answer, BYE after it.
    Hangup,
    /// A port of the side leg now faces the recorder there.
    Peer(PortId, crate::ports::media::Peer),
    /// Copies what arrives at the first port out of the second.
    Fork(PortId, PortId, Fork),
    /// No longer.
    Unfork(PortId, PortId),
    /// Gives a port back.
    Release(PortId),
    /// For log, metrics and the API.
    Event(RecorderState),
    /// Nothing more will come from this side leg.
    Finished,
}

/// How a recording stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecorderStatus {
    /// An INVITE is on its way.
    Connecting,
    /// The recorder took it; media is forked.
    Recording,
    /// Another server is tried.
    Failover,
    /// No server took it.
    Failed,
    /// Ended with the call, or by the recorder.
    Stopped,
}

/// How a recording stands, and with whom.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecorderState {
    /// The recorder's name.
    pub recorder: Arc<str>,
    /// The server, as configured.
    pub server: Box<str>,
    /// How it stands.
    pub status: RecorderStatus,
    /// Why: status code and text, or what failed; empty where there is nothing to say.
    pub reason: Box<str>,
}

/// Reserves media ports of the call's session.
pub trait Reserve {
    /// A port in a realm, at its [`Self::address`] towards this peer.
    ///
    /// # Errors
    /// See [`MediaError`].
    fn reserve(&mut self, realm: RealmId, peer: Option<IpAddr>) -> Result<MediaPort, MediaError>;

    /// The realm's media address of the peer's family; where it has none of that family, or the
    /// peer's address is not known, the one that it has (IPv4 where it has both).
    fn address(&self, realm: RealmId, peer: Option<IpAddr>) -> Option<MediaAddress>;
}

/// What a side leg is given with each event.
pub struct SideCx<'a> {
    /// The time.
    pub now: Now,
    /// Randomness.
    pub entropy: &'a mut Entropy,
    /// Ports.
    pub reserve: &'a mut dyn Reserve,
    /// What it wants, in order.
    pub out: &'a mut VecDeque<SideCommand>,
    /// Where the side leg notes what it meets.
    pub probe: &'a Probe,
}

/// Decides about one more leg.
pub trait SideLeg: Send + fmt::Debug {
    /// Something happened.
    fn on_event(&mut self, cx: &mut SideCx<'_>, event: SideEvent<'_>);

    /// When it wants [`SideEvent::Timeout`].
    fn poll_timeout(&self) -> Option<Instant>;
}
