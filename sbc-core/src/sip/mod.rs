//! The SIP wire message and its typed views.
//!
//! A [`Message`] is one buffer, an index of its headers and an overlay of edits: what was not
//! touched prints byte for byte as it came. What is broken stands as a [`Defect`] beside the
//! headers that can be read, so that a refusal can still be built (RFC 4475 §3).

mod body;
mod defect;
mod edit;
mod excess;
mod framer;
mod headers;
mod ids;
mod index;
mod lines;
mod message;
mod method;
mod name_addr;
mod parse;
#[cfg(feature = "rsip")]
mod rsip;
mod status;
mod text;
mod uri;
mod uri_eq;
mod via;
mod write;

pub use body::{Disposition, MultipartError, MultipartWriter, Part, parse_multipart};
pub use defect::Defect;
pub use edit::InvalidValue;
pub use framer::{Framed, Framer};
pub use headers::HeaderName;
pub use ids::{new_branch, new_call_id, new_tag};
pub use message::{CSeq, HeaderRef, Message, StartLine};
pub use method::Method;
pub use name_addr::{NameAddr, split_list};
pub use parse::ParseError;
#[cfg(feature = "rsip")]
pub use rsip::ConversionError;
pub use status::StatusCode;
pub use uri::{Host, Scheme, Uri, UriError};
pub use via::{Via, ViaError};

#[cfg(test)]
mod tests;
