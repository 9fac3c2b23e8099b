//! Port numbers for programs that cannot be told to take any.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the range from which Linux takes ephemeral ports (32768 and above).
const FIRST: u16 = 12_000;
const SPAN: u16 = 20_000;
/// Ports of one process: nextest runs each test in a process of its own, side by side.
const PER_PROCESS: u16 = 200;

/// The first of `count` neighbouring ports (at most 100) of 127.0.0.1 that are free over UDP and
/// TCP; it is even. They are not handed out again by this process.
pub(crate) fn block(count: u16) -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let slots = u32::from(SPAN / PER_PROCESS);
    let slot = u16::try_from(std::process::id() % slots).expect("fewer slots than ports");
    for _ in 0..u32::from(SPAN) {
        let offset = NEXT.fetch_add(count.next_multiple_of(2), Ordering::Relaxed);
        let first = FIRST + (slot * PER_PROCESS).wrapping_add(offset) % SPAN;
        if (first..first + count).all(is_free) {
            return first;
        }
    }
    panic!(
        "no {count} neighbouring ports are free between {FIRST} and {}",
        FIRST + SPAN
    );
}

/// Whether something is bound to the address over UDP; a peer that is, has started.
pub(crate) fn is_bound_udp(address: SocketAddr) -> bool {
    UdpSocket::bind(address).is_err()
}

pub(crate) fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

fn is_free(port: u16) -> bool {
    // All addresses: some programs bind their media there.
    let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    UdpSocket::bind(any).is_ok() && TcpListener::bind(any).is_ok()
}

#[test]
fn a_block_is_even_free_and_handed_out_once() {
    let (first, second) = (block(3), block(3));
    assert!(first.is_multiple_of(2) && second.is_multiple_of(2));
    assert!(first.abs_diff(second) >= 3, "{first} and {second} overlap");
    let held = UdpSocket::bind(local(first)).expect("the first port is free");
    assert!(is_bound_udp(local(first)));
    drop(held);
    assert!(!is_bound_udp(local(first)));
}
