//! Dialogs (RFC 3261 §12) and their offer/answer exchanges (RFC 3264, RFC 6337).

mod offer_answer;
mod state;

pub use offer_answer::{OaError, OaState, OfferAnswer};
pub use state::{Dialog, DialogIds, Violation};
