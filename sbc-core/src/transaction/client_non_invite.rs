//! ClientNonInvite (see the brief).

/// The machine.
#[derive(Clone, Debug)]
pub struct ClientNonInvite;
