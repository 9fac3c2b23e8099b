//! SDP as a document of ordered lines (RFC 8866): what is not understood survives byte for byte.

mod filter;
mod media;
mod rewrite;
mod session;

pub use filter::keep_codecs;
pub use media::{Codec, Direction, MediaView};
pub use rewrite::{Origin, OurMedia, rewrite};
pub use session::{Sdp, SdpError};
