//! Where a request comes from: listener, realm, and the trunk with the longest matching prefix.

use crate::facts::Origin;
use crate::schema::Prefix;
use crate::value::masked;
use sbc_core::net::RealmId;
use sbc_core::transport::Flow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// An index into the trunks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TrunkId(pub(crate) usize);

/// Names and prefixes, shared by the engine and by header rules.
#[derive(Debug)]
pub(crate) struct Origins {
    /// By listener: its name and realm.
    pub(crate) listeners: Vec<(Box<str>, RealmId)>,
    /// By realm: its name, and where its trunks' requests come from.
    pub(crate) realms: Vec<(Box<str>, Sources)>,
    /// By trunk.
    pub(crate) trunks: Vec<Arc<str>>,
}

/// The place of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Located<'o> {
    pub(crate) realm: RealmId,
    pub(crate) trunk: Option<TrunkId>,
    pub(crate) origin: Origin<'o>,
}

impl Origins {
    pub(crate) fn locate(&self, flow: &Flow) -> Located<'_> {
        let (listener, realm) = &self.listeners[usize::from(flow.listener.0)];
        let (name, sources) = &self.realms[usize::from(realm.0)];
        let trunk = sources.find(flow.remote.ip());
        Located {
            realm: *realm,
            trunk,
            origin: Origin {
                listener,
                realm: name,
                trunk: trunk.map(|t| &*self.trunks[t.0]),
            },
        }
    }
}

/// Prefixes of one realm.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// Longest first; for each family and length, the trunks by first address.
    levels: Vec<(bool, u8, HashMap<IpAddr, TrunkId>)>,
}

impl Sources {
    /// Adds a prefix; the trunk that has it already, where there is one.
    pub(crate) fn insert(&mut self, prefix: Prefix, trunk: TrunkId) -> Option<TrunkId> {
        let v4 = prefix.address.is_ipv4();
        let same = |(family, bits, _): &(bool, u8, _)| *family == v4 && *bits == prefix.bits;
        let level = match self.levels.iter().position(same) {
            Some(n) => n,
            None => {
                let at = self
                    .levels
                    .partition_point(|(_, bits, _)| *bits > prefix.bits);
                self.levels.insert(at, (v4, prefix.bits, HashMap::new()));
                at
            }
        };
        let trunks = &mut self.levels[level].2;
        if let Some(owner) = trunks.get(&prefix.address) {
            return Some(*owner);
        }
        trunks.insert(prefix.address, trunk);
        None
    }

    /// All of them, for explanations: the first address, the bits that count, whose it is.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = (IpAddr, u8, TrunkId)> {
        self.levels.iter().flat_map(|(_, bits, trunks)| {
            let one = |(address, trunk): (&IpAddr, &TrunkId)| (*address, *bits, *trunk);
            trunks.iter().map(one)
        })
    }

    /// The trunk with the longest prefix that holds `address`.
    pub(crate) fn find(&self, address: IpAddr) -> Option<TrunkId> {
        // A socket that takes both families shows IPv4 peers as mapped addresses.
        let address = address.to_canonical();
        self.levels
            .iter()
            .filter(|(v4, ..)| *v4 == address.is_ipv4())
            .find_map(|(_, bits, trunks)| trunks.get(&masked(address, *bits)?).copied())
    }
}
