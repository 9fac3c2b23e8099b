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

    /// The callee hangs up.
    #[must_use]
    pub fn hanging_up_after(mut self, time: Duration) -> Self {
        self.hang_up_after = Some(time);
        self
    }
}
