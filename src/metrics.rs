//! What is counted. Names are here and nowhere else.

mod quotas;

use crate::reload::Ending;
use media_relay::Totals;
use metrics::{Counter, Gauge, Key, Label, Level, Metadata, Recorder, SharedString, Unit};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use sbc_core::b2bua::{CallSummary, EndedBy};
use sbc_core::ports::{RecorderState, RecorderStatus};
use sbc_core::quota::Quotas;

const METADATA: Metadata<'static> = Metadata::new("sbc", Level::INFO, None);

/// A number of the media plane: name, meaning, value.
type MediaNumber = (&'static str, &'static str, fn(&Totals) -> u64);

// Names and what they mean.
const CALLS_STARTED: &str = "sbc_calls_started_total";
const CALLS_ANSWERED: &str = "sbc_calls_answered_total";
const CALLS_ENDED: &str = "sbc_calls_ended_total";
const CALLS_LOST: &str = "sbc_calls_lost_total";
const CALLS: &str = "sbc_calls";
const RECORDINGS: &str = "sbc_siprec_sessions_total";
const GENERATION: &str = "sbc_config_generation";
const RELOADS: &str = "sbc_reloads_total";
/// What only grows.
const MEDIA_COUNTERS: &[MediaNumber] = &[
    (
        "sbc_rtp_received_packets_total",
        "RTP packets taken from peers",
        |t| t.packets,
    ),
    (
        "sbc_rtp_received_bytes_total",
        "Their bytes with RTP headers",
        |t| t.bytes,
    ),
    (
        "sbc_rtcp_received_packets_total",
        "RTCP packets taken from peers",
        |t| t.rtcp_packets,
    ),
    (
        "sbc_rtp_relayed_packets_total",
        "RTP and RTCP packets sent on to the other side",
        |t| t.relayed,
    ),
    (
        "sbc_rtp_forked_packets_total",
        "RTP packets sent to recorders",
        |t| t.forked,
    ),
    (
        "sbc_rtp_stray_packets_total",
        "Packets of a source that is not the peer, dropped",
        |t| t.strays,
    ),
    (
        "sbc_rtp_malformed_packets_total",
        "Neither RTP nor RTCP, dropped",
        |t| t.malformed,
    ),
    (
        "sbc_rtp_held_packets_total",
        "RTP of a peer that was told not to send, dropped",
        |t| t.held,
    ),
    (
        "sbc_rtp_send_errors_total",
        "Packets that the operating system did not take",
        |t| t.send_errors,
    ),
    (
        "sbc_record_dropped_packets_total",
        "Packets a file lost to a slow disk",
        |t| t.record_drops,
    ),
];
/// What there is now.
const MEDIA_GAUGES: &[MediaNumber] = &[
    ("sbc_media_sessions", "Media sessions that are open", |t| {
        t.sessions
    }),
    (
        "sbc_media_ports",
        "Media ports (pairs of sockets) that are open",
        |t| t.ports,
    ),
    (
        "sbc_media_ports_quarantined",
        "Port pairs in quarantine",
        |t| t.ports_in_quarantine,
    ),
];

/// The program's counters, not shared with any other daemon in the process.
pub(crate) struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    started: Counter,
    answered: Counter,
    lost: Counter,
    calls: Gauge,
    generation: Gauge,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        for (name, text) in [
            (CALLS_STARTED, "Calls that began"),
            (CALLS_ANSWERED, "Calls that were answered"),
            (
                CALLS_ENDED,
                "Calls that ended, by the final status and by who ended them",
            ),
            (CALLS_LOST, "Calls that a fault of the program ended"),
            (
                RECORDINGS,
                "Changes of recording sessions, by recorder and new state",
            ),
            (RELOADS, "Reloads of the configuration, by how they ended"),
        ] {
            recorder.describe_counter(name.into(), None::<Unit>, SharedString::const_str(text));
        }
        recorder.describe_gauge(CALLS.into(), None, "Calls there are now".into());
        let text = "Number of the configuration that is used, from 1 in each process";
        recorder.describe_gauge(GENERATION.into(), None, text.into());
        // There from the start: an alert on an increase sees the first one too.
        for ending in Ending::ALL {
            let counter = recorder.register_counter(&reloads(ending.name()), &METADATA);
            counter.increment(0);
        }
        for (name, text, _) in MEDIA_COUNTERS {
            recorder.describe_counter((*name).into(), None, SharedString::const_str(text));
        }
        for (name, text, _) in MEDIA_GAUGES {
            recorder.describe_gauge((*name).into(), None, SharedString::const_str(text));
        }
        let counter =
            |name: &'static str| recorder.register_counter(&Key::from_static_name(name), &METADATA);
        Self {
            started: counter(CALLS_STARTED),
            answered: counter(CALLS_ANSWERED),
            lost: counter(CALLS_LOST),
            calls: recorder.register_gauge(&Key::from_static_name(CALLS), &METADATA),
            generation: recorder.register_gauge(&Key::from_static_name(GENERATION), &METADATA),
            handle: recorder.handle(),
            recorder,
        }
    }

    /// The configuration that is used from now on.
    pub(crate) fn generation(&self, generation: u64) {
        #[expect(clippy::cast_precision_loss, reason = "Prometheus counts in doubles")]
        self.generation.set(generation as f64);
    }

    /// A reload ended like this.
    pub(crate) fn reloaded(&self, ending: Ending) {
        self.recorder
            .register_counter(&reloads(ending.name()), &METADATA)
            .increment(1);
    }

    pub(crate) fn call_started(&self) {
        self.started.increment(1);
        self.calls.increment(1.0);
    }

    pub(crate) fn call_answered(&self) {
        self.answered.increment(1);
    }

    pub(crate) fn call_ended(&self, call: &CallSummary) {
        self.calls.decrement(1.0);
        let labels = vec![
            Label::new("status", call.status.to_string()),
            Label::new("by", by_name(call.ended_by)),
        ];
        self.recorder
            .register_counter(&Key::from_parts(CALLS_ENDED, labels), &METADATA)
            .increment(1);
    }

    pub(crate) fn call_lost(&self) {
        self.calls.decrement(1.0);
        self.lost.increment(1);
    }

    /// The names of recorders and states are the configuration's and ours: the number of series is
    /// bounded.
    pub(crate) fn recorder(&self, state: &RecorderState) {
        let labels = vec![
            Label::new("recorder", state.recorder.to_string()),
            Label::new("state", status_name(state.status)),
        ];
        self.recorder
            .register_counter(&Key::from_parts(RECORDINGS, labels), &METADATA)
            .increment(1);
    }

    /// In the text format of Prometheus.
    pub(crate) fn render(&self, media: &Totals, quotas: &Quotas) -> String {
        for (name, _, value) in MEDIA_COUNTERS {
            self.recorder
                .register_counter(&Key::from_static_name(name), &METADATA)
                .absolute(value(media));
        }
        for (name, _, value) in MEDIA_GAUGES {
            let gauge = self
                .recorder
                .register_gauge(&Key::from_static_name(name), &METADATA);
            #[expect(clippy::cast_precision_loss, reason = "Prometheus counts in doubles")]
            gauge.set(value(media) as f64);
        }
        let mut page = self.handle.render();
        page.push_str(&quotas::render(quotas));
        page
    }
}

/// As in metrics, in the API and in the CDR.
pub(crate) const fn by_name(by: EndedBy) -> &'static str {
    match by {
        EndedBy::Caller => "caller",
        EndedBy::Callee => "callee",
        EndedBy::Us => "us",
    }
}

fn reloads(result: &'static str) -> Key {
    Key::from_parts(RELOADS, vec![Label::new("result", result)])
}

/// As in metrics and in the API.
pub(crate) const fn status_name(status: RecorderStatus) -> &'static str {
    match status {
        RecorderStatus::Connecting => "connecting",
        RecorderStatus::Recording => "recording",
        RecorderStatus::Failover => "failover",
        RecorderStatus::Failed => "failed",
        RecorderStatus::Stopped => "stopped",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_grows_is_a_counter_and_named_so() {
        let metrics = Metrics::new();
        let totals = |packets, ports| Totals {
            packets,
            ports,
            ..Totals::default()
        };
        metrics.render(&totals(3, 4), &Quotas::default());
        let page = metrics.render(&totals(5, 2), &Quotas::default());
        for line in [
            "# TYPE sbc_rtp_received_packets_total counter",
            "sbc_rtp_received_packets_total 5",
            "# TYPE sbc_media_ports gauge",
            "sbc_media_ports 2",
        ] {
            assert!(page.lines().any(|l| l == line), "{line}\n{page}");
        }
        for line in page.lines().filter(|l| l.starts_with("# TYPE")) {
            assert_eq!(
                line.contains("_total "),
                line.ends_with("counter"),
                "{line}"
            );
        }
    }
}
