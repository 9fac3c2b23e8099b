//! ClientInvite (see the brief).

/// The machine.
#[derive(Clone, Debug)]
pub struct ClientInvite;
