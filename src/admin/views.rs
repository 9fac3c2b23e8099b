//! What the API shows, as JSON.

use crate::calls::Row;
use crate::metrics::status_name;
use sbc_core::ports::{PortId, PortStats, RecorderState};
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(super) struct Calls {
    pub(super) calls: Vec<Call>,
}

/// One call that is not over.
#[derive(Debug, Serialize)]
pub(super) struct Call {
    id: String,
    state: &'static str,
    from: String,
    to: String,
    trunk: Option<String>,
    target: Option<String>,
    route: String,
    profile: String,
    call_id_a: String,
    call_id_b: Option<String>,
    started_at: String,
    answered_at: Option<String>,
    media: Vec<Port>,
    recorders: Vec<Recorder>,
}

/// Counters of one media port; each faces one peer of the call, or a recorder.
#[derive(Debug, Serialize)]
struct Port {
    port: u64,
    received: u64,
    received_bytes: u64,
    sent: u64,
    lost: u64,
    strays: u64,
    malformed: u64,
    rtcp_received: u64,
    ssrc: u32,
    jitter: u32,
}

#[derive(Debug, Serialize)]
struct Recorder {
    recorder: String,
    server: String,
    state: &'static str,
    reason: String,
}

impl Call {
    pub(super) fn new(row: &Row, stats: &[(PortId, PortStats)]) -> Self {
        Self {
            id: row.id.to_string(),
            state: row.state,
            from: row.from.to_string(),
            to: row.to.to_string(),
            trunk: row.trunk.as_ref().map(ToString::to_string),
            target: row.target.as_ref().map(ToString::to_string),
            route: row.route.to_string(),
            profile: row.profile.to_string(),
            call_id_a: row.call_id_a.to_string(),
            call_id_b: row.call_id_b.as_ref().map(ToString::to_string),
            started_at: row.started_at.rfc3339(),
            answered_at: row.answered_at.map(sbc_core::UnixMillis::rfc3339),
            media: stats.iter().map(Port::new).collect(),
            recorders: row.recorders.iter().map(Recorder::new).collect(),
        }
    }
}

impl Port {
    fn new((id, stats): &(PortId, PortStats)) -> Self {
        Self {
            port: id.0,
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
}

impl Recorder {
    fn new(state: &RecorderState) -> Self {
        Self {
            recorder: state.recorder.to_string(),
            server: state.server.to_string(),
            state: status_name(state.status),
            reason: state.reason.to_string(),
        }
    }
}
