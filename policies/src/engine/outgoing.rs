//! What the outgoing request says without header rules: Request-URI, From, To, and where it is
//! sent.

use crate::facts::user;
use sbc_core::net::{ListenerId, Network, RealmId};
use sbc_core::sip::{Host, NameAddr, Scheme, Uri};
use sbc_core::transport::{Target, Transport};
use std::net::{IpAddr, SocketAddr};

/// The port of SIP over UDP and TCP (RFC 3261 §19.1.2).
const PORT: u16 = 5060;

/// Where a URI is sent to; nothing for one without host or with a transport that is not built.
pub(crate) fn target(uri: &Uri, default: Transport) -> Option<Target> {
    let transport = match uri.param("transport") {
        Some(text) => Transport::from_param(text)?,
        None => default,
    };
    let host = match uri.param("maddr") {
        Some(maddr) => Host::parse(maddr).ok()?,
        None => uri.host.clone()?,
    };
    Some(Target {
        host,
        port: uri.port.unwrap_or(PORT),
        transport,
    })
}

/// The address of a target that needs no name service.
pub(crate) fn addresses(target: &Target) -> Option<SocketAddr> {
    match target.host {
        Host::Ip(ip) => Some(SocketAddr::new(ip, target.port)),
        Host::Name(_) => None,
    }
}

/// The listener that sends to a target: the first of the realm with its transport and, where that
/// is known, its address family.
pub(crate) fn sender(network: &Network, realm: RealmId, target: &Target) -> Option<ListenerId> {
    match target.host {
        Host::Ip(ip) => network.sender(realm, target.transport, ip),
        Host::Name(_) => network
            .listeners
            .iter()
            .position(|l| l.realm == realm && l.transport == target.transport)
            .and_then(|n| u16::try_from(n).ok())
            .map(ListenerId),
    }
}

/// User and parameters of the incoming Request-URI; host, port and transport of the target, and its
/// user where it has one. A `tel:` URI becomes a user part (RFC 3261 §19.1.6).
pub(crate) fn request_uri(incoming: &Uri, target: &Uri) -> Uri {
    let mut uri = sip_form(incoming);
    // A password is for nobody on the other side.
    let own = user(&uri).map(Into::into);
    uri.user = target.user.clone().or(own);
    uri.host.clone_from(&target.host);
    uri.port = target.port;
    // They would send the request elsewhere than the target says; `method` must not stand in a
    // Request-URI (RFC 3261 §19.1.1).
    for name in ["transport", "maddr", "ttl", "method"] {
        match target.param(name) {
            Some(value) => uri.set_param(name, Some(value)),
            None => uri.remove_param(name),
        }
    }
    uri.headers = "".into();
    uri
}

/// From: user and display name kept, our host.
pub(crate) fn from(incoming: &NameAddr, ours: IpAddr) -> NameAddr {
    party(incoming, Host::Ip(ours))
}

/// To: user and display name kept, the target's host.
pub(crate) fn to(incoming: &NameAddr, target: &Uri) -> NameAddr {
    let host = target.host.clone();
    party(
        incoming,
        host.unwrap_or_else(|| Host::Name("invalid".into())),
    )
}

/// Nothing of the other side but user, the parameter `user` that says how to read it, display name.
fn party(incoming: &NameAddr, host: Host) -> NameAddr {
    let kept = sip_form(&incoming.uri);
    let mut uri = Uri::sip(user(&kept), host, None);
    if let Some(value) = kept.param("user") {
        uri.set_param("user", Some(value));
    }
    NameAddr::new(&incoming.display, uri)
}

/// The URI as a `sip:` one, without a host where it had none.
fn sip_form(uri: &Uri) -> Uri {
    match uri.scheme {
        Scheme::Sip | Scheme::Sips => Uri {
            scheme: Scheme::Sip,
            ..uri.clone()
        },
        Scheme::Tel => {
            let number = uri.user.as_deref().unwrap_or_default();
            let subscriber = if uri.params.is_empty() {
                number.to_owned()
            } else {
                format!("{number};{}", uri.params)
            };
            Uri {
                scheme: Scheme::Sip,
                user: Some(subscriber.into()),
                host: None,
                port: None,
                params: "user=phone".into(),
                headers: "".into(),
            }
        }
        // Nothing of it can be a user part.
        Scheme::Other(_) => Uri {
            scheme: Scheme::Sip,
            user: None,
            host: None,
            port: None,
            params: "".into(),
            headers: "".into(),
        },
    }
}
