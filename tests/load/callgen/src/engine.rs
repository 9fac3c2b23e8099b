//! Calls and transactions of both user agents in one event loop.
use crate::hist::Hist;
use crate::net::{self, Epoll, RxBatch};
use crate::rtp::{MEDIA_PORT, Rtp};
use crate::sip::{self, Msg};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::io::Write;

const MS: u64 = 1_000_000;
const SEC: u64 = 1_000_000_000;

#[derive(Clone, Copy, PartialEq)]
pub enum Bye {
    Caller,
    Callee,
    Alternate,
}

#[derive(Clone)]
pub struct Config {
    pub target: (u32, u16),
    pub uac: (u32, u16),
    pub uas: (u32, u16),
    pub tcp: bool,
    pub tcp_conns: usize,
    pub ruri: String,
    pub headers: Vec<String>,
    pub xid: bool,
    pub cps: f64,
    pub max_calls: u64,
    pub concurrent: usize,
    pub hold: u64,
    pub ring: u64,
    pub rtp: bool,
    pub rtp_guard: u64,
    pub tick: u64,
    pub bye: Bye,
    pub answer_code: u16,
    pub no_180: bool,
    pub uac_pts: Vec<u8>,
    pub uas_pts: Vec<u8>,
    pub t1: u64,
    pub timeout: u64,
    pub verbose: bool,
}

#[derive(Default)]
pub struct Stats {
    pub attempted: u64,
    pub answered: u64,
    pub completed: u64,
    pub failed: BTreeMap<String, u64>,
    pub uas_failed: BTreeMap<String, u64>,
    pub protocol: BTreeMap<String, u64>,
    pub rtx_sent: BTreeMap<&'static str, u64>,
    pub rtx_seen: BTreeMap<&'static str, u64>,
    pub uas_invites: u64,
    pub uas_acked: u64,
    pub uas_uncorrelated: u64,
    pub media_direct: u64,
    pub strays: u64,
    pub late_2xx: u64,
    pub sip_sent: u64,
    pub sip_recv: u64,
    pub sip_own_drops: u64,
    pub behind: u64,
    pub setup: Hist,
    pub pdd: Hist,
    pub hop: Hist,
    pub bye: Hist,
    pub peak_active: usize,
    pub loop_max: u64,
}
impl Stats {
    pub fn failures(&self) -> u64 {
        self.failed.values().sum()
    }
    fn fail(&mut self, k: impl Into<String>) {
        *self.failed.entry(k.into()).or_default() += 1;
    }
    fn proto(&mut self, k: &str) {
        *self.protocol.entry(k.to_string()).or_default() += 1;
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Peer {
    Udp(u32, u16),
    Tcp(usize),
}

#[derive(Clone, Copy, PartialEq, Debug, Default)]
enum Ca {
    #[default]
    Free,
    Calling,
    Proceeding,
    Up,
    Bye,
    Linger,
}
#[derive(Clone, Copy, PartialEq, Debug, Default)]
enum Ce {
    #[default]
    Free,
    Ringing,
    Answered,
    Refused,
    Up,
    Bye,
    Linger,
}

#[derive(Default)]
struct Uac {
    generation: u32,
    n: u64,
    st: Ca,
    t0: u64,
    t180: u64,
    rtx: u64,
    deadline: u64,
    invite: Vec<u8>,
    ack: Vec<u8>,
    bye: Vec<u8>,
    bye_t: u64,
    to: Vec<u8>,
    target: Vec<u8>,
    routes: Vec<u8>,
    hop: Option<Peer>,
    peer: Option<Peer>,
}

#[derive(Default)]
struct Uas {
    generation: u32,
    n: Option<u64>,
    key: u64,
    st: Ce,
    resp: Vec<u8>,
    ok: Vec<u8>,
    inv_cseq: u32,
    rtx: u64,
    deadline: u64,
    bye: Vec<u8>,
    bye_t: u64,
    callid: Vec<u8>,
    local: Vec<u8>,
    remote: Vec<u8>,
    target: Vec<u8>,
    routes: Vec<u8>,
    hop: Option<Peer>,
    peer: Option<Peer>,
    media: sip::Sdp,
    pt: u8,
}

struct Conn {
    fd: i32,
    role: usize,
    rbuf: Vec<u8>,
    wbuf: Vec<u8>,
}

#[derive(Default, Clone)]
struct Ident(u64);
impl std::hash::Hasher for Ident {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, b: &[u8]) {
        for c in b {
            self.0 = (self.0 ^ *c as u64).wrapping_mul(0x100000001b3);
        }
    }
    fn write_u64(&mut self, v: u64) {
        self.0 = v;
    }
}
type Map = HashMap<u64, u32, std::hash::BuildHasherDefault<Ident>>;

// timer kinds
const T_INV: u8 = 1;
const T_HANG: u8 = 2;
const T_BYE: u8 = 3;
const T_FREE: u8 = 4;
const U_ANSWER: u8 = 11;
const U_OK: u8 = 12;
const U_HANG: u8 = 13;
const U_BYE: u8 = 14;
const U_FREE: u8 = 15;

pub struct Engine {
    pub cfg: Config,
    pub st: Stats,
    pub rtp: Rtp,
    run: u32,
    ep: Epoll,
    fd: [i32; 2],
    lfd: [i32; 2],
    conns: Vec<Option<Conn>>,
    uac: Vec<Uac>,
    uac_free: VecDeque<u32>,
    uas: Vec<Uas>,
    uas_free: VecDeque<u32>,
    map: Map,
    timers: BinaryHeap<Reverse<(u64, u64)>>,
    rx: Option<RxBatch>,
    pub launching: bool,
    next_call: u64,
    n: u64,
    base_n: u64,
    pub active: usize,
    pub up: usize,
    out: Vec<u8>,
    drops: [u32; 2],
    t_invite: HashMap<u64, u64, std::hash::BuildHasherDefault<Ident>>,
}

fn hash(a: &[u8], b: &[u8]) -> u64 {
    let mut h = 0xcbf29ce484222325u64;
    for c in a.iter().chain(b) {
        h = (h ^ *c as u64).wrapping_mul(0x100000001b3);
    }
    h ^ (h >> 29)
}

fn sdp_body(out: &mut Vec<u8>, ip: u32, pts: &[u8], te: u8, n: u64) {
    let ip = net::show(ip);
    let _ = write!(
        out,
        "v=0\r\no=cg {n} 1 IN IP4 {ip}\r\ns=callgen\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {MEDIA_PORT} RTP/AVP"
    );
    for p in pts {
        let _ = write!(out, " {p}");
    }
    if te != 255 {
        let _ = write!(out, " {te}");
    }
    out.extend_from_slice(b"\r\n");
    for p in pts {
        let _ = write!(
            out,
            "a=rtpmap:{p} {}/8000\r\n",
            if *p == 0 { "PCMU" } else { "PCMA" }
        );
    }
    if te != 255 {
        let _ = write!(
            out,
            "a=rtpmap:{te} telephone-event/8000\r\na=fmtp:{te} 0-15\r\n"
        );
    }
    out.extend_from_slice(b"a=ptime:20\r\na=sendrecv\r\n");
}

impl Engine {
    pub fn new(cfg: Config) -> Self {
        let run = (net::real_ns() / 1000) as u32;
        let ep = Epoll::new();
        let fd = [
            net::udp_socket(cfg.uac.0, cfg.uac.1, 32 << 20),
            net::udp_socket(cfg.uas.0, cfg.uas.1, 32 << 20),
        ];
        let lfd = if cfg.tcp {
            [
                net::tcp_listen(cfg.uac.0, cfg.uac.1),
                net::tcp_listen(cfg.uas.0, cfg.uas.1),
            ]
        } else {
            [-1, -1]
        };
        let recode = cfg.uac_pts != cfg.uas_pts && cfg.uac_pts.len() == 1 && cfg.uas_pts.len() == 1;
        let rtp = Rtp::new(run, recode);
        ep.add(fd[0], 0);
        ep.add(fd[1], 1);
        // the RTP socket is polled once per turn: kernel time stamps make late reading harmless
        // and it saves a wake-up per packet
        ep.add(rtp.rtcp_fd, 3);
        for (i, l) in lfd.iter().enumerate() {
            if *l >= 0 {
                ep.add(*l, 4 + i as u64);
            }
        }
        let mut e = Engine {
            st: Stats::default(),
            rtp,
            run,
            ep,
            fd,
            lfd,
            conns: vec![],
            uac: vec![],
            uac_free: VecDeque::new(),
            uas: vec![],
            uas_free: VecDeque::new(),
            map: Map::default(),
            timers: BinaryHeap::new(),
            rx: Some(RxBatch::new(64, 8192)),
            launching: false,
            next_call: 0,
            n: 0,
            base_n: 0,
            active: 0,
            up: 0,
            out: Vec::with_capacity(4096),
            drops: [0; 2],
            t_invite: Default::default(),
            cfg,
        };
        if e.cfg.tcp {
            for _ in 0..e.cfg.tcp_conns {
                let fd = net::tcp_connect(e.cfg.target.0, e.cfg.target.1);
                e.add_conn(fd, 0);
            }
        }
        e
    }

    fn add_conn(&mut self, fd: i32, role: usize) {
        let i = self
            .conns
            .iter()
            .position(|c| c.is_none())
            .unwrap_or_else(|| {
                self.conns.push(None);
                self.conns.len() - 1
            });
        self.conns[i] = Some(Conn {
            fd,
            role,
            rbuf: vec![],
            wbuf: vec![],
        });
        self.ep.add(fd, 16 + i as u64);
    }

    /// Forget all calls (between trials); late messages are then answered statelessly.
    pub fn reset(&mut self) {
        for i in 0..self.uac.len() {
            if self.uac[i].st != Ca::Free {
                self.free_uac(i as u32);
            }
        }
        for i in 0..self.uas.len() {
            if self.uas[i].st != Ce::Free {
                self.free_uas(i as u32);
            }
        }
        self.timers.clear();
        self.t_invite.clear();
        self.active = 0;
        self.up = 0;
        self.base_n = self.n;
        self.st = Stats::default();
        self.rtp.reset_stats();
    }

    pub fn start_launch(&mut self) {
        self.launching = true;
        self.next_call = net::now_ns();
    }
    pub fn uas_busy(&self) -> usize {
        self.uas
            .iter()
            .filter(|u| !matches!(u.st, Ce::Free | Ce::Linger))
            .count()
    }

    fn timer(&mut self, at: u64, kind: u8, generation: u32, slot: u32) {
        self.timers.push(Reverse((
            at,
            (kind as u64) << 56 | ((generation as u64) & 0xff_ffff) << 32 | slot as u64,
        )));
    }

    fn send(&mut self, role: usize, peer: Peer, d: &[u8]) {
        self.st.sip_sent += 1;
        match peer {
            Peer::Udp(ip, port) => {
                if !net::send_udp(self.fd[role], d, ip, port) {
                    self.st.proto("send_error");
                }
            }
            Peer::Tcp(i) => {
                if let Some(Some(c)) = self.conns.get_mut(i) {
                    c.wbuf.extend_from_slice(d);
                    Self::flush(c);
                } else {
                    self.st.proto("send_on_closed_tcp");
                }
            }
        }
    }
    fn flush(c: &mut Conn) {
        while !c.wbuf.is_empty() {
            let r = unsafe {
                libc::send(
                    c.fd,
                    c.wbuf.as_ptr() as *const libc::c_void,
                    c.wbuf.len(),
                    libc::MSG_NOSIGNAL,
                )
            };
            if r <= 0 {
                break;
            }
            c.wbuf.drain(..r as usize);
        }
    }

    /// One turn of the loop.
    pub fn step(&mut self, max_wait: u64) {
        let t0 = net::now_ns();
        let mut wait = max_wait;
        if self.launching {
            let gap = (1e9 / self.cfg.cps) as u64;
            let mut burst = 0;
            while t0 >= self.next_call {
                if (self.cfg.concurrent > 0 && self.active >= self.cfg.concurrent) || burst >= 64 {
                    break;
                }
                if self.cfg.max_calls > 0 && self.st.attempted >= self.cfg.max_calls {
                    self.launching = false;
                    break;
                }
                self.launch();
                burst += 1;
                self.next_call += gap;
            }
            if self.next_call + 200 * MS < t0 {
                if self.cfg.concurrent == 0 || self.active < self.cfg.concurrent {
                    self.st.behind += (t0 - self.next_call) / gap.max(1);
                }
                self.next_call = t0;
            }
            // when the concurrency limit holds calls back, an ending call wakes the loop
            if self.launching && (self.cfg.concurrent == 0 || self.active < self.cfg.concurrent) {
                wait = wait.min(self.next_call.saturating_sub(t0));
            }
        }
        if self.cfg.rtp {
            let w = self.rtp.tick(t0, self.cfg.tick);
            wait = wait.min(w);
        }
        let now = net::now_ns();
        while let Some(Reverse((at, k))) = self.timers.peek().copied() {
            if at > now {
                wait = wait.min(at - now);
                break;
            }
            self.timers.pop();
            self.fire((k >> 56) as u8, (k >> 32) as u32 & 0xff_ffff, k as u32, now);
        }
        let busy = net::now_ns() - t0;
        let n = self.ep.wait(wait.saturating_sub(busy));
        let t1 = net::now_ns();
        for i in 0..n {
            let tag = self.ep.ev[i].u64;
            match tag {
                0 | 1 => self.read_udp(tag as usize),
                3 => self.rtp.drain_rtcp(),
                4 | 5 => {
                    while let Some(fd) = net::tcp_accept(self.lfd[tag as usize - 4]) {
                        self.add_conn(fd, tag as usize - 4);
                    }
                }
                c => self.read_tcp(c as usize - 16),
            }
        }
        if self.cfg.rtp {
            self.rtp.recv(8);
        }
        let t2 = net::now_ns();
        self.st.loop_max = self.st.loop_max.max(busy + t2 - t1);
    }

    fn read_udp(&mut self, role: usize) {
        let mut rx = self.rx.take().unwrap();
        for _ in 0..4 {
            let k = rx.recv(self.fd[role]);
            let now = net::now_ns();
            for i in 0..k {
                let d = rx.meta(i).drops;
                if d != self.drops[role] {
                    self.st.sip_own_drops += d.wrapping_sub(self.drops[role]) as u64;
                    self.drops[role] = d;
                }
                let (ip, port) = rx.from(i);
                self.message(role, Peer::Udp(ip, port), rx.data(i), now);
            }
            if k < rx.cap() {
                break;
            }
        }
        self.rx = Some(rx);
    }

    fn read_tcp(&mut self, i: usize) {
        let Some(Some(mut c)) = self.conns.get_mut(i).map(|c| c.take()) else {
            return;
        };
        let mut tmp = [0u8; 65536];
        let r = unsafe { libc::recv(c.fd, tmp.as_mut_ptr() as *mut libc::c_void, tmp.len(), 0) };
        if r == 0
            || (r < 0 && std::io::Error::last_os_error().kind() != std::io::ErrorKind::WouldBlock)
        {
            self.st.proto("tcp_closed");
            unsafe { libc::close(c.fd) };
            return;
        }
        if r > 0 {
            c.rbuf.extend_from_slice(&tmp[..r as usize]);
        }
        let role = c.role;
        let mut buf = std::mem::take(&mut c.rbuf);
        self.conns[i] = Some(c);
        let now = net::now_ns();
        let mut at = 0;
        loop {
            while buf[at..].starts_with(b"\r\n") {
                at += 2;
            }
            match sip::frame(&buf[at..]) {
                Some(l) => {
                    self.message(role, Peer::Tcp(i), &buf[at..at + l], now);
                    at += l;
                }
                None => break,
            }
        }
        buf.drain(..at);
        if let Some(Some(c)) = self.conns.get_mut(i) {
            c.rbuf = buf;
        }
    }

    // ---------- caller ----------

    fn via(&self, out: &mut Vec<u8>, role: usize, slot: u32, generation: u32, kind: char) {
        let a = if role == 0 {
            self.cfg.uac
        } else {
            self.cfg.uas
        };
        let _ = write!(
            out,
            "Via: SIP/2.0/{} {}:{};branch=z9hG4bK{}.{:x}.{slot:x}.{generation:x}.{kind};rport\r\n",
            if self.cfg.tcp { "TCP" } else { "UDP" },
            net::show(a.0),
            a.1,
            if role == 0 { "ca" } else { "ce" },
            self.run
        );
    }
    fn contact(&self, out: &mut Vec<u8>, role: usize) {
        let a = if role == 0 {
            self.cfg.uac
        } else {
            self.cfg.uas
        };
        let _ = write!(
            out,
            "Contact: <sip:cg@{}:{}{}>\r\n",
            net::show(a.0),
            a.1,
            if self.cfg.tcp { ";transport=tcp" } else { "" }
        );
    }

    fn launch(&mut self) {
        let now = net::now_ns();
        let slot = self.uac_free.pop_front().unwrap_or_else(|| {
            self.uac.push(Uac::default());
            self.uac.len() as u32 - 1
        });
        self.n += 1;
        let n = self.n;
        let mut c = std::mem::take(&mut self.uac[slot as usize]);
        c.generation = (c.generation + 1) & 0xff_ffff;
        c.n = n;
        c.st = Ca::Calling;
        c.t0 = now;
        c.t180 = 0;
        c.rtx = self.cfg.t1;
        c.deadline = now + self.cfg.timeout;
        c.ack.clear();
        c.bye.clear();
        let peer = if self.cfg.tcp {
            Peer::Tcp(n as usize % self.cfg.tcp_conns)
        } else {
            Peer::Udp(self.cfg.target.0, self.cfg.target.1)
        };
        c.peer = Some(peer);
        c.hop = Some(peer);
        let ruri = self.cfg.ruri.replace("{n}", &n.to_string());
        let mut o = std::mem::take(&mut c.invite);
        o.clear();
        let _ = write!(o, "INVITE {ruri} SIP/2.0\r\n");
        self.via(&mut o, 0, slot, c.generation, 'i');
        let ua = self.cfg.uac;
        let _ = write!(
            o,
            "Max-Forwards: 70\r\nFrom: <sip:cg{n}@{}:{}>;tag=a{:x}.{n:x}\r\nTo: <{ruri}>\r\nCall-ID: {:x}.{slot:x}.{:x}@callgen\r\nCSeq: 1 INVITE\r\n",
            net::show(ua.0),
            ua.1,
            self.run,
            self.run,
            c.generation
        );
        self.contact(&mut o, 0);
        if self.cfg.xid {
            let _ = write!(o, "X-Callgen-Id: {n}\r\n");
        }
        for h in &self.cfg.headers {
            let _ = write!(o, "{}\r\n", h.replace("{n}", &n.to_string()));
        }
        o.extend_from_slice(b"Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO\r\nUser-Agent: callgen\r\nContent-Type: application/sdp\r\n");
        let mut b = std::mem::take(&mut self.out);
        b.clear();
        sdp_body(&mut b, Rtp::addr(0, slot), &self.cfg.uac_pts, 101, n);
        let _ = write!(o, "Content-Length: {}\r\n\r\n", b.len());
        o.extend_from_slice(&b);
        self.out = b;
        self.send(0, peer, &o);
        c.invite = o;
        self.t_invite.insert(n, now);
        self.timer(now + c.rtx, T_INV, c.generation, slot);
        self.uac[slot as usize] = c;
        if self.cfg.rtp {
            self.rtp.open(0, slot, n as u32);
        }
        self.st.attempted += 1;
        self.active += 1;
        self.st.peak_active = self.st.peak_active.max(self.active);
    }

    fn free_uac(&mut self, slot: u32) {
        let c = &mut self.uac[slot as usize];
        if c.st == Ca::Free {
            return;
        }
        c.st = Ca::Free;
        self.t_invite.remove(&c.n);
        self.rtp.close(0, slot);
        self.uac_free.push_back(slot);
    }
    fn end_uac(&mut self, slot: u32, now: u64, linger: u64) {
        let c = &mut self.uac[slot as usize];
        if matches!(c.st, Ca::Free | Ca::Linger) {
            return;
        }
        c.st = Ca::Linger;
        let g = c.generation;
        self.active -= 1;
        self.rtp.stop(0, slot);
        self.timer(now + linger, T_FREE, g, slot);
    }

    fn fail_uac(&mut self, slot: u32, why: String, now: u64) {
        if self.cfg.verbose {
            eprintln!("call {} failed: {why}", self.uac[slot as usize].n);
        }
        self.st.fail(why);
        self.end_uac(slot, now, 4 * SEC);
    }

    fn in_dialog(&self, out: &mut Vec<u8>, method: &str, slot: u32, kind: char, cseq: u32) {
        let c = &self.uac[slot as usize];
        out.clear();
        let _ = write!(out, "{method} ");
        out.extend_from_slice(&c.target);
        out.extend_from_slice(b" SIP/2.0\r\n");
        self.via(out, 0, slot, c.generation, kind);
        let ua = self.cfg.uac;
        let _ = write!(
            out,
            "Max-Forwards: 70\r\nFrom: <sip:cg{}@{}:{}>;tag=a{:x}.{:x}\r\nTo: ",
            c.n,
            net::show(ua.0),
            ua.1,
            self.run,
            c.n
        );
        out.extend_from_slice(&c.to);
        let _ = write!(
            out,
            "\r\nCall-ID: {:x}.{slot:x}.{:x}@callgen\r\nCSeq: {cseq} {method}\r\n",
            self.run, c.generation
        );
        out.extend_from_slice(&c.routes);
        out.extend_from_slice(b"User-Agent: callgen\r\nContent-Length: 0\r\n\r\n");
    }

    fn uac_hangup(&mut self, slot: u32, now: u64) {
        let mut b = std::mem::take(&mut self.uac[slot as usize].bye);
        self.in_dialog(&mut b, "BYE", slot, 'b', 2);
        let c = &mut self.uac[slot as usize];
        c.st = Ca::Bye;
        c.bye_t = now;
        c.rtx = self.cfg.t1;
        c.deadline = now + self.cfg.timeout;
        let (p, g, r) = (c.hop.unwrap(), c.generation, c.rtx);
        self.up -= 1;
        self.send(0, p, &b);
        self.uac[slot as usize].bye = b;
        self.timer(now + r, T_BYE, g, slot);
    }

    pub fn hangup_all(&mut self) {
        let now = net::now_ns();
        for i in 0..self.uac.len() {
            if self.uac[i].st == Ca::Up {
                self.rtp.stop(0, i as u32);
                self.uac_hangup(i as u32, now);
            }
        }
    }

    /// (role, slot, generation, kind) out of one of our branches.
    fn branch(&self, v: &[u8]) -> Option<(usize, u32, u32, u8)> {
        let b = sip::param(v, b"branch")?;
        let r = b.strip_prefix(b"z9hG4bKc")?;
        let role = match r.first()? {
            b'a' => 0,
            b'e' => 1,
            _ => return None,
        };
        let mut p = r[1..].strip_prefix(b".")?.split(|c| *c == b'.');
        if sip::hexnum(p.next()?)? as u32 != self.run {
            return None;
        }
        let slot = sip::hexnum(p.next()?)? as u32;
        let generation = sip::hexnum(p.next()?)? as u32;
        Some((role, slot, generation, *p.next()?.first()?))
    }

    fn message(&mut self, role: usize, from: Peer, d: &[u8], now: u64) {
        self.st.sip_recv += 1;
        if d.iter().all(|c| matches!(c, b'\r' | b'\n' | 0 | b' ')) {
            return;
        }
        let Some(m) = sip::parse(d) else {
            self.st.proto("unparsable");
            return;
        };
        if m.clen.is_some_and(|l| l != m.body.len()) {
            self.st.proto("bad_content_length");
        }
        if m.code != 0 {
            self.response(role, &m, now);
        } else if role == 0 {
            self.uac_request(from, &m, now);
        } else {
            self.uas_request(from, &m, now);
        }
    }

    fn dialog_target(&mut self, m: &Msg, reverse: bool, dflt: Peer) -> (Vec<u8>, Vec<u8>, Peer) {
        let target = if m.contact.is_empty() {
            self.st.proto("no_contact");
            b"sip:missing@127.0.0.1".to_vec()
        } else {
            sip::uri(m.contact).to_vec()
        };
        let mut rr: Vec<&[u8]> = m.rr[..m.nrr]
            .iter()
            .flat_map(|v| sip::split_list(v))
            .collect();
        if reverse {
            rr.reverse();
        }
        let mut routes = vec![];
        for r in &rr {
            routes.extend_from_slice(b"Route: ");
            routes.extend_from_slice(r);
            routes.extend_from_slice(b"\r\n");
        }
        let next = rr.first().map(|r| sip::uri(r)).unwrap_or(&target);
        let hop = match dflt {
            Peer::Tcp(_) => dflt,
            _ => match sip::hostport(next) {
                Some((ip, p)) => Peer::Udp(ip, p),
                None => {
                    self.st.proto("unresolvable_hop");
                    dflt
                }
            },
        };
        (target, routes, hop)
    }

    fn response(&mut self, role: usize, m: &Msg, now: u64) {
        let Some((r, slot, generation, kind)) = self.branch(m.vias[0]) else {
            self.st.proto("response_with_foreign_branch");
            return;
        };
        if r != role || m.nvia != 1 {
            self.st.proto("response_via_mismatch");
            return;
        }
        if role == 1 {
            return self.uas_response(m, slot, generation, kind, now);
        }
        let live = self
            .uac
            .get(slot as usize)
            .is_some_and(|c| c.generation == generation && c.st != Ca::Free);
        if !live {
            self.st.strays += 1;
            if m.cseq_method == b"INVITE" && (200..300).contains(&m.code) {
                self.st.late_2xx += 1;
                self.stateless_end(m);
            }
            return;
        }
        let want: &[u8] = match kind {
            b'i' => b"INVITE",
            b'b' => b"BYE",
            _ => b"?",
        };
        if m.cseq_method != want {
            self.st.proto("response_cseq_mismatch");
            return;
        }
        let i = slot as usize;
        let mut tag = [0u8; 40];
        let l = {
            let mut w = &mut tag[..];
            let _ = write!(w, "a{:x}.{:x}", self.run, self.uac[i].n);
            40 - w.len()
        };
        if sip::param(m.from, b"tag") != Some(&tag[..l]) {
            self.st.proto("from_tag_changed");
        }
        if kind == b'b' {
            if m.code < 200 {
                return;
            }
            if self.uac[i].st != Ca::Bye {
                *self.st.rtx_seen.entry("bye_response").or_default() += 1;
                return;
            }
            self.st.bye.add(now - self.uac[i].bye_t);
            if m.code < 300 {
                self.st.completed += 1;
            } else {
                self.st.fail(format!("bye_{}", m.code));
            }
            self.end_uac(slot, now, 500 * MS);
            return;
        }
        match (m.code, self.uac[i].st) {
            (100..=199, Ca::Calling | Ca::Proceeding) => {
                self.uac[i].st = Ca::Proceeding;
                if m.code > 100 && self.uac[i].t180 == 0 {
                    self.uac[i].t180 = now;
                    self.st.pdd.add(now - self.uac[i].t0);
                }
            }
            (100..=199, _) => {}
            (200..=299, Ca::Calling | Ca::Proceeding) => self.answered(m, slot, now),
            (200..=299, Ca::Up | Ca::Bye | Ca::Linger) => {
                *self.st.rtx_seen.entry("invite_200").or_default() += 1;
                let (p, a) = (
                    self.uac[i].hop.unwrap(),
                    std::mem::take(&mut self.uac[i].ack),
                );
                if !a.is_empty() {
                    self.send(0, p, &a);
                }
                self.uac[i].ack = a;
            }
            (c, s) => {
                // final failure: ACK within the transaction
                if !matches!(s, Ca::Calling | Ca::Proceeding | Ca::Linger) {
                    self.st.proto("failure_after_2xx");
                    return;
                }
                let mut o = std::mem::take(&mut self.uac[i].ack);
                o.clear();
                let ruri = self.cfg.ruri.replace("{n}", &self.uac[i].n.to_string());
                let _ = write!(o, "ACK {ruri} SIP/2.0\r\n");
                self.via(&mut o, 0, slot, generation, 'i');
                o.extend_from_slice(b"Max-Forwards: 70\r\nFrom: ");
                o.extend_from_slice(m.from);
                o.extend_from_slice(b"\r\nTo: ");
                o.extend_from_slice(m.to);
                o.extend_from_slice(b"\r\nCall-ID: ");
                o.extend_from_slice(m.callid);
                o.extend_from_slice(b"\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n");
                self.send(0, self.uac[i].peer.unwrap(), &o);
                self.uac[i].ack = o;
                if s == Ca::Linger {
                    *self.st.rtx_seen.entry("invite_final").or_default() += 1;
                } else {
                    self.fail_uac(slot, c.to_string(), now);
                }
            }
        }
    }

    fn answered(&mut self, m: &Msg, slot: u32, now: u64) {
        let i = slot as usize;
        let dflt = self.uac[i].peer.unwrap();
        let (target, routes, hop) = self.dialog_target(m, true, dflt);
        if sip::param(m.to, b"tag").is_none() {
            self.st.proto("no_to_tag");
        }
        let c = &mut self.uac[i];
        c.st = Ca::Up;
        c.to.clear();
        c.to.extend_from_slice(m.to);
        c.target = target;
        c.routes = routes;
        c.hop = Some(hop);
        let (n, g, t0) = (c.n, c.generation, c.t0);
        self.up += 1;
        let mut a = std::mem::take(&mut c.ack);
        self.in_dialog(&mut a, "ACK", slot, 'a', 1);
        self.send(0, hop, &a);
        self.uac[i].ack = a;
        self.st.answered += 1;
        self.st.setup.add((now - t0).saturating_sub(self.cfg.ring));
        match sip::sdp(m.body) {
            None => self.st.proto("answer_without_sdp"),
            Some(s) => {
                let pt = s.pts.iter().copied().find(|p| self.cfg.uac_pts.contains(p));
                if s.port == 0 || pt.is_none() {
                    self.st.proto("answer_without_usable_codec");
                } else if s.ip & 0xffff_0000 == crate::rtp::NET[1] {
                    self.st.media_direct += 1;
                }
                if let (true, Some(pt)) = (self.cfg.rtp, pt) {
                    self.rtp
                        .start(0, slot, (s.ip, s.port), pt, s.te, now + self.cfg.hold);
                }
            }
        }
        let guard = if self.cfg.rtp { self.cfg.rtp_guard } else { 0 };
        let mine = match self.cfg.bye {
            Bye::Caller => true,
            Bye::Callee => false,
            Bye::Alternate => n % 2 == 0,
        };
        // when the callee hangs up, the caller still ends a call that was forgotten
        let at = now + self.cfg.hold + guard + if mine { 0 } else { 10 * SEC };
        self.timer(at, T_HANG, g, slot);
    }

    /// ACK + BYE for an answer that no call of ours waits for any more.
    fn stateless_end(&mut self, m: &Msg) {
        let dflt = Peer::Udp(self.cfg.target.0, self.cfg.target.1);
        let dflt = if self.cfg.tcp { Peer::Tcp(0) } else { dflt };
        let (target, routes, hop) = self.dialog_target(m, true, dflt);
        for (method, k, cs) in [("ACK", 'a', m.cseq), ("BYE", 'b', m.cseq + 1)] {
            let mut o = vec![];
            let _ = write!(o, "{method} ");
            o.extend_from_slice(&target);
            o.extend_from_slice(b" SIP/2.0\r\n");
            self.via(
                &mut o,
                0,
                0xffff_ffff,
                (self.st.late_2xx & 0xff_ffff) as u32,
                k,
            );
            o.extend_from_slice(b"Max-Forwards: 70\r\nFrom: ");
            o.extend_from_slice(m.from);
            o.extend_from_slice(b"\r\nTo: ");
            o.extend_from_slice(m.to);
            o.extend_from_slice(b"\r\nCall-ID: ");
            o.extend_from_slice(m.callid);
            let _ = write!(o, "\r\nCSeq: {cs} {method}\r\n");
            o.extend_from_slice(&routes);
            o.extend_from_slice(b"Content-Length: 0\r\n\r\n");
            self.send(0, hop, &o);
        }
    }

    fn reply(
        &mut self,
        role: usize,
        from: Peer,
        m: &Msg,
        code: u16,
        reason: &str,
        to_tag: &str,
        extra: &[u8],
        body: &[u8],
    ) -> Vec<u8> {
        let mut o = Vec::with_capacity(1024);
        let _ = write!(o, "SIP/2.0 {code} {reason}\r\n");
        for (i, v) in m.vias[..m.nvia].iter().enumerate() {
            o.extend_from_slice(b"Via: ");
            let rport = if i == 0 {
                sip::param(v, b"rport")
            } else {
                None
            };
            match (rport, from) {
                (Some(b""), Peer::Udp(ip, port)) => {
                    let end = v.iter().position(|c| *c == b',').unwrap_or(v.len());
                    let p = v[..end]
                        .windows(6)
                        .position(|w| w.eq_ignore_ascii_case(b";rport"))
                        .unwrap_or(end);
                    o.extend_from_slice(&v[..p]);
                    let _ = write!(o, ";received={};rport={port}", net::show(ip));
                    o.extend_from_slice(&v[(p + 6).min(v.len())..]);
                }
                _ => o.extend_from_slice(v),
            }
            o.extend_from_slice(b"\r\n");
        }
        o.extend_from_slice(b"From: ");
        o.extend_from_slice(m.from);
        o.extend_from_slice(b"\r\nTo: ");
        o.extend_from_slice(m.to);
        if !to_tag.is_empty() && sip::param(m.to, b"tag").is_none() {
            let _ = write!(o, ";tag={to_tag}");
        }
        o.extend_from_slice(b"\r\nCall-ID: ");
        o.extend_from_slice(m.callid);
        let _ = write!(o, "\r\nCSeq: {} ", m.cseq);
        o.extend_from_slice(m.cseq_method);
        o.extend_from_slice(b"\r\n");
        o.extend_from_slice(extra);
        if !body.is_empty() {
            o.extend_from_slice(b"Content-Type: application/sdp\r\n");
        }
        let _ = write!(o, "Content-Length: {}\r\n\r\n", body.len());
        o.extend_from_slice(body);
        self.send(role, from, &o);
        o
    }

    /// Slot of one of the caller's dialogs by our own Call-ID.
    fn my_call(&self, callid: &[u8]) -> Option<(u32, bool)> {
        let mut p = callid.strip_suffix(b"@callgen")?.split(|c| *c == b'.');
        if sip::hexnum(p.next()?)? as u32 != self.run {
            return None;
        }
        let slot = sip::hexnum(p.next()?)? as u32;
        let generation = sip::hexnum(p.next()?)? as u32;
        let c = self.uac.get(slot as usize)?;
        Some((slot, c.generation == generation && c.st != Ca::Free))
    }

    fn uac_request(&mut self, from: Peer, m: &Msg, now: u64) {
        let known = self.my_call(m.callid);
        match m.method {
            b"ACK" => {}
            b"BYE" => match known {
                Some((slot, true)) => {
                    let i = slot as usize;
                    if sip::param(m.from, b"tag") != sip::param(&self.uac[i].to, b"tag") {
                        self.st.proto("bye_from_tag_mismatch");
                    }
                    self.reply(0, from, m, 200, "OK", "", b"", b"");
                    match self.uac[i].st {
                        Ca::Up => {
                            self.up -= 1;
                            self.st.completed += 1;
                            self.end_uac(slot, now, 2 * SEC);
                        }
                        Ca::Bye => {}
                        Ca::Linger => *self.st.rtx_seen.entry("bye").or_default() += 1,
                        _ => self.st.proto("bye_before_answer"),
                    }
                }
                Some((_, false)) => {
                    *self.st.rtx_seen.entry("bye").or_default() += 1;
                    self.reply(0, from, m, 200, "OK", "", b"", b"");
                }
                None => {
                    self.st.proto("bye_for_unknown_call");
                    self.reply(0, from, m, 481, "Unknown", "", b"", b"");
                }
            },
            b"INVITE" if matches!(known, Some((_, true))) => {
                let slot = known.unwrap().0;
                *self
                    .st
                    .protocol
                    .entry("info_reinvite_at_uac".into())
                    .or_default() += 1;
                let mut b = vec![];
                let te = sip::sdp(m.body).map(|s| s.te).unwrap_or(101);
                sdp_body(&mut b, Rtp::addr(0, slot), &self.cfg.uac_pts, te, 1);
                let mut x = vec![];
                self.contact(&mut x, 0);
                self.reply(0, from, m, 200, "OK", "", &x, &b);
            }
            b"OPTIONS" | b"UPDATE" | b"INFO" | b"NOTIFY" => {
                let mut x = vec![];
                self.contact(&mut x, 0);
                self.reply(0, from, m, 200, "OK", "cg", &x, b"");
            }
            _ => {
                self.st.proto("unexpected_request_at_uac");
                self.reply(0, from, m, 405, "Method Not Allowed", "cg", b"", b"");
            }
        }
    }

    // ---------- callee ----------

    fn free_uas(&mut self, slot: u32) {
        let c = &mut self.uas[slot as usize];
        if c.st == Ce::Free {
            return;
        }
        c.st = Ce::Free;
        if self.map.get(&c.key) == Some(&slot) {
            self.map.remove(&c.key);
        }
        self.rtp.close(1, slot);
        self.uas_free.push_back(slot);
    }
    fn end_uas(&mut self, slot: u32, now: u64, linger: u64) {
        let c = &mut self.uas[slot as usize];
        c.st = Ce::Linger;
        let g = c.generation;
        self.rtp.stop(1, slot);
        self.timer(now + linger, U_FREE, g, slot);
    }

    fn uas_request(&mut self, from: Peer, m: &Msg, now: u64) {
        let ftag = sip::param(m.from, b"tag").unwrap_or(b"");
        let key = hash(m.callid, ftag);
        let known = self.map.get(&key).copied();
        match (m.method, known) {
            (b"INVITE", None) => self.uas_invite(from, m, key, now),
            (b"INVITE", Some(slot)) => {
                let i = slot as usize;
                if m.cseq == self.uas[i].inv_cseq && sip::param(m.to, b"tag").is_none() {
                    *self.st.rtx_seen.entry("invite").or_default() += 1;
                    let r = std::mem::take(&mut self.uas[i].resp);
                    if matches!(self.uas[i].st, Ce::Ringing | Ce::Answered | Ce::Refused) {
                        self.send(1, from, &r);
                    }
                    self.uas[i].resp = r;
                } else {
                    *self
                        .st
                        .protocol
                        .entry("info_reinvite_at_uas".into())
                        .or_default() += 1;
                    let mut b = vec![];
                    let te = sip::sdp(m.body).map(|s| s.te).unwrap_or(101);
                    let pts = self.cfg.uas_pts.clone();
                    sdp_body(&mut b, Rtp::addr(1, slot), &pts, te, 1);
                    let mut x = vec![];
                    self.contact(&mut x, 1);
                    self.reply(1, from, m, 200, "OK", "", &x, &b);
                }
            }
            (b"ACK", Some(slot)) => {
                let i = slot as usize;
                match self.uas[i].st {
                    Ce::Answered => {
                        if m.cseq != self.uas[i].inv_cseq {
                            self.st.proto("ack_cseq_mismatch");
                        }
                        let c = &mut self.uas[i];
                        c.st = Ce::Up;
                        self.st.uas_acked += 1;
                        let (g, n, pt, md) = (c.generation, c.n, c.pt, c.media);
                        if self.cfg.rtp {
                            self.rtp.start(
                                1,
                                slot,
                                (md.ip, md.port),
                                pt,
                                md.te,
                                now + self.cfg.hold,
                            );
                        }
                        let mine = match self.cfg.bye {
                            Bye::Caller => false,
                            Bye::Callee => true,
                            Bye::Alternate => n.is_some_and(|n| n % 2 == 1),
                        };
                        if mine {
                            let guard = if self.cfg.rtp { self.cfg.rtp_guard } else { 0 };
                            self.timer(now + self.cfg.hold + guard, U_HANG, g, slot);
                        }
                    }
                    Ce::Refused => self.end_uas(slot, now, 2 * SEC),
                    _ => *self.st.rtx_seen.entry("ack").or_default() += 1,
                }
            }
            (b"ACK", None) => {
                self.st.strays += 1;
            }
            (b"BYE", Some(slot)) => {
                let i = slot as usize;
                self.reply(1, from, m, 200, "OK", "", b"", b"");
                match self.uas[i].st {
                    Ce::Up => self.end_uas(slot, now, 2 * SEC),
                    Ce::Answered => {
                        *self
                            .st
                            .uas_failed
                            .entry("bye_before_ack".into())
                            .or_default() += 1;
                        self.end_uas(slot, now, 2 * SEC);
                    }
                    Ce::Linger => *self.st.rtx_seen.entry("bye").or_default() += 1,
                    Ce::Bye => {}
                    _ => self.st.proto("bye_before_answer"),
                }
            }
            (b"BYE", None) => {
                self.st.strays += 1;
                self.reply(1, from, m, 200, "OK", "", b"", b"");
            }
            (b"CANCEL", k) => {
                self.reply(1, from, m, 200, "OK", "cg", b"", b"");
                if let Some(slot) = k
                    && self.uas[slot as usize].st == Ce::Ringing
                {
                    *self.st.uas_failed.entry("cancelled".into()).or_default() += 1;
                    let mut mm = m.clone();
                    mm.cseq_method = b"INVITE";
                    let r = self.reply(1, from, &mm, 487, "Request Terminated", "cg", b"", b"");
                    self.uas[slot as usize].resp = r;
                    self.uas[slot as usize].st = Ce::Refused;
                }
            }
            (b"OPTIONS" | b"UPDATE" | b"INFO" | b"NOTIFY", _) => {
                let mut x = vec![];
                self.contact(&mut x, 1);
                self.reply(1, from, m, 200, "OK", "cg", &x, b"");
            }
            _ => {
                self.st.proto("unexpected_request_at_uas");
                self.reply(1, from, m, 405, "Method Not Allowed", "cg", b"", b"");
            }
        }
    }

    fn uas_invite(&mut self, from: Peer, m: &Msg, key: u64, now: u64) {
        let n = sip::num(m.xid)
            .or_else(|| sip::number_in_user(sip::user(sip::uri(m.from))))
            .or_else(|| sip::number_in_user(sip::user(m.uri)))
            .or_else(|| sip::number_in_user(sip::user(sip::uri(m.to))));
        if sip::param(m.to, b"tag").is_some() {
            self.st.strays += 1;
            self.reply(1, from, m, 481, "Call Does Not Exist", "cg", b"", b"");
            return;
        }
        if n.is_some_and(|n| n <= self.base_n) {
            self.st.strays += 1;
            self.reply(1, from, m, 486, "Too Late", "cg", b"", b"");
            return;
        }
        self.st.uas_invites += 1;
        if let Some(t0) = n.and_then(|n| self.t_invite.get(&n)) {
            self.st.hop.add(now.saturating_sub(*t0));
        }
        if n.is_none() {
            self.st.uas_uncorrelated += 1;
        }
        let slot = self.uas_free.pop_front().unwrap_or_else(|| {
            self.uas.push(Uas::default());
            self.uas.len() as u32 - 1
        });
        let i = slot as usize;
        let generation = (self.uas[i].generation + 1) & 0xff_ffff;
        let tag = format!("e{:x}.{slot:x}.{generation:x}", self.run);
        let offer = sip::sdp(m.body);
        if offer.is_none() {
            self.st.proto("offer_without_sdp");
        }
        let md = offer.unwrap_or(sip::Sdp {
            ip: 0,
            port: 0,
            pts: [255; 4],
            te: 255,
        });
        let pt = md
            .pts
            .iter()
            .copied()
            .find(|p| self.cfg.uas_pts.contains(p));
        let (target, routes, hop) = self.dialog_target(m, false, from);
        self.map.insert(key, slot);
        let mut c = Uas {
            generation,
            n,
            key,
            inv_cseq: m.cseq,
            target,
            routes,
            hop: Some(hop),
            peer: Some(from),
            media: md,
            pt: pt.unwrap_or(255),
            callid: m.callid.to_vec(),
            remote: m.from.to_vec(),
            ..Default::default()
        };
        c.local = m.to.to_vec();
        let _ = write!(c.local, ";tag={tag}");
        let code = if pt.is_none() {
            488
        } else {
            self.cfg.answer_code
        };
        let mut x = vec![];
        for r in &m.rr[..m.nrr] {
            x.extend_from_slice(b"Record-Route: ");
            x.extend_from_slice(r);
            x.extend_from_slice(b"\r\n");
        }
        self.contact(&mut x, 1);
        if code >= 300 {
            c.st = Ce::Refused;
            c.rtx = self.cfg.t1;
            c.deadline = now + self.cfg.timeout;
            c.resp = self.reply(1, from, m, code, "Refused", &tag, b"", b"");
            self.uas[i] = c;
            self.timer(now + self.cfg.t1, U_OK, generation, slot);
            return;
        }
        if !self.cfg.no_180 {
            c.resp = self.reply(1, from, m, 180, "Ringing", &tag, &x, b"");
        }
        c.st = Ce::Ringing;
        // prepare the 200
        let mut b = std::mem::take(&mut self.out);
        b.clear();
        sdp_body(&mut b, Rtp::addr(1, slot), &[c.pt], md.te, n.unwrap_or(0));
        x.extend_from_slice(b"Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO\r\n");
        if self.cfg.rtp {
            self.rtp
                .open(1, slot, n.map(|n| n as u32).unwrap_or(u32::MAX));
        }
        if self.cfg.ring == 0 {
            c.ok = self.reply(1, from, m, 200, "OK", &tag, &x, &b);
            c.resp.clear();
            self.uas[i] = c;
            self.out = b;
            self.uas_answered(slot, now);
        } else {
            // build without sending
            let save = self.st.sip_sent;
            c.ok = self.reply(1, Peer::Tcp(usize::MAX), m, 200, "OK", &tag, &x, &b);
            self.st.sip_sent = save;
            self.st.protocol.remove("send_on_closed_tcp");
            self.uas[i] = c;
            self.out = b;
            self.timer(now + self.cfg.ring, U_ANSWER, generation, slot);
        }
    }

    fn uas_answered(&mut self, slot: u32, now: u64) {
        let c = &mut self.uas[slot as usize];
        c.st = Ce::Answered;
        c.resp = std::mem::take(&mut c.ok);
        c.rtx = self.cfg.t1;
        c.deadline = now + self.cfg.timeout;
        let g = c.generation;
        self.timer(now + self.cfg.t1, U_OK, g, slot);
    }

    fn uas_hangup(&mut self, slot: u32, now: u64) {
        let i = slot as usize;
        let mut o = vec![];
        let c = &self.uas[i];
        o.extend_from_slice(b"BYE ");
        o.extend_from_slice(&c.target);
        o.extend_from_slice(b" SIP/2.0\r\n");
        self.via(&mut o, 1, slot, c.generation, 'b');
        o.extend_from_slice(b"Max-Forwards: 70\r\nFrom: ");
        o.extend_from_slice(&c.local);
        o.extend_from_slice(b"\r\nTo: ");
        o.extend_from_slice(&c.remote);
        o.extend_from_slice(b"\r\nCall-ID: ");
        o.extend_from_slice(&c.callid);
        o.extend_from_slice(b"\r\nCSeq: 1 BYE\r\n");
        o.extend_from_slice(&c.routes);
        o.extend_from_slice(b"User-Agent: callgen\r\nContent-Length: 0\r\n\r\n");
        let p = c.hop.unwrap();
        self.send(1, p, &o);
        let c = &mut self.uas[i];
        c.bye = o;
        c.bye_t = now;
        c.st = Ce::Bye;
        c.rtx = self.cfg.t1;
        c.deadline = now + self.cfg.timeout;
        let g = c.generation;
        self.timer(now + self.cfg.t1, U_BYE, g, slot);
    }

    fn uas_response(&mut self, m: &Msg, slot: u32, generation: u32, _kind: u8, now: u64) {
        let Some(c) = self
            .uas
            .get(slot as usize)
            .filter(|c| c.generation == generation && c.st != Ce::Free)
        else {
            self.st.strays += 1;
            return;
        };
        if m.cseq_method != b"BYE" {
            self.st.proto("response_cseq_mismatch");
            return;
        }
        if m.code < 200 {
            return;
        }
        if c.st != Ce::Bye {
            *self.st.rtx_seen.entry("bye_response").or_default() += 1;
            return;
        }
        self.st.bye.add(now - c.bye_t);
        if m.code >= 300 {
            *self
                .st
                .uas_failed
                .entry(format!("bye_{}", m.code))
                .or_default() += 1;
        }
        self.end_uas(slot, now, 500 * MS);
    }

    // ---------- timers ----------

    fn fire(&mut self, kind: u8, generation: u32, slot: u32, now: u64) {
        let i = slot as usize;
        let udp = !self.cfg.tcp;
        let t2 = 4 * SEC;
        if kind < U_ANSWER {
            if self
                .uac
                .get(i)
                .is_none_or(|c| c.generation != generation || c.st == Ca::Free)
            {
                return;
            }
            match (kind, self.uac[i].st) {
                (T_INV, Ca::Calling | Ca::Proceeding) => {
                    if now >= self.uac[i].deadline {
                        let w = if self.uac[i].st == Ca::Calling {
                            "timeout_no_response"
                        } else {
                            "timeout_no_final"
                        };
                        self.fail_uac(slot, w.into(), now);
                        return;
                    }
                    if udp && self.uac[i].st == Ca::Calling {
                        *self.st.rtx_sent.entry("invite").or_default() += 1;
                        let (p, d) = (
                            self.uac[i].peer.unwrap(),
                            std::mem::take(&mut self.uac[i].invite),
                        );
                        self.send(0, p, &d);
                        self.uac[i].invite = d;
                    }
                    let c = &mut self.uac[i];
                    c.rtx *= 2;
                    let at = (now + c.rtx).min(c.deadline);
                    self.timer(at, T_INV, generation, slot);
                }
                (T_HANG, Ca::Up) => {
                    if self.cfg.bye != Bye::Caller
                        && !(self.cfg.bye == Bye::Alternate && self.uac[i].n.is_multiple_of(2))
                    {
                        self.st.fail("no_bye_from_callee");
                        self.st.completed = self.st.completed.wrapping_sub(1);
                    }
                    self.uac_hangup(slot, now);
                }
                (T_BYE, Ca::Bye) => {
                    if now >= self.uac[i].deadline {
                        self.fail_uac(slot, "timeout_bye".into(), now);
                        return;
                    }
                    if udp {
                        *self.st.rtx_sent.entry("bye").or_default() += 1;
                        let (p, d) = (
                            self.uac[i].hop.unwrap(),
                            std::mem::take(&mut self.uac[i].bye),
                        );
                        self.send(0, p, &d);
                        self.uac[i].bye = d;
                    }
                    let c = &mut self.uac[i];
                    c.rtx = (c.rtx * 2).min(t2);
                    let at = (now + c.rtx).min(c.deadline);
                    self.timer(at, T_BYE, generation, slot);
                }
                (T_FREE, Ca::Linger) => self.free_uac(slot),
                _ => {}
            }
            return;
        }
        if self
            .uas
            .get(i)
            .is_none_or(|c| c.generation != generation || c.st == Ce::Free)
        {
            return;
        }
        match (kind, self.uas[i].st) {
            (U_ANSWER, Ce::Ringing) => {
                self.uas_answered(slot, now);
                let (p, d) = (
                    self.uas[i].peer.unwrap(),
                    std::mem::take(&mut self.uas[i].resp),
                );
                self.send(1, p, &d);
                self.uas[i].resp = d;
            }
            (U_OK, Ce::Answered | Ce::Refused) => {
                if now >= self.uas[i].deadline {
                    *self.st.uas_failed.entry("no_ack".into()).or_default() += 1;
                    self.end_uas(slot, now, 0);
                    return;
                }
                *self.st.rtx_sent.entry("invite_final").or_default() += 1;
                let (p, d) = (
                    self.uas[i].peer.unwrap(),
                    std::mem::take(&mut self.uas[i].resp),
                );
                self.send(1, p, &d);
                let c = &mut self.uas[i];
                c.resp = d;
                c.rtx = (c.rtx * 2).min(t2);
                let at = (now + c.rtx).min(c.deadline);
                self.timer(at, U_OK, generation, slot);
            }
            (U_HANG, Ce::Up) => self.uas_hangup(slot, now),
            (U_BYE, Ce::Bye) => {
                if now >= self.uas[i].deadline {
                    *self.st.uas_failed.entry("timeout_bye".into()).or_default() += 1;
                    self.end_uas(slot, now, 0);
                    return;
                }
                if udp {
                    *self.st.rtx_sent.entry("bye").or_default() += 1;
                    let (p, d) = (
                        self.uas[i].hop.unwrap(),
                        std::mem::take(&mut self.uas[i].bye),
                    );
                    self.send(1, p, &d);
                    self.uas[i].bye = d;
                }
                let c = &mut self.uas[i];
                c.rtx = (c.rtx * 2).min(t2);
                let at = (now + c.rtx).min(c.deadline);
                self.timer(at, U_BYE, generation, slot);
            }
            (U_FREE, Ce::Linger) => self.free_uas(slot),
            _ => {}
        }
    }
}
