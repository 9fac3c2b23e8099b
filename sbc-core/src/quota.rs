//! Limits: how many calls at a time, and how many new ones in a second.
//!
//! A [`Tally`] counts; it lies in the [`StateBook`](crate::state_book::StateBook) and outlives
//! configurations. A [`Quota`] is a tally with the [`Limits`] of one configuration. These come with
//! each question and are not kept in the tally, so that a configuration that is compiled and not
//! used changes nothing, and one that is used judges by the present count: running calls stay, and
//! over a lower limit there are no new ones.
//!
//! | asked for a slot | counts as attempt | call | token |
//! |---|---|---|---|
//! | `calls` are running already | yes | no, refused: [`Bound::Calls`] | no |
//! | the bucket has less than a token | yes | no, refused: [`Bound::Cps`] | no |
//! | else | yes | until the [`Slot`] is dropped | one |
//!
//! The bucket holds a second's worth of tokens and is full at first: with `cps: 5`, five calls may
//! begin at one moment, the next one 200 ms later. It reckons in billionths of a token: nothing is
//! rounded, however odd the rate.

use crate::net::RealmId;
use crate::sip::StatusCode;
use crate::time::Instant;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a trunk, or the box, takes. As configured.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Calls at a time; nothing: unlimited.
    pub calls: Option<u32>,
    /// New calls in a second; nothing: unlimited.
    pub cps: Option<u32>,
    /// What a call beyond hears: 300 to 699.
    pub status: StatusCode,
    /// With this reason phrase.
    pub reason: Box<str>,
}

impl Limits {
    /// The reason phrase where none is configured.
    pub const REASON: &str = "Too Many Calls";
}

impl Default for Limits {
    /// None; 503.
    fn default() -> Self {
        Self {
            calls: None,
            cps: None,
            status: StatusCode::of(503),
            reason: Self::REASON.into(),
        }
    }
}

/// Where a call's leg goes, seen from us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// It came from there.
    In,
    /// It goes there.
    Out,
}

/// Which limit was met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bound {
    /// Calls at a time.
    Calls,
    /// New calls in a second.
    Cps,
}

impl Bound {
    /// As in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Cps => "cps",
        }
    }
}

/// What was counted since the tally was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Calls from there that are not over.
    pub calls_in: u32,
    /// Calls to there that are not over.
    pub calls_out: u32,
    /// Calls that came from there, the refused ones included.
    pub attempts_in: u64,
    /// Calls that were to go there, the refused ones included.
    pub attempts_out: u64,
    /// Refused because so many calls were there.
    pub refused_calls: u64,
    /// Refused because so many had begun within the second.
    pub refused_cps: u64,
}

impl Counts {
    /// Calls that are not over, in both directions.
    #[must_use]
    pub const fn calls(&self) -> u32 {
        self.calls_in.saturating_add(self.calls_out)
    }

    const fn running(&mut self, way: Way) -> &mut u32 {
        match way {
            Way::In => &mut self.calls_in,
            Way::Out => &mut self.calls_out,
        }
    }
}

/// Tokens that are gone from a bucket, in billionths; they come back with time.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    spent: u64,
    at: Instant,
}

/// A token, in billionths.
const TOKEN: u64 = 1_000_000_000;

impl Bucket {
    /// Takes a token, where one is left of `rate` a second.
    fn take(&mut self, now: Instant, rate: u32) -> bool {
        let rate = u64::from(rate);
        // A second fills any bucket. Tasks read the clock before they come here: an earlier moment
        // brings nothing, and nothing twice.
        let elapsed = now.since(self.at).min(Duration::from_secs(1));
        self.at = self.at.max(now);
        let elapsed = u64::try_from(elapsed.as_nanos()).unwrap_or(TOKEN);
        // All factors are below 2^32. After a reload to a lower rate the bucket is a smaller one.
        self.spent = self.spent.min(rate * TOKEN).saturating_sub(elapsed * rate);
        if self.spent + TOKEN > rate * TOKEN {
            return false;
        }
        self.spent += TOKEN;
        true
    }
}

#[derive(Debug, Default)]
struct Ledger {
    counts: Counts,
    bucket: Bucket,
}

/// Counts calls. One lock, held for a few instructions when a call begins and when it ends.
#[derive(Debug, Default)]
pub struct Tally(Mutex<Ledger>);

impl Tally {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // Nothing is left half done by whoever panicked with it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, limits: &Limits, now: Instant, way: Way) -> Result<(), Bound> {
        let ledger = &mut *self.ledger();
        let attempts = match way {
            Way::In => &mut ledger.counts.attempts_in,
            Way::Out => &mut ledger.counts.attempts_out,
        };
        *attempts += 1;
        if limits
            .calls
            .is_some_and(|most| ledger.counts.calls() >= most)
        {
            ledger.counts.refused_calls += 1;
            return Err(Bound::Calls);
        }
        if limits
            .cps
            .is_some_and(|rate| !ledger.bucket.take(now, rate))
        {
            ledger.counts.refused_cps += 1;
            return Err(Bound::Cps);
        }
        *ledger.counts.running(way) += 1;
        Ok(())
    }
}

/// The limits of a trunk or of the box in one configuration, and what is counted there. Cheap to
/// clone.
#[derive(Clone)]
pub struct Quota {
    name: Arc<str>,
    limits: Arc<Limits>,
    tally: Arc<Tally>,
}

impl Quota {
    /// Of the trunk `name`; for the box, the name is empty.
    #[must_use]
    pub fn new(name: Arc<str>, limits: Limits, tally: Arc<Tally>) -> Self {
        Self {
            name,
            limits: Arc::new(limits),
            tally,
        }
    }

    /// The trunk's name.
    #[must_use]
    pub const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What is allowed.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What was counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.tally.ledger().counts
    }

    /// A slot for a call that begins.
    ///
    /// # Errors
    /// There is none.
    pub fn take(&self, now: Instant, way: Way) -> Result<Slot, Full> {
        match self.tally.take(&self.limits, now, way) {
            Ok(()) => Ok(Slot {
                tally: Arc::clone(&self.tally),
                way,
            }),
            Err(bound) => Err(Full {
                trunk: Arc::clone(&self.name),
                limits: Arc::clone(&self.limits),
                bound,
            }),
        }
    }

    /// Whether both count in one place: two configurations' views of a trunk do.
    #[must_use]
    pub fn counts_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.tally, &other.tally)
    }

    /// Whether a slot was taken here.
    #[must_use]
    pub fn gave(&self, slot: &Slot) -> bool {
        Arc::ptr_eq(&self.tally, &slot.tally)
    }
}

impl PartialEq for Quota {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.limits == other.limits && self.counts_with(other)
    }
}

impl Eq for Quota {}

impl fmt::Debug for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without counts: two plans that say the same look the same.
        let mut shown = f.debug_struct("Quota");
        shown.field("name", &self.name);
        shown.field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// A call counts as long as this is there. Whatever becomes of the call, a panic included, dropping
/// it gives the place back; it can be given back only once.
#[derive(Debug)]
#[must_use = "dropped, it is given back"]
pub struct Slot {
    tally: Arc<Tally>,
    way: Way,
}

impl Drop for Slot {
    fn drop(&mut self) {
        *self.tally.ledger().counts.running(self.way) -= 1;
    }
}

/// There is no slot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Full {
    /// The trunk's name, empty for the box.
    pub trunk: Arc<str>,
    /// What is allowed, and what is to be said.
    pub limits: Arc<Limits>,
    /// Which limit it is.
    pub bound: Bound,
}

impl Full {
    /// Seconds until the caller may try again, where its refusal may say so: nobody can know when a
    /// call ends, the bucket has a token within the second (RFC 3261 §20.33).
    #[must_use]
    pub fn retry_after(&self) -> Option<&'static str> {
        if self.limits.status != StatusCode::of(503) {
            return None;
        }
        Some(match self.bound {
            Bound::Calls => "5",
            Bound::Cps => "1",
        })
    }

    /// For log and CDR: `limit of trunk carrier: calls`.
    #[must_use]
    pub fn rule(&self) -> String {
        format!("limit of trunk {}: {}", self.trunk, self.bound.name())
    }
}

/// A trunk's quota, and the side that the trunk is on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrunkQuota {
    /// Its realm.
    pub realm: RealmId,
    /// Its limits and counts.
    pub quota: Quota,
}

/// All quotas of a configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Quotas {
    /// Of the box.
    pub whole: Quota,
    /// Of each trunk, those without limits included, in the order of the configuration.
    pub trunks: Vec<TrunkQuota>,
}

impl Default for Quotas {
    /// No trunk, no limit.
    fn default() -> Self {
        Self {
            whole: Quota::new("".into(), Limits::default(), Arc::default()),
            trunks: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
