//! One call as a line of JSON, version 1.
//!
//! Every key stands in every record; what there was not is `null` or an empty list. A later
//! version may add keys under the same number; what is there keeps its meaning.

use sbc_core::b2bua::{CallSummary, EndedBy};
use sbc_core::ports::{PortId, PortStats, RecorderState, RecorderStatus};
use serde::Serialize;
use std::time::Duration;

/// Grows when a key goes or changes its meaning.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Record<'a> {
    version: u32,
    id: &'a str,
    call_id_a: &'a str,
    call_id_b: Option<&'a str>,
    from: &'a str,
    to: &'a str,
    trunk: Option<&'a str>,
    target: Option<&'a str>,
    route: &'a str,
    profile: &'a str,
    generation: u64,
    started: String,
    answered: Option<String>,
    ended: String,
    /// From answer to end in seconds, with milliseconds; 0 where nobody answered.
    duration_s: f64,
    ended_by: &'static str,
    status: u16,
    reason: &'a str,
    media: Vec<Port>,
    recorders: Vec<Recorder<'a>>,
}

#[derive(Serialize)]
struct Port {
    port_id: u64,
    received: u64,
    received_bytes: u64,
    sent: u64,
    lost: u64,
    strays: u64,
    malformed: u64,
    rtcp_received: u64,
    ssrc: u32,
    /// In units of the codec's RTP clock.
    jitter: u32,
}

#[derive(Serialize)]
struct Recorder<'a> {
    recorder: &'a str,
    server: &'a str,
    status: &'static str,
    reason: &'a str,
}

/// The line, with its line end.
pub(super) fn line(call: &CallSummary) -> Vec<u8> {
    let answered = call.answered_at;
    let talked = answered.map_or(0, |at| call.ended_at.0.saturating_sub(at.0));
    let record = Record {
        version: VERSION,
        id: &call.id,
        call_id_a: &call.call_id_a,
        call_id_b: call.call_id_b.as_deref(),
        from: &call.from,
        to: &call.to,
        trunk: call.trunk.as_deref(),
        target: call.target.as_deref(),
        route: &call.route,
        profile: &call.profile,
        generation: call.generation,
        started: call.started_at.rfc3339(),
        answered: answered.map(|at| at.rfc3339()),
        ended: call.ended_at.rfc3339(),
        duration_s: Duration::from_millis(talked).as_secs_f64(),
        ended_by: match call.ended_by {
            EndedBy::Caller => "caller",
            EndedBy::Callee => "callee",
            EndedBy::Us => "us",
        },
        status: call.status.code(),
        reason: &call.reason,
        media: call.media.iter().map(port).collect(),
        recorders: call.recorders.iter().map(recorder).collect(),
    };
    let mut line = serde_json::to_vec(&record).expect("texts and numbers are always JSON");
    line.push(b'\n');
    line
}

fn port((id, stats): &(PortId, PortStats)) -> Port {
    Port {
        port_id: id.0,
        received: stats.received,
        received_bytes: stats.received_bytes,
        sent: stats.sent,
        lost: stats.lost,
        strays: stats.strays,
        malformed: stats.malformed,
        rtcp_received: stats.rtcp_received,
        ssrc: stats.ssrc,
        jitter: stats.jitter,
    }
}

fn recorder(state: &RecorderState) -> Recorder<'_> {
    Recorder {
        recorder: &state.recorder,
        server: &state.server,
        status: match state.status {
            RecorderStatus::Connecting => "connecting",
            RecorderStatus::Recording => "recording",
            RecorderStatus::Failover => "failover",
            RecorderStatus::Failed => "failed",
            RecorderStatus::Stopped => "stopped",
        },
        reason: &state.reason,
    }
}
