//! The network as the policy describes it: realms and listeners, by index. Compiled once, shared.

use crate::transport::Transport;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// A side of the border: an index into [`Network::realms`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct RealmId(pub u16);

/// A place where SIP arrives: an index into [`Network::listeners`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ListenerId(pub u16);

/// Which headers with identities cross a realm's border.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Trust {
    /// Nothing said by this side is believed, nothing private is told to it.
    #[default]
    None,
    /// Identities are believed and told.
    Full,
}

/// A side of the border.
#[derive(Clone, Debug)]
pub struct Realm {
    /// Its name in the configuration.
    pub name: Box<str>,
    /// How far it is trusted.
    pub trust: Trust,
    /// Its media addresses, at most one of each family.
    pub media: Vec<MediaAddress>,
}

/// Where media of a realm is bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MediaAddress {
    /// The local address.
    pub bind: IpAddr,
    /// What stands in SDP.
    pub advertise: IpAddr,
    /// First port, even.
    pub first_port: u16,
    /// Last port, included.
    pub last_port: u16,
    /// How long a port rests after its release before it is used again.
    pub quarantine: Duration,
}

impl MediaAddress {
    /// The rest of a port where nothing else is said: late packets of its last call are gone.
    pub const QUARANTINE: Duration = Duration::from_secs(2);
}

/// A place where SIP arrives.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Its name in the configuration.
    pub name: Box<str>,
    /// Whose side it is on.
    pub realm: RealmId,
    /// Its transport.
    pub transport: Transport,
    /// The local address; after binding, with the port the system chose where it was zero.
    pub bind: SocketAddr,
    /// What stands in Via and Contact.
    pub advertise: SocketAddr,
}

/// Realms and listeners.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// Realms by [`RealmId`].
    pub realms: Vec<Realm>,
    /// Listeners by [`ListenerId`].
    pub listeners: Vec<Listener>,
}

impl Network {
    /// The realm of this id.
    #[must_use]
    pub fn realm(&self, id: RealmId) -> &Realm {
        &self.realms[usize::from(id.0)]
    }

    /// The listener of this id.
    #[must_use]
    pub fn listener(&self, id: ListenerId) -> &Listener {
        &self.listeners[usize::from(id.0)]
    }

    /// The first listener of a realm with this transport and address family: the one that sends.
    #[must_use]
    pub fn sender(&self, realm: RealmId, transport: Transport, to: IpAddr) -> Option<ListenerId> {
        self.listeners
            .iter()
            .position(|l| {
                l.realm == realm && l.transport == transport && l.bind.is_ipv4() == to.is_ipv4()
            })
            .and_then(|n| u16::try_from(n).ok())
            .map(ListenerId)
    }

    /// Whether `address` is one of ours, as bound or as advertised.
    #[must_use]
    pub fn is_ours(&self, address: SocketAddr) -> bool {
        self.listeners.iter().any(|l| {
            l.advertise == address
                || l.bind == address
                || (l.bind.ip().is_unspecified()
                    && l.bind.port() == address.port()
                    && l.advertise.ip() == address.ip())
        })
    }
}
