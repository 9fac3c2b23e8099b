//! Caller and callee: a leg each, over real sockets.

use super::{CALLEE_TONE, CALLER_TONE, Fault, TALK, tone};
use bytes::Bytes;
use sbc_core::dialog::DialogIds;
use sbc_core::net::{Listener, ListenerId, MediaAddress, Network, Realm, RealmId, Trust};
use sbc_core::sdp::Sdp;
use sbc_core::sip::{Host, Message, Method, NameAddr, StatusCode, Uri, new_tag};
use sbc_core::transport::{Flow, Incoming, Target, Transport, UdpMax};
use sbc_core::ua::{Dial, Leg, LegCx, LegEvent, LegOutput, Reply, TcpRefusals};
use sbc_core::{Clock, Entropy, Probe, SystemClock};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

/// How long the callee's phone rings.
const RING: Duration = Duration::from_millis(300);

/// What caller and callee have in common.
struct Phone {
    sip: UdpSocket,
    rtp: UdpSocket,
    network: Arc<Network>,
    clock: SystemClock,
    entropy: Entropy,
    refusals: TcpRefusals,
    leg: Option<Leg>,
    tone: f64,
    peer: Option<SocketAddr>,
    events: VecDeque<LegEvent>,
}

impl Phone {
    async fn open(tone: f64) -> std::io::Result<Self> {
        let sip = UdpSocket::bind("127.0.0.1:0").await?;
        let rtp = UdpSocket::bind("127.0.0.1:0").await?;
        let address = sip.local_addr()?;
        let ip = address.ip();
        let media = MediaAddress {
            bind: ip,
            advertise: ip,
            first_port: 0,
            last_port: 0,
            quarantine: MediaAddress::QUARANTINE,
        };
        let network = Arc::new(Network {
            realms: vec![Realm {
                name: "phone".into(),
                trust: Trust::Full,
                media: vec![media],
            }],
            listeners: vec![Listener {
                name: "phone".into(),
                realm: RealmId(0),
                transport: Transport::Udp,
                bind: address,
                advertise: address,
            }],
        });
        Ok(Self {
            sip,
            rtp,
            network,
            clock: SystemClock::start(),
            entropy: Entropy::from_os()?,
            refusals: TcpRefusals::default(),
            leg: None,
            tone,
            peer: None,
            events: VecDeque::new(),
        })
    }

    fn address(&self) -> SocketAddr {
        self.network.listeners[0].bind
    }

    fn sdp(&self) -> Bytes {
        let rtp = self.rtp.local_addr().unwrap_or_else(|_| self.address());
        format!(
            "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\n",
            ip = rtp.ip(),
            port = rtp.port()
        )
        .into()
    }

    fn face(&mut self, sdp: &[u8]) {
        let Ok(sdp) = Sdp::parse(sdp) else { return };
        if sdp.media_count() > 0 {
            let media = sdp.media(0);
            self.peer = media
                .connection()
                .map(|ip| SocketAddr::new(ip, media.port()));
        }
    }

    /// Does something with the leg, and sends what it wants to send.
    async fn act(&mut self, act: impl FnOnce(&mut Leg, &mut LegCx<'_>)) -> Result<(), Fault> {
        let mut out = VecDeque::new();
        let now = self.clock.now().mono;
        if let Some(leg) = &mut self.leg {
            act(
                leg,
                &mut LegCx {
                    now,
                    entropy: &mut self.entropy,
                    refusals: &self.refusals,
                    out: &mut out,
                    probe: &Probe::default(),
                },
            );
        }
        self.carry_out(out).await
    }

    async fn carry_out(&mut self, out: VecDeque<LegOutput>) -> Result<(), Fault> {
        for output in out {
            match output {
                LegOutput::Transmit(transmit) => {
                    let sent = self
                        .sip
                        .send_to(&transmit.bytes, transmit.flow.remote)
                        .await;
                    sent.map_err(|e| Fault::Io("a phone cannot send", e))?;
                }
                LegOutput::Resolve(_) => {}
                LegOutput::Event(event) => self.events.push_back(event),
            }
        }
        Ok(())
    }

    /// The next thing that happens to the leg. An INVITE that begins one is taken.
    async fn next(&mut self) -> Result<LegEvent, Fault> {
        let mut buffer = vec![0; 65_535];
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            let deadline = self.leg.as_ref().and_then(Leg::poll_timeout);
            let at = deadline.map_or_else(
                || Instant::now() + Duration::from_secs(3600),
                |at| Instant::from_std(self.clock.to_std(at)),
            );
            tokio::select! {
                received = self.sip.recv_from(&mut buffer) => {
                    let (len, from) = received.map_err(|e| Fault::Io("a phone cannot read", e))?;
                    self.take(&buffer[..len], from).await?;
                }
                () = sleep_until(at) => self.act(Leg::on_timeout).await?,
            }
        }
    }

    async fn take(&mut self, datagram: &[u8], from: SocketAddr) -> Result<(), Fault> {
        let Ok(mut message) = Message::parse_datagram(Bytes::copy_from_slice(datagram)) else {
            return Ok(());
        };
        if message.is_request() {
            message.stamp_received(from);
        }
        let flow = Flow {
            listener: ListenerId(0),
            transport: Transport::Udp,
            remote: from,
            connection: None,
        };
        let begins = self.leg.is_none() && message.method() == Some(&Method::Invite);
        let incoming = Box::new(Incoming { flow, message });
        if !begins {
            return self.act(|leg, cx| leg.on_message(cx, incoming)).await;
        }
        let mut out = VecDeque::new();
        let tag = new_tag(&mut self.entropy);
        let now = self.clock.now().mono;
        let mut cx = LegCx {
            now,
            entropy: &mut self.entropy,
            refusals: &self.refusals,
            out: &mut out,
            probe: &Probe::default(),
        };
        self.leg = Leg::accept(&mut cx, Arc::clone(&self.network), incoming, &tag, "");
        self.carry_out(out).await
    }

    /// Sends its tone for so long; how many packets came from the other side meanwhile.
    async fn talk(&mut self, how_long: Duration) -> Result<usize, Fault> {
        let Some(peer) = self.peer else {
            return Err(Fault::Wrong("no media was agreed".into()));
        };
        let mut ticks = interval(Duration::from_millis(20));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let (ssrc, mut heard, mut sent) = (self.entropy.u32(), 0, 0_u16);
        let end = Instant::now() + how_long;
        let mut buffer = [0; 2048];
        loop {
            tokio::select! {
                _ = ticks.tick() => {
                    let packet = packet(self.tone, ssrc, sent);
                    // A lost packet is what RTP is made for.
                    let _lost = self.rtp.send_to(&packet, peer).await;
                    sent = sent.wrapping_add(1);
                }
                received = self.rtp.recv_from(&mut buffer) => {
                    heard += usize::from(received.is_ok());
                }
                () = sleep_until(end) => return Ok(heard),
            }
        }
    }
}

fn packet(frequency: f64, ssrc: u32, number: u16) -> Vec<u8> {
    let samples = usize::from(number) * tone::FRAME;
    let stamp = u32::from(number).wrapping_mul(160);
    let mut packet = vec![0x80, if number == 0 { 0x80 } else { 0 }];
    packet.extend(number.to_be_bytes());
    packet.extend(stamp.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(tone::frame(frequency, samples));
    packet
}

/// The one who calls.
pub(super) struct Caller(Phone);

impl Caller {
    pub(super) async fn open() -> std::io::Result<Self> {
        Ok(Self(Phone::open(CALLER_TONE).await?))
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// Calls, and returns once the callee answered.
    pub(super) async fn dial(&mut self, to: SocketAddr) -> Result<(), Fault> {
        let phone = &mut self.0;
        let us = phone.address();
        let uri = |user, at: SocketAddr| Uri::sip(Some(user), Host::Ip(at.ip()), Some(at.port()));
        let mut draft = Message::request(Method::Invite, "sip:callee");
        // A fixed type.
        let _typed = draft.set_body("application/sdp", phone.sdp());
        let dial = Dial {
            realm: RealmId(0),
            target: Target {
                host: Host::Ip(to.ip()),
                port: to.port(),
                transport: Transport::Udp,
            },
            udp_max: UdpMax::NEVER_TCP,
            ids: DialogIds::random(&mut phone.entropy),
            request_uri: uri("+4930123456", to),
            from: NameAddr::new("Alice", uri("alice", us)),
            to: NameAddr::new("Bob", uri("+4930123456", to)),
            max_forwards: 70,
            contact_params: "",
            draft: Box::new(draft),
        };
        let mut out = VecDeque::new();
        let now = phone.clock.now().mono;
        let mut cx = LegCx {
            now,
            entropy: &mut phone.entropy,
            refusals: &phone.refusals,
            out: &mut out,
            probe: &Probe::default(),
        };
        phone.leg = Some(Leg::dial(&mut cx, Arc::clone(&phone.network), dial));
        phone.carry_out(out).await?;
        loop {
            match phone.next().await? {
                LegEvent::Answered { sdp, .. } => {
                    phone.act(|leg, cx| leg.ack(cx, None)).await?;
                    phone.face(&sdp.unwrap_or_default());
                    return Ok(());
                }
                LegEvent::Refused(message) => {
                    let status = message.status().map_or(0, StatusCode::code);
                    return Err(Fault::Refused(format!("status {status}")));
                }
                LegEvent::Failed(failure) => return Err(Fault::Refused(format!("{failure:?}"))),
                _ => {}
            }
        }
    }

    pub(super) async fn talk(&mut self, how_long: Duration) -> Result<usize, Fault> {
        self.0.talk(how_long).await
    }

    /// Hangs up, and returns once that was answered.
    pub(super) async fn hang_up(&mut self) -> Result<(), Fault> {
        let phone = &mut self.0;
        phone.act(|leg, cx| leg.hang_up(cx, None)).await?;
        let mut buffer = vec![0; 65_535];
        while !phone.leg.as_ref().is_none_or(Leg::is_done) {
            let received = phone.sip.recv_from(&mut buffer).await;
            let (len, from) = received.map_err(|e| Fault::Io("a phone cannot read", e))?;
            phone.take(&buffer[..len], from).await?;
        }
        Ok(())
    }
}

/// The one who is called.
pub(super) struct Callee(Phone);

impl Callee {
    pub(super) async fn open() -> std::io::Result<Self> {
        Ok(Self(Phone::open(CALLEE_TONE).await?))
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// Rings, answers, talks when told to, and returns after the BYE with what it heard, in
    /// packets.
    pub(super) async fn take_a_call(
        self,
        mut may_talk: watch::Receiver<bool>,
    ) -> Result<usize, Fault> {
        let mut phone = self.0;
        let mut buffer = vec![0; 65_535];
        while phone.leg.is_none() {
            let received = phone.sip.recv_from(&mut buffer).await;
            let (len, from) = received.map_err(|e| Fault::Io("a phone cannot read", e))?;
            phone.take(&buffer[..len], from).await?;
        }
        let offer = phone
            .leg
            .as_ref()
            .and_then(Leg::waiting_invite)
            .and_then(Message::sdp);
        phone.face(&offer.unwrap_or_default());
        phone.reply(180, Bytes::new()).await?;
        sleep_until(Instant::now() + RING).await;
        phone.reply(200, phone.sdp()).await?;
        while !matches!(phone.next().await?, LegEvent::Acked(_)) {}
        if may_talk.wait_for(|talk| *talk).await.is_err() {
            return Err(Fault::Wrong("the caller gave up".into()));
        }
        let heard = phone.talk(TALK).await?;
        while !matches!(phone.next().await?, LegEvent::Bye(_)) {}
        Ok(heard)
    }
}

impl Phone {
    async fn reply(&mut self, status: u16, body: Bytes) -> Result<(), Fault> {
        let Some(status) = StatusCode::new(status) else {
            return Ok(());
        };
        self.act(|leg, cx| {
            let reply = Reply {
                status,
                reason: "",
                tag: None,
                headers: None,
                content_type: if body.is_empty() {
                    ""
                } else {
                    "application/sdp"
                },
                body: &body,
            };
            if status.is_success() {
                leg.answer(cx, &reply);
            } else {
                leg.ring(cx, &reply);
            }
        })
        .await
    }
}
