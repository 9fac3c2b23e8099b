//! What goes into a call and what comes out of it.

use super::event::CallEvent;
use super::plan::Connect;
use crate::ports::{MediaCmd, MediaEvent, MediaPlane, Verdict};
use crate::time::Now;
use crate::transaction::Residue;
use crate::transport::{Flow, Incoming, Target, Transmit};
use crate::ua::TcpRefusals;
use crate::{Entropy, Probe};
use std::net::IpAddr;
use std::sync::Arc;

/// A call of this process; never used again for another one. Also names its media session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CallKey(pub u64);

/// What a call is known by.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    /// In this process.
    pub key: CallKey,
    /// In the API.
    pub id: &'a str,
    /// Our tag towards the caller, which the endpoint has claimed for it.
    pub local_tag: &'a str,
    /// Another call bears the Call-ID of its INVITE too.
    pub shares_call_id: bool,
}

/// A leg of a call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LegId(pub u32);

/// What an operator can ask of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command {
    /// End it: BYE to both sides and to recorders.
    HangUp,
    /// The same, because the program ends.
    Shutdown,
}

/// What goes in.
#[derive(Debug)]
pub enum Input {
    /// A message of one of its dialogs.
    Message(Box<Incoming>),
    /// A deadline may have passed.
    Timeout,
    /// What the call-control modules decided.
    Verdict(Box<Verdict>),
    /// The addresses of a leg's target, best first.
    Resolved(Box<(LegId, Vec<IpAddr>)>),
    /// From the media plane.
    Media(Box<MediaEvent>),
    /// Something could not be sent by this flow: nobody has it.
    Unsent(Box<Flow>),
    /// The connection of this flow is lost: what was sent by it may have arrived, its answer
    /// cannot.
    TransportError(Box<Flow>),
    /// From an operator.
    Command(Command),
}

/// What comes out, in order.
#[derive(Debug)]
pub enum Output {
    /// Send.
    Transmit(Transmit),
    /// Find the addresses of a leg's target.
    Resolve(LegId, Target),
    /// Ask the plan's call-control modules; the call waits for [`Input::Verdict`].
    Ask(Arc<Connect>),
    /// The plan's call-control modules are not asked, a limit refuses the call; they hear of its
    /// end.
    Tell(Arc<Connect>),
    /// To the media plane, for this call's session.
    Media(Vec<MediaCmd>),
    /// Tell modules, log, metrics and API.
    Event(CallEvent),
    /// Messages of this dialog are ours: Call-ID and our tag.
    Claim {
        /// Call-ID.
        call_id: Box<str>,
        /// Our tag.
        tag: Box<str>,
    },
    /// They no longer are; what still comes is answered from the residues.
    Release {
        /// Call-ID.
        call_id: Box<str>,
        /// Our tags.
        tags: Vec<Box<str>>,
        /// What lingers.
        residues: Vec<Residue>,
    },
    /// The call is gone: nothing more will come.
    Done,
}

/// What a call is given with each input.
pub struct Cx<'a> {
    /// The time.
    pub now: Now,
    /// Randomness.
    pub entropy: &'a mut Entropy,
    /// The media plane, to reserve ports and read counters; commands go through [`Output::Media`].
    pub media: &'a dyn MediaPlane,
    /// Where the machines note what they meet.
    pub probe: &'a Probe,
    /// Peers that large requests go to by UDP; the same for all calls.
    pub refusals: &'a TcpRefusals,
}
