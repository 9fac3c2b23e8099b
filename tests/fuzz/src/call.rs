//! A call of the B2BUA that is fed whatever the input says, behind the endpoint's index as in the
//! daemon: messages of a grammar with fields changed, raw ones, time, verdicts, failures, commands.
//!
//! Each input has few outputs, each message that a call sends is sound, media commands name ports
//! that are there, it says first that it started and last that it ended, each once. Nobody is left
//! waiting: left alone for an hour, a call that was never answered has ended. 64 seconds after a
//! shutdown nothing is left: no call, dialog, transaction, media session or port.

mod policy;
mod script;

use self::policy::policy;
use super::take::Take;
use bytes::Bytes;
use sbc_core::b2bua::{Call, CallEvent, CallKey, Command, Cx, Input, LegId, Names, Output};
use sbc_core::endpoint::{EndpointCore, Route};
use sbc_core::net::ListenerId;
use sbc_core::ports::{Effect, MediaEvent, MediaPlane, PortId, SessionId, Verdict};
use sbc_core::sip::{Message, StatusCode, new_tag};
use sbc_core::testing::{FakeMedia, Fixed};
use sbc_core::transport::{ConnectionId, Flow, Incoming, Transmit, Transport};
use sbc_core::ua::TcpRefusals;
use sbc_core::{Entropy, Instant, Now, Probe, UnixMillis};
use std::collections::{BTreeMap, VecDeque};
use std::hint::black_box;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

const STEPS: usize = 150;
const CALLS: usize = 3;
const OUTPUTS: usize = 64;
const REMEMBERED: usize = 12;
const TIMEOUTS_AT_ONCE: usize = 100;
/// Longer than any call may ring.
const ALONE: Duration = Duration::from_secs(3_600);
/// Timer B of a BYE behind that of an INVITE (RFC 3261 §17).
const LAST_BREATH: Duration = Duration::from_secs(64);

/// The first byte says what the policy is, the last one what else is peculiar; between are steps.
pub fn call(data: &[u8]) {
    let (peculiar, data) = data.split_last().map_or((0, data), |(p, rest)| (*p, rest));
    let mut take = Take(data);
    let mut world = World::new(take.byte(), peculiar);
    let first = script::invite(&mut take);
    world.arrives(world.caller, first);
    for _ in 0..STEPS {
        if take.is_empty() {
            break;
        }
        world.step(&mut take);
    }
    if peculiar & 1 != 0 {
        world.leave_alone();
    }
    world.finish();
}

struct Live {
    call: Call,
    started: bool,
    answered: bool,
    ended: bool,
    done: bool,
}

impl Live {
    const fn new(call: Call) -> Self {
        Self {
            call,
            started: false,
            answered: false,
            ended: false,
            done: false,
        }
    }

    fn told(&mut self, event: &CallEvent) {
        assert!(!self.ended, "{event:?} behind the end");
        match event {
            CallEvent::Started => assert!(!std::mem::replace(&mut self.started, true)),
            CallEvent::Answered => assert!(!std::mem::replace(&mut self.answered, true)),
            CallEvent::Ended(summary) => {
                self.ended = true;
                assert_eq!(summary.answered_at.is_some(), self.answered, "{summary:?}");
            }
            CallEvent::Ringing(_) => assert!(self.started && !self.answered),
            CallEvent::Recorder(_) => {}
        }
    }
}

struct World {
    core: EndpointCore,
    calls: BTreeMap<CallKey, Live>,
    next_key: u64,
    policy: Fixed,
    media: FakeMedia,
    refusals: TcpRefusals,
    entropy: Entropy,
    now: Now,
    caller: Flow,
    /// The newest requests that calls sent.
    sent: VecDeque<(Flow, Message)>,
    /// The newest messages that arrived.
    arrived: VecDeque<(Flow, Bytes)>,
    /// Tags of ours.
    tags: Vec<Box<str>>,
    lookups: Vec<(CallKey, LegId)>,
    asked: Vec<CallKey>,
}

impl World {
    fn new(choice: u8, peculiar: u8) -> Self {
        let transport = if choice & 128 == 0 {
            Transport::Udp
        } else {
            Transport::Tcp
        };
        Self {
            core: EndpointCore::new(),
            calls: BTreeMap::new(),
            next_key: 1,
            policy: policy(choice, peculiar),
            media: FakeMedia::default(),
            refusals: TcpRefusals::default(),
            entropy: Entropy::from_seed(1),
            now: Now {
                mono: Instant::from_nanos(1_000_000_000),
                unix: UnixMillis(1_767_607_200_000),
            },
            caller: Flow {
                listener: ListenerId(u16::from(transport == Transport::Tcp)),
                transport,
                remote: SocketAddr::from(([192, 0, 2, 10], 5060)),
                connection: (transport == Transport::Tcp).then_some(ConnectionId(7)),
            },
            sent: VecDeque::new(),
            arrived: VecDeque::new(),
            tags: Vec::new(),
            lookups: Vec::new(),
            asked: Vec::new(),
        }
    }

    fn step(&mut self, take: &mut Take<'_>) {
        match take.byte() % 16 {
            0..=3 => {
                if let Some((flow, request)) = self.one_sent(take) {
                    self.arrives(flow, script::response(take, &request));
                }
            }
            4..=6 => {
                let index = usize::from(take.byte()) % (self.tags.len() + 1);
                let tag = self.tags.get(index).cloned();
                self.arrives(self.caller, script::of_caller(take, tag.as_deref()));
            }
            7 | 8 => {
                if let Some((flow, request)) = self.one_sent(take) {
                    self.arrives(flow, script::of_callee(take, &request));
                }
            }
            9 | 10 => {
                let deadlines = self.calls.values().filter_map(|l| l.call.poll_timeout());
                if let Some(at) = deadlines.min() {
                    self.pass_until(at);
                }
            }
            11 => {
                let time = Duration::from_millis(u64::from(take.number()));
                self.pass_until(self.now.mono + time);
            }
            12 => {
                if let Some((flow, _)) = self.one_sent(take) {
                    let unsent = take.byte().is_multiple_of(2);
                    self.each_call(|_| match unsent {
                        true => Input::Unsent(Box::new(flow)),
                        false => Input::TransportError(Box::new(flow)),
                    });
                }
            }
            13 => self.resolve(take),
            14 => self.inside(take),
            _ => {
                let len = usize::from(take.number());
                let raw = Bytes::copy_from_slice(take.bytes(len));
                self.arrives(self.caller, raw);
            }
        }
    }

    fn one_sent(&self, take: &mut Take<'_>) -> Option<(Flow, Message)> {
        let newest = usize::from(take.byte()) % self.sent.len().max(1);
        self.sent.iter().rev().nth(newest).cloned()
    }

    fn resolve(&mut self, take: &mut Take<'_>) {
        let Some((key, leg)) = self.lookups.pop() else {
            return;
        };
        let addresses: [&[IpAddr]; 4] = [
            &[],
            &[IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 20))],
            &[IpAddr::V6(std::net::Ipv6Addr::LOCALHOST)],
            &[
                IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 20)),
                IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 21)),
            ],
        ];
        let found = take.one_of(&addresses).to_vec();
        self.handle(key, Input::Resolved(Box::new((leg, found))));
    }

    fn inside(&mut self, take: &mut Take<'_>) {
        let choice = take.byte();
        match choice % 8 {
            0..=2 => {
                let verdict = match choice >> 3 & 3 {
                    0 => Verdict::Refuse(StatusCode::of(603), "".into()),
                    1 => Verdict::Continue(vec![Effect::EndAfter(Duration::from_secs(3))]),
                    _ => Verdict::Continue(Vec::new()),
                };
                if let Some(key) = self.asked.pop() {
                    self.handle(key, Input::Verdict(Box::new(verdict)));
                }
            }
            3 | 4 => self.each_call(|_| {
                let port = PortId(u64::from(choice >> 3));
                let event = MediaEvent::Latched(port, SocketAddr::from(([192, 0, 2, 9], 4000)));
                Input::Media(Box::new(event))
            }),
            5 | 6 => self.each_call(|_| {
                let event = MediaEvent::RecordFailed(PortId(u64::from(choice >> 3)), "full".into());
                Input::Media(Box::new(event))
            }),
            _ => self.disturb(choice >> 3),
        }
    }

    /// What the network and the operator do.
    fn disturb(&mut self, choice: u8) {
        match choice {
            0..8 => self.each_call(|_| Input::Command(Command::HangUp)),
            8 => self.each_call(|_| Input::Command(Command::Shutdown)),
            9..12 => {
                let caller = self.caller;
                self.each_call(|_| Input::TransportError(Box::new(caller)));
            }
            // An old message comes once more.
            _ => {
                let newest = usize::from(choice - 12) % self.arrived.len().max(1);
                if let Some((flow, bytes)) = self.arrived.iter().rev().nth(newest).cloned() {
                    self.arrives(flow, bytes);
                }
            }
        }
    }

    fn each_call(&mut self, input: impl Fn(CallKey) -> Input) {
        for key in self.calls.keys().copied().collect::<Vec<_>>() {
            self.handle(key, input(key));
        }
    }

    /// A datagram, or a message of a stream.
    fn arrives(&mut self, flow: Flow, bytes: Bytes) {
        if self.arrived.len() == REMEMBERED {
            self.arrived.pop_front();
        }
        self.arrived.push_back((flow, bytes.clone()));
        let Ok(mut message) = Message::parse_datagram(bytes) else {
            return;
        };
        if message.is_request() {
            message.stamp_received(flow.remote);
        }
        let incoming = Incoming { flow, message };
        match self.core.route(self.now.mono, &incoming) {
            Route::Owner(key) => self.handle(key, Input::Message(Box::new(incoming))),
            Route::Begin if self.calls.len() < CALLS => self.begin(incoming),
            Route::Begin => {
                black_box(self.core.refuse(&incoming, StatusCode::of(503), "", &[]));
            }
            Route::Reply(reply) => {
                Message::parse_datagram(reply.bytes).expect("a reply can be read");
            }
            Route::HangUp(requests) => {
                for request in *requests {
                    Message::parse_datagram(request.bytes).expect("a request can be read");
                }
            }
            Route::Drop(_) => {}
        }
    }

    fn begin(&mut self, incoming: Incoming) {
        let key = CallKey(self.next_key);
        self.next_key += 1;
        let tag = new_tag(&mut self.entropy);
        let begun = self.core.begin(key, &tag, &incoming.message);
        self.tags.push(tag.clone().into());
        let mut cx = Cx {
            now: self.now,
            entropy: &mut self.entropy,
            media: &self.media,
            probe: &Probe::default(),
            refusals: &self.refusals,
        };
        let names = Names {
            key,
            id: "id",
            local_tag: &tag,
            shares_call_id: begun.is_shared,
        };
        let call = Call::begin(&mut cx, &self.policy, &names, Box::new(incoming))
            .expect("an INVITE without defects begins a call");
        self.drain(key, Live::new(call));
    }

    fn handle(&mut self, key: CallKey, input: Input) {
        let Some(mut live) = self.calls.remove(&key) else {
            return;
        };
        let mut cx = Cx {
            now: self.now,
            entropy: &mut self.entropy,
            media: &self.media,
            probe: &Probe::default(),
            refusals: &self.refusals,
        };
        live.call.handle(&mut cx, input);
        self.drain(key, live);
    }

    fn drain(&mut self, key: CallKey, mut live: Live) {
        let mut outputs = 0;
        while let Some(output) = live.call.poll_output() {
            assert!(!live.done, "{output:?} behind Done");
            outputs += 1;
            assert!(outputs <= OUTPUTS, "more than {OUTPUTS} outputs");
            match output {
                Output::Transmit(transmit) => self.transmitted(transmit),
                Output::Resolve(leg, _) => self.lookups.push((key, leg)),
                Output::Ask(_) => self.asked.push(key),
                Output::Tell(_) => {}
                Output::Media(commands) => self.media.command(SessionId(key.0), commands),
                Output::Event(event) => live.told(&event),
                Output::Claim { call_id, tag } => {
                    self.core.claim(key, &call_id, &tag);
                    self.tags.push(tag);
                }
                Output::Release {
                    call_id,
                    tags,
                    residues,
                } => self.core.release(self.now.mono, &call_id, &tags, residues),
                Output::Done => {
                    assert!(live.ended, "Done before an end was told");
                    live.done = true;
                }
            }
        }
        if !live.done {
            self.calls.insert(key, live);
        }
        assert_eq!(self.media.faults(), Vec::<String>::new());
    }

    fn transmitted(&mut self, transmit: Transmit) {
        let Transmit { flow, bytes, .. } = transmit;
        let message = Message::parse_datagram(bytes.clone()).expect("what we send can be read");
        assert_eq!(message.to_bytes(), bytes, "bytes behind the body");
        if !message.is_request() {
            return;
        }
        assert_eq!(message.defects(), [], "{message:?}");
        if self.sent.len() == REMEMBERED {
            self.sent.pop_front();
        }
        self.sent.push_back((flow, message));
    }

    /// Time goes by; calls hear of every deadline at its moment.
    fn pass_until(&mut self, end: Instant) {
        let mut at_once = 0;
        loop {
            let due = self.calls.iter().filter_map(|(key, live)| {
                let at = live.call.poll_timeout()?;
                (at <= end).then_some((at.max(self.now.mono), *key))
            });
            let Some((at, key)) = due.min() else {
                break;
            };
            at_once = if at == self.now.mono { at_once + 1 } else { 0 };
            assert!(at_once < TIMEOUTS_AT_ONCE, "due again and again");
            self.move_to(at);
            self.handle(key, Input::Timeout);
        }
        self.move_to(end);
    }

    fn move_to(&mut self, at: Instant) {
        let passed = at.since(self.now.mono);
        self.now.mono = self.now.mono + passed;
        self.now.unix.0 += u64::try_from(passed.as_millis()).unwrap_or(0);
    }

    /// Names are looked up and modules decide, then nothing happens for long.
    fn leave_alone(&mut self) {
        while let Some((key, leg)) = self.lookups.pop() {
            self.handle(key, Input::Resolved(Box::new((leg, Vec::new()))));
        }
        while let Some(key) = self.asked.pop() {
            let verdict = Verdict::Continue(Vec::new());
            self.handle(key, Input::Verdict(Box::new(verdict)));
        }
        self.pass_until(self.now.mono + ALONE);
        while let Some((key, leg)) = self.lookups.pop() {
            self.handle(key, Input::Resolved(Box::new((leg, Vec::new()))));
        }
        self.pass_until(self.now.mono + ALONE);
        if let Some(live) = self.calls.values().find(|live| !live.answered) {
            panic!("waits for ever: {:?}", live.call);
        }
    }

    fn finish(mut self) {
        self.each_call(|_| Input::Command(Command::Shutdown));
        self.pass_until(self.now.mono + LAST_BREATH);
        if let Some(live) = self.calls.values().next() {
            panic!("left after {LAST_BREATH:?}: {:?}", live.call);
        }
        assert_eq!(self.media.open(), (0, 0), "media is left open");
        assert_eq!(self.core.claimed(), 0, "dialogs are left claimed");
        self.core.sweep(self.now.mono + LAST_BREATH);
        assert_eq!(self.core.lingering(), 0, "transactions linger for ever");
    }
}
