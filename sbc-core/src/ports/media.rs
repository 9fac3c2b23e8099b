//! The media plane: ports and what flows between them.
//!
//! A *session* (one call) has *ports*: each a pair of sockets (RTP, RTCP) that faces one peer.
//! Packets that arrive at a port go to its *sinks*: relayed out of another port of the session
//! (the other side of the call), forked out of a port that faces a recorder, or written to a file.
//! All ports of a session live on one worker. [`MediaPlane::reserve`] answers at once, so that an
//! SDP can be written; everything else is a one-way command, and happenings come back as events.

use crate::net::MediaAddress;
use crate::time::Now;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The media of one call. Chosen by the caller, never used again for another one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SessionId(pub u64);

/// A port of a session; unique in the plane, never used again for another one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PortId(pub u64);

/// A port as its owner sees it. Already bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MediaPort {
    /// Its name towards the plane.
    pub id: PortId,
    /// Where RTP is received, as advertised; the port is even.
    pub rtp: SocketAddr,
    /// Where RTCP is received, as advertised; RTP's port + 1.
    pub rtcp: SocketAddr,
}

/// Why a port cannot be had.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MediaError {
    /// Every port of the range is in use or in quarantine.
    #[error("no media port is free in this realm's range")]
    NoPorts,
    /// The session has as many ports as it may have.
    #[error("a session may not have more media ports")]
    SessionFull,
    /// The process may not open more files.
    #[error("no file descriptor is free: raise the limit of open files (LimitNOFILE)")]
    NoDescriptors,
    /// The address cannot be bound.
    #[error("the media address cannot be bound")]
    Bind,
    /// The plane shuts down.
    #[error("the media plane is closed")]
    Closed,
}

/// Which sources a port believes (per side).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Latch {
    /// The window opens with [`MediaCmd::Peer`], locks to the source of the first packets (at most
    /// five are looked at, the SDP's own address wins), and stays until the next `Peer`.
    #[default]
    Once,
    /// As `Once`; and the lock moves where its source was silent for two seconds and five packets
    /// in sequence then came from one new source.
    Follow,
    /// Only the SDP's address.
    Strict,
}

/// What a port faces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peer {
    /// Where the peer wants RTP (from its SDP).
    pub rtp: SocketAddr,
    /// Where it wants RTCP; equal to `rtp` for rtcp-mux.
    pub rtcp: SocketAddr,
    /// How its source is learned.
    pub latch: Latch,
    /// Whether packets are sent to it (it did not say `sendonly` or `inactive`, and its port is not
    /// 0).
    pub send: bool,
    /// Whether its packets are taken.
    pub receive: bool,
}

/// A copy of a stream for a recorder. The fork is an RTP endpoint of its own (RFC 7866 §8.2): own
/// SSRC, own sequence numbers, own RTCP sender reports; nothing of it comes back to the call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fork {
    /// Payload types: as they arrive, and as the recorder's answer numbers them. Others are not
    /// sent.
    pub payload_types: Vec<(u8, u8)>,
    /// RTP clock rate in hertz, for sender reports.
    pub clock_rate: u32,
    /// The CNAME of its RTCP.
    pub cname: Box<str>,
}

/// What a recorded payload type is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecordCodec {
    /// G.711 mu-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// RFC 4733: takes its time on the line as silence.
    TelephoneEvent,
}

/// A file that a port's packets are decoded into: 16 bit mono WAV, 8000 Hz.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// The file; it must not exist yet, its folder does.
    pub path: PathBuf,
    /// Payload types.
    pub codecs: Vec<(u8, RecordCodec)>,
    /// The moment that the first sample stands for.
    pub start: Now,
}

/// A command to a session. Commands of one session are carried out in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MediaCmd {
    /// Sets or changes what a port faces; opens its latching window again.
    Peer(PortId, Peer),
    /// What arrives at the first (RTP and RTCP) goes out by the second. Equal: echo.
    Relay(PortId, PortId),
    /// No longer.
    Unrelay(PortId, PortId),
    /// RTP that arrives at the first is copied out of the second. Again: changes the fork's payload
    /// types, SSRC and sequence numbers go on.
    Fork(PortId, PortId, Fork),
    /// No longer.
    Unfork(PortId, PortId),
    /// What arrives is written to a file, until the port or the session closes.
    Record(PortId, Record),
    /// Closes a port.
    Release(PortId),
    /// Closes the session with all its ports, and finishes its files.
    Close,
}

/// A happening.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MediaEvent {
    /// The first packet from the port's peer, and the source it was latched to.
    Latched(PortId, SocketAddr),
    /// A file could not be written; what was written is there.
    RecordFailed(PortId, Box<str>),
}

/// Counters of a port, all since it was reserved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PortStats {
    /// RTP packets taken from the peer.
    pub received: u64,
    /// Their bytes, with RTP headers.
    pub received_bytes: u64,
    /// RTP packets sent to the peer.
    pub sent: u64,
    /// Missing in the peer's sequence numbers (RFC 3550 §A.3: expected less received, never below
    /// 0).
    pub lost: u64,
    /// From another source than the latched one; dropped.
    pub strays: u64,
    /// Not RTP version 2, or too short; dropped.
    pub malformed: u64,
    /// RTCP packets taken from the peer.
    pub rtcp_received: u64,
    /// The peer's SSRC; zero before its first packet.
    pub ssrc: u32,
    /// Interarrival jitter (RFC 3550 §6.4.1) in RTP clock units.
    pub jitter: u32,
}

/// Carries media. Implemented by `media-relay`, and by fake media in the simulator.
pub trait MediaPlane: Send + Sync {
    /// Binds a pair of ports for a session. Even number for RTP, the next for RTCP.
    ///
    /// # Errors
    /// See [`MediaError`].
    fn reserve(&self, session: SessionId, at: &MediaAddress) -> Result<MediaPort, MediaError>;

    /// Hands commands to the session's worker. A session begins with its first `reserve`; commands
    /// to one that is closed do nothing.
    fn command(&self, session: SessionId, commands: Vec<MediaCmd>);

    /// The counters of a session's ports, empty for one that is closed.
    fn stats(&self, session: SessionId) -> Vec<(PortId, PortStats)>;
}

/// Hears what happens in the media plane. Called on a worker's thread: must not block.
pub trait MediaEvents: Send + Sync {
    /// Something happened in a session.
    fn on_media(&self, session: SessionId, event: MediaEvent);
}
