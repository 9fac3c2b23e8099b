//! Which way the requests of a dialog go.

use crate::net::{Network, RealmId};
use crate::sip::{Host, Message, Scheme, Uri};
use crate::transport::{Flow, Transport};
use std::net::{IpAddr, SocketAddr};

/// The way of our next request in a dialog, given the remote target or first Route and the flow the
/// peer's last message came by.
///
/// An address literal, of `maddr` before that of the host, is believed, except where the peer sits
/// behind a NAT: there, and for names (which are not resolved in mid-dialog), requests go where its
/// messages come from. A stream connection is used as long as it lives.
pub(super) fn in_dialog(
    network: &Network,
    realm: RealmId,
    next_hop: Option<&Uri>,
    came_by: &Flow,
    behind_nat: bool,
) -> Flow {
    let Some((uri, ip)) = next_hop.and_then(|u| Some((u, literal(u)?))) else {
        return *came_by;
    };
    if behind_nat || hidden(ip, came_by.remote.ip()) {
        return *came_by;
    }
    let port = uri.port.unwrap_or(5060);
    let remote = SocketAddr::new(ip, port);
    if uri.scheme != Scheme::Sip || network.is_ours(remote) {
        // Nobody is there whom we could mean (RFC 3261 §12.1.1 wants a SIP URI of the peer's).
        return *came_by;
    }
    if came_by.connection.is_some() {
        return Flow { remote, ..*came_by };
    }
    let wanted = uri.param("transport").and_then(Transport::from_param);
    let transport = wanted.unwrap_or(came_by.transport);
    match network.sender(realm, transport, ip) {
        Some(listener) => Flow {
            listener,
            transport,
            remote,
            connection: None,
        },
        None => *came_by,
    }
}

/// Whether the sender of a request sits behind a NAT: its Via does not say where it came from.
pub(super) fn sender_behind_nat(request: &Message, flow: &Flow) -> bool {
    if flow.connection.is_some() {
        return false;
    }
    request.via().is_some_and(|via| {
        let port = via.port.unwrap_or(5060);
        match via.host {
            Host::Ip(ip) => ip != flow.remote.ip() || port != flow.remote.port(),
            Host::Name(_) => port != flow.remote.port(),
        }
    })
}

/// The address that the URI names: its `maddr` where there is one, which stands before the host
/// (RFC 3261 §19.1.1).
fn literal(uri: &Uri) -> Option<IpAddr> {
    let host = match uri.param("maddr") {
        Some(maddr) => Host::parse(maddr).ok(),
        None => uri.host.clone(),
    };
    match host {
        Some(Host::Ip(ip)) if !ip.is_unspecified() && !ip.is_multicast() => Some(ip),
        _ => None,
    }
}

/// Whether `told` is an address that cannot be reached from where `seen` is: private told by
/// public.
fn hidden(told: IpAddr, seen: IpAddr) -> bool {
    is_private(told) && !is_private(seen)
}

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || (v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64)
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maddr_stands_before_the_host_and_a_name_or_nobodys_address_is_none() {
        let literal = |text: &str| literal(&Uri::parse(text).expect("a URI"));
        let there: IpAddr = "192.0.2.2".parse().expect("literal");
        assert_eq!(literal("sip:a@192.0.2.2"), Some(there));
        assert_eq!(literal("sip:a@192.0.2.1;maddr=192.0.2.2"), Some(there));
        assert_eq!(literal("sip:a@host.example;maddr=192.0.2.2"), Some(there));
        let none = [
            "maddr=host.example",
            "maddr=0.0.0.0",
            "maddr=239.1.1.1",
            "maddr=[::]",
        ];
        for maddr in none {
            assert_eq!(
                literal(&format!("sip:a@192.0.2.1;{maddr}")),
                None,
                "{maddr}"
            );
        }
    }

    #[test]
    fn a_private_contact_from_a_public_source_is_not_believed() {
        let public: IpAddr = "198.51.100.7".parse().expect("literal");
        let private: IpAddr = "192.168.1.5".parse().expect("literal");
        let shared: IpAddr = "100.64.0.9".parse().expect("literal");
        assert!(hidden(private, public));
        assert!(hidden(shared, public));
        assert!(!hidden(private, private));
        assert!(!hidden(public, private));
    }
}
