//! Realms and listeners.

use crate::limits;
use crate::schema::{Config, Listener, Ports, Position, Realm, Spanned, Srs};
use crate::visit::Report;
use sbc_core::net::{self, MediaAddress, Network, RealmId, Trust};
use sbc_core::transport::Transport;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

/// The realm of the embedded recording server. No name of a configuration looks like it.
pub(super) const SRS: &str = "(srs)";
/// Ports of media where nothing is configured.
const PORTS: Ports = Ports {
    first: 10_000,
    last: 29_999,
};
/// From here the system takes ports for others (`net.ipv4.ip_local_port_range` of Linux).
const EPHEMERAL: (u16, u16) = (32_768, 60_999);

pub(super) fn network<'c>(
    report: &mut Report,
    config: &'c Config,
) -> (Network, HashMap<&'c str, RealmId>) {
    let mut network = Network::default();
    let mut realms = HashMap::new();
    for (name, realm) in config.realms.iter() {
        let Some(id) = next_id(report, network.realms.len(), name) else {
            break;
        };
        let first = config
            .listeners
            .iter()
            .find(|(_, l)| l.realm.value == name.value);
        let media = media(report, name, realm, first.map(|(_, listener)| listener));
        realms.insert(name.value.as_str(), RealmId(id));
        if let Some(media) = &media {
            overlap(report, &network, name.at, media);
        }
        network.realms.push(net::Realm {
            name: name.value.as_str().into(),
            trust: realm.trust,
            media: media.into_iter().collect(),
        });
    }
    for (name, listener) in config.listeners.iter() {
        if next_id(report, network.listeners.len(), name).is_none() {
            break;
        }
        let Some(realm) = realms.get(listener.realm.value.as_str()) else {
            super::unresolved(report, &config.realms, &listener.realm, "realm");
            continue;
        };
        let described = config.realms.get(&listener.realm);
        let Some(advertise) = advertise(report, listener, described) else {
            continue;
        };
        push_listener(
            report,
            &mut network,
            listener.bind.at,
            net::Listener {
                name: name.value.as_str().into(),
                realm: *realm,
                transport: listener.transport,
                bind: listener.bind.value,
                advertise,
            },
        );
    }
    (network, realms)
}

fn next_id(report: &mut Report, used: usize, name: &Spanned<String>) -> Option<u16> {
    let id = u16::try_from(used).ok().filter(|_| used < limits::NETWORK);
    if id.is_none() {
        let hint = format!("expected at most {}", limits::NETWORK);
        report.value(name.at, "too many", hint);
    }
    id
}

/// Adds a listener whose address no other has.
fn push_listener(report: &mut Report, network: &mut Network, at: Position, new: net::Listener) {
    let same = |l: &&net::Listener| {
        l.transport == new.transport && l.bind == new.bind && new.bind.port() != 0
    };
    if let Some(other) = network.listeners.iter().find(same) {
        let message = format!("{} {} is taken", new.transport, new.bind);
        let hint = format!("the listener {} has it", other.name);
        report.value(at, message, hint);
    }
    network.listeners.push(new);
}

/// What peers of a listener see: what is configured, else what the realm's media advertises where
/// both have the same local address, else the local address.
fn advertise(
    report: &mut Report,
    listener: &Listener,
    realm: Option<&Realm>,
) -> Option<SocketAddr> {
    let bind = listener.bind.value;
    if let Some(own) = &listener.advertise {
        same_family(report, own.at, own.ip, bind.ip())?;
        return Some(SocketAddr::new(
            own.ip,
            own.port.unwrap_or_else(|| bind.port()),
        ));
    }
    let media = realm.map(|r| &r.media);
    let of_media = media.and_then(|m| m.advertise).filter(|advertise| {
        let same_host = media
            .and_then(|m| m.bind)
            .is_none_or(|b| b.value == bind.ip() || b.is_unspecified());
        (same_host || bind.ip().is_unspecified()) && advertise.is_ipv4() == bind.is_ipv4()
    });
    match of_media {
        Some(ip) => Some(SocketAddr::new(ip.value, bind.port())),
        None if bind.ip().is_unspecified() => {
            report.value(
                listener.bind.at,
                format!("{} is no address that peers can send to", bind.ip()),
                "expected one address, or `advertise` with the address that peers see",
            );
            None
        }
        None => Some(bind),
    }
}

fn same_family(report: &mut Report, at: Position, advertise: IpAddr, bind: IpAddr) -> Option<()> {
    if advertise.is_ipv4() == bind.is_ipv4() {
        return Some(());
    }
    report.value(
        at,
        format!("{advertise} is of another family than {bind}"),
        "expected both IPv4 or both IPv6",
    );
    None
}

fn media(
    report: &mut Report,
    name: &Spanned<String>,
    realm: &Realm,
    first: Option<&Listener>,
) -> Option<MediaAddress> {
    let media = &realm.media;
    let (bind, at) = match media.bind {
        Some(bind) => (bind.value, bind.at),
        None => (first?.bind.ip(), name.at),
    };
    let advertise = match media.advertise {
        Some(advertise) => {
            same_family(report, advertise.at, advertise.value, bind)?;
            if advertise.is_unspecified() {
                let message = format!("nobody can send to {}", advertise.value);
                report.value(advertise.at, message, "expected the address that peers see");
                return None;
            }
            advertise.value
        }
        None => {
            let of_listener = first.and_then(|l| l.advertise).map(|a| a.ip);
            let same = first.is_some_and(|l| l.bind.ip() == bind);
            match of_listener.filter(|ip| same && ip.is_ipv4() == bind.is_ipv4()) {
                Some(ip) => ip,
                None if bind.is_unspecified() => {
                    report.value(
                        at,
                        format!("{bind} is no address that media can be sent to"),
                        "expected `media.bind` with one address, or `media.advertise` with the \
                         address that peers see",
                    );
                    return None;
                }
                None => bind,
            }
        }
    };
    let ports = match media.ports {
        Some(ports) => {
            ephemeral(report, ports);
            ports.value
        }
        None => PORTS,
    };
    Some(MediaAddress {
        bind,
        advertise,
        first_port: ports.first,
        last_port: ports.last,
        quarantine: media.quarantine.unwrap_or(MediaAddress::QUARANTINE),
    })
}

/// Warns of ports that the system gives away.
pub(crate) fn ephemeral(report: &mut Report, ports: Spanned<Ports>) {
    if ports.first <= EPHEMERAL.1 && ports.last >= EPHEMERAL.0 {
        report.warn(
            ports.at,
            "ports that the system also gives to other programs",
            format!("better stay out of {}-{}", EPHEMERAL.0, EPHEMERAL.1),
        );
    }
}

/// Warns of media ports that an earlier realm has on the same address.
fn overlap(report: &mut Report, network: &Network, at: Position, new: &MediaAddress) {
    let shared = |m: &&MediaAddress| {
        m.bind == new.bind && m.first_port <= new.last_port && new.first_port <= m.last_port
    };
    for realm in &network.realms {
        let Some(old) = realm.media.iter().find(shared) else {
            continue;
        };
        report.warn(
            at,
            format!("media ports on {} that {} has too", new.bind, realm.name),
            format!("better stay out of {}-{}", old.first_port, old.last_port),
        );
    }
}

/// Adds realm and listeners of the embedded recording server.
pub(super) fn add_srs(report: &mut Report, network: &mut Network, srs: &Srs) -> Option<RealmId> {
    let realm = RealmId(u16::try_from(network.realms.len()).ok()?);
    let address = srs.listen.value;
    let media = MediaAddress {
        bind: address.ip(),
        advertise: address.ip(),
        first_port: srs.ports.first,
        last_port: srs.ports.last,
        quarantine: MediaAddress::QUARANTINE,
    };
    overlap(report, network, srs.listen.at, &media);
    network.realms.push(net::Realm {
        name: SRS.into(),
        trust: Trust::None,
        media: vec![media],
    });
    for (name, transport) in [("(srs-udp)", Transport::Udp), ("(srs-tcp)", Transport::Tcp)] {
        push_listener(
            report,
            network,
            srs.listen.at,
            net::Listener {
                name: name.into(),
                realm,
                transport,
                bind: address,
                advertise: address,
            },
        );
    }
    Some(realm)
}
