use super::*;
use tokio::net::TcpListener;

async fn peer() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn accept(listener: &TcpListener) -> TcpStream {
    let accepted = timeout(LONG, listener.accept()).await;
    accepted.expect("a connection comes in time").unwrap().0
}

#[tokio::test]
async fn two_messages_in_one_segment_are_two_messages() {
    let mut rig = Rig::new();
    let mut phone = rig.connect().await;
    let both = options("one") + &options("two");
    phone.write_all(both.as_bytes()).await.unwrap();
    let first = rig.message().await;
    let second = rig.message().await;
    assert_eq!(first.message.call_id(), Some("one"));
    assert_eq!(second.message.call_id(), Some("two"));
    assert_eq!(first.flow, second.flow);
    assert_eq!(first.flow.remote, phone.local_addr().unwrap());
    assert!(first.flow.connection.is_some());
    let via = first.message.via().unwrap();
    assert_eq!(via.param("received"), Some("127.0.0.1"));
}

#[tokio::test]
async fn a_message_in_segments_of_one_byte_is_one_message() {
    let mut rig = Rig::new();
    let mut phone = rig.connect().await;
    for byte in options("slow").as_bytes() {
        phone.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(rig.message().await.message.call_id(), Some("slow"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pipelined_messages_keep_their_order_both_ways() {
    let mut rig = Rig::new();
    let mut phone = rig.connect().await;
    let many: String = (0..1000).map(|n| options(&n.to_string())).collect();
    let (mut read, mut write) = phone.split();
    let writing = async { write.write_all(many.as_bytes()).await.unwrap() };
    let answering = async {
        for n in 0..1000_u64 {
            let incoming = rig.message().await;
            assert_eq!(incoming.message.call_id(), Some(&*n.to_string()));
            rig.send(n, incoming.flow, format!("{n:04}"));
        }
    };
    tokio::join!(writing, answering);
    let mut answers = vec![0; 4000];
    timeout(LONG, read.read_exact(&mut answers))
        .await
        .unwrap()
        .unwrap();
    let expected: String = (0..1000).map(|n| format!("{n:04}")).collect();
    assert_eq!(String::from_utf8(answers).unwrap(), expected);
}

#[tokio::test]
async fn a_response_goes_by_the_connection_of_its_request_whatever_its_address() {
    let mut rig = Rig::new();
    let (elsewhere, address) = peer().await;
    let mut phone = rig.connect().await;
    let request = options("one").replace(
        "192.0.2.9:5060",
        &format!("phone.invalid:{}", address.port()),
    );
    phone.write_all(request.as_bytes()).await.unwrap();
    let incoming = rig.message().await;
    let flow = incoming.flow.for_responses(&incoming.message);
    assert_eq!(flow.remote, address);
    rig.send(1, flow, "by the connection");
    assert_eq!(read_exactly(&mut phone, 17).await, "by the connection");

    // RFC 3261 §18.2.2: the connection is gone; one to its source address and the port of the Via
    // is opened.
    drop(phone);
    assert_eq!(Some(rig.closed().await), flow.connection);
    rig.send(2, flow, "by a new one");
    let mut answer = accept(&elsewhere).await;
    assert_eq!(read_exactly(&mut answer, 12).await, "by a new one");
}

#[tokio::test]
async fn requests_to_one_peer_share_a_connection_that_is_opened_again_when_gone() {
    let mut rig = Rig::new();
    let (listener, address) = peer().await;
    for n in 0..5 {
        rig.send(n, to(address), n.to_string());
    }
    let mut first = accept(&listener).await;
    assert_eq!(read_exactly(&mut first, 5).await, "01234");
    rig.send(5, to(address), "5");
    assert_eq!(read_exactly(&mut first, 1).await, "5");
    assert_eq!(rig.transports.connections(), 1);

    drop(first);
    rig.closed().await;
    assert_eq!(rig.transports.connections(), 0);
    rig.send(6, to(address), "again");
    let mut second = accept(&listener).await;
    assert_eq!(read_exactly(&mut second, 5).await, "again");
}

#[tokio::test]
async fn a_connection_carries_any_number_of_bytes_to_a_peer_that_reads() {
    let rig = Rig::new();
    let (listener, address) = peer().await;
    let message = "x".repeat(60_000);
    rig.send(0, to(address), &*message);
    let mut peer = accept(&listener).await;
    assert_eq!(read_exactly(&mut peer, message.len()).await, message);
    for owner in 1..50 {
        rig.send(owner, to(address), &*message);
        assert_eq!(read_exactly(&mut peer, message.len()).await, message);
    }
    assert_eq!(rig.transports.counts().unsent, 0);
}

#[tokio::test]
async fn a_peer_that_reads_late_gets_every_message_whole_and_in_order() {
    let mut rig = Rig::new();
    let (listener, address) = peer().await;
    let text = |n: u64| format!("{n:05}").repeat(2_001);
    let (mut sent, mut first_lost) = (0, None);
    while first_lost.is_none() {
        rig.send(sent, to(address), text(sent));
        sent += 1;
        tokio::task::yield_now().await;
        if let Ok(Seen::Failed(owner, _)) = rig.seen.try_recv() {
            first_lost = Some(owner);
        }
    }
    assert_eq!(first_lost, Some(sent - 1));
    let mut peer = accept(&listener).await;
    for n in 0..sent - 1 {
        assert_eq!(read_exactly(&mut peer, 10_005).await, text(n), "{n}");
    }
}

#[tokio::test]
async fn a_connection_that_is_being_closed_is_not_given_messages() {
    let mut rig = Rig::new();
    let (listener, address) = peer().await;
    rig.send(1, to(address), "hello");
    let mut first = accept(&listener).await;
    assert_eq!(read_exactly(&mut first, 5).await, "hello");
    first.write_all(b"garbage\r\n\r\n").await.unwrap();
    assert_eq!(read_to_end(&mut first).await, "");

    // We wait for the peer to close, who does not.
    rig.send(2, to(address), "elsewhere");
    let mut second = accept(&listener).await;
    assert_eq!(read_exactly(&mut second, 9).await, "elsewhere");
    drop(first);
    rig.closed().await;
    assert_eq!(rig.transports.connections(), 1);
}

#[tokio::test]
async fn what_comes_by_a_connection_that_we_opened_names_it_and_its_listener() {
    let mut rig = Rig::new();
    let (listener, address) = peer().await;
    rig.send(1, to(address), "hello");
    let mut peer = accept(&listener).await;
    peer.write_all(options("back").as_bytes()).await.unwrap();
    let incoming = rig.message().await;
    let connection = incoming.flow.connection;
    assert!(connection.is_some());
    let expected = Flow {
        connection,
        ..to(address)
    };
    assert_eq!(incoming.flow, expected);
    drop(peer);
    assert_eq!(Some(rig.closed().await), connection);
}

#[tokio::test]
async fn connections_are_opened_from_the_address_of_their_listener() {
    let ip = IpAddr::from([127, 0, 0, 2]);
    let rig = Rig::with(ip, Bounds::default());
    let (listener, address) = peer().await;
    rig.send(1, to(address), "hello");
    let peer = accept(&listener).await;
    assert_eq!(peer.peer_addr().unwrap().ip(), ip);
}

#[tokio::test]
async fn every_owner_that_waits_for_a_refused_connection_is_told_once() {
    let mut rig = Rig::new();
    let (listener, address) = peer().await;
    drop(listener);
    for owner in 0..3 {
        rig.send(owner, to(address), "hello");
    }
    for owner in 0..3 {
        assert_eq!(rig.failed().await, (owner, to(address)));
    }
    assert_eq!(rig.transports.connections(), 0);
    assert!(rig.seen.try_recv().is_err(), "nothing was ever open");
}

#[tokio::test]
async fn who_sent_by_a_connection_that_its_peer_closes_is_told_once() {
    let mut rig = Rig::new();
    let (listener, address) = peer().await;
    for owner in [LOSES, LOSES, LOSES + 1] {
        rig.send(owner, to(address), "hello");
    }
    let mut stream = accept(&listener).await;
    let mut hello = [0; 15];
    stream.read_exact(&mut hello).await.unwrap();
    drop(stream);
    for owner in [LOSES, LOSES + 1] {
        let Some(Seen::Lost(lost, flow)) = rig.seen.recv().await else {
            panic!("its owner is told before anything else");
        };
        assert_eq!((lost, flow), (owner, to(address)));
    }
    assert!(matches!(rig.seen.recv().await, Some(Seen::Closed(_))));
}

#[tokio::test]
async fn a_peer_that_does_not_answer_a_connect_is_given_up_in_time() {
    let bounds = Bounds {
        connect: Duration::from_millis(100),
        ..Bounds::default()
    };
    let mut rig = Rig::with(LOOPBACK, bounds);
    // A listener whose backlog is full drops further SYNs.
    let full = std::net::TcpListener::bind((LOOPBACK, 0)).unwrap();
    socket2::SockRef::from(&full).listen(0).unwrap();
    let address = full.local_addr().unwrap();
    let _fill = std::net::TcpStream::connect(address).unwrap();
    rig.send(1, to(address), "hello");
    assert_eq!(rig.failed().await, (1, to(address)));
}

#[tokio::test]
async fn a_message_with_another_way_waits_less_for_a_connection_than_one_without() {
    let bounds = Bounds {
        connect: 2 * LONG,
        connect_or_udp: Duration::from_millis(100),
        ..Bounds::default()
    };
    let mut rig = Rig::with(LOOPBACK, bounds);
    let full = std::net::TcpListener::bind((LOOPBACK, 0)).unwrap();
    socket2::SockRef::from(&full).listen(0).unwrap();
    let address = full.local_addr().unwrap();
    let _fill = std::net::TcpStream::connect(address).unwrap();
    let hurried = || Transmit {
        hurried: true,
        ..Transmit::new(to(address), Bytes::from_static(b"hello"))
    };
    rig.transports.send(1, hurried());
    assert_eq!(rig.failed().await, (1, to(address)));
    while rig.transports.connections() > 0 {
        tokio::task::yield_now().await;
    }
    // One that has no other way keeps the attempt alive, and waits on.
    rig.send(2, to(address), "hello");
    rig.transports.send(3, hurried());
    assert_eq!(rig.failed().await, (3, to(address)));
    assert_eq!(rig.transports.connections(), 1);
    assert!(rig.seen.try_recv().is_err(), "the other one waits");
}

#[tokio::test]
async fn what_waited_for_a_connection_is_sent_in_order_hurried_or_not() {
    let rig = Rig::new();
    let (listener, address) = peer().await;
    for (n, hurried) in [true, false, true].into_iter().enumerate() {
        let bytes = Bytes::from(n.to_string());
        let transmit = Transmit::new(to(address), bytes);
        rig.transports.send(
            1,
            Transmit {
                hurried,
                ..transmit
            },
        );
    }
    let mut stream = accept(&listener).await;
    assert_eq!(read_exactly(&mut stream, 3).await, "012");
}

#[tokio::test]
async fn a_peer_of_the_other_family_cannot_be_reached_and_that_is_told() {
    let mut rig = Rig::new();
    let address = "[::1]:5060".parse().unwrap();
    rig.send(1, to(address), "hello");
    assert_eq!(rig.failed().await, (1, to(address)));
}

#[tokio::test]
async fn a_ping_is_answered_by_a_pong_and_a_pong_by_nothing() {
    let mut rig = Rig::new();
    let mut phone = rig.connect().await;
    assert_alive(&mut phone).await;
    phone
        .write_all(format!("\r\n\r\n{}", options("one")).as_bytes())
        .await
        .unwrap();
    assert_eq!(read_exactly(&mut phone, 2).await, "\r\n");
    assert_eq!(rig.message().await.message.call_id(), Some("one"));
    assert_eq!(rig.transports.counts().keep_alives, 2);
}
