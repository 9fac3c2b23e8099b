//! Real sockets on loopback, and other people's programs at both ends.

mod peers;
