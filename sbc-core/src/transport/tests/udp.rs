use super::*;
use tokio::net::UdpSocket;

async fn phone(rig: &Rig) -> UdpSocket {
    let ip = rig.address(UDP).ip();
    let socket = UdpSocket::bind(SocketAddr::new(ip, 0)).await.unwrap();
    socket.connect(rig.address(UDP)).await.unwrap();
    socket
}

async fn receive(socket: &UdpSocket) -> String {
    let mut bytes = vec![0; 2048];
    let len = timeout(LONG, socket.recv(&mut bytes)).await;
    bytes.truncate(len.expect("a datagram comes in time").unwrap());
    String::from_utf8(bytes).unwrap()
}

async fn request_and_answer(mut rig: Rig) {
    let phone = phone(&rig).await;
    let address = phone.local_addr().unwrap();
    phone.send(options("one").as_bytes()).await.unwrap();

    let incoming = rig.message().await;
    assert_eq!(incoming.message.call_id(), Some("one"));
    let flow = Flow {
        listener: UDP,
        transport: Transport::Udp,
        remote: address,
        connection: None,
    };
    assert_eq!(incoming.flow, flow);
    let via = incoming.message.via().unwrap();
    assert_eq!(via.param("received"), Some(&*address.ip().to_string()));
    assert_eq!(via.param("rport"), Some(&*address.port().to_string()));

    rig.send(1, flow, "SIP/2.0 200 OK\r\n\r\n");
    assert_eq!(receive(&phone).await, "SIP/2.0 200 OK\r\n\r\n");
}

#[tokio::test]
async fn a_request_has_its_source_in_its_via_and_is_answered_to_it() {
    request_and_answer(Rig::new()).await;
}

#[tokio::test]
async fn the_same_over_ipv6_where_there_is_ipv6() {
    let ip = IpAddr::V6(std::net::Ipv6Addr::LOCALHOST);
    if std::net::UdpSocket::bind((ip, 0)).is_ok() {
        request_and_answer(Rig::with(ip, Bounds::default())).await;
    }
}

#[tokio::test]
async fn datagrams_are_delivered_in_the_order_in_which_they_came() {
    let mut rig = Rig::new();
    let phone = phone(&rig).await;
    for n in 0..300 {
        let text = options(&n.to_string());
        phone.send(text.as_bytes()).await.unwrap();
    }
    for n in 0..300 {
        let incoming = rig.message().await;
        assert_eq!(incoming.message.call_id(), Some(&*n.to_string()));
    }
}

#[tokio::test]
async fn datagrams_are_sent_in_the_order_in_which_they_were_given() {
    let rig = Rig::new();
    let phone = phone(&rig).await;
    let flow = Flow {
        listener: UDP,
        transport: Transport::Udp,
        remote: phone.local_addr().unwrap(),
        connection: None,
    };
    for n in 0..100 {
        rig.send(n, flow, n.to_string());
    }
    for n in 0..100 {
        assert_eq!(receive(&phone).await, n.to_string());
    }
}

#[tokio::test]
async fn keep_alives_garbage_and_short_responses_are_dropped_and_counted() {
    let mut rig = Rig::new();
    let phone = phone(&rig).await;
    let short = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa\r\n\
                 From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: short\r\n\
                 CSeq: 1 OPTIONS\r\nContent-Length: 99\r\n\r\nbody";
    for text in [
        "\r\n\r\n",
        "\r\n",
        "\0\u{1}\u{2}",
        "GET / HTTP/1.1\r\n\r\n",
        "",
        short,
    ] {
        phone.send(text.as_bytes()).await.unwrap();
    }
    phone.send(options("after").as_bytes()).await.unwrap();
    let incoming = rig.message().await;
    assert_eq!(incoming.message.call_id(), Some("after"));
    let counts = rig.transports.counts();
    assert_eq!(counts.keep_alives + counts.unreadable, 6);
    assert!(counts.keep_alives >= 2);
    assert_eq!(counts.received, 1);
}

#[tokio::test]
async fn a_panic_behind_a_datagram_costs_that_datagram_only() {
    let mut rig = Rig::new();
    let phone = phone(&rig).await;
    for call_id in ["panic", "after"] {
        phone.send(options(call_id).as_bytes()).await.unwrap();
    }
    let incoming = rig.message().await;
    assert_eq!(incoming.message.call_id(), Some("after"));
    assert_eq!(rig.transports.counts().panics, 1);
}

#[tokio::test]
async fn a_datagram_that_cannot_be_sent_is_told_to_its_owner() {
    let mut rig = Rig::new();
    let phone = phone(&rig).await;
    let flow = Flow {
        listener: UDP,
        transport: Transport::Udp,
        remote: phone.local_addr().unwrap(),
        connection: None,
    };
    // Once while the socket is new and sends by its task, once when it sends at once.
    for owner in [6, 7] {
        rig.send(owner, flow, "x".repeat(70_000));
        assert_eq!(rig.failed().await, (owner, flow));
        rig.send(0, flow, "short enough");
        assert_eq!(receive(&phone).await, "short enough");
    }
    let wrong = Flow {
        transport: Transport::Tcp,
        ..flow
    };
    rig.send(8, wrong, "x");
    assert_eq!(rig.failed().await, (8, wrong));
}
