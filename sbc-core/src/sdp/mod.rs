//! SDP as a document of ordered lines (RFC 8866): what is not understood survives byte for byte.
//!
//! [`Sdp`] is one text with an index of its lines; [`MediaView`] reads one media description out of
//! it. Edits ([`CodecPolicy`], [`rewrite()`]) write a new document in one pass and copy every line
//! that they do not mean. [`describe()`] writes one of our own. Attribute names compare without
//! case: a sender that writes `a=SendOnly` or `a=Candidate` means what everybody else means by it.

mod describe;
mod filter;
mod hosts;
mod media;
#[cfg(test)]
mod oracle;
mod rewrite;
#[cfg(feature = "sdp-rs")]
mod sdp_rs;
mod session;

pub use describe::{Described, describe};
pub use filter::{CodecChoice, CodecName, CodecPolicy, Filtered, OfferedCodecs};
pub use media::{Codec, Direction, MediaView};
pub use rewrite::{Origin, OurMedia, rewrite};
#[cfg(feature = "sdp-rs")]
pub use sdp_rs::ConversionError;
pub use session::{Sdp, SdpError};
