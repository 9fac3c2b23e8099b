//! What the API shows of a call, as JSON, and the schema of each shape beside it.

use super::openapi::{list, number, object, or_null, text, time, word};
use crate::calls::{End, Row, State};
use crate::metrics::{by_name, status_name};
use policies::explain::Explanation;
use sbc_core::UnixMillis;
use sbc_core::b2bua::EndedBy;
use sbc_core::ports::{PortId, PortStats, RecorderState, RecorderStatus};
use serde::Serialize;
use serde_json::Value;

/// A page of the list.
#[derive(Debug, Serialize)]
pub(super) struct Calls {
    pub(super) calls: Vec<Call>,
    pub(super) running: usize,
    pub(super) next: Option<String>,
}

/// One call.
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
    generation: u64,
    call_id_a: String,
    call_id_b: Option<String>,
    started_at: String,
    answered_at: Option<String>,
    ended_at: Option<String>,
    ended_by: Option<&'static str>,
    status: Option<u16>,
    reason: Option<String>,
    media: Vec<Port>,
    recorders: Vec<Recorder>,
}

/// One call, and why it fared so.
#[derive(Debug, Serialize)]
pub(super) struct Explained {
    #[serde(flatten)]
    call: Call,
    explanation: Option<Explanation>,
    explanation_text: String,
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
pub(super) struct Recorder {
    recorder: String,
    server: String,
    state: &'static str,
    reason: String,
}

impl Explained {
    /// Or why there is no explanation.
    pub(super) fn new(call: Call, explanation: Result<Explanation, &'static str>) -> Self {
        let explanation_text = match &explanation {
            Ok(explanation) => explanation.to_string(),
            Err(why) => format!("not explained: {why}\n"),
        };
        Self {
            call,
            explanation: explanation.ok(),
            explanation_text,
        }
    }

    pub(super) fn schema() -> Value {
        let about = "What became of its INVITE, and why, as `sbc explain --json` prints it; null \
                     where that is not known any more";
        let explanation = serde_json::json!({ "type": "object", "description": about });
        let mut schema = Call::schema();
        for (key, of) in [
            ("explanation", or_null(explanation)),
            (
                "explanation_text",
                text("The same for people, or why there is none"),
            ),
        ] {
            schema["properties"][key] = of;
            if let Some(required) = schema["required"].as_array_mut() {
                required.push(key.into());
            }
        }
        schema
    }
}

impl Calls {
    pub(super) fn schema() -> Value {
        object([
            ("calls", list("The oldest first", &Call::schema())),
            ("running", number("How many calls are not over")),
            (
                "next",
                or_null(text(
                    "What `after` is for the next page; null on the last one",
                )),
            ),
        ])
    }
}

impl Call {
    /// `media` are the counters as they are now, of a call that is not over.
    pub(super) fn new(row: &Row, media: &[(PortId, PortStats)]) -> Self {
        let end = row.end.as_ref();
        let media = end.map_or(media, |end| &end.media);
        Self {
            id: row.id.to_string(),
            state: row.state.name(),
            from: row.from.to_string(),
            to: row.to.to_string(),
            trunk: row.trunk.as_ref().map(ToString::to_string),
            target: row.target.as_ref().map(ToString::to_string),
            route: row.route.to_string(),
            profile: row.profile.to_string(),
            generation: row.generation,
            call_id_a: row.call_id_a.to_string(),
            call_id_b: row.call_id_b.as_ref().map(ToString::to_string),
            started_at: row.started_at.rfc3339(),
            answered_at: row.answered_at.map(UnixMillis::rfc3339),
            ended_at: end.map(|end| end.at.rfc3339()),
            ended_by: end.map(|end| by_name(end.by)),
            status: end.map(|end| end.status.code()),
            reason: end.map(|end: &End| end.reason.to_string()),
            media: media.iter().map(Port::new).collect(),
            recorders: row.recorders.iter().map(Recorder::new).collect(),
        }
    }

    pub(super) fn schema() -> Value {
        object([
            (
                "id",
                text("Our id of the call, as in the CDR and in the log"),
            ),
            ("state", word(&State::ALL.map(State::name), "How far it is")),
            (
                "from",
                text("From as the caller wrote it, without parameters"),
            ),
            ("to", text("To as the caller wrote it, without parameters")),
            (
                "trunk",
                or_null(text("The trunk it came from; null: of none")),
            ),
            (
                "target",
                or_null(text("The trunk it went to; null: to none, or not yet")),
            ),
            ("route", text("The route; empty where none matched")),
            ("profile", text("The profile")),
            (
                "generation",
                number("Of the configuration that it began with"),
            ),
            ("call_id_a", text("Call-ID of the caller's leg")),
            (
                "call_id_b",
                or_null(text("Call-ID of the last leg towards a callee")),
            ),
            ("started_at", time("Its INVITE came")),
            ("answered_at", or_null(time("The caller was answered"))),
            (
                "ended_at",
                or_null(time("It was over; null while it is not")),
            ),
            (
                "ended_by",
                or_null(word(
                    &[EndedBy::Caller, EndedBy::Callee, EndedBy::Us].map(by_name),
                    "Who ended it",
                )),
            ),
            (
                "status",
                or_null(number("The final status that the caller heard")),
            ),
            ("reason", or_null(text("Why it ended"))),
            ("media", list("Media ports", &Port::schema())),
            ("recorders", list("Recordings", &Recorder::schema())),
        ])
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

    fn schema() -> Value {
        object([
            ("port", number("Its number within the call")),
            ("received", number("RTP packets")),
            ("received_bytes", number("Their bytes with RTP headers")),
            ("sent", number("RTP packets sent to the peer")),
            (
                "lost",
                number("RTP packets that did not come, by their numbers"),
            ),
            (
                "strays",
                number("Packets of somebody who is not the peer, dropped"),
            ),
            ("malformed", number("Neither RTP nor RTCP, dropped")),
            ("rtcp_received", number("RTCP packets")),
            ("ssrc", number("The last SSRC seen")),
            (
                "jitter",
                number("Interarrival jitter in units of the codec's RTP clock"),
            ),
        ])
    }
}

impl Recorder {
    pub(super) fn new(state: &RecorderState) -> Self {
        Self {
            recorder: state.recorder.to_string(),
            server: state.server.to_string(),
            state: status_name(state.status),
            reason: state.reason.to_string(),
        }
    }

    fn schema() -> Value {
        let states = [
            RecorderStatus::Connecting,
            RecorderStatus::Recording,
            RecorderStatus::Failover,
            RecorderStatus::Failed,
            RecorderStatus::Stopped,
        ];
        object([
            ("recorder", text("Its name in the configuration")),
            ("server", text("The URI of the server that was asked last")),
            (
                "state",
                word(&states.map(status_name), "How the recording stands"),
            ),
            ("reason", text("Why; empty where there is nothing to say")),
        ])
    }
}
