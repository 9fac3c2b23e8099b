//! Which server is tried, how long, and whether another one is tried after it.

use crate::limits::FAILOVER_TIME;
use regex::Regex;
use sbc_core::net::RealmId;
use sbc_core::ports::{BuildError, RecorderPlan};
use sbc_core::sip::{Host, StatusCode, Uri};
use sbc_core::{Instant, Now};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// A recorder's servers and its rules. Compiled once for all calls.
#[derive(Debug)]
pub(super) struct Servers {
    plan: RecorderPlan,
    /// The URIs as text, for events.
    names: Vec<Box<str>>,
    no_failover: Option<Regex>,
}

impl Servers {
    pub(super) fn new(plan: RecorderPlan) -> Result<Self, BuildError> {
        let wrong = |key: &str, message: String| BuildError {
            key: Some(key.to_owned()),
            message,
        };
        if plan.srs.is_empty() {
            let message = "a recorder needs at least one server URI".to_owned();
            return Err(wrong("srs", message));
        }
        if plan.timeout.is_zero() {
            let message = "the time a server has must be longer than zero".to_owned();
            return Err(wrong("timeout", message));
        }
        let codes = plan.skip_failover_codes.as_deref();
        let no_failover = codes
            .map(|codes| Regex::new(&format!("^(?:{codes})$")))
            .transpose()
            .map_err(|e| {
                let message = format!("not a regular expression over status codes: {e}");
                wrong("skip_failover_codes", message)
            })?;
        Ok(Self {
            names: plan.srs.iter().map(|u| u.to_string().into()).collect(),
            plan,
            no_failover,
        })
    }

    /// The recorder's name.
    pub(super) fn recorder(&self) -> &Arc<str> {
        &self.plan.name
    }

    pub(super) fn realm(&self) -> RealmId {
        self.plan.realm
    }

    /// A server as configured.
    pub(super) fn name(&self, server: usize) -> &str {
        &self.names[server]
    }

    pub(super) fn uri(&self, server: usize) -> &Uri {
        &self.plan.srs[server]
    }

    /// The address of the first server, where its URI has one: media is of that family.
    pub(super) fn address(&self) -> Option<IpAddr> {
        match self.plan.srs.first()?.host {
            Some(Host::Ip(ip)) => Some(ip),
            _ => None,
        }
    }

    /// The first attempt.
    pub(super) fn first(&self, now: Now) -> Attempt {
        let give_up_at = now.mono + FAILOVER_TIME;
        Attempt {
            server: 0,
            deadline: give_up_at.min(now.mono + self.plan.timeout),
            extended: false,
            give_up_at,
        }
    }

    /// A provisional response came: once, the server gets its time anew.
    pub(super) fn on_provisional(&self, attempt: &mut Attempt, status: StatusCode, now: Now) {
        if status.code() > 100 && !attempt.extended {
            attempt.extended = true;
            attempt.deadline = attempt.give_up_at.min(now.mono + self.plan.timeout);
        }
    }

    /// The attempt after one that failed; nothing where no other server shall be tried.
    pub(super) fn after(&self, attempt: &Attempt, why: Failure, now: Now) -> Option<Attempt> {
        if let (Failure::Refused(status), Some(codes)) = (why, &self.no_failover)
            && codes.is_match(&status.to_string())
        {
            return None;
        }
        let server = attempt.server + 1;
        if server == self.names.len() || now.mono >= attempt.give_up_at {
            return None;
        }
        Some(Attempt {
            server,
            deadline: attempt.give_up_at.min(now.mono + self.plan.timeout),
            extended: false,
            give_up_at: attempt.give_up_at,
        })
    }

    /// How long a server has.
    pub(super) fn timeout(&self) -> Duration {
        self.plan.timeout
    }
}

/// One server being tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Attempt {
    /// Which.
    pub(super) server: usize,
    /// Without a final response by then, the next one is tried.
    pub(super) deadline: Instant,
    /// A provisional response has moved the deadline already.
    extended: bool,
    /// The whole list ends here.
    give_up_at: Instant,
}

/// Why a server did not take the recording.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Failure {
    /// It refused.
    Refused(StatusCode),
    /// No final response in its time.
    Silent(Duration),
    /// Not reached, or the connection broke.
    Transport,
    /// It ended the session before it answered.
    Ended,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(status) => write!(f, "{status} {}", status.reason()),
            Self::Silent(time) => write!(f, "no final response within {time:?}"),
            Self::Transport => f.write_str("not reached, or the connection broke"),
            Self::Ended => f.write_str("ended by the recorder before its answer"),
        }
    }
}
