//! One leg: a user agent's side of one INVITE dialog, as caller (UAC) or as callee (UAS), on the
//! transaction and dialog machines. Calls are made of legs; so are scripted phones.

mod event;
mod extensions;
mod incoming;
mod leg;
mod outgoing;
mod reoffer;
mod route;
mod switch;

pub(crate) use extensions::unknown_extensions;

pub use event::{Failure, LegEvent, LegOutput};
pub use incoming::Reply;
pub use leg::{ALLOW, Leg, LegCx};
pub use outgoing::Dial;
pub use switch::TcpRefusals;
