//! Redirections (RFC 3261 §8.1.3.4): which Contacts of a 3xx become further targets of the call.
//!
//! | of a 3xx | is |
//! |---|---|
//! | 300, 301, 302 | followed |
//! | 305 (a proxy in front, §21.3.4), 380 (another service, §21.3.5) | not followed |
//! | a Contact without `q` | first; an unreadable `q` comes last |
//! | a Contact other than `sip:`, at an address of ours, out of the realm's reach | left out |
//! | a Contact that was tried or waits already | left out: a loop |
//! | Contacts beyond [`limits::REDIRECTS`] of the call | left out |
//! | headers and `method` of its URI | not sent (§19.1.5) |

use super::plan::{Connect, TargetPlan};
use crate::limits;
use crate::net::{Network, RealmId};
use crate::sip::{HeaderName, Host, Message, NameAddr, Scheme, StatusCode, Uri};
use crate::transport::{Target, Transport};
use std::cmp::Reverse;
use std::net::SocketAddr;
use std::sync::Arc;

/// The port of SIP over UDP and TCP (RFC 3261 §19.1.2).
const PORT: u16 = 5060;

/// Puts the targets that a 3xx of target number `at` names behind it. False: there is none.
pub(super) fn follow(
    network: &Network,
    plan: &mut Arc<Connect>,
    at: usize,
    message: &Message,
) -> bool {
    let status = message.status().map(StatusCode::code);
    let (Some(300..=302), Some(from)) = (status, plan.targets.get(at)) else {
        return false;
    };
    let followed = plan.targets.iter().filter(|t| t.redirected).count();
    let room = limits::REDIRECTS.saturating_sub(followed);
    let mut found: Vec<TargetPlan> = Vec::new();
    for request_uri in contacts(message) {
        let Some(target) = reachable(network, from.realm, &request_uri) else {
            continue;
        };
        let tried = plan.targets.iter().enumerate();
        let is_known = tried
            .filter(|(n, t)| *n <= at || t.redirected)
            .map(|(_, t)| t)
            .chain(&found)
            .any(|t| t.target == target && t.request_uri.same_as(&request_uri));
        if !is_known && found.len() < room {
            found.push(TargetPlan {
                target,
                request_uri,
                redirected: true,
                ..from.clone()
            });
        }
    }
    let is_any = !found.is_empty();
    if is_any {
        let behind = at + 1;
        Arc::make_mut(plan).targets.splice(behind..behind, found);
    }
    is_any
}

/// Whether the next target is one of the same redirection: then any refusal but one that speaks for
/// everywhere (6xx) leads on to it.
pub(super) fn leads_on(plan: &Connect, at: usize, status: StatusCode) -> bool {
    let redirected = |n: usize| plan.targets.get(n).is_some_and(|t| t.redirected);
    status.class() != 6 && redirected(at) && redirected(at + 1)
}

/// The `sip:` URIs of the Contacts, best first, as Request-URIs.
fn contacts(message: &Message) -> Vec<Uri> {
    let mut contacts: Vec<NameAddr> = message
        .header_values(&HeaderName::Contact)
        .filter_map(|value| NameAddr::parse(value).ok())
        .filter(|contact| contact.uri.scheme == Scheme::Sip)
        .collect();
    contacts.sort_by_key(|contact| Reverse(preference(contact)));
    let uris = contacts.into_iter().map(|contact| {
        let mut uri = contact.uri;
        uri.headers = "".into();
        uri.remove_param("method");
        uri
    });
    uris.collect()
}

/// `q` in thousandths.
fn preference(contact: &NameAddr) -> u16 {
    let Some(q) = contact.param("q") else {
        return 1000;
    };
    let (whole, part) = q.split_once('.').unwrap_or((q, ""));
    match (whole, format!("{part:0<3}").parse()) {
        ("1", Ok(0)) => 1000,
        ("0" | "", Ok(thousandths @ 0..1000)) => thousandths,
        _ => 0,
    }
}

/// Where a URI is sent to, if a listener of the realm can send there and it is not one of ours.
fn reachable(network: &Network, realm: RealmId, uri: &Uri) -> Option<Target> {
    let transport = match uri.param("transport") {
        Some(text) => Transport::from_param(text)?,
        None => Transport::Udp,
    };
    let host = match uri.param("maddr") {
        Some(maddr) => Host::parse(maddr).ok()?,
        None => uri.host.clone()?,
    };
    let port = uri.port.unwrap_or(PORT);
    let is_reachable = match host {
        Host::Ip(ip) => {
            !ip.is_unspecified()
                && !ip.is_multicast()
                && !network.is_ours(SocketAddr::new(ip, port))
                && network.sender(realm, transport, ip).is_some()
        }
        Host::Name(_) => {
            let mut listeners = network.listeners.iter();
            listeners.any(|l| l.realm == realm && l.transport == transport)
        }
    };
    (is_reachable && port != 0).then_some(Target {
        host,
        port,
        transport,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preferences(values: &[&str]) -> Vec<u16> {
        let contact = |q: &&str| {
            let text = format!("<sip:a@192.0.2.1>{q}");
            preference(&NameAddr::parse(&text).expect("a contact"))
        };
        values.iter().map(contact).collect()
    }

    #[test]
    fn a_preference_is_read_to_the_thousandth_and_nonsense_comes_last() {
        let read = preferences(&["", ";q=1", ";q=1.000", ";q=0.7", ";q=0.25", ";q=.5", ";q=0"]);
        assert_eq!(read, [1000, 1000, 1000, 700, 250, 500, 0]);
        assert_eq!(
            preferences(&[";q=1.5", ";q=2", ";q=x", ";q=0.1234", ";q", ";q=-1"]),
            [0, 0, 0, 0, 0, 0]
        );
    }
}
