//! Time as an argument.
//!
//! Protocol code never reads a clock: every machine takes [`Now`] or [`Instant`] from its caller.
//! The only reader of the operating system's clocks is [`SystemClock`]; the simulator has its own.

use std::ops::{Add, Sub};
use std::time::Duration;

/// A point on a monotonic scale, in nanoseconds since an arbitrary start.
///
/// Our own number and not `std::time::Instant`, so that a simulator can make one up and a call at
/// a stable point can be written down.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Instant(u64);

impl Instant {
    /// From nanoseconds since the start of the scale.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the start of the scale.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Time since `earlier`; zero where `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(rhs.as_nanos()).unwrap_or(u64::MAX)),
        )
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    fn sub(self, rhs: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(u64::try_from(rhs.as_nanos()).unwrap_or(u64::MAX)),
        )
    }
}

/// Wall-clock time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct UnixMillis(pub u64);

impl UnixMillis {
    /// RFC 3339 in UTC with milliseconds: `2026-01-05T10:00:00.120Z`.
    #[must_use]
    pub fn rfc3339(self) -> String {
        let (secs, millis) = (self.0 / 1000, self.0 % 1000);
        let (days, of_day) = (secs / 86_400, secs % 86_400);
        let (year, month, day) = civil_from_days(days);
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
    }
}

/// Gregorian date of a day number counted from 1970-01-01.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let era = z / 146_097;
    let day_of_era = z % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

/// Both clocks read at once: monotonic for protocol timers, wall for metadata, CDR and Date.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Now {
    /// For timers.
    pub mono: Instant,
    /// For what people read.
    pub unix: UnixMillis,
}

/// Reads the time. Held by shells only.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Now;
}

/// The operating system's clocks.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: std::time::Instant,
}

impl SystemClock {
    /// A scale that starts here.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the OS clocks"
    )]
    pub fn start() -> Self {
        Self {
            start: std::time::Instant::now(),
        }
    }

    /// Where `at` stands on the clock that tokio's timers use.
    #[must_use]
    pub fn to_std(self, at: Instant) -> std::time::Instant {
        self.start + Duration::from_nanos(at.as_nanos())
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the OS clocks"
    )]
    fn now(&self) -> Now {
        let mono = std::time::Instant::now().duration_since(self.start);
        let unix = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Now {
            mono: Instant::from_nanos(u64::try_from(mono.as_nanos()).unwrap_or(u64::MAX)),
            unix: UnixMillis(u64::try_from(unix.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_time_prints_as_rfc3339_in_utc() {
        assert_eq!(UnixMillis(0).rfc3339(), "1970-01-01T00:00:00.000Z");
        assert_eq!(
            UnixMillis(951_782_400_120).rfc3339(),
            "2000-02-29T00:00:00.120Z"
        );
        assert_eq!(
            UnixMillis(1_767_607_200_120).rfc3339(),
            "2026-01-05T10:00:00.120Z"
        );
        assert_eq!(
            UnixMillis(4_102_444_799_999).rfc3339(),
            "2099-12-31T23:59:59.999Z"
        );
    }

    #[test]
    fn time_never_runs_below_zero_or_over_the_end() {
        let zero = Instant::from_nanos(0);
        assert_eq!(zero - Duration::from_secs(1), zero);
        assert_eq!(zero.since(zero + Duration::from_secs(1)), Duration::ZERO);
        let end = Instant::from_nanos(u64::MAX);
        assert_eq!(end + Duration::from_secs(1), end);
    }
}
