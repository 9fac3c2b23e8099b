//! Recording metadata (RFC 7865): what a recording session is about.
//!
//! [`Recording`] is the document as data, [`write()`] prints it in the order of the schema,
//! [`read()`] takes it in any order and in the shapes of older drafts that recording clients still
//! send.

mod model;
mod read;
#[cfg(test)]
mod tests;
mod write;
mod xml;

pub use model::{
    DataMode, Id, NameId, Participant, ParticipantSession, ParticipantStream, Recording, Session,
    SessionRecording, Stream, Times,
};
pub use read::{ReadError, Reading, is_metadata, read};
pub use write::{MEDIA_TYPE, write};
