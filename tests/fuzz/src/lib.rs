//! What each fuzz target does with its bytes, and what it checks beside "no panic".
//!
//! The fuzzer drives these functions with bytes of its making; the test `corpora` of the root
//! package drives them with every file of the corpora, on stable and without the fuzzer.
//!
//! | target | bytes | holds |
//! |---|---|---|
//! | `datagram` | a message | untouched it prints as it came; edited, with the same headers |
//! | `stream` | a size of chunks, then a stream | cut alike however it arrives |
//! | `sdp` | a choice, then a description | edits keep it readable; no host of the sender crosses |
//! | `multipart` | a Content-Type line, then a body | parts bounded; written parts are read back |
//! | `name_addr_uri` | lines | what is printed reads as the same |
//! | `metadata` | a document | what is written is read back without loss |
//! | `rtp`, `rtcp` | packets, see [`media`] | relayed as they came, files no longer than their time |
//! | `call` | steps, see [`call`](mod@call) | bounded outputs, sound messages, an end after shutdown |

pub mod bodies;
pub mod call;
pub mod media;
pub mod take;
pub mod wire;

pub use bodies::{metadata, multipart, sdp};
pub use call::call;
pub use media::{rtcp, rtp};
pub use wire::{datagram, name_addr_uri, stream};

/// A target: its bytes are whatever somebody sends.
pub type Target = fn(&[u8]);

/// Every target by its name, which is that of its folder under `corpus` and `regressions`.
pub const TARGETS: [(&str, Target); 9] = [
    ("datagram", datagram),
    ("stream", stream),
    ("sdp", sdp),
    ("multipart", multipart),
    ("name_addr_uri", name_addr_uri),
    ("metadata", metadata),
    ("rtp", rtp),
    ("rtcp", rtcp),
    ("call", call),
];
