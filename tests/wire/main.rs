//! Real sockets on loopback, and other people's programs at both ends.

mod baresip_calls;
mod binary;
mod border;
mod control;
mod explained;
mod flows;
mod large;
mod manager;
mod mistakes;
mod peers;
mod probe;
mod quota;
mod race;
mod reload;
mod rfc4475;
mod sample;
mod scenarios;
mod sipp_calls;
mod siprec;
mod srs;
mod stage;
mod topology;
mod torture;
mod wild;
