//! Branches, tags and Call-IDs of our own.

use crate::entropy::Entropy;

/// A branch: the magic cookie of RFC 3261 §8.1.1.7 and 80 random bits.
#[must_use]
pub fn new_branch(entropy: &mut Entropy) -> String {
    let mut out = String::with_capacity(23);
    out.push_str("z9hG4bK");
    out.push_str(&entropy.token(16));
    out
}

/// A tag of 60 random bits (RFC 3261 §19.3).
#[must_use]
pub fn new_tag(entropy: &mut Entropy) -> String {
    entropy.token(12)
}

/// A Call-ID of 120 random bits, without a host: nothing of the topology shows (§8.1.1.4).
#[must_use]
pub fn new_call_id(entropy: &mut Entropy) -> String {
    entropy.token(24)
}
