use super::super::tests::{at, ms};
use super::*;
use crate::net::ListenerId;
use crate::sip::HeaderName;
use crate::transport::{ConnectionId, Transport};
use proptest::prelude::*;

const BRANCH: &str = "z9hG4bKone";

fn flow(transport: Transport) -> Flow {
    Flow {
        listener: ListenerId(0),
        transport,
        remote: "192.0.2.7:5060".parse().unwrap(),
        connection: None,
    }
}

fn udp() -> Flow {
    flow(Transport::Udp)
}

fn tcp() -> Flow {
    flow(Transport::Tcp)
}

fn parse(text: &str) -> Message {
    let message = Message::parse_datagram(Bytes::copy_from_slice(text.as_bytes())).unwrap();
    assert!(message.defects().is_empty(), "{:?}", message.defects());
    message
}

fn request(method: &str, branch: &str) -> Message {
    request_of(method, "192.0.2.1:5070", branch, 7)
}

fn request_of(method: &str, sent_by: &str, branch: &str, cseq: u32) -> Message {
    parse(&format!(
        "{method} sip:bob@192.0.2.7 SIP/2.0\r\n\
         Via: SIP/2.0/UDP {sent_by};branch={branch}\r\n\
         Route: <sip:p1.example.com;lr>\r\n\
         Route: <sip:p2.example.com;lr>\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:alice@example.com>;tag=a\r\n\
         To: <sip:bob@example.com>\r\n\
         Call-ID: call-1\r\n\
         CSeq: {cseq} {method}\r\n\
         Contact: <sip:alice@192.0.2.1>\r\n\
         Content-Length: 0\r\n\r\n"
    ))
}

fn response(request: &Message, status: u16) -> Message {
    let status = StatusCode::of(status);
    Message::reply_to(request, status, status.reason(), Some("b"))
}

/// A set with what it last said.
#[derive(Default)]
struct Bench {
    set: TransactionSet,
    out: Vec<TxOutput>,
}

impl Bench {
    fn send(&mut self, flow: Flow, request: &Message) -> TxId {
        self.send_at(0, flow, request)
    }

    fn send_at(&mut self, now: u64, flow: Flow, request: &Message) -> TxId {
        self.out.clear();
        self.set.send_request(at(now), flow, request, &mut self.out)
    }

    fn receive(&mut self, now: u64, response: &Message) -> bool {
        self.out.clear();
        let response = Box::new(response.clone());
        self.set.on_response(at(now), response, &mut self.out)
    }

    fn request(&mut self, now: u64, flow: Flow, request: &Message) -> Option<TxId> {
        self.out.clear();
        self.set.on_request(at(now), flow, request, &mut self.out)
    }

    fn respond(&mut self, now: u64, tx: TxId, response: &Message) {
        self.out.clear();
        self.set.respond(at(now), tx, response, &mut self.out);
    }

    /// Runs the clock to the next deadline and acts on it.
    fn tick(&mut self) -> Option<u64> {
        self.out.clear();
        let now = self.set.poll_timeout()?;
        self.set.on_timeout(now, &mut self.out);
        Some(ms(now))
    }

    /// The first lines of what was sent.
    fn sent(&self) -> Vec<String> {
        let text = |output: &TxOutput| match output {
            TxOutput::Transmit(transmit) => {
                let text = String::from_utf8(transmit.bytes.to_vec()).unwrap();
                Some(text.lines().next().unwrap().to_owned())
            }
            _ => None,
        };
        self.out.iter().filter_map(text).collect()
    }

    /// What the owner was told: statuses, `timed out`, `failed`, `ack missing`.
    fn told(&self) -> Vec<String> {
        let word = |output: &TxOutput| match output {
            TxOutput::Transmit(_) => None,
            TxOutput::AckMissing(_) => Some("ack missing".to_owned()),
            TxOutput::Client { outcome, .. } => Some(match outcome {
                Outcome::Response(response) => response.status().unwrap().to_string(),
                Outcome::TimedOut => "timed out".to_owned(),
                Outcome::TransportFailed => "failed".to_owned(),
            }),
        };
        self.out.iter().filter_map(word).collect()
    }

    fn is_empty(&self) -> bool {
        self.set.clients.is_empty() && self.set.servers.is_empty()
    }
}

#[test]
fn an_unanswered_invite_is_sent_again_and_ends_with_a_timeout() {
    let mut bench = Bench::default();
    let tx = bench.send(udp(), &request("INVITE", BRANCH));
    assert_eq!(bench.sent(), ["INVITE sip:bob@192.0.2.7 SIP/2.0"]);
    assert!(bench.set.is_pending(tx) && bench.set.is_busy());
    for due in [500, 1500, 3500, 7500, 15_500, 31_500] {
        assert_eq!(bench.tick(), Some(due));
        assert_eq!(bench.sent(), ["INVITE sip:bob@192.0.2.7 SIP/2.0"]);
    }
    assert_eq!(bench.tick(), Some(32_000));
    assert_eq!(bench.told(), ["timed out"]);
    assert!(bench.is_empty() && !bench.set.is_pending(tx));
    assert_eq!(bench.tick(), None);
}

#[test]
fn a_refusal_is_acknowledged_as_rfc_3261_17_1_1_3_says() {
    let mut bench = Bench::default();
    let invite = request("INVITE", BRANCH);
    bench.send(udp(), &invite);
    assert!(bench.receive(10, &response(&invite, 486)));
    assert_eq!(bench.told(), ["486"]);
    let [TxOutput::Transmit(ack), TxOutput::Client { .. }] = &bench.out[..] else {
        panic!("the ACK goes first: {:?}", bench.out);
    };
    let ack = Message::parse_datagram(ack.bytes.clone()).unwrap();
    assert!(ack.defects().is_empty());
    assert_eq!(ack.method(), Some(&Method::Ack));
    assert_eq!(ack.request_uri(), invite.request_uri());
    assert_eq!(ack.branch(), Some(BRANCH));
    assert_eq!(ack.header_lines(&HeaderName::Via).count(), 1);
    assert_eq!(
        ack.header_lines(&HeaderName::Route).collect::<Vec<_>>(),
        ["<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>"]
    );
    assert_eq!((ack.from_tag(), ack.to_tag()), (Some("a"), Some("b")));
    assert_eq!(ack.call_id(), Some("call-1"));
    assert_eq!(ack.cseq().map(|c| c.number), Some(7));
    assert!(ack.header(&HeaderName::Contact).is_none());
}

#[test]
fn a_refusal_that_comes_again_gets_its_ack_again_and_is_not_passed_up() {
    let mut bench = Bench::default();
    let invite = request("INVITE", BRANCH);
    let tx = bench.send(udp(), &invite);
    let refusal = response(&invite, 503);
    bench.receive(10, &refusal);
    assert!(!bench.set.is_pending(tx) && !bench.set.is_busy());
    assert!(bench.receive(500, &refusal));
    assert_eq!(bench.sent(), ["ACK sip:bob@192.0.2.7 SIP/2.0"]);
    assert!(bench.told().is_empty());
    assert_eq!(bench.tick(), Some(32_010));
    assert!(bench.is_empty());
}

#[test]
fn every_2xx_is_passed_up_until_timer_m() {
    let mut bench = Bench::default();
    let invite = request("INVITE", BRANCH);
    bench.send(tcp(), &invite);
    for (now, status) in [(1, 100), (2, 183), (3, 200), (500, 200)] {
        assert!(bench.receive(now, &response(&invite, status)));
        assert_eq!(bench.told(), [status.to_string()]);
        assert!(bench.sent().is_empty());
    }
    assert_eq!(bench.tick(), Some(32_003));
    assert!(bench.is_empty());
    assert!(!bench.receive(32_004, &response(&invite, 200)));
}

#[test]
fn a_response_matches_by_branch_and_method() {
    let mut bench = Bench::default();
    let (invite, cancel) = (request("INVITE", BRANCH), request("CANCEL", BRANCH));
    let call = bench.send(udp(), &invite);
    bench.receive(1, &response(&invite, 180));
    let stop = bench.send(udp(), &cancel);
    assert!(bench.receive(2, &response(&cancel, 200)));
    assert!(matches!(bench.out[..], [TxOutput::Client { tx, .. }] if tx == stop));
    assert!(bench.set.is_pending(call) && !bench.set.is_pending(stop));
    assert!(!bench.receive(3, &response(&request("INVITE", "z9hG4bKtwo"), 200)));
    assert!(!bench.receive(3, &response(&request("BYE", BRANCH), 200)));
    assert!(bench.receive(4, &response(&invite, 487)));
    assert!(!bench.set.is_busy());
}

#[test]
fn the_earliest_deadline_of_both_kinds_comes_first() {
    let mut bench = Bench::default();
    assert_eq!(bench.set.poll_timeout(), None);
    bench.request(0, udp(), &request("INFO", "z9hG4bKtheirs"));
    assert_eq!(bench.set.poll_timeout(), Some(at(3500)));
    bench.send(udp(), &request("INFO", "z9hG4bKours"));
    assert_eq!(bench.set.poll_timeout(), Some(at(500)));
}

#[test]
fn what_is_forgotten_is_a_stranger() {
    let mut bench = Bench::default();
    let invite = request("INVITE", BRANCH);
    let tx = bench.send(udp(), &invite);
    bench.set.forget(tx);
    assert!(!bench.receive(1, &response(&invite, 200)));
    assert!(bench.is_empty());
}

#[test]
fn a_transport_error_fails_what_waits_on_that_way_and_had_no_response() {
    let on = |connection| Flow {
        connection: Some(ConnectionId(connection)),
        ..tcp()
    };
    let mut bench = Bench::default();
    let ringing = request("INVITE", "z9hG4bKringing");
    bench.send(tcp(), &ringing);
    bench.receive(1, &response(&ringing, 180));
    bench.send(on(1), &request("INFO", "z9hG4bKfirst"));
    bench.send(on(2), &request("INFO", "z9hG4bKsecond"));
    bench.send(udp(), &request("INFO", "z9hG4bKudp"));
    bench.out.clear();
    bench.set.on_transport_error(&on(2), &mut bench.out);
    assert_eq!(bench.told(), ["failed"]);
    bench.out.clear();
    bench.set.on_transport_error(&tcp(), &mut bench.out);
    assert_eq!(bench.told(), ["failed"]);
    assert_eq!(bench.set.clients.len(), 2, "the one that rings, and UDP");
    assert!(bench.receive(2, &response(&ringing, 200)));
}

#[test]
fn an_invite_that_comes_again_gets_the_last_provisional_response() {
    let mut bench = Bench::default();
    let invite = request("INVITE", BRANCH);
    let tx = bench.request(0, udp(), &invite).unwrap();
    assert_eq!(bench.set.flow(tx), Some(udp()));
    assert_eq!(bench.set.last_response(tx), None);
    assert_eq!(bench.request(1, udp(), &invite), None);
    assert!(bench.sent().is_empty());
    bench.respond(2, tx, &response(&invite, 100));
    bench.respond(3, tx, &response(&invite, 180));
    assert_eq!(bench.sent(), ["SIP/2.0 180 Ringing"]);
    assert_eq!(bench.request(4, udp(), &invite), None);
    assert_eq!(bench.sent(), ["SIP/2.0 180 Ringing"]);
    let last = bench.set.last_response(tx).unwrap();
    assert_eq!(
        last,
        (StatusCode::of(180), response(&invite, 180).to_bytes())
    );
    assert!(!bench.set.is_busy());
}

#[test]
fn after_a_2xx_the_invite_is_absorbed_and_the_owner_repeats_the_2xx() {
    let mut bench = Bench::default();
    let invite = request("INVITE", BRANCH);
    let tx = bench.request(0, tcp(), &invite).unwrap();
    for _ in 0..2 {
        bench.respond(1, tx, &response(&invite, 200));
        assert_eq!(bench.sent(), ["SIP/2.0 200 OK"]);
    }
    assert_eq!(bench.request(2, tcp(), &invite), None);
    assert!(bench.sent().is_empty());
    bench.respond(3, tx, &response(&invite, 500));
    assert!(bench.sent().is_empty());
    // Some phones put the branch of the INVITE on the ACK of its 2xx.
    assert!(!bench.set.on_ack(at(4), &request("ACK", BRANCH)));
    assert!(!bench.set.on_ack(at(4), &request("ACK", "z9hG4bKtwo")));
    assert_eq!(bench.tick(), Some(32_001));
    assert!(bench.is_empty());
}

#[test]
fn a_refusal_is_sent_again_until_its_ack_comes() {
    let mut bench = Bench::default();
    let invite = request("INVITE", BRANCH);
    let tx = bench.request(0, udp(), &invite).unwrap();
    bench.respond(0, tx, &response(&invite, 404));
    assert!(bench.set.is_busy());
    assert_eq!(bench.tick(), Some(500));
    assert_eq!(bench.sent(), ["SIP/2.0 404 Not Found"]);
    assert_eq!(bench.request(600, udp(), &invite), None);
    assert_eq!(bench.sent(), ["SIP/2.0 404 Not Found"]);
    assert!(bench.set.on_ack(at(1000), &request("ACK", BRANCH)));
    assert!(bench.set.on_ack(at(1001), &request("ACK", BRANCH)));
    assert!(!bench.set.is_busy());
    assert_eq!(bench.tick(), Some(6000));
    assert!(bench.is_empty());
}

#[test]
fn an_ack_that_never_comes_is_told() {
    let mut bench = Bench::default();
    let invite = request("INVITE", BRANCH);
    let tx = bench.request(0, tcp(), &invite).unwrap();
    bench.respond(0, tx, &response(&invite, 404));
    assert_eq!(bench.tick(), Some(32_000));
    assert_eq!(bench.told(), ["ack missing"]);
    assert!(bench.is_empty());
}

#[test]
fn a_cancel_finds_its_invite_and_is_a_transaction_of_its_own() {
    let mut bench = Bench::default();
    let (invite, cancel) = (request("INVITE", BRANCH), request("CANCEL", BRANCH));
    let call = bench.request(0, udp(), &invite).unwrap();
    let stop = bench.request(1, udp(), &cancel).unwrap();
    assert_ne!(call, stop);
    assert_eq!(bench.set.cancelled_by(&cancel), Some(call));
    bench.respond(2, call, &response(&invite, 486));
    assert_eq!(bench.set.cancelled_by(&cancel), Some(call));
    let other = request("CANCEL", "z9hG4bKtwo");
    assert_eq!(bench.set.cancelled_by(&other), None);
    assert!(bench.request(3, udp(), &other).is_some());
    assert_eq!(bench.set.cancelled_by(&other), None);
}

#[test]
fn the_same_branch_of_another_sender_is_another_transaction() {
    let mut bench = Bench::default();
    let from = |sent_by| request_of("INVITE", sent_by, BRANCH, 7);
    assert!(bench.request(0, udp(), &from("192.0.2.1:5070")).is_some());
    assert!(bench.request(0, udp(), &from("192.0.2.1")).is_some());
    assert!(bench.request(0, udp(), &from("pbx.example.com")).is_some());
    assert!(bench.request(0, udp(), &from("pbx.example.com")).is_none());
}

#[test]
fn without_magic_cookie_requests_match_by_their_headers() {
    for branch in ["1", "z9hG4bK"] {
        let with = |method, cseq| request_of(method, "192.0.2.1", branch, cseq);
        let mut bench = Bench::default();
        let invite = with("INVITE", 7);
        let tx = bench.request(0, udp(), &invite).unwrap();
        assert_eq!(bench.request(1, udp(), &invite), None);
        assert_eq!(bench.set.cancelled_by(&with("CANCEL", 7)), Some(tx));
        assert_eq!(bench.set.cancelled_by(&with("CANCEL", 8)), None);
        assert!(bench.request(1, udp(), &with("INVITE", 8)).is_some());
        let mut tagged = with("INVITE", 7);
        let to = "<sip:bob@example.com>;tag=x";
        tagged.set(HeaderName::To, to).unwrap();
        assert!(bench.request(1, udp(), &tagged).is_some());
        bench.respond(2, tx, &response(&invite, 486));

        let mut ack = with("ACK", 7);
        assert!(!bench.set.on_ack(at(3), &ack), "To has no tag yet");
        let set_to = |ack: &mut Message, to| ack.set(HeaderName::To, to).unwrap();
        set_to(&mut ack, "<sip:bob@example.com>;tag=b");
        assert!(bench.set.on_ack(at(3), &ack));
        assert!(!bench.set.is_busy());
        assert!(bench.set.take_residues(at(4)).is_empty());
    }
}

#[test]
fn a_request_without_answer_gets_100_after_3_5_s_and_no_final_response_after_32_s() {
    let mut bench = Bench::default();
    let info = request("INFO", BRANCH);
    let tx = bench.request(0, udp(), &info).unwrap();
    assert_eq!(bench.request(1, udp(), &info), None);
    assert!(bench.sent().is_empty());
    assert_eq!(bench.tick(), Some(3500));
    assert_eq!(bench.sent(), ["SIP/2.0 100 Trying"]);
    assert_eq!(bench.request(3600, udp(), &info), None);
    assert_eq!(bench.sent(), ["SIP/2.0 100 Trying"]);
    assert_eq!(bench.tick(), Some(32_000));
    assert!(bench.is_empty());
    bench.respond(32_001, tx, &response(&info, 200));
    assert!(bench.sent().is_empty());
}

#[test]
fn an_answered_request_is_answered_again_for_32_s() {
    let mut bench = Bench::default();
    let bye = request("BYE", BRANCH);
    let tx = bench.request(0, udp(), &bye).unwrap();
    bench.respond(0, tx, &response(&bye, 200));
    assert_eq!(bench.request(31_999, udp(), &bye), None);
    assert_eq!(bench.sent(), ["SIP/2.0 200 OK"]);
    assert!(!bench.set.is_busy());
    assert_eq!(bench.tick(), Some(32_000));
    assert!(bench.request(32_001, udp(), &bye).is_some());
}

#[test]
fn too_many_open_requests_are_refused_but_never_the_end_of_a_call() {
    let mut bench = Bench::default();
    let numbered = |method, n: usize| request(method, &format!("z9hG4bK{method}{n}"));
    let mut open = Vec::new();
    for n in 0..limits::LEG_TRANSACTIONS {
        open.extend(bench.request(0, udp(), &numbered("INFO", n)));
    }
    assert_eq!(open.len(), limits::LEG_TRANSACTIONS);
    assert_eq!(bench.request(1, udp(), &numbered("INFO", 99)), None);
    assert_eq!(bench.sent(), ["SIP/2.0 503 Service Unavailable"]);
    assert!(bench.request(1, udp(), &numbered("BYE", 99)).is_some());
    bench.respond(2, open[0], &response(&numbered("INFO", 0), 200));
    bench.respond(2, open[1], &response(&numbered("INFO", 1), 200));
    assert!(bench.request(3, udp(), &numbered("INFO", 99)).is_some());
}

#[test]
fn what_lingers_is_bounded_and_the_oldest_goes_first() {
    let mut bench = Bench::default();
    let numbered = |n: usize| request("INFO", &format!("z9hG4bK{n}"));
    for n in 0..=limits::LEG_LINGERING {
        let tx = bench.request(0, udp(), &numbered(n)).unwrap();
        bench.respond(0, tx, &response(&numbered(n), 200));
        bench.send(udp(), &numbered(n));
        bench.receive(0, &response(&numbered(n), 200));
    }
    assert_eq!(bench.set.servers.len(), limits::LEG_LINGERING);
    assert_eq!(bench.set.clients.len(), limits::LEG_LINGERING);
    assert!(bench.request(1, udp(), &numbered(0)).is_some());
    assert!(bench.request(1, udp(), &numbered(2)).is_none());
}

/// One transaction of each kind that lingers, and one of each that does not.
fn a_leg_at_its_end() -> (Bench, Transmit) {
    let mut bench = Bench::default();
    let invite = |name: &str| request("INVITE", &format!("z9hG4bK{name}"));
    let info = |name: &str| request("INFO", &format!("z9hG4bK{name}"));

    bench.send(udp(), &invite("refused"));
    bench.receive(0, &response(&invite("refused"), 486));
    let accepted = bench.send(udp(), &invite("accepted"));
    bench.receive(0, &response(&invite("accepted"), 200));
    let ack = Transmit::new(udp(), Bytes::from_static(b"the ACK"));
    bench.set.acknowledged(accepted, ack.clone());
    bench.send(udp(), &info("told"));
    bench.receive(0, &response(&info("told"), 200));
    bench.send(udp(), &info("waits"));

    let tx = bench.request(0, udp(), &invite("taken")).unwrap();
    bench.respond(0, tx, &response(&invite("taken"), 200));
    let tx = bench.request(0, udp(), &invite("denied")).unwrap();
    bench.respond(0, tx, &response(&invite("denied"), 403));
    assert!(bench.set.on_ack(at(0), &request("ACK", "z9hG4bKdenied")));
    let tx = bench.request(0, udp(), &info("heard")).unwrap();
    bench.respond(0, tx, &response(&info("heard"), 200));
    let tx = bench.request(0, udp(), &invite("unacknowledged")).unwrap();
    bench.respond(0, tx, &response(&invite("unacknowledged"), 403));
    (bench, ack)
}

#[test]
fn what_lingers_goes_to_the_wheel_and_the_rest_stays() {
    let (mut bench, ack) = a_leg_at_its_end();
    let residues = bench.set.take_residues(at(1));
    let seen: Vec<_> = residues
        .iter()
        .map(|r| (&r.branch[7..], r.server, r.answer.is_some(), ms(r.until)))
        .collect();
    assert_eq!(
        seen,
        [
            ("refused", false, true, 32_000),
            ("accepted", false, true, 32_000),
            ("told", false, false, 5000),
            ("taken", true, false, 32_000),
            ("denied", true, false, 5000),
            ("heard", true, true, 32_000),
        ]
    );
    assert_eq!(residues[1].answer, Some(ack));
    assert_eq!(residues[1].method, Method::Invite);
    assert_eq!((bench.set.clients.len(), bench.set.servers.len()), (1, 1));
    assert!(bench.set.is_busy());
    assert!(bench.set.take_residues(at(1)).is_empty());
}

#[test]
fn what_has_run_out_leaves_no_residue() {
    let (mut bench, _) = a_leg_at_its_end();
    let left = bench.set.take_residues(at(5000));
    assert!(left.iter().all(|r| ms(r.until) == 32_000));
    assert_eq!(left.len(), 4);
}

/// A random run of a set, with what it said.
#[derive(Default)]
struct Run {
    bench: Bench,
    now: u64,
    sent: Vec<(TxId, Message)>,
    open: Vec<(TxId, Message)>,
    said: Vec<TxOutput>,
}

impl Run {
    fn step(&mut self, (what, pick, is_invite, reliable): (u8, usize, bool, bool)) {
        let flow = if reliable { tcp() } else { udp() };
        let method = if is_invite { "INVITE" } else { "INFO" };
        match what {
            0 => {
                let branch = format!("z9hG4bK{}", self.sent.len());
                let message = request(method, &branch);
                let tx = self.bench.send_at(self.now, flow, &message);
                self.sent.push((tx, message));
            }
            1 if !self.sent.is_empty() => {
                let (_, message) = &self.sent[pick % self.sent.len()];
                let status = [100, 180, 200, 486][pick % 4];
                self.bench.receive(self.now, &response(message, status));
            }
            2 => {
                let message = request(method, &format!("z9hG4bK{}", pick % 6));
                let tx = self.bench.request(self.now, flow, &message);
                self.open.extend(tx.map(|tx| (tx, message)));
            }
            3 => {
                let ack = request("ACK", &format!("z9hG4bK{}", pick % 6));
                self.bench.set.on_ack(at(self.now), &ack);
            }
            4 => {
                let out = &mut self.bench.out;
                self.bench.set.on_transport_error(&flow, out);
            }
            _ => {
                let out = &mut self.bench.out;
                self.bench.set.on_timeout(at(self.now), out);
            }
        }
        self.said.append(&mut self.bench.out);
    }

    /// The owner answers all, the peers answer what has no timer, and time does the rest.
    fn settle(&mut self) {
        for (tx, message) in std::mem::take(&mut self.open) {
            self.bench.respond(self.now, tx, &response(&message, 486));
        }
        for (tx, message) in &self.sent {
            if self.bench.set.is_pending(*tx) {
                self.bench.receive(self.now, &response(message, 487));
                self.said.append(&mut self.bench.out);
            }
        }
        while let Some(due) = self.bench.set.poll_timeout() {
            assert!(ms(due) <= self.now + 64_000, "a deadline that runs away");
            self.bench.out.clear();
            let now = due.max(at(self.now));
            self.bench.set.on_timeout(now, &mut self.bench.out);
            self.said.append(&mut self.bench.out);
        }
    }

    /// How often the owner heard of an end of this transaction, further 2xx left out.
    fn ends(&self, of: TxId) -> usize {
        let mut accepted = false;
        let is_end = move |output: &&TxOutput| match output {
            TxOutput::Client { tx, outcome, .. } if *tx == of => match outcome {
                Outcome::Response(r) if r.status().unwrap().is_success() => {
                    !std::mem::replace(&mut accepted, true)
                }
                Outcome::Response(r) => r.status().unwrap().is_final(),
                Outcome::TimedOut | Outcome::TransportFailed => true,
            },
            _ => false,
        };
        self.said.iter().filter(is_end).count()
    }
}

proptest! {
    #[test]
    fn every_client_transaction_has_one_end_and_nothing_stays(
        steps in proptest::collection::vec(
            ((0_u8..7, any::<usize>(), any::<bool>(), any::<bool>()), 0_u64..9000),
            0..60,
        ),
    ) {
        let mut run = Run::default();
        for (step, pause) in steps {
            run.now += pause;
            run.step(step);
        }
        run.settle();
        prop_assert!(run.bench.is_empty());
        for (tx, _) in &run.sent {
            prop_assert_eq!(run.ends(*tx), 1);
        }
    }
}

fn large(bench: &mut Bench, method: &str) -> TxId {
    bench.out.clear();
    let detour = Detour {
        flow: udp(),
        request: request(method, "z9hG4bKudp"),
    };
    let by_tcp = request(method, "z9hG4bKtcp");
    bench
        .set
        .send_large_request(at(0), tcp(), &by_tcp, detour, &mut bench.out)
}

fn takes_detour(bench: &mut Bench, now: u64, unsent: Flow) -> bool {
    bench.out.clear();
    bench.set.take_detours(at(now), &unsent, &mut bench.out)
}

#[test]
fn what_tcp_does_not_take_goes_by_udp_in_a_transaction_that_its_owner_knows() {
    for method in ["INVITE", "UPDATE"] {
        let mut bench = Bench::default();
        let tx = large(&mut bench, method);
        let hurried = |out: &[TxOutput]| match out {
            [TxOutput::Transmit(t)] => (t.flow, t.hurried),
            other => panic!("{other:?}"),
        };
        assert_eq!(hurried(&bench.out), (tcp(), true));
        assert!(!takes_detour(&mut bench, 500, udp()), "another way");
        assert!(takes_detour(&mut bench, 500, tcp()));
        assert_eq!(hurried(&bench.out), (udp(), false));
        assert!(!takes_detour(&mut bench, 500, tcp()), "only once");
        assert_eq!(bench.tick(), Some(1000), "T1 after it was sent by UDP");
        assert_eq!(bench.sent().len(), 1);
        assert!(!bench.receive(1100, &response(&request(method, "z9hG4bKtcp"), 200)));
        assert!(bench.receive(1100, &response(&request(method, "z9hG4bKudp"), 200)));
        assert!(matches!(&bench.out[..], [TxOutput::Client { tx: told, .. }] if *told == tx));
    }
}

#[test]
fn there_is_no_way_back_to_udp_behind_a_response_or_a_lost_connection() {
    let mut bench = Bench::default();
    large(&mut bench, "INVITE");
    assert!(bench.receive(10, &response(&request("INVITE", "z9hG4bKtcp"), 180)));
    assert!(!takes_detour(&mut bench, 20, tcp()));
    let mut bench = Bench::default();
    large(&mut bench, "INVITE");
    bench.out.clear();
    bench.set.on_transport_error(&tcp(), &mut bench.out);
    assert_eq!(bench.told(), ["failed"]);
    assert!(!takes_detour(&mut bench, 20, tcp()));
}

#[test]
fn the_invite_that_a_cancel_is_made_of_is_the_one_that_was_sent_last() {
    let mut bench = Bench::default();
    let tx = large(&mut bench, "INVITE");
    let sent = |bench: &Bench| {
        let (flow, invite) = bench.set.invite(tx).unwrap();
        (flow, invite.branch().unwrap().to_owned())
    };
    assert_eq!(sent(&bench), (tcp(), "z9hG4bKtcp".to_owned()));
    takes_detour(&mut bench, 500, tcp());
    assert_eq!(sent(&bench), (udp(), "z9hG4bKudp".to_owned()));
}
