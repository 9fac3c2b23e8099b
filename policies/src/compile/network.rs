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
        let listeners = config.listeners.iter().map(|(_, listener)| listener);
        let of_realm: Vec<&Listener> = listeners
            .filter(|listener| listener.realm.value == name.value)
            .collect();
        let media = media(report, name, realm, &of_realm);
        realms.insert(name.value.as_str(), RealmId(id));
        for media in &media {
            overlap(report, &network, name.at, media);
        }
        network.realms.push(net::Realm {
            name: name.value.as_str().into(),
            trust: realm.trust,
            media,
        });
    }
    for (name, listener) in config.listeners.iter() {
        let Some(realm) = realms.get(listener.realm.value.as_str()) else {
            super::unresolved(report, &config.realms, &listener.realm, "realm");
            continue;
        };
        let described = config.realms.get(&listener.realm);
        families(
            report,
            &listener.advertise,
            &listener.bind,
            |a| a.ip,
            SocketAddr::ip,
        );
        for bind in &listener.bind {
            if next_id(report, network.listeners.len(), name).is_none() {
                return (network, realms);
            }
            let Some(advertise) = advertise(report, listener, *bind, described) else {
                continue;
            };
            push_listener(
                report,
                &mut network,
                bind.at,
                net::Listener {
                    name: name.value.as_str().into(),
                    realm: *realm,
                    transport: listener.transport,
                    bind: bind.value,
                    advertise,
                },
            );
        }
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
    bind: Spanned<SocketAddr>,
    realm: Option<&Realm>,
) -> Option<SocketAddr> {
    let (ip, v4) = (bind.ip(), bind.is_ipv4());
    if let Some(own) = listener.advertise.iter().find(|a| a.ip.is_ipv4() == v4) {
        let port = own.port.unwrap_or_else(|| bind.port());
        return Some(SocketAddr::new(own.ip, port));
    }
    let of_media = realm.map(|realm| &realm.media).and_then(|media| {
        let mut binds = media.bind.iter().filter(|b| b.is_ipv4() == v4);
        let same_host = binds.all(|b| b.value == ip || b.is_unspecified());
        let mut advertised = media.advertise.iter();
        advertised.find(|a| a.is_ipv4() == v4 && (same_host || ip.is_unspecified()))
    });
    match of_media {
        Some(ip) => Some(SocketAddr::new(ip.value, bind.port())),
        None if ip.is_unspecified() => {
            report.value(
                bind.at,
                format!("{ip} is no address that peers can send to"),
                "expected one address, or `advertise` with the address that peers see",
            );
            None
        }
        None => Some(bind.value),
    }
}

/// Reports what is advertised for a family that nothing is bound of.
fn families<A, B>(
    report: &mut Report,
    advertised: &[Spanned<A>],
    bound: &[Spanned<B>],
    advertised_ip: impl Fn(&A) -> IpAddr,
    bound_ip: impl Fn(&B) -> IpAddr,
) {
    for one in advertised {
        let ip = advertised_ip(&one.value);
        let same = |other: &Spanned<B>| bound_ip(&other.value).is_ipv4() == ip.is_ipv4();
        if let (Some(first), false) = (bound.first(), bound.iter().any(same)) {
            let message = format!("{ip} is of another family than {}", bound_ip(&first.value));
            report.value(one.at, message, "expected both IPv4 or both IPv6");
        }
    }
}

/// Where media of a realm is bound: what it says, else where its first listener of each family is.
fn media(
    report: &mut Report,
    name: &Spanned<String>,
    realm: &Realm,
    listeners: &[&Listener],
) -> Vec<MediaAddress> {
    let own = &realm.media.bind;
    let binds: Vec<Spanned<IpAddr>> = if own.is_empty() {
        let of_listeners = || listeners.iter().flat_map(|l| l.bind.iter().map(|b| b.ip()));
        let (v4, v6) = (
            of_listeners().find(IpAddr::is_ipv4),
            of_listeners().find(IpAddr::is_ipv6),
        );
        let at = |value| Spanned { value, at: name.at };
        v4.into_iter().chain(v6).map(at).collect()
    } else {
        own.clone()
    };
    families(report, &realm.media.advertise, &binds, |ip| *ip, |ip| *ip);
    if let Some(ports) = realm.media.ports {
        ephemeral(report, ports);
    }
    let one = |bind: &Spanned<IpAddr>| media_address(report, realm, listeners, *bind);
    binds.iter().filter_map(one).collect()
}

fn media_address(
    report: &mut Report,
    realm: &Realm,
    listeners: &[&Listener],
    bind: Spanned<IpAddr>,
) -> Option<MediaAddress> {
    let media = &realm.media;
    let v4 = bind.is_ipv4();
    let advertise = match media.advertise.iter().find(|a| a.is_ipv4() == v4) {
        Some(own) if own.is_unspecified() => {
            let message = format!("nobody can send to {}", own.value);
            report.value(own.at, message, "expected the address that peers see");
            return None;
        }
        Some(own) => own.value,
        None => {
            let of_family = |l: &&&Listener| l.bind.iter().any(|b| b.is_ipv4() == v4);
            let first = listeners.iter().find(of_family).filter(|l| {
                let mut binds = l.bind.iter();
                binds.any(|b| b.ip() == bind.value)
            });
            let mut told = first.iter().flat_map(|l| &l.advertise);
            match told.find(|a| a.ip.is_ipv4() == v4) {
                Some(of_listener) => of_listener.ip,
                None if bind.is_unspecified() => {
                    report.value(
                        bind.at,
                        format!("{} is no address that media can be sent to", bind.value),
                        "expected `media.bind` with one address, or `media.advertise` with the \
                         address that peers see",
                    );
                    return None;
                }
                None => bind.value,
            }
        }
    };
    let ports = media.ports.map_or(PORTS, |ports| ports.value);
    Some(MediaAddress {
        bind: bind.value,
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
