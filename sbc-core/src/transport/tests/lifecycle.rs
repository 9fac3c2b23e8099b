use super::*;

#[tokio::test]
async fn bound_ports_are_written_back() {
    let rig = Rig::new();
    for listener in &rig.network.listeners {
        assert_ne!(listener.bind.port(), 0);
        assert_eq!(listener.advertise, listener.bind);
    }
}

#[tokio::test]
async fn a_written_port_stays_advertised() {
    let mut network = network(SocketAddr::new(LOOPBACK, 0));
    network.listeners[0].advertise = "192.0.2.1:5060".parse().unwrap();
    Transports::bind(&mut network).await.unwrap();
    let advertise = network.listeners[0].advertise;
    assert_eq!(advertise.to_string(), "192.0.2.1:5060");
}

#[tokio::test]
async fn all_addresses_of_both_families_are_bound_to_one_port() {
    if std::net::UdpSocket::bind("[::1]:0").is_err() {
        return;
    }
    let mut ipv4 = network("0.0.0.0:0".parse().unwrap());
    let _ipv4 = Transports::bind(&mut ipv4).await.unwrap();
    let mut ipv6 = network("[::]:0".parse().unwrap());
    for (six, four) in ipv6.listeners.iter_mut().zip(&ipv4.listeners) {
        six.bind.set_port(four.bind.port());
    }
    Transports::bind(&mut ipv6).await.unwrap();
}

#[tokio::test]
async fn a_listener_that_cannot_be_bound_is_named_with_what_to_do() {
    let taken = Rig::new();
    let mut network = network(SocketAddr::new(LOOPBACK, 0));
    network.listeners[1].bind = taken.address(TCP);
    let error = Transports::bind(&mut network).await.unwrap_err();
    let text = error.to_string();
    let start = format!("listener lan-tcp: cannot bind tcp {}: ", taken.address(TCP));
    assert!(text.starts_with(&start), "{text}");
    assert!(text.ends_with("choose another port"), "{text}");
    assert_eq!(network.listeners[0].bind.port(), 0, "nothing is half done");

    network.listeners[1].bind = "192.0.2.1:0".parse().unwrap();
    let text = Transports::bind(&mut network)
        .await
        .unwrap_err()
        .to_string();
    assert!(text.contains("no interface of this machine"), "{text}");
}

#[tokio::test]
async fn a_shutdown_writes_what_is_queued_then_closes_everything() {
    let tasks = tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks();
    let mut rig = Rig::new();
    let udp = tokio::net::UdpSocket::bind((LOOPBACK, 0)).await.unwrap();
    let mut phone = rig.connect().await;
    phone.write_all(options("one").as_bytes()).await.unwrap();
    let flow = rig.message().await.flow;
    // A request half read: our close must not become a reset.
    phone.write_all(b"BYE sip:half").await.unwrap();
    for n in 0..500 {
        rig.send(n, flow, format!("{n:03}"));
    }
    let by_udp = Flow {
        listener: UDP,
        transport: Transport::Udp,
        remote: udp.local_addr().unwrap(),
        connection: None,
    };
    rig.send(500, by_udp, "bye");
    let expected: String = (0..500).map(|n| format!("{n:03}")).collect();
    tokio::join!(rig.transports.shutdown(), async {
        assert_eq!(read_to_end(&mut phone).await, expected);
        drop(phone);
    });
    let mut bytes = [0; 8];
    let len = timeout(LONG, udp.recv(&mut bytes)).await.unwrap().unwrap();
    assert_eq!(&bytes[..len], b"bye");
    assert_eq!(Some(rig.closed().await), flow.connection);
    assert_eq!(rig.transports.connections(), 0);
    tasks_fall_to(tasks).await;
    assert!(TcpStream::connect(rig.address(TCP)).await.is_err());

    for flow in [flow, by_udp] {
        rig.send(501, flow, "late");
        assert_eq!(rig.failed().await, (501, flow));
    }
}

#[tokio::test]
async fn a_datagram_that_waits_for_its_socket_is_sent_before_a_shutdown_ends() {
    let udp = tokio::net::UdpSocket::bind((LOOPBACK, 0)).await.unwrap();
    let rig = Rig::new();
    let flow = Flow {
        listener: UDP,
        transport: Transport::Udp,
        remote: udp.local_addr().unwrap(),
        connection: None,
    };
    // The runtime has not yet seen that the new socket can be written.
    rig.send(1, flow, "bye");
    rig.transports.shutdown().await;
    let mut bytes = [0; 8];
    let len = timeout(LONG, udp.recv(&mut bytes)).await.unwrap().unwrap();
    assert_eq!(&bytes[..len], b"bye");
    assert_eq!(rig.transports.counts().unsent, 0);
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_a_peer_that_does_not_read() {
    let bounds = Bounds {
        flush: Duration::from_millis(100),
        ..Bounds::default()
    };
    let mut rig = Rig::with(LOOPBACK, bounds);
    let mut phone = rig.connect().await;
    phone.write_all(options("one").as_bytes()).await.unwrap();
    let flow = rig.message().await.flow;
    while rig.seen.try_recv().is_err() {
        rig.send(1, flow, "x".repeat(60_000));
        tokio::task::yield_now().await;
    }
    timeout(LONG, rig.transports.shutdown()).await.unwrap();
    assert_eq!(rig.transports.connections(), 0);
}

#[tokio::test]
async fn transports_that_nobody_holds_stop() {
    let tasks = tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks();
    let rig = Rig::new();
    let mut phone = rig.connect().await;
    assert_alive(&mut phone).await;
    drop(rig.transports);
    assert_eq!(read_to_end(&mut phone).await, "");
    drop(phone);
    tasks_fall_to(tasks).await;
}
