//! Port numbers: pairs, even for RTP and the next for RTCP (RFC 3550 §11), from a shuffled ring for
//! each range; bound when they are reserved, in quarantine for a while after they are released, so
//! that late packets of one call do not reach another.
//!
//! Another configuration may have other ranges of the same address: a number that both have rests
//! in both, and a range that nobody uses any more is forgotten.

use crate::limits::BIND_ATTEMPTS;
use crate::sys;
use sbc_core::net::MediaAddress;
use sbc_core::ports::MediaError;
use sbc_core::{Entropy, Instant};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Both sockets of a port.
#[derive(Debug)]
pub(crate) struct Sockets {
    pub(crate) rtp: UdpSocket,
    pub(crate) rtcp: UdpSocket,
}

/// Which ring a number belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Range {
    bind: IpAddr,
    first: u16,
    last: u16,
}

impl Range {
    fn overlaps(&self, other: &Self) -> bool {
        self != other
            && self.bind == other.bind
            && self.first <= other.last
            && other.first <= self.last
    }
}

/// A number that is in use. Given back by [`PortPool::release`], after its sockets are closed.
#[derive(Debug)]
pub(crate) struct Lease {
    range: Range,
    quarantine: Duration,
    pub(crate) rtp: u16,
}

/// The numbers of all ranges.
#[derive(Debug)]
pub(crate) struct PortPool {
    inner: Mutex<Rings>,
}

#[derive(Debug)]
struct Rings {
    entropy: Entropy,
    rings: HashMap<Range, Ring>,
}

#[derive(Debug)]
struct Ring {
    free: VecDeque<u16>,
    /// In the order of time.
    resting: VecDeque<(Instant, u16)>,
    /// How many are in use.
    leased: usize,
    /// Ranges that have some of its numbers too.
    beside: Vec<Range>,
}

impl PortPool {
    pub(crate) fn new(entropy: Entropy) -> Self {
        let rings = HashMap::new();
        Self {
            inner: Mutex::new(Rings { entropy, rings }),
        }
    }

    /// Takes a number and binds its pair. A number that another process holds rests for a while,
    /// and the next one is tried. The lock is not held while the operating system works.
    pub(crate) fn reserve(
        &self,
        now: Instant,
        at: &MediaAddress,
    ) -> Result<(Lease, Sockets), MediaError> {
        let range = Range {
            bind: at.bind,
            first: at.first_port,
            last: at.last_port,
        };
        for _ in 0..BIND_ATTEMPTS {
            let rtp = self.take(now, range).ok_or(MediaError::NoPorts)?;
            let lease = Lease {
                range,
                quarantine: at.quarantine,
                rtp,
            };
            let error = match bind_pair(at.bind, rtp) {
                Ok(sockets) => return Ok((lease, sockets)),
                Err(error) => error,
            };
            if error.kind() == io::ErrorKind::AddrInUse {
                self.release(now, lease);
                continue;
            }
            self.lock().ring(range).give_back(rtp);
            tracing::warn!(bind = %at.bind, port = rtp, %error, "media port cannot be bound");
            return Err(if sys::is_out_of_descriptors(&error) {
                MediaError::NoDescriptors
            } else {
                MediaError::Bind
            });
        }
        Err(MediaError::NoPorts)
    }

    /// Gives a number back.
    pub(crate) fn release(&self, now: Instant, lease: Lease) {
        let until = now + lease.quarantine;
        let mut rings = self.lock();
        let ring = rings.ring(lease.range);
        ring.leased = ring.leased.saturating_sub(1);
        ring.rest(until, lease.rtp);
    }

    /// Numbers (pairs) that are free, and that are in quarantine.
    pub(crate) fn count(&self, now: Instant) -> (u64, u64) {
        let mut rings = self.lock();
        let counts = rings.rings.values_mut().map(|ring| {
            ring.wake(now);
            (ring.free.len() as u64, ring.resting.len() as u64)
        });
        counts.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    fn take(&self, now: Instant, range: Range) -> Option<u16> {
        let mut rings = self.lock();
        rings.ring(range).wake(now);
        rings.forget_beside(now, range);
        while let Some(number) = rings.ring(range).free.pop_front() {
            let rests = rings.rests_beside(now, range, number);
            let ring = rings.ring(range);
            match rests {
                Some(until) => ring.rest(until, number),
                None => {
                    ring.leased += 1;
                    return Some(number);
                }
            }
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, Rings> {
        // Nothing panics while it holds the lock; the numbers are whole in any case.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rings {
    fn ring(&mut self, range: Range) -> &mut Ring {
        if !self.rings.contains_key(&range) {
            let mut ring = Ring::new(range, &mut self.entropy);
            for (other, its) in &mut self.rings {
                if other.overlaps(&range) {
                    its.beside.push(range);
                    ring.beside.push(*other);
                }
            }
            self.rings.insert(range, ring);
        }
        let entropy = &mut self.entropy;
        self.rings
            .entry(range)
            .or_insert_with(|| Ring::new(range, entropy))
    }

    /// Forgets ranges beside this one of which no number is in use or rests.
    fn forget_beside(&mut self, now: Instant, range: Range) {
        for other in self.ring(range).beside.clone() {
            let ring = self.ring(other);
            ring.wake(now);
            if ring.leased > 0 || !ring.resting.is_empty() {
                continue;
            }
            self.rings.remove(&other);
            for ring in self.rings.values_mut() {
                ring.beside.retain(|range| *range != other);
            }
        }
    }

    /// Until when a number of this range rests in another one.
    fn rests_beside(&mut self, now: Instant, range: Range, number: u16) -> Option<Instant> {
        let beside = self.ring(range).beside.clone();
        let others = beside.iter().filter_map(|other| self.rings.get(other));
        let rests = others.flat_map(|ring| &ring.resting);
        let rests = rests.filter(|(until, n)| *n == number && *until > now);
        rests.map(|(until, _)| *until).max()
    }
}

impl Ring {
    fn new(range: Range, entropy: &mut Entropy) -> Self {
        // Port 0 would let the operating system choose.
        let mut numbers: Vec<u16> = (range.first.max(2)..range.last)
            .filter(|number| number % 2 == 0)
            .collect();
        for n in (1..numbers.len()).rev() {
            let other = usize::try_from(entropy.below(n as u64 + 1)).unwrap_or(n);
            numbers.swap(n, other);
        }
        Self {
            free: numbers.into(),
            resting: VecDeque::new(),
            leased: 0,
            beside: Vec::new(),
        }
    }

    /// Puts a number that is not free where it belongs by its time: at the end, unless others of
    /// the ring rest longer.
    fn rest(&mut self, until: Instant, number: u16) {
        let behind = self.resting.partition_point(|(other, _)| *other <= until);
        self.resting.insert(behind, (until, number));
    }

    /// A number was not used after all.
    fn give_back(&mut self, number: u16) {
        self.leased = self.leased.saturating_sub(1);
        self.free.push_front(number);
    }

    /// Ends the quarantine of those that have rested.
    fn wake(&mut self, now: Instant) {
        while let Some((until, number)) = self.resting.front().copied() {
            if until > now {
                break;
            }
            self.resting.pop_front();
            self.free.push_back(number);
        }
    }
}

fn bind_pair(ip: IpAddr, rtp: u16) -> io::Result<Sockets> {
    Ok(Sockets {
        rtp: sys::bind(SocketAddr::new(ip, rtp))?,
        rtcp: sys::bind(SocketAddr::new(ip, rtp + 1))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn pool() -> PortPool {
        PortPool::new(Entropy::from_seed(5))
    }

    fn range(first_port: u16, last_port: u16) -> MediaAddress {
        MediaAddress {
            bind: Ipv4Addr::LOCALHOST.into(),
            advertise: Ipv4Addr::LOCALHOST.into(),
            first_port,
            last_port,
            quarantine: Duration::from_secs(2),
        }
    }

    fn at(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn pairs_are_even_inside_the_range_and_shuffled() {
        let (pool, range) = (pool(), range(21_001, 21_040));
        let mut taken = Vec::new();
        while let Some(number) = pool.take(
            at(0),
            Range {
                bind: range.bind,
                first: range.first_port,
                last: range.last_port,
            },
        ) {
            taken.push(number);
        }
        assert_eq!(taken.len(), 19, "21002 to 21038; 21040 has no odd partner");
        assert!(!taken.is_sorted(), "{taken:?}");
        taken.sort_unstable();
        assert_eq!((taken[0], taken[18]), (21_002, 21_038));
    }

    #[test]
    fn a_released_number_rests_before_it_is_used_again() {
        let (pool, range) = (pool(), range(21_100, 21_101));
        let (lease, sockets) = pool.reserve(at(0), &range).unwrap();
        assert_eq!(pool.reserve(at(0), &range).err(), Some(MediaError::NoPorts));
        drop(sockets);
        pool.release(at(1000), lease);
        assert_eq!(pool.count(at(2999)), (0, 1));
        assert_eq!(
            pool.reserve(at(2999), &range).err(),
            Some(MediaError::NoPorts)
        );
        assert!(pool.reserve(at(3000), &range).is_ok());
    }

    #[test]
    fn a_number_rests_in_every_range_that_has_it_and_an_unused_range_is_forgotten() {
        let pool = pool();
        let (before, after) = (range(21_500, 21_503), range(21_500, 21_501));
        let (one, sockets) = pool.reserve(at(0), &before).unwrap();
        let (other, others) = pool.reserve(at(0), &before).unwrap();
        assert_eq!(
            pool.reserve(at(0), &after).err(),
            Some(MediaError::NoPorts),
            "it is in use, which the system says"
        );
        drop((sockets, others));
        pool.release(at(3000), one);
        pool.release(at(3000), other);
        assert_eq!(
            pool.reserve(at(4999), &after).err(),
            Some(MediaError::NoPorts),
            "free of its own quarantine, resting in the other range"
        );
        let (lease, sockets) = pool.reserve(at(5000), &after).unwrap();
        assert_eq!(lease.rtp, 21_500);
        assert_eq!(pool.lock().rings.len(), 1, "the former range is forgotten");
        drop(sockets);
        pool.release(at(5000), lease);
        assert!(pool.reserve(at(9000), &before).is_ok(), "and comes back");
        assert_eq!(pool.lock().rings.len(), 1);
    }

    #[test]
    fn a_number_rests_as_long_as_its_realm_says_whoever_shares_the_range() {
        let pool = pool();
        let long = range(21_400, 21_403);
        let short = MediaAddress {
            quarantine: Duration::from_millis(250),
            ..long
        };
        let (slow, sockets) = pool.reserve(at(0), &long).unwrap();
        let (fast, others) = pool.reserve(at(0), &short).unwrap();
        drop((sockets, others));
        let first = fast.rtp;
        pool.release(at(0), slow);
        pool.release(at(10), fast);
        assert_eq!(pool.count(at(259)), (0, 2));
        let (lease, _sockets) = pool.reserve(at(260), &long).unwrap();
        assert_eq!(lease.rtp, first);
        assert_eq!(pool.count(at(1999)), (0, 1));
        assert_eq!(pool.count(at(2000)), (1, 0));
    }

    #[test]
    fn a_number_that_somebody_else_holds_is_passed_over() {
        let (pool, range) = (pool(), range(21_200, 21_203));
        let foreign = UdpSocket::bind(("127.0.0.1", 21_201)).unwrap();
        let (lease, _sockets) = pool.reserve(at(0), &range).unwrap();
        assert_eq!(lease.rtp, 21_202);
        assert_eq!(pool.reserve(at(0), &range).err(), Some(MediaError::NoPorts));
        drop(foreign);
        let (lease, _sockets) = pool.reserve(at(2000), &range).unwrap();
        assert_eq!(lease.rtp, 21_200);
    }

    #[test]
    fn an_address_that_is_not_ours_is_an_error_of_its_own() {
        let mut range = range(21_300, 21_303);
        range.bind = "192.0.2.1".parse().unwrap();
        assert_eq!(pool().reserve(at(0), &range).err(), Some(MediaError::Bind));
    }
}
