//! From a message to bytes, in one pass.

use super::Message;
use bytes::Bytes;

impl Message {
    /// Appends the message to `out`: untouched, the very bytes it came with (without what stood
    /// behind its body); edited, each line anew, Content-Length always right.
    pub fn write_to(&self, _out: &mut Vec<u8>) {
        unimplemented!()
    }

    /// The message in a buffer of its own.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let mut out = Vec::with_capacity(self.size_hint());
        self.write_to(&mut out);
        out.into()
    }

    /// About how many bytes it will take, never too few.
    #[must_use]
    pub fn size_hint(&self) -> usize {
        unimplemented!()
    }
}
