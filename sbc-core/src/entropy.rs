//! Randomness as an argument.
//!
//! Tags, branches, Call-IDs, SSRCs and retry delays come from here. In the daemon each generator
//! is seeded by the operating system (RFC 3261 §19.3 asks for 32 bits of cryptographic randomness
//! in a tag); in the simulator by the seed of the run, so that a failing run replays.

use rand::rngs::{StdRng, SysRng};
use rand::{Rng, SeedableRng, TryRng};
use std::fmt;
use std::time::Duration;

/// A source of random numbers that its owner passes down.
#[derive(Debug)]
pub struct Entropy(StdRng);

/// Where a generator begins: the same seed gives the same numbers. Not shown by `Debug`: who knows
/// it knows the tags and Call-IDs that come.
#[derive(Clone, Copy)]
pub struct Seed([u8; 32]);

impl Seed {
    /// A generator that begins here.
    #[must_use]
    pub fn entropy(self) -> Entropy {
        Entropy(StdRng::from_seed(self.0))
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(***)")
    }
}

impl Entropy {
    /// Replayable: the same seed gives the same numbers.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// Seeded by the operating system.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn from_os() -> std::io::Result<Self> {
        let mut seed = [0_u8; 32];
        SysRng
            .try_fill_bytes(&mut seed)
            .map_err(std::io::Error::other)?;
        Ok(Self(StdRng::from_seed(seed)))
    }

    /// An independent generator, seeded by this one.
    #[must_use]
    pub fn split(&mut self) -> Self {
        self.seed().entropy()
    }

    /// The seed of an independent generator.
    #[must_use]
    pub fn seed(&mut self) -> Seed {
        let mut seed = [0_u8; 32];
        self.fill(&mut seed);
        Seed(seed)
    }

    /// 64 random bits.
    pub fn u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// 32 random bits.
    pub fn u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// Fills `out`.
    pub fn fill(&mut self, out: &mut [u8]) {
        self.0.fill_bytes(out);
    }

    /// A number from zero to `end`, which is not included; zero where `end` is zero.
    pub fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.u64() % end }
    }

    /// A duration from `low` to `high`, both included, in whole milliseconds.
    pub fn between(&mut self, low: Duration, high: Duration) -> Duration {
        let span = u64::try_from(high.saturating_sub(low).as_millis()).unwrap_or(u64::MAX - 1);
        low + Duration::from_millis(self.below(span + 1))
    }

    /// True with the probability `p`, which is from 0 to 1.
    pub fn chance(&mut self, p: f64) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double")]
        let unit = (self.u64() >> 11) as f64 / (1_u64 << 53) as f64;
        unit < p
    }

    /// `len` random characters of `a-z0-9`, good for tags, branches and Call-IDs.
    #[must_use]
    pub fn token(&mut self, len: usize) -> String {
        const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        let mut out = String::with_capacity(len);
        let mut bits = 0_u64;
        for n in 0..len {
            if n % 12 == 0 {
                bits = self.u64();
            }
            out.push(char::from(ALPHABET[(bits & 31) as usize]));
            bits >>= 5;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_tokens_and_another_seed_others() {
        let (mut a, mut b, mut c) = (
            Entropy::from_seed(1),
            Entropy::from_seed(1),
            Entropy::from_seed(2),
        );
        let first = a.token(20);
        assert_eq!(first, b.token(20));
        assert_ne!(first, c.token(20));
        assert_eq!(first.len(), 20);
    }

    #[test]
    fn ranges_hold_their_ends() {
        let mut e = Entropy::from_seed(3);
        let (low, high) = (Duration::from_millis(10), Duration::from_millis(12));
        for _ in 0..100 {
            let d = e.between(low, high);
            assert!(d >= low && d <= high);
        }
        assert_eq!(e.below(0), 0);
    }
}
