//! The four transactions of RFC 3261 §17, with RFC 6026, and the set of them that one owner has.
//!
//! The machines ([`ClientInvite`], [`ClientNonInvite`], [`ServerInvite`], [`ServerNonInvite`]) know
//! states and timers and hold no message. [`TransactionSet`] matches messages to them and holds the
//! bytes that are sent again.

mod action;
mod client;
mod client_invite;
mod client_non_invite;
mod key;
mod server;
mod server_invite;
mod server_non_invite;
mod set;
mod timers;

#[cfg(test)]
mod tests;

pub use action::{ClientAction, ServerAction};
pub use client_invite::ClientInvite;
pub use client_non_invite::ClientNonInvite;
pub use server_invite::ServerInvite;
pub use server_non_invite::ServerNonInvite;
pub use set::{Detour, Outcome, Residue, TransactionSet, TxId, TxOutput};
pub use timers::{
    T1, T2, T4, TIMER_B, TIMER_D, TIMER_F, TIMER_H, TIMER_J, TIMER_L, TIMER_M, TRYING_AFTER,
};
