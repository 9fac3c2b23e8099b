//! What a call is known by, drawn from its own randomness: in the daemon, the simulator and a
//! rehearsal in the same order, so that the same seed gives the same call.

use crate::Entropy;
use crate::sip::new_tag;

/// The first things that are drawn for a call.
#[derive(Debug)]
pub(crate) struct Opening {
    /// Our tag towards the caller.
    pub(crate) tag: String,
    /// Its id in the API.
    pub(crate) id: String,
    /// What the call draws from afterwards.
    pub(crate) entropy: Entropy,
}

impl Opening {
    pub(crate) fn draw(mut entropy: Entropy) -> Self {
        let tag = new_tag(&mut entropy);
        let id = entropy.token(16);
        Self { tag, id, entropy }
    }
}
