//! Where a request comes from, and which routes are for such.

use super::words::failed;
use super::{Matched, Origin, Other, Route, RouteFate};
use crate::engine::{Engine, From, Located, Sources, TrunkId};
use crate::facts::Facts;
use crate::limits;
use crate::value::masked;
use sbc_core::net::Trust;
use sbc_core::ports::PolicyEngine;
use sbc_core::transport::Flow;
use std::net::IpAddr;

/// A range of a trunk, and how much of it is the source's.
struct Near {
    trunk: TrunkId,
    range: (IpAddr, u8),
    holds: bool,
    common: u32,
}

pub(super) fn origin(engine: &Engine, flow: &Flow, located: &Located<'_>) -> Origin {
    let network = engine.network();
    let realm = network.realm(located.realm);
    let address = flow.remote.ip().to_canonical();
    let origins = &engine.book().origins;
    let mut others = Vec::new();
    let mut trunk = None;
    for (n, (name, sources)) in origins.realms.iter().enumerate() {
        let here = n == usize::from(located.realm.0);
        for near in nearest(sources, address) {
            let of = &origins.trunks[near.trunk.0];
            let range = format!("{}/{}", near.range.0, near.range.1);
            let is_it = here && located.trunk == Some(near.trunk);
            if is_it && near.holds && trunk.is_none() {
                let trunk_name = of.to_string();
                trunk = Some(Matched {
                    trunk: trunk_name,
                    range,
                });
                continue;
            }
            let why = match (here, near.holds) {
                (true, true) => "a longer range matches".to_owned(),
                (true, false) => format!("{address} is not in it"),
                (false, true) => format!("it is of realm {name}"),
                (false, false) => continue,
            };
            if is_it
                || others
                    .iter()
                    .any(|(_, o, _): &(_, Other, _)| o.trunk == **of)
            {
                continue;
            }
            let other = Other {
                trunk: of.to_string(),
                range,
                why,
            };
            others.push((near.common, other, near.holds));
        }
    }
    if trunk.is_some() {
        // The question is then why it is not one of these.
        others.retain(|(_, _, holds)| *holds);
    }
    others.sort_by_key(|(common, ..)| std::cmp::Reverse(*common));
    Origin {
        listener: located.origin.listener.to_owned(),
        transport: flow.transport.to_string(),
        source: flow.remote.to_string(),
        realm: realm.name.to_string(),
        trust: match realm.trust {
            Trust::Full => "full",
            Trust::None => "none",
        },
        trunk,
        others: others
            .into_iter()
            .map(|(_, o, _)| o)
            .take(limits::NEAREST)
            .collect(),
    }
}

/// Ranges of the source's family, those with the most in common first.
fn nearest(sources: &Sources, address: IpAddr) -> Vec<Near> {
    let mut near: Vec<Near> = sources
        .ranges()
        .filter(|(range, ..)| range.is_ipv4() == address.is_ipv4())
        .map(|(range, bits, trunk)| Near {
            trunk,
            range: (range, bits),
            holds: masked(address, bits) == Some(range),
            common: common(range, address).min(u32::from(bits)),
        })
        .collect();
    near.sort_by_key(|n| (std::cmp::Reverse((n.holds, n.common)), n.range));
    near
}

/// How many leading bits two addresses share.
fn common(a: IpAddr, b: IpAddr) -> u32 {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        _ => 0,
    }
}

/// Every route in order, and why it is taken or not.
pub(super) fn routes(engine: &Engine, located: &Located<'_>, facts: &Facts<'_>) -> Vec<Route> {
    let is_stranger = engine.is_stranger(located);
    let mut taken = false;
    let one = |route: &crate::engine::RoutePlan| {
        let fate = match (taken, elsewhere(engine, route.from, located, is_stranger)) {
            (true, _) => RouteFate::Behind,
            (false, Some(fate)) => fate,
            (false, None) => match failed(&route.when, facts) {
                Some(failed) => RouteFate::Failed(failed),
                None => RouteFate::Taken,
            },
        };
        taken |= fate == RouteFate::Taken;
        Route {
            name: route.name.to_string(),
            fate,
        }
    };
    engine.book().routes.iter().map(one).collect()
}

/// Why a route is not for requests from there, whatever else they say.
fn elsewhere(
    engine: &Engine,
    from: From,
    located: &Located<'_>,
    is_stranger: bool,
) -> Option<RouteFate> {
    let from = match from {
        From::Any { rejects } if is_stranger && !rejects => {
            return Some(RouteFate::NotForStrangers);
        }
        From::Any { .. } => return None,
        From::Realm(realm) if realm == located.realm => return None,
        From::Trunk(trunk) if Some(trunk) == located.trunk => return None,
        From::Realm(realm) => engine.network().realm(realm).name.to_string(),
        From::Trunk(trunk) => engine.book().trunks[trunk.0].name.to_string(),
    };
    Some(RouteFate::FromElsewhere { from })
}
