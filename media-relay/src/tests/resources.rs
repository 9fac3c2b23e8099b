//! What a session takes is given back.

use super::*;
use sbc_core::ports::MediaError;

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// A range with this many pairs.
fn small(bench: &Bench, pairs: u16) -> MediaAddress {
    MediaAddress {
        last_port: bench.range.first_port + 2 * pairs - 1,
        ..bench.range
    }
}

#[test]
fn a_range_runs_out_and_comes_back_after_the_quarantine() {
    let quarantine = Duration::from_millis(50);
    let config = Config {
        workers: 1,
        tick: None,
    };
    let bench = bench_with(23_000, config);
    let range = MediaAddress {
        quarantine,
        ..small(&bench, 3)
    };
    let ports: Vec<_> = (0..3)
        .map(|n| bench.relay.reserve(SessionId(n), &range).unwrap())
        .collect();
    assert!(
        ports
            .iter()
            .all(|p| p.rtp.port() % 2 == 0 && p.rtcp.port() == p.rtp.port() + 1)
    );
    let none = bench.relay.reserve(SessionId(9), &range);
    assert_eq!(none, Err(MediaError::NoPorts));
    let released = bench.clock.now().mono;
    bench.command(1, [MediaCmd::Close]);
    bench.until("a port is free", || {
        bench.relay.reserve(SessionId(9), &range).is_ok()
    });
    assert!(bench.clock.now().mono.since(released) >= quarantine);
}

#[test]
fn a_session_has_so_many_ports_and_no_more() {
    let bench = bench(23_700);
    let range = small(&bench, 80);
    let most = crate::limits::SESSION_PORTS;
    for _ in 0..most {
        bench.relay.reserve(SessionId(1), &range).unwrap();
    }
    let none = bench.relay.reserve(SessionId(1), &range);
    assert_eq!(none, Err(MediaError::SessionFull));
    assert!(bench.relay.reserve(SessionId(2), &range).is_ok());
}

#[test]
fn a_released_port_closes_alone_and_its_relays_end() {
    let bench = bench(23_100);
    let call = bench.call(1);
    let ([a, b], [at_a, at_b]) = (&call.phones, &call.ports);
    bench.command(1, [MediaCmd::Release(at_b.id)]);
    a.rtp.send_to(&rtp(1, 0, 0, 1), at_a.rtp).unwrap();
    bench.until("it is still taken", || bench.stats(1, at_a).received == 1);
    assert!(is_silent(&b.rtp));
    assert_eq!(bench.relay.stats(SessionId(1)).len(), 1);
    bench.until("one port is closed", || bench.relay.totals().ports == 1);
    assert!(UdpSocket::bind(at_b.rtp).is_ok(), "its number is free");
}

/// Whether this process runs nothing but the test of this name: others would open descriptors and
/// threads beside it. Otherwise runs it in a process of its own.
fn alone(name: &str) -> bool {
    const CHILD: &str = "SBC_TEST_ALONE";
    if std::env::var_os(CHILD).is_some() {
        return true;
    }
    let module = module_path!().split_once("::").unwrap().1;
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("{module}::{name}")])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&child.stdout);
    assert!(out.contains("1 passed"), "{out}");
    false
}

#[test]
fn a_hundred_calls_leave_no_descriptor_behind() {
    if !alone("a_hundred_calls_leave_no_descriptor_behind") {
        return;
    }
    let bench = bench(23_200);
    let before = descriptors();
    for session in 0..100 {
        let call = bench.call(session);
        let ([a, b], [at_a, _]) = (&call.phones, &call.ports);
        a.rtp.send_to(&rtp(1, 0, 0, 1), at_a.rtp).unwrap();
        receive(&b.rtp);
        bench.command(session, [MediaCmd::Close]);
        assert_eq!(bench.relay.stats(SessionId(session)), []);
    }
    bench.until("all sessions are closed", || {
        let totals = bench.relay.totals();
        (totals.sessions, totals.ports, totals.ports_free) == (0, 0, 50)
    });
    assert_eq!(descriptors(), before);
}

#[test]
fn a_plane_that_is_dropped_leaves_neither_threads_nor_descriptors() {
    if !alone("a_plane_that_is_dropped_leaves_neither_threads_nor_descriptors") {
        return;
    }
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let before = (descriptors(), threads());
    let bench = bench(23_300);
    let call = bench.call(1);
    assert!(descriptors() > before.0 && threads() > before.1);
    bench.relay.close();
    let refused = bench.relay.reserve(SessionId(2), &bench.range);
    assert_eq!(refused, Err(MediaError::Closed));
    drop((bench, call));
    assert_eq!((descriptors(), threads()), before);
}

#[test]
fn commands_to_a_session_that_is_closed_do_nothing() {
    let bench = bench(23_400);
    let call = bench.call(1);
    let ([a, b], [at_a, at_b]) = (&call.phones, &call.ports);
    bench.command(1, [MediaCmd::Close, MediaCmd::Relay(at_a.id, at_b.id)]);
    bench.command(1, [MediaCmd::Peer(at_a.id, a.peer()), MediaCmd::Close]);
    bench.command(7, [MediaCmd::Close]);
    let later = bench.call(2);
    let (other, at_other) = (&later.phones[0], &later.ports[0]);
    other.rtp.send_to(&rtp(1, 0, 0, 1), at_other.rtp).unwrap();
    receive(&later.phones[1].rtp);
    assert!(is_silent(&a.rtp) && is_silent(&b.rtp));
    // A command that names a port of another session does not reach it.
    bench.command(2, [MediaCmd::Release(at_a.id)]);
    assert_eq!(bench.relay.stats(SessionId(2)).len(), 2);
}
