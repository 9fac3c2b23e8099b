//! RTP streams: stamped payloads, and the receiving checks.
use crate::hist::Hist;
use crate::net::{self, RxBatch, TxBatch};

pub const MEDIA_PORT: u16 = 40000;
/// Caller media is 127.10.a.b, callee media 127.11.a.b (a.b = call slot): one socket receives it
/// all, yet every leg has an address of its own.
pub const NET: [u32; 2] = [0x7f0a_0000, 0x7f0b_0000];
pub const PAYLOAD: usize = 160;
const MAGIC: u32 = 0x4347_5254;
const WIN: u64 = 1024;

#[derive(Default)]
pub struct RtpStats {
    pub sent: u64,
    pub send_err: u64,
    pub recv: u64,
    pub unique: u64,
    pub dup: u64,
    pub reorder: u64,
    pub corrupt: u64,
    pub bad_header: u64,
    pub wrong_pt: u64,
    pub misrouted: u64,
    pub stray: u64,
    pub own_drops: u64,
    pub skipped: u64,
    pub legs_started: u64,
    pub legs_silent: u64,
    pub recoded: u64,
    pub unsynced: u64,
    pub rtcp: u64,
    pub events: u64,
    pub lat: Hist,
    pub lat_dir: [Hist; 2],
}

#[derive(Clone)]
pub struct Stream {
    pub on: bool,
    pub live: bool,
    pub n: u32,
    src: u32,
    dst: (u32, u16),
    pt: u8,
    te: u8,
    ssrc: u32,
    seq: u32,
    rtp_seq: u16,
    rtp_ts: u32,
    end: u64,
    pub sent: u64,
    // receiving side
    next: u64,
    win: [u64; (WIN / 64) as usize],
    pub got: u64,
    tail: Vec<u8>,
}

impl Default for Stream {
    fn default() -> Self {
        Stream {
            on: false,
            live: false,
            n: 0,
            src: 0,
            dst: (0, 0),
            pt: 0,
            te: 255,
            ssrc: 0,
            seq: 0,
            rtp_seq: 0,
            rtp_ts: 0,
            end: 0,
            sent: 0,
            next: 0,
            win: [0; 16],
            got: 0,
            tail: Vec::new(),
        }
    }
}

pub struct Rtp {
    pub fd: i32,
    pub rtcp_fd: i32,
    pub s: [Vec<Stream>; 2],
    ring: Vec<(u8, u32)>,
    pos: usize,
    credit: f64,
    last: u64,
    pub pps: f64,
    run: u32,
    pub epoch: u32,
    tx: TxBatch,
    rx: Option<RxBatch>,
    pub st: RtpStats,
    drops0: u32,
    drops_last: u32,
    recode: bool,
    ulaw: [u8; 256],
    alaw: [u8; 256],
    enc: [[u8; 16]; 2],
}

fn ulaw_dec(u: u8) -> i32 {
    let u = !u;
    let t = ((((u & 0x0f) as i32) << 3) + 0x84) << ((u & 0x70) >> 4);
    if u & 0x80 != 0 { 0x84 - t } else { t - 0x84 }
}
fn alaw_dec(a: u8) -> i32 {
    let a = a ^ 0x55;
    let seg = (a & 0x70) >> 4;
    let mut t = ((a & 0x0f) as i32) << 4;
    t += 8;
    if seg >= 1 {
        t += 0x100;
    }
    if seg > 1 {
        t <<= seg - 1;
    }
    if a & 0x80 != 0 { t } else { -t }
}
fn level(v: usize) -> i32 {
    v as i32 * 4000 - 30000
}
fn nearest(dec: fn(u8) -> i32, x: i32) -> u8 {
    (0..=255u8).min_by_key(|c| (dec(*c) - x).abs()).unwrap()
}
fn to_nibble(x: i32) -> u8 {
    ((x + 30000 + 2000) / 4000).clamp(0, 15) as u8
}

fn mix(b: &[u8]) -> u64 {
    let mut h = 0x9e37_79b9_7f4a_7c15u64;
    for c in b.chunks_exact(8) {
        h ^= u64::from_le_bytes(c.try_into().unwrap());
        h = h.wrapping_mul(0xff51_afd7_ed55_8ccd).rotate_left(29);
    }
    h
}

struct Stamp {
    run: u32,
    n: u32,
    leg: u8,
    seq: u32,
    epoch: u32,
    ts: u64,
}

const SYNC: [u8; 4] = [0, 15, 1, 14];
const NIB: usize = 4 + 2 * 20;

impl Rtp {
    pub fn new(run: u32, recode: bool) -> Self {
        let fd = net::udp_socket(0, MEDIA_PORT, 32 << 20);
        net::rtp_options(fd);
        let rtcp_fd = net::udp_socket(0, MEDIA_PORT + 1, 1 << 20);
        let mut ulaw = [0; 256];
        let mut alaw = [0; 256];
        for c in 0..=255u8 {
            ulaw[c as usize] = to_nibble(ulaw_dec(c));
            alaw[c as usize] = to_nibble(alaw_dec(c));
        }
        let mut enc = [[0; 16]; 2];
        for (row, dec) in enc.iter_mut().zip([ulaw_dec as fn(u8) -> i32, alaw_dec]) {
            for (v, code) in row.iter_mut().enumerate() {
                *code = nearest(dec, level(v));
            }
        }
        Rtp {
            fd,
            rtcp_fd,
            s: [vec![], vec![]],
            ring: vec![],
            pos: 0,
            credit: 0.0,
            last: 0,
            pps: 50.0,
            run,
            epoch: 0,
            tx: TxBatch::new(32, 12 + PAYLOAD),
            rx: Some(RxBatch::new(64, 2048)),
            st: Default::default(),
            drops0: 0,
            drops_last: 0,
            recode,
            ulaw,
            alaw,
            enc,
        }
    }

    pub fn addr(leg: usize, slot: u32) -> u32 {
        NET[leg] | (slot & 0xffff)
    }

    pub fn open(&mut self, leg: usize, slot: u32, n: u32) {
        let v = &mut self.s[leg];
        if v.len() <= slot as usize {
            v.resize(slot as usize + 1, Stream::default());
        }
        let s = &mut v[slot as usize];
        let keep = s.on;
        *s = Stream {
            live: true,
            n,
            src: Self::addr(leg, slot),
            on: keep,
            tail: std::mem::take(&mut s.tail),
            ..Default::default()
        };
        s.tail.clear();
    }

    /// Begin sending from (leg, slot) to `dst` until `end` (monotonic ns).
    pub fn start(&mut self, leg: usize, slot: u32, dst: (u32, u16), pt: u8, te: u8, end: u64) {
        let Some(s) = self.s[leg].get_mut(slot as usize) else {
            return;
        };
        if !s.live {
            return;
        }
        s.dst = dst;
        s.pt = pt;
        s.te = te;
        s.end = end;
        s.ssrc = mix(&((s.n as u64) << 8 | leg as u64).to_le_bytes()) as u32;
        s.rtp_seq = s.ssrc as u16 & 0x7fff;
        s.rtp_ts = s.ssrc.rotate_left(7);
        self.st.legs_started += 1;
        if !s.on {
            s.on = true;
            self.ring.push((leg as u8, slot));
        }
    }
    pub fn stop(&mut self, leg: usize, slot: u32) {
        if let Some(s) = self.s[leg].get_mut(slot as usize) {
            s.end = 0;
        }
    }
    pub fn close(&mut self, leg: usize, slot: u32) {
        if let Some(s) = self.s[leg].get_mut(slot as usize) {
            if s.live && s.sent >= 25 && s.got == 0 {
                self.st.legs_silent += 1;
            }
            s.live = false;
            s.end = 0;
        }
    }
    /// Judge the legs that are not closed yet (end of a run).
    pub fn count_silent(&mut self) {
        for v in self.s.iter_mut() {
            for s in v.iter_mut().filter(|s| s.live) {
                if s.sent >= 25 && s.got == 0 {
                    self.st.legs_silent += 1;
                }
                s.live = false;
                s.end = 0;
            }
        }
    }
    pub fn active(&self) -> usize {
        self.ring.len()
    }
    pub fn reset_stats(&mut self) {
        self.st = Default::default();
        self.drops0 = self.drops_last;
        self.epoch += 1;
        for v in self.s.iter_mut() {
            for s in v.iter_mut() {
                s.got = 0;
                s.sent = 0;
            }
        }
    }

    /// Send what is due; returns ns until the next packet is due (u64::MAX when idle).
    pub fn tick(&mut self, now: u64, tick: u64) -> u64 {
        if self.ring.is_empty() {
            self.last = now;
            self.credit = 0.0;
            return u64::MAX;
        }
        let dt = now.saturating_sub(self.last);
        if dt < tick {
            return tick - dt;
        }
        self.last = now;
        let rate = self.pps * self.ring.len() as f64;
        self.credit += rate * dt as f64 * 1e-9;
        // catch up at most 60 ms after having been stalled
        let cap = (rate * 0.06).max(64.0);
        if self.credit > cap {
            self.st.skipped += (self.credit - cap) as u64;
            self.credit = cap;
        }
        let mut k = self.credit as usize;
        self.credit -= k as f64;
        while k > 0 && !self.ring.is_empty() {
            if self.pos >= self.ring.len() {
                self.pos = 0;
            }
            let (leg, slot) = self.ring[self.pos];
            let s = &mut self.s[leg as usize][slot as usize];
            if now >= s.end {
                s.on = false;
                self.ring.swap_remove(self.pos);
                k -= 1;
                continue;
            }
            self.pos += 1;
            k -= 1;
            let b = self.tx.buf();
            b[0] = 0x80;
            b[1] = s.pt | if s.sent == 0 { 0x80 } else { 0 };
            b[2..4].copy_from_slice(&s.rtp_seq.to_be_bytes());
            b[4..8].copy_from_slice(&s.rtp_ts.to_be_bytes());
            b[8..12].copy_from_slice(&s.ssrc.to_be_bytes());
            let ts = net::real_ns();
            if self.recode {
                let mut raw = [0u8; 20];
                raw[0..4].copy_from_slice(&s.n.to_be_bytes());
                raw[4] = leg | ((self.epoch as u8 & 0x3f) << 1) | ((self.run as u8 & 1) << 7);
                raw[5..9].copy_from_slice(&s.seq.to_be_bytes());
                raw[9..17].copy_from_slice(&ts.to_be_bytes());
                let c = raw[..17]
                    .iter()
                    .fold(7u16, |a, b| a.wrapping_mul(31).wrapping_add(*b as u16));
                raw[17..19].copy_from_slice(&c.to_be_bytes());
                let t = &self.enc[(s.pt == 8) as usize];
                let p = &mut b[12..12 + PAYLOAD];
                p.fill(t[8]);
                for (i, v) in SYNC.iter().enumerate() {
                    p[i] = t[*v as usize];
                }
                for (i, v) in raw.iter().enumerate() {
                    p[4 + i * 2] = t[(v >> 4) as usize];
                    p[5 + i * 2] = t[(v & 15) as usize];
                }
            } else {
                let p = &mut b[12..12 + PAYLOAD];
                p[0..4].copy_from_slice(&MAGIC.to_be_bytes());
                p[4..8].copy_from_slice(&self.run.to_be_bytes());
                p[8..12].copy_from_slice(&s.n.to_be_bytes());
                p[12] = leg;
                p[16..20].copy_from_slice(&s.seq.to_be_bytes());
                p[20..24].copy_from_slice(&self.epoch.to_be_bytes());
                p[24..32].copy_from_slice(&ts.to_be_bytes());
                for (i, c) in p[32..152].iter_mut().enumerate() {
                    *c = (i as u8).wrapping_mul(7).wrapping_add(s.seq as u8);
                }
                let h = mix(&p[..152]);
                p[152..160].copy_from_slice(&h.to_le_bytes());
            }
            s.seq = s.seq.wrapping_add(1);
            s.rtp_seq = s.rtp_seq.wrapping_add(1);
            s.rtp_ts = s.rtp_ts.wrapping_add(PAYLOAD as u32);
            s.sent += 1;
            let (src, dst) = (s.src, s.dst);
            self.tx.commit(12 + PAYLOAD, src, dst);
            if self.tx.full() {
                let (a, e) = self.tx.flush(self.fd);
                self.st.sent += a as u64;
                self.st.send_err += e as u64;
            }
        }
        if self.tx.n > 0 {
            let (a, e) = self.tx.flush(self.fd);
            self.st.sent += a as u64;
            self.st.send_err += e as u64;
        }
        tick
    }

    pub fn drain_rtcp(&mut self) {
        let mut rx = self.rx.take().unwrap();
        loop {
            let k = rx.recv(self.rtcp_fd);
            self.st.rtcp += k as u64;
            if k < rx.cap() {
                break;
            }
        }
        self.rx = Some(rx);
    }

    /// Read at most `batches` batches.
    pub fn recv(&mut self, batches: usize) {
        let mut rx = self.rx.take().unwrap();
        for _ in 0..batches {
            let k = rx.recv(self.fd);
            for i in 0..k {
                let m = rx.meta(i);
                if m.drops != 0 {
                    self.drops_last = m.drops;
                    self.st.own_drops = m.drops.wrapping_sub(self.drops0) as u64;
                }
                self.packet(rx.data(i), m);
            }
            if k < rx.cap() {
                break;
            }
        }
        self.rx = Some(rx);
    }

    fn packet(&mut self, d: &[u8], m: net::Meta) {
        self.st.recv += 1;
        let leg = if m.dst & 0xffff_0000 == NET[0] {
            0
        } else if m.dst & 0xffff_0000 == NET[1] {
            1
        } else {
            self.st.stray += 1;
            return;
        };
        if d.len() < 12 || d[0] >> 6 != 2 {
            self.st.bad_header += 1;
            return;
        }
        let mut off = 12 + 4 * (d[0] & 15) as usize;
        if d[0] & 0x10 != 0 && d.len() >= off + 4 {
            off += 4 + 4 * u16::from_be_bytes([d[off + 2], d[off + 3]]) as usize;
        }
        if d.len() <= off {
            self.st.bad_header += 1;
            return;
        }
        let slot = (m.dst & 0xffff) as usize;
        let Some(s) = self.s[leg].get_mut(slot).filter(|s| s.live) else {
            self.st.stray += 1;
            return;
        };
        let pt = d[1] & 0x7f;
        if pt == s.te {
            self.st.events += 1;
            return;
        }
        if s.sent > 0 && pt != s.pt {
            self.st.wrong_pt += 1;
        }
        let p = &d[off..];
        if self.recode {
            let t = if pt == 8 { &self.alaw } else { &self.ulaw };
            let mut buf = std::mem::take(&mut s.tail);
            buf.extend(p.iter().map(|c| t[*c as usize]));
            let mut at = 0;
            let mut found = vec![];
            while at + NIB <= buf.len() {
                if buf[at..at + 4] == SYNC {
                    let mut raw = [0u8; 20];
                    for (i, r) in raw.iter_mut().enumerate() {
                        *r = buf[at + 4 + 2 * i] << 4 | buf[at + 5 + 2 * i];
                    }
                    let c = raw[..17]
                        .iter()
                        .fold(7u16, |a, b| a.wrapping_mul(31).wrapping_add(*b as u16));
                    if c.to_be_bytes() == raw[17..19] {
                        found.push(Stamp {
                            run: self.run,
                            n: u32::from_be_bytes(raw[0..4].try_into().unwrap()),
                            leg: raw[4] & 1,
                            seq: u32::from_be_bytes(raw[5..9].try_into().unwrap()),
                            epoch: (raw[4] >> 1 & 0x3f) as u32,
                            ts: u64::from_be_bytes(raw[9..17].try_into().unwrap()),
                        });
                        at += NIB;
                        continue;
                    }
                }
                at += 1;
            }
            buf.drain(..at.min(buf.len()));
            s.tail = buf;
            if found.is_empty() {
                self.st.unsynced += 1;
            }
            for mut f in found {
                self.st.recoded += 1;
                if f.epoch != self.epoch & 0x3f {
                    continue;
                }
                f.epoch = self.epoch;
                self.count(leg, slot, f, m.ts);
            }
            return;
        }
        if p.len() != PAYLOAD
            || p[0..4] != MAGIC.to_be_bytes()
            || mix(&p[..152]).to_le_bytes() != p[152..160]
        {
            self.st.corrupt += 1;
            return;
        }
        let st = Stamp {
            run: u32::from_be_bytes(p[4..8].try_into().unwrap()),
            n: u32::from_be_bytes(p[8..12].try_into().unwrap()),
            leg: p[12],
            seq: u32::from_be_bytes(p[16..20].try_into().unwrap()),
            epoch: u32::from_be_bytes(p[20..24].try_into().unwrap()),
            ts: u64::from_be_bytes(p[24..32].try_into().unwrap()),
        };
        self.count(leg, slot, st, m.ts);
    }

    fn count(&mut self, leg: usize, slot: usize, p: Stamp, rx_ts: u64) {
        if p.run != self.run || p.epoch != self.epoch {
            self.st.stray += 1;
            return;
        }
        let s = &mut self.s[leg][slot];
        if p.leg as usize == leg || (s.n != u32::MAX && p.n != s.n) {
            self.st.misrouted += 1;
            return;
        }
        if s.n == u32::MAX {
            s.n = p.n;
        }
        s.got += 1;
        let q = p.seq as u64;
        let w = WIN / 64;
        if q >= s.next {
            // clear the window between
            let from = s.next;
            if q - from >= WIN {
                s.win = [0; 16];
            } else {
                for k in from..=q {
                    s.win[(k / 64 % w) as usize] &= !(1 << (k % 64));
                }
            }
            s.win[(q / 64 % w) as usize] |= 1 << (q % 64);
            s.next = q + 1;
            self.st.unique += 1;
        } else if s.next - q > WIN {
            self.st.reorder += 1;
            self.st.unique += 1;
        } else {
            let bit = 1 << (q % 64);
            let word = &mut s.win[(q / 64 % w) as usize];
            if *word & bit != 0 {
                self.st.dup += 1;
                return;
            }
            *word |= bit;
            self.st.unique += 1;
            self.st.reorder += 1;
        }
        let lat = rx_ts.saturating_sub(p.ts);
        self.st.lat.add(lat);
        self.st.lat_dir[leg].add(lat);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn nibbles_survive_both_laws() {
        for v in 0..16usize {
            let u = nearest(ulaw_dec, level(v));
            let a = nearest(alaw_dec, level(v));
            assert_eq!(to_nibble(ulaw_dec(u)), v as u8);
            assert_eq!(to_nibble(alaw_dec(a)), v as u8);
            // through the other law
            assert_eq!(to_nibble(alaw_dec(nearest(alaw_dec, ulaw_dec(u)))), v as u8);
            assert_eq!(to_nibble(ulaw_dec(nearest(ulaw_dec, alaw_dec(a)))), v as u8);
        }
    }
    #[test]
    fn law_known_values() {
        assert_eq!(ulaw_dec(0xff), 0);
        assert_eq!(ulaw_dec(0x00), -32124);
        assert_eq!(ulaw_dec(0x80), 32124);
        assert_eq!(alaw_dec(0xd5), 8);
        assert_eq!(alaw_dec(0xaa), 32256);
        assert_eq!(alaw_dec(0x2a), -32256);
    }
}
