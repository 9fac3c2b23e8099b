//! `trunks` and `recorders`.

use crate::schema::{Names, Prefix, Recorder, SipUri, Spanned, Trunk, TrunkTarget};
use crate::tree::{Data, Entry, Node};
use crate::visit::{self, MapView, Report};
use sbc_core::transport::UdpMax;
use std::time::Duration;

/// From connecting or sending until a final response, where nothing is configured.
const RECORDER_TIMEOUT: Duration = Duration::from_millis(1500);

pub(super) fn trunks(report: &mut Report, entry: &Entry) -> Names<Trunk> {
    super::named(report, entry, "trunks", trunk)
}

fn trunk(report: &mut Report, entry: &Entry) -> Option<Trunk> {
    let map = MapView::of(report, &entry.value, entry.at, "trunks.*")?;
    let realm = map.required(report, "realm");
    let realm = visit::field(report, realm);
    let source = map.get("match").map(|entry| source(report, entry));
    let targets = map.get("targets").map(|entry| {
        let nodes = visit::full_list(report, entry, "SIP URIs");
        nodes
            .iter()
            .filter_map(|node| target(report, node))
            .collect()
    });
    let udp_max: Option<Spanned<UdpMax>> = visit::field(report, map.get("udp_max"));
    let limits = super::quota::limits(report, map.get("limits"), "trunks.*.limits");
    map.finish(report);
    Some(Trunk {
        realm: realm?,
        source: source.unwrap_or_default(),
        targets: targets.unwrap_or_default(),
        udp_max: udp_max.map_or_else(UdpMax::default, |max| max.value),
        limits,
    })
}

fn source(report: &mut Report, entry: &Entry) -> Vec<Spanned<Prefix>> {
    let Some(map) = MapView::of(report, &entry.value, entry.at, "trunks.*.match") else {
        return Vec::new();
    };
    let source = map.required(report, "source").map(|entry| {
        let nodes = visit::full_list(report, entry, "addresses");
        super::scalars(report, nodes)
    });
    map.finish(report);
    source.unwrap_or_default()
}

fn target(report: &mut Report, node: &Node) -> Option<TrunkTarget> {
    let Data::Map(_) = node.data else {
        let uri = visit::scalar(report, node, node.at)?;
        return Some(TrunkTarget {
            uri,
            priority: 1,
            weight: 0,
        });
    };
    let map = MapView::of(report, node, node.at, "trunks.*.targets[]")?;
    let uri = map.required(report, "uri");
    let uri: Option<Spanned<SipUri>> = visit::field(report, uri);
    let priority: Option<Spanned<u16>> = visit::field(report, map.get("priority"));
    let weight: Option<Spanned<u16>> = visit::field(report, map.get("weight"));
    map.finish(report);
    Some(TrunkTarget {
        uri: uri?,
        priority: priority.map_or(1, |p| p.value),
        weight: weight.map_or(0, |w| w.value),
    })
}

pub(super) fn recorders(report: &mut Report, entry: &Entry) -> Names<Recorder> {
    super::named(report, entry, "recorders", recorder)
}

fn recorder(report: &mut Report, entry: &Entry) -> Option<Recorder> {
    let map = MapView::of(report, &entry.value, entry.at, "recorders.*")?;
    let srs = map.required(report, "srs").map(|entry| {
        let nodes = visit::full_list(report, entry, "SIP URIs");
        super::scalars(report, nodes)
    });
    let timeout: Option<Spanned<Duration>> = visit::field(report, map.get("timeout"));
    if let Some(timeout) = timeout.filter(|t| t.is_zero()) {
        report.value(
            timeout.at,
            "nobody answers in no time",
            "expected more than 0s",
        );
    }
    let skip_failover_codes = visit::field(report, map.get("skip_failover_codes"));
    let realm = visit::field(report, map.get("realm"));
    map.finish(report);
    Some(Recorder {
        srs: srs?,
        timeout: timeout.map_or(RECORDER_TIMEOUT, |t| t.value),
        skip_failover_codes,
        realm,
    })
}
