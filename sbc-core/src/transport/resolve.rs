//! Names to addresses by the system's resolver: A and AAAA (RFC 3263 §4.2, the last step).

use crate::limits;
use crate::sip::Host;
use std::net::{IpAddr, ToSocketAddrs};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::debug;

/// Lookups block a thread each until the system's resolver returns, however long their caller
/// waits; the threads belong to the process, so their bound does too.
static LOOKUPS: Semaphore = Semaphore::const_new(limits::LOOKUPS);

/// The addresses of a host in the order of preference (RFC 6724): a literal at once, a name from
/// the system's resolver within [`limits::LOOKUP`]. None where there is no such name or no answer.
pub async fn resolve(host: &Host) -> Vec<IpAddr> {
    let name = match host {
        Host::Ip(ip) => return vec![*ip],
        Host::Name(name) => name.clone(),
    };
    let found = timeout(limits::LOOKUP, lookup(name.clone())).await;
    let found = found.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
    found.unwrap_or_else(|error| {
        debug!(%name, %error, "name not resolved");
        Vec::new()
    })
}

async fn lookup(name: Box<str>) -> std::io::Result<Vec<IpAddr>> {
    let permit = LOOKUPS.acquire().await.map_err(std::io::Error::other)?;
    let lookup = tokio::task::spawn_blocking(move || {
        // Held by the thread and not by the caller, who may have given up.
        let _permit = permit;
        let mut found = Vec::new();
        for address in (&*name, 0).to_socket_addrs()? {
            if !found.contains(&address.ip()) {
                found.push(address.ip());
            }
        }
        Ok(found)
    });
    lookup.await.map_err(std::io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_literal_is_its_own_address() {
        let ip = IpAddr::from([192, 0, 2, 7]);
        assert_eq!(resolve(&Host::Ip(ip)).await, [ip]);
    }

    #[tokio::test]
    async fn localhost_is_found_once_per_family_and_nonsense_is_not() {
        let found = resolve(&Host::Name("localhost".into())).await;
        assert!(found.iter().all(IpAddr::is_loopback), "{found:?}");
        let ipv4 = found.iter().filter(|ip| ip.is_ipv4()).count();
        assert_eq!(ipv4, 1, "{found:?}");
        assert!(resolve(&Host::Name("..".into())).await.is_empty());
    }
}
