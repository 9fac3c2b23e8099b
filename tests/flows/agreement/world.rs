//! A call of the B2BUA between two model phones, over a network that a tape of bytes directs.

use super::phone::Phone;
use crate::world::{ALICE, BOB, INSIDE, OUTSIDE, border};
use bytes::Bytes;
use sbc_core::b2bua::{Call, CallEvent, CallKey, Cx, Input, Names, Output};
use sbc_core::endpoint::{EndpointCore, Route};
use sbc_core::net::ListenerId;
use sbc_core::ports::{MediaPlane, SessionId};
use sbc_core::sip::{Message, Method, new_tag};
use sbc_core::testing::{self, FakeMedia, Fixed};
use sbc_core::transport::{Flow, Incoming, Transmit, Transport, UdpMax};
use sbc_core::ua::TcpRefusals;
use sbc_core::{Entropy, Instant, Now, Probe, UnixMillis};
use std::net::SocketAddr;
use std::time::Duration;

/// T1: phones say again what nobody answered.
const TICK: Duration = Duration::from_millis(500);
const KEY: CallKey = CallKey(1);

/// A datagram under way.
#[derive(Clone)]
struct Datagram {
    from: SocketAddr,
    to: SocketAddr,
    bytes: Bytes,
}

pub(super) struct World {
    core: EndpointCore,
    call: Option<Call>,
    began: bool,
    pub(super) told: Vec<CallEvent>,
    policy: Fixed,
    pub(super) media: FakeMedia,
    entropy: Entropy,
    refusals: TcpRefusals,
    now: Now,
    /// Alice and Bob.
    pub(super) phones: [Phone; 2],
    under_way: Vec<Datagram>,
    losses: u32,
    pub(super) ladder: Vec<String>,
}

impl World {
    pub(super) fn new(seed: u64, relay: bool) -> Self {
        // There is no TCP between these phones.
        let mut route = testing::Route::to(1, BOB, Transport::Udp).udp_max(UdpMax::NEVER_TCP);
        if !relay {
            route = route.without_relay();
        }
        Self {
            core: EndpointCore::new(),
            call: None,
            began: false,
            told: Vec::new(),
            policy: border().otherwise(route),
            media: FakeMedia::default(),
            entropy: Entropy::from_seed(seed),
            refusals: TcpRefusals::default(),
            now: Now {
                mono: Instant::from_nanos(1_000_000_000),
                unix: UnixMillis(1_767_607_200_000),
            },
            phones: [
                Phone::new("alice", at(ALICE), seed.wrapping_mul(2)),
                Phone::new("bob", at(BOB), seed.wrapping_mul(2) + 1),
            ],
            under_way: Vec::new(),
            losses: 4,
            ladder: Vec::new(),
        }
    }

    /// One thing happens, as a byte of the tape says.
    pub(super) fn step(&mut self, choice: u8) {
        let detail = usize::from(choice >> 4);
        match choice & 15 {
            0..=6 => self.deliver(detail),
            7 => self.deliver_twice_or_never(detail),
            8 => self.pass(TICK),
            _ => self.phone_acts(detail & 1, choice & 7, detail >> 1),
        }
    }

    fn phone_acts(&mut self, who: usize, what: u8, how: usize) {
        let phone = &mut self.phones[who];
        let said = match what {
            1 => phone.offer(Method::Invite, how != 0),
            2 => phone.offer(Method::Update, true),
            3 if how == 0 => phone.info(),
            3 => phone.cancel(),
            4 => phone.ring(how > 4),
            5 => phone.answer([488, 491, 500, 606][how & 3]),
            _ => phone.answer(200),
        };
        self.say(who, said);
    }

    pub(super) fn say(&mut self, who: usize, said: Vec<Bytes>) {
        let (from, to) = match who {
            0 => (at(ALICE), at(INSIDE)),
            _ => (at(BOB), at(OUTSIDE)),
        };
        let datagrams = said.into_iter().map(|bytes| Datagram { from, to, bytes });
        self.under_way.extend(datagrams);
    }

    fn deliver(&mut self, index: usize) {
        if self.under_way.is_empty() {
            return;
        }
        let datagram = self.under_way.remove(index % self.under_way.len());
        self.arrive(datagram);
    }

    fn deliver_twice_or_never(&mut self, index: usize) {
        if self.under_way.is_empty() {
            return;
        }
        let index = index % self.under_way.len();
        if self.losses > 0 && index.is_multiple_of(2) {
            self.losses -= 1;
            let lost = self.under_way.remove(index);
            self.note("lost", &lost);
        } else {
            self.arrive(self.under_way[index].clone());
        }
    }

    fn note(&mut self, how: &str, datagram: &Datagram) {
        let Datagram { from, to, bytes } = datagram;
        let text = String::from_utf8_lossy(bytes);
        let first = text.lines().next().unwrap_or_default();
        let cseq = text
            .lines()
            .find(|l| l.starts_with("CSeq"))
            .unwrap_or_default();
        let sdp = text.split("\r\nm=").skip(1).collect::<Vec<_>>();
        self.ladder
            .push(format!("{how} {from} > {to} {first} {cseq} {sdp:?}"));
    }

    fn arrive(&mut self, datagram: Datagram) {
        self.note("", &datagram);
        let Datagram { from, to, bytes } = datagram;
        if let Some(who) = self.phones.iter().position(|p| p.address == to) {
            let said = self.phones[who].hear(bytes);
            return self.say(who, said);
        }
        let mut message = Message::parse_datagram(bytes).expect("what phones say");
        if message.is_request() {
            message.stamp_received(from);
        }
        let flow = Flow {
            listener: ListenerId(if to == at(INSIDE) { 0 } else { 2 }),
            transport: Transport::Udp,
            remote: from,
            connection: None,
        };
        let incoming = Incoming { flow, message };
        match self.core.route(self.now.mono, &incoming) {
            Route::Owner(_) => self.tell(Input::Message(Box::new(incoming))),
            Route::Begin => self.begin(incoming),
            Route::Reply(reply) => self.transmit(reply),
            Route::HangUp(requests) => requests.into_iter().for_each(|r| self.transmit(r)),
            Route::Drop(_) => {}
        }
    }

    fn begin(&mut self, incoming: Incoming) {
        assert!(
            !self.began,
            "one INVITE began two calls\n{}",
            self.ladder.join("\n")
        );
        self.began = true;
        let tag = new_tag(&mut self.entropy);
        self.core.begin(KEY, &tag, &incoming.message);
        let mut cx = Cx {
            now: self.now,
            entropy: &mut self.entropy,
            media: &self.media,
            probe: &Probe::default(),
            refusals: &self.refusals,
        };
        let names = Names {
            key: KEY,
            id: "id",
            local_tag: &tag,
            shares_call_id: false,
        };
        self.call = Call::begin(&mut cx, &self.policy, &names, Box::new(incoming));
        self.drain();
    }

    fn tell(&mut self, input: Input) {
        let Some(call) = &mut self.call else {
            return;
        };
        let mut cx = Cx {
            now: self.now,
            entropy: &mut self.entropy,
            media: &self.media,
            probe: &Probe::default(),
            refusals: &self.refusals,
        };
        call.handle(&mut cx, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.call.as_mut().and_then(Call::poll_output) {
            match output {
                Output::Transmit(transmit) => self.transmit(transmit),
                Output::Media(commands) => self.media.command(SessionId(KEY.0), commands),
                Output::Event(event) => self.told.push(event),
                Output::Claim { call_id, tag } => self.core.claim(KEY, &call_id, &tag),
                Output::Release {
                    call_id,
                    tags,
                    residues,
                } => self.core.release(self.now.mono, &call_id, &tags, residues),
                Output::Done => self.call = None,
                Output::Resolve(..) | Output::Ask(_) | Output::Tell(_) => {
                    panic!("an address, no module")
                }
            }
        }
    }

    fn transmit(&mut self, transmit: Transmit) {
        let Transmit { flow, bytes, .. } = transmit;
        let from = at(if flow.listener.0 < 2 { INSIDE } else { OUTSIDE });
        let to = flow.remote;
        self.under_way.push(Datagram { from, to, bytes });
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now.mono + time;
        while let Some(at) = self.call.as_ref().and_then(Call::poll_timeout) {
            if at > end {
                break;
            }
            self.now.mono = self.now.mono.max(at);
            self.tell(Input::Timeout);
        }
        self.now.mono = end;
        for who in 0..2 {
            let said = self.phones[who].repeat();
            self.say(who, said);
        }
    }

    fn is_quiet(&self) -> bool {
        self.under_way.is_empty() && self.phones.iter().all(Phone::is_quiet)
    }

    /// Everything arrives and everybody answers, until nothing is left to say.
    pub(super) fn settle(&mut self) {
        for _ in 0..60 {
            while !self.under_way.is_empty() {
                self.deliver(0);
            }
            for who in 0..2 {
                let said = self.phones[who].answer(200);
                self.say(who, said);
            }
            if self.is_quiet() {
                return;
            }
            self.pass(TICK);
        }
        panic!("no end of it\n{}", self.ladder.join("\n"));
    }

    /// Both phones hang up; whether nothing is left of the call afterwards.
    pub(super) fn end(&mut self) -> bool {
        for who in 0..2 {
            if self.phones[who].up {
                let said = self.phones[who].hang_up();
                self.say(who, said);
            }
        }
        for _ in 0..200 {
            while !self.under_way.is_empty() {
                self.deliver(0);
            }
            self.pass(TICK);
        }
        self.core.sweep(self.now.mono + Duration::from_secs(64));
        let left = (
            self.core.claimed(),
            self.core.lingering(),
            self.media.open(),
        );
        self.call.is_none() && left == (0, 0, (0, 0))
    }

    pub(super) fn is_alive(&self) -> bool {
        self.call.is_some()
    }
}

fn at(ip: &str) -> SocketAddr {
    SocketAddr::new(ip.parse().expect("an address"), 5060)
}
