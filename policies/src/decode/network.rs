//! `listeners` and `realms`.

use crate::schema::{Advertised, Listener, Names, Realm, RealmMedia, Spanned};
use crate::tree::{Data, Entry};
use crate::visit::{self, MapView, Report, Scalar};
use sbc_core::net::Trust;
use sbc_core::transport::Transport;
use std::net::{IpAddr, SocketAddr};

pub(super) fn listeners(report: &mut Report, entry: &Entry) -> Names<Listener> {
    super::named(report, entry, "listeners", listener)
}

fn listener(report: &mut Report, entry: &Entry) -> Option<Listener> {
    let map = MapView::of(report, &entry.value, entry.at, "listeners.*")?;
    let realm = map.required(report, "realm");
    let realm = visit::field(report, realm);
    let advertise = addresses(report, map.get("advertise"), |a: &Advertised| a.ip);
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
    let bind = addresses(report, Some(entry), SocketAddr::ip);
    (!bind.is_empty()).then_some(())?;
    Some(Listener {
        realm: realm?,
        transport,
        bind,
        advertise,
    })
}

/// An address, or a list with at most one of each family.
fn addresses<T: Scalar>(
    report: &mut Report,
    entry: Option<&Entry>,
    ip: impl Fn(&T) -> IpAddr,
) -> Vec<Spanned<T>> {
    let Some(entry) = entry else {
        return Vec::new();
    };
    if !matches!(entry.value.data, Data::List(_)) {
        return visit::field(report, Some(entry)).into_iter().collect();
    }
    let nodes = visit::full_list(report, entry, "addresses");
    let read: Vec<Spanned<T>> = super::scalars(report, nodes);
    for (n, one) in read.iter().enumerate() {
        let v4 = ip(one).is_ipv4();
        if read[..n].iter().any(|other| ip(other).is_ipv4() == v4) {
            let family = if v4 { "IPv4" } else { "IPv6" };
            report.value(
                one.at,
                format!("a second {family} address"),
                "expected at most one of IPv4 and one of IPv6",
            );
        }
    }
    read
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
    let media = RealmMedia {
        bind: addresses(report, map.get("bind"), |ip: &IpAddr| *ip),
        advertise: addresses(report, map.get("advertise"), |ip: &IpAddr| *ip),
        ports: visit::field(report, map.get("ports")),
        quarantine: visit::field(report, map.get("quarantine")).map(|q| q.value),
    };
    map.finish(report);
    Some(media)
}
