//! `listeners` and `realms`.

use crate::schema::{Listener, Names, Realm, RealmMedia, Spanned};
use crate::tree::{Data, Entry};
use crate::visit::{self, MapView, Report};
use sbc_core::net::Trust;
use sbc_core::transport::Transport;
use std::net::SocketAddr;

pub(super) fn listeners(report: &mut Report, entry: &Entry) -> Names<Listener> {
    super::named(report, entry, "listeners", listener)
}

fn listener(report: &mut Report, entry: &Entry) -> Option<Listener> {
    let map = MapView::of(report, &entry.value, entry.at, "listeners.*")?;
    let realm = map.required(report, "realm");
    let realm = visit::field(report, realm);
    let advertise =
        single(report, map.get("advertise")).and_then(|entry| visit::field(report, Some(entry)));
    let bind = match (map.get("udp"), map.get("tcp")) {
        (Some(udp), None) => Some((Transport::Udp, udp)),
        (None, Some(tcp)) => Some((Transport::Tcp, tcp)),
        (Some(_), Some(tcp)) => {
            report.key(
                tcp.at,
                "`udp` and `tcp` stand together",
                "expected one of them: write a second listener",
            );
            None
        }
        (None, None) => {
            map.lacks(
                report,
                "`udp` or `tcp`",
                "the local address, like udp: \"192.0.2.1:5060\"",
            );
            None
        }
    };
    map.finish(report);
    let (transport, entry) = bind?;
    let bind: Option<Spanned<SocketAddr>> =
        single(report, Some(entry)).and_then(|entry| visit::field(report, Some(entry)));
    Some(Listener {
        realm: realm?,
        transport,
        bind: bind?,
        advertise,
    })
}

/// An entry that the contract lets hold a list, and this version does not.
fn single<'t>(report: &mut Report, entry: Option<&'t Entry>) -> Option<&'t Entry> {
    let entry = entry?;
    if let Data::List(_) = entry.value.data {
        report.value(
            entry.at,
            "a list of addresses is not in this version",
            "expected one address",
        );
        return None;
    }
    Some(entry)
}

pub(super) fn realms(report: &mut Report, entry: &Entry) -> Names<Realm> {
    super::named(report, entry, "realms", realm)
}

fn realm(report: &mut Report, entry: &Entry) -> Option<Realm> {
    if matches!(entry.value.data, Data::Null) {
        return Some(Realm::default());
    }
    let map = MapView::of(report, &entry.value, entry.at, "realms.*")?;
    let words = [("none", Trust::None), ("full", Trust::Full)];
    let trust = visit::word(report, map.get("trust"), &words);
    let media = map.get("media").and_then(|entry| media(report, entry));
    map.finish(report);
    Some(Realm {
        trust: trust.map(|t| t.value).unwrap_or_default(),
        media: media.unwrap_or_default(),
    })
}

fn media(report: &mut Report, entry: &Entry) -> Option<RealmMedia> {
    let map = MapView::of(report, &entry.value, entry.at, "realms.*.media")?;
    let bind = single(report, map.get("bind")).and_then(|entry| visit::field(report, Some(entry)));
    let advertise =
        single(report, map.get("advertise")).and_then(|entry| visit::field(report, Some(entry)));
    let media = RealmMedia {
        bind,
        advertise,
        ports: visit::field(report, map.get("ports")),
        quarantine: visit::field(report, map.get("quarantine")).map(|q| q.value),
    };
    map.finish(report);
    Some(media)
}
