//! What a phone shall do, as data: so that a chaos run can draw it.

use crate::transport::Transport;
use std::time::Duration;

/// A call to be placed.
#[derive(Clone, Debug)]
pub struct Placed {
    /// The user called.
    pub to: String,
    /// The SBC's address.
    pub sbc: String,
    /// By UDP or TCP.
    pub transport: Transport,
    /// Whether the INVITE brings the offer; else the ACK brings the answer.
    pub offers: bool,
    /// After so long it gives up, if nobody has answered.
    pub cancel_after: Option<Duration>,
    /// It gives up with BYE in the early dialog and not with CANCEL (RFC 3261 §15).
    pub cancels_by_bye: bool,
    /// So long after its ACK it hangs up.
    pub hang_up_after: Option<Duration>,
    /// Whether it acknowledges a 2xx.
    pub acks: bool,
    /// Max-Forwards.
    pub max_forwards: u32,
    /// Further header lines, without line end.
    pub headers: Vec<String>,
    /// What it does once the call is up, each after so long since the one before.
    pub acts: Vec<(Duration, Act)>,
    /// How it takes offers inside the call.
    pub renewal: Renewal,
}

impl Placed {
    /// A call by UDP with an offer; whoever is called hangs up.
    #[must_use]
    pub fn to(user: &str, sbc: &str) -> Self {
        Self {
            to: user.into(),
            sbc: sbc.into(),
            transport: Transport::Udp,
            offers: true,
            cancel_after: None,
            cancels_by_bye: false,
            hang_up_after: None,
            acks: true,
            max_forwards: 70,
            headers: Vec::new(),
            acts: Vec::new(),
            renewal: Renewal::default(),
        }
    }

    /// By TCP.
    #[must_use]
    pub fn by_tcp(mut self) -> Self {
        self.transport = Transport::Tcp;
        self
    }

    /// The caller hangs up.
    #[must_use]
    pub fn hanging_up_after(mut self, time: Duration) -> Self {
        self.hang_up_after = Some(time);
        self
    }

    /// The caller gives up.
    #[must_use]
    pub fn cancelling_after(mut self, time: Duration) -> Self {
        self.cancel_after = Some(time);
        self
    }

    /// Without offer in the INVITE.
    #[must_use]
    pub fn without_offer(mut self) -> Self {
        self.offers = false;
        self
    }

    /// Does this in the call, so long after what it did before.
    #[must_use]
    pub fn then(mut self, after: Duration, act: Act) -> Self {
        self.acts.push((after, act));
        self
    }

    /// Takes offers in the call like this.
    #[must_use]
    pub fn renewing(mut self, renewal: Renewal) -> Self {
        self.renewal = renewal;
        self
    }
}

/// What a phone says of the direction of its media, and how it spells it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spelling {
    /// `a=sendrecv`.
    SendRecv,
    /// No attribute, which is the same (RFC 3264 §5.1).
    Unsaid,
    /// `a=sendrecv`, and another port than before.
    Moved,
    /// `a=sendonly`: the other side is on hold (RFC 3264 §8.4).
    SendOnly,
    /// `a=recvonly`.
    RecvOnly,
    /// `a=inactive`.
    Inactive,
    /// `a=sendonly` before the first `m=` line.
    SendOnlyForAll,
    /// `a=inactive` before the first `m=` line.
    InactiveForAll,
    /// `c=IN IP4 0.0.0.0`: hold as RFC 2543 had it (RFC 3264 §8.4).
    NoAddress,
    /// Port 0: the stream is switched off (RFC 3264 §8.2).
    NoPort,
}

impl Spelling {
    /// All that put the other side on hold.
    pub const HOLDS: [Self; 6] = [
        Self::SendOnly,
        Self::Inactive,
        Self::SendOnlyForAll,
        Self::InactiveForAll,
        Self::NoAddress,
        Self::NoPort,
    ];
    /// All.
    pub const ALL: [Self; 10] = [
        Self::SendRecv,
        Self::Unsaid,
        Self::Moved,
        Self::SendOnly,
        Self::RecvOnly,
        Self::Inactive,
        Self::SendOnlyForAll,
        Self::InactiveForAll,
        Self::NoAddress,
        Self::NoPort,
    ];

    /// Whether who says it sends.
    #[must_use]
    pub const fn sends(self) -> bool {
        !matches!(
            self,
            Self::RecvOnly | Self::Inactive | Self::InactiveForAll | Self::NoPort
        )
    }

    /// Whether who says it wants to receive.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(
            self,
            Self::SendRecv | Self::Unsaid | Self::Moved | Self::RecvOnly
        )
    }
}

/// What a phone does in a call that is up. Where another offer is open it waits for that; after a
/// 491 it tries again, as RFC 3261 §14.1 says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// A re-INVITE with this offer.
    Invite(Spelling),
    /// An UPDATE with this offer.
    Update(Spelling),
    /// A re-INVITE without offer: the ACK brings the answer, and wants media both ways.
    Ask,
    /// A re-INVITE as [`Act::Invite`], and a CANCEL after it.
    InviteAndCancel(Spelling),
    /// An INFO with a body of its own type.
    Info,
    /// A request with a body that is plain text.
    Text(&'static str),
    /// A request with this body of this type; SDP in an INVITE or UPDATE is an offer.
    Body(&'static str, &'static str, &'static str),
    /// Any other request, without body.
    Other(&'static str),
}

impl Act {
    /// Whether it is a new offer, or asks for one.
    #[must_use]
    pub fn renews(self) -> bool {
        !matches!(
            self,
            Self::Info | Self::Text(_) | Self::Body("INFO", ..) | Self::Other(_)
        )
    }

    pub(super) const fn method(self) -> &'static str {
        match self {
            Self::Invite(_) | Self::InviteAndCancel(_) | Self::Ask => "INVITE",
            Self::Update(_) => "UPDATE",
            Self::Info => "INFO",
            Self::Text(method) | Self::Body(method, ..) | Self::Other(method) => method,
        }
    }
}

/// How a phone takes an offer inside a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Renewal {
    /// It thinks for so long; says 100 to a re-INVITE where it does.
    pub after: Duration,
    /// 200 to take it, else the refusal.
    pub status: u16,
}

impl Default for Renewal {
    /// Takes it at once.
    fn default() -> Self {
        Self {
            after: Duration::ZERO,
            status: 200,
        }
    }
}

/// A response to an INVITE.
#[derive(Clone, Debug)]
pub struct Say {
    /// The status.
    pub status: u16,
    /// Whether it brings SDP.
    pub sdp: bool,
    /// Which of several phones behind a forking proxy says it: each has its own To tag.
    pub fork: usize,
    /// Further header lines, without line end.
    pub headers: Vec<String>,
}

impl Say {
    /// Without SDP.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self {
            status,
            sdp: false,
            fork: 0,
            headers: Vec::new(),
        }
    }

    /// With SDP.
    #[must_use]
    pub fn with_sdp(status: u16) -> Self {
        Self {
            sdp: true,
            ..Self::status(status)
        }
    }

    /// Said by phone number `fork` behind the proxy.
    #[must_use]
    pub fn by_fork(mut self, fork: usize) -> Self {
        self.fork = fork;
        self
    }

    /// With another header line.
    #[must_use]
    pub fn saying(mut self, line: &str) -> Self {
        self.headers.push(line.into());
        self
    }
}

/// How a phone takes a call.
#[derive(Clone, Debug)]
pub struct Answering {
    /// What it says, each after so long since the one before.
    pub steps: Vec<(Duration, Say)>,
    /// So long after the ACK it hangs up.
    pub hang_up_after: Option<Duration>,
    /// Goes on with its steps after a CANCEL: its 200 was under way already.
    pub ignores_cancel: bool,
    /// What it does once the call is up, each after so long since the one before.
    pub acts: Vec<(Duration, Act)>,
    /// How it takes offers inside the call.
    pub renewal: Renewal,
    /// Its Contact names no transport, whatever the INVITE came by.
    pub plain_contact: bool,
}

impl Answering {
    /// What it says.
    #[must_use]
    pub fn with(steps: &[(u64, Say)]) -> Self {
        let steps = steps.iter().cloned();
        Self {
            steps: steps
                .map(|(ms, say)| (Duration::from_millis(ms), say))
                .collect(),
            hang_up_after: None,
            ignores_cancel: false,
            acts: Vec::new(),
            renewal: Renewal::default(),
            plain_contact: false,
        }
    }

    /// Rings for two seconds, then answers.
    #[must_use]
    pub fn after_ringing() -> Self {
        Self::with(&[(20, Say::status(180)), (2000, Say::with_sdp(200))])
    }

    /// Refuses.
    #[must_use]
    pub fn refusing(status: u16) -> Self {
        Self::with(&[(50, Say::status(status))])
    }

    /// Says nothing at all.
    #[must_use]
    pub fn silent() -> Self {
        Self::with(&[])
    }

    /// Its Contact is one for UDP, whatever the INVITE came by.
    #[must_use]
    pub fn with_plain_contact(mut self) -> Self {
        self.plain_contact = true;
        self
    }

    /// The callee hangs up.
    #[must_use]
    pub fn hanging_up_after(mut self, time: Duration) -> Self {
        self.hang_up_after = Some(time);
        self
    }

    /// Does this in the call, so long after what it did before.
    #[must_use]
    pub fn then(mut self, after: Duration, act: Act) -> Self {
        self.acts.push((after, act));
        self
    }

    /// Takes offers in the call like this.
    #[must_use]
    pub fn renewing(mut self, renewal: Renewal) -> Self {
        self.renewal = renewal;
        self
    }
}
