use super::*;
use crate::Entropy;
use crate::limits;

#[tokio::test]
async fn a_message_that_trickles_is_cut_off_and_others_are_not() {
    let bounds = Bounds {
        message: Duration::from_millis(100),
        ..Bounds::default()
    };
    let mut rig = Rig::with(LOOPBACK, bounds);
    let mut honest = rig.connect().await;
    let mut slow = rig.connect().await;
    slow.write_all(b"INVITE sip:b@192.0.2.1 SIP/2.0\r\nVia: ")
        .await
        .unwrap();
    assert_eq!(read_to_end(&mut slow).await, "");
    rig.closed().await;
    assert_eq!(rig.transports.counts().overdue, 1);
    assert_alive(&mut honest).await;
    assert_eq!(rig.transports.connections(), 1);
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let bounds = Bounds {
        idle: Duration::from_millis(50),
        ..Bounds::default()
    };
    let mut rig = Rig::with(LOOPBACK, bounds);
    let mut phone = rig.connect().await;
    assert_eq!(read_to_end(&mut phone).await, "");
    rig.closed().await;
    assert_eq!(rig.transports.counts().overdue, 0);
}

#[tokio::test]
async fn a_stream_whose_length_lies_is_answered_400_and_closed() {
    let lies = [
        "Content-Length: -1",
        "Content-Length: 0\r\nContent-Length: 5",
        "Content-Length: 99999999999999999999",
        "Content-Length: 70000",
        "Content-Length: five",
        "X-None: 0",
    ];
    let mut rig = Rig::new();
    for lie in lies {
        let mut phone = rig.connect().await;
        let text = options("one") + &options("liar").replace("Content-Length: 0", lie);
        // What is behind the lie must neither be read nor turn the answer into a reset.
        let smuggled = text + &options("smuggled") + &"x".repeat(200_000);
        phone.write_all(smuggled.as_bytes()).await.unwrap();
        let answer = read_to_end(&mut phone).await;
        assert!(answer.starts_with("SIP/2.0 400 "), "{lie}: {answer}");
        assert!(answer.contains("Call-ID: liar\r\n"), "{lie}: {answer}");
        assert!(answer.contains("received=127.0.0.1"), "{lie}: {answer}");
        assert_eq!(rig.message().await.message.call_id(), Some("one"));
        drop(phone);
        rig.closed().await;
    }
    assert_eq!(rig.transports.counts().broken, 6);
    assert_eq!(rig.transports.counts().received, 6);
}

#[tokio::test]
async fn garbage_responses_and_acks_that_break_a_stream_are_not_answered() {
    let mut rig = Rig::new();
    let ack = options("ack").replace("OPTIONS", "ACK");
    for text in [
        "GET / HTTP/1.1\r\nHost: sbc\r\n\r\n".to_owned(),
        "SIP/2.0 200 OK\r\nCall-ID: r\r\nContent-Length: -1\r\n\r\n".to_owned(),
        ack.replace("Content-Length: 0", "Content-Length: -1"),
    ] {
        let mut phone = rig.connect().await;
        phone.write_all(text.as_bytes()).await.unwrap();
        assert_eq!(read_to_end(&mut phone).await, "", "{text}");
        drop(phone);
        rig.closed().await;
    }
}

#[tokio::test]
async fn one_source_has_its_share_of_connections_and_no_more() {
    let rig = Rig::new();
    let mut phones = Vec::new();
    for _ in 0..limits::CONNECTIONS_PER_SOURCE {
        let mut phone = rig.connect().await;
        assert_alive(&mut phone).await;
        phones.push(phone);
    }
    let mut late = rig.connect().await;
    assert_eq!(read_to_end(&mut late).await, "");
    assert_eq!(rig.transports.counts().refused, 1);
    assert_alive(&mut phones[0]).await;
    let other = tokio::net::TcpSocket::new_v4().unwrap();
    other.bind("127.0.0.3:0".parse().unwrap()).unwrap();
    assert_alive(&mut other.connect(rig.address(TCP)).await.unwrap()).await;
}

#[tokio::test]
async fn a_share_is_free_again_when_its_connection_is_gone() {
    let bounds = Bounds {
        per_source: 1,
        ..Bounds::default()
    };
    let mut rig = Rig::with(LOOPBACK, bounds);
    for _ in 0..3 {
        let mut phone = rig.connect().await;
        assert_alive(&mut phone).await;
        drop(phone);
        rig.closed().await;
    }
    assert_eq!(rig.transports.counts().refused, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_closes_inside_a_message_leave_nothing_behind() {
    let bounds = Bounds {
        per_source: 1000,
        ..Bounds::default()
    };
    let mut rig = Rig::with(LOOPBACK, bounds);
    let tasks = tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks();
    let mut entropy = Entropy::from_seed(1);
    let text = options("cut");
    for _ in 0..20 {
        for _ in 0..50 {
            let mut phone = rig.connect().await;
            let len = usize::try_from(entropy.below(text.len() as u64)).unwrap();
            phone.write_all(&text.as_bytes()[..len]).await.unwrap();
            if entropy.chance(0.5) {
                socket2::SockRef::from(&phone)
                    .set_linger(Some(Duration::ZERO))
                    .unwrap();
            }
        }
        for _ in 0..50 {
            rig.closed().await;
        }
    }
    assert_eq!(rig.transports.connections(), 0);
    tasks_fall_to(tasks).await;
    assert_alive(&mut rig.connect().await).await;
}

#[tokio::test]
async fn a_peer_that_does_not_read_costs_bounded_memory_and_every_owner_knows() {
    let bounds = Bounds {
        stall: Duration::from_millis(200),
        ..Bounds::default()
    };
    let mut rig = Rig::with(LOOPBACK, bounds);
    let mut phone = rig.connect().await;
    phone.write_all(options("one").as_bytes()).await.unwrap();
    let flow = rig.message().await.flow;
    let message = "x".repeat(10_000);
    let sent = 3_000;
    for owner in 0..sent {
        rig.send(owner, flow, message.clone());
        tokio::task::yield_now().await;
    }
    let mut failed = std::collections::BTreeSet::new();
    loop {
        match rig.next().await {
            Seen::Failed(owner, _) => assert!(failed.insert(owner), "told twice"),
            Seen::Closed(_) => break,
            Seen::Message(_) | Seen::Lost(..) => panic!("no message was sent"),
        }
    }
    assert!(failed.len() > 100, "{}", failed.len());
    let whole = read_to_end(&mut phone).await.len() / message.len();
    assert_eq!(whole + failed.len(), usize::try_from(sent).unwrap());
    assert_eq!(rig.transports.counts().overdue, 1);
}

#[tokio::test]
async fn a_panic_behind_a_message_costs_its_connection_only() {
    let mut rig = Rig::new();
    let mut other = rig.connect().await;
    assert_alive(&mut other).await;
    let mut phone = rig.connect().await;
    phone.write_all(options("panic").as_bytes()).await.unwrap();
    assert_eq!(read_to_end(&mut phone).await, "");
    assert_eq!(rig.transports.connections(), 1);
    other.write_all(options("after").as_bytes()).await.unwrap();
    assert_eq!(rig.message().await.message.call_id(), Some("after"));
}

/// Runs itself again in a process that may open few files: the limit is the process's.
#[test]
fn without_file_descriptors_connections_wait_and_are_accepted_later() {
    const CHILD: &str = "SBC_TEST_FEW_FILES";
    if std::env::var_os(CHILD).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        return runtime.block_on(starve());
    }
    let name = "without_file_descriptors_connections_wait_and_are_accepted_later";
    let path = format!("{}::{name}", module_path!().split_once("::").unwrap().1);
    let child = std::process::Command::new("sh")
        .args(["-c", "ulimit -n 64 && exec \"$0\" --exact \"$1\""])
        .arg(std::env::current_exe().unwrap())
        .arg(path)
        .env(CHILD, "1")
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&child.stdout);
    assert!(out.contains("1 passed"), "{out}");
}

async fn starve() {
    let rig = Rig::new();
    let mut early = rig.connect().await;
    assert_alive(&mut early).await;
    let mut files = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        files.push(file);
    }
    files.pop();
    let mut late = rig.connect().await;
    late.write_all(b"\r\n\r\n").await.unwrap();
    for _ in 0..10 {
        assert_alive(&mut early).await;
    }
    assert_eq!(rig.transports.connections(), 1);
    drop(files);
    assert_eq!(read_exactly(&mut late, 2).await, "\r\n");
}
