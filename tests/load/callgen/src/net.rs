//! Thin layer over the Linux socket calls: batched receive/send with control messages.
use libc::*;
use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, SocketAddrV4};

pub fn now_ns() -> u64 {
    clock(CLOCK_MONOTONIC)
}
pub fn real_ns() -> u64 {
    clock(CLOCK_REALTIME)
}
fn clock(id: clockid_t) -> u64 {
    unsafe {
        let mut t: timespec = zeroed();
        clock_gettime(id, &mut t);
        t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
    }
}

pub fn sa(ip: u32, port: u16) -> sockaddr_in {
    unsafe {
        let mut s: sockaddr_in = zeroed();
        s.sin_family = AF_INET as u16;
        s.sin_port = port.to_be();
        s.sin_addr.s_addr = ip.to_be();
        s
    }
}
pub fn ip4(a: &SocketAddrV4) -> (u32, u16) {
    (u32::from(*a.ip()), a.port())
}
pub fn show(ip: u32) -> Ipv4Addr {
    Ipv4Addr::from(ip)
}

fn opt(fd: i32, level: i32, name: i32, v: i32) -> bool {
    unsafe { setsockopt(fd, level, name, &v as *const i32 as *const c_void, 4) == 0 }
}

fn die(what: &str) -> ! {
    eprintln!("callgen: {what}: {}", std::io::Error::last_os_error());
    std::process::exit(2)
}

pub fn udp_socket(ip: u32, port: u16, buf: i32) -> i32 {
    unsafe {
        let fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if fd < 0 {
            die("socket");
        }
        // The FORCE variants need CAP_NET_ADMIN; fall back to the plain ones.
        if !opt(fd, SOL_SOCKET, SO_RCVBUFFORCE, buf) {
            opt(fd, SOL_SOCKET, SO_RCVBUF, buf);
        }
        if !opt(fd, SOL_SOCKET, SO_SNDBUFFORCE, buf) {
            opt(fd, SOL_SOCKET, SO_SNDBUF, buf);
        }
        let a = sa(ip, port);
        if bind(
            fd,
            &a as *const _ as *const sockaddr,
            size_of::<sockaddr_in>() as u32,
        ) < 0
        {
            die(&format!("bind udp {}:{}", show(ip), port));
        }
        opt(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
        fd
    }
}

pub fn rtp_options(fd: i32) {
    opt(fd, IPPROTO_IP, IP_PKTINFO, 1);
    opt(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
}

pub fn tcp_listen(ip: u32, port: u16) -> i32 {
    unsafe {
        let fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        opt(fd, SOL_SOCKET, SO_REUSEADDR, 1);
        let a = sa(ip, port);
        if bind(
            fd,
            &a as *const _ as *const sockaddr,
            size_of::<sockaddr_in>() as u32,
        ) < 0
            || listen(fd, 512) < 0
        {
            die(&format!("listen tcp {}:{}", show(ip), port));
        }
        fd
    }
}

pub fn tcp_connect(ip: u32, port: u16) -> i32 {
    unsafe {
        let fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        let a = sa(ip, port);
        if connect(
            fd,
            &a as *const _ as *const sockaddr,
            size_of::<sockaddr_in>() as u32,
        ) < 0
        {
            die(&format!("connect tcp {}:{}", show(ip), port));
        }
        fcntl(fd, F_SETFL, O_NONBLOCK);
        opt(fd, IPPROTO_TCP, TCP_NODELAY, 1);
        fd
    }
}

pub fn tcp_accept(lfd: i32) -> Option<i32> {
    unsafe {
        let fd = accept4(
            lfd,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            SOCK_NONBLOCK | SOCK_CLOEXEC,
        );
        if fd < 0 {
            return None;
        }
        opt(fd, IPPROTO_TCP, TCP_NODELAY, 1);
        Some(fd)
    }
}

pub struct Epoll {
    fd: i32,
    pub ev: Vec<epoll_event>,
}
impl Epoll {
    pub fn new() -> Self {
        unsafe {
            let fd = epoll_create1(EPOLL_CLOEXEC);
            if fd < 0 {
                die("epoll_create1");
            }
            Epoll {
                fd,
                ev: vec![zeroed(); 64],
            }
        }
    }
    pub fn add(&self, fd: i32, tag: u64) {
        unsafe {
            let mut e = epoll_event {
                events: EPOLLIN as u32,
                u64: tag,
            };
            epoll_ctl(self.fd, EPOLL_CTL_ADD, fd, &mut e);
        }
    }
    /// Wait at most `ns`; returns the number of ready entries in `ev`.
    pub fn wait(&mut self, ns: u64) -> usize {
        let ts = timespec {
            tv_sec: (ns / 1_000_000_000) as i64,
            tv_nsec: (ns % 1_000_000_000) as i64,
        };
        let r = unsafe {
            syscall(
                SYS_epoll_pwait2,
                self.fd,
                self.ev.as_mut_ptr(),
                self.ev.len() as i32,
                &ts as *const timespec,
                std::ptr::null::<sigset_t>(),
                8usize,
            )
        };
        r.max(0) as usize
    }
}

const CTL: usize = 128;

pub struct RxBatch {
    size: usize,
    bufs: Vec<u8>,
    names: Vec<sockaddr_in>,
    ctl: Vec<u64>,
    _iov: Vec<iovec>,
    hdr: Vec<mmsghdr>,
}

#[derive(Default, Clone, Copy)]
pub struct Meta {
    pub ts: u64,
    pub dst: u32,
    pub drops: u32,
}

impl RxBatch {
    pub fn new(n: usize, size: usize) -> Self {
        unsafe {
            let mut b = RxBatch {
                size,
                bufs: vec![0; n * size],
                names: vec![zeroed(); n],
                ctl: vec![0; n * CTL / 8],
                _iov: Vec::with_capacity(n),
                hdr: Vec::with_capacity(n),
            };
            for i in 0..n {
                b._iov.push(iovec {
                    iov_base: b.bufs.as_mut_ptr().add(i * size) as *mut c_void,
                    iov_len: size,
                });
            }
            for i in 0..n {
                let mut h: mmsghdr = zeroed();
                h.msg_hdr.msg_name = &mut b.names[i] as *mut _ as *mut c_void;
                h.msg_hdr.msg_iov = &mut b._iov[i];
                h.msg_hdr.msg_iovlen = 1;
                h.msg_hdr.msg_control = (b.ctl.as_mut_ptr() as *mut u8).add(i * CTL) as *mut c_void;
                b.hdr.push(h);
            }
            b
        }
    }
    pub fn recv(&mut self, fd: i32) -> usize {
        for h in self.hdr.iter_mut() {
            h.msg_hdr.msg_namelen = size_of::<sockaddr_in>() as u32;
            h.msg_hdr.msg_controllen = CTL as _;
        }
        let r = unsafe {
            recvmmsg(
                fd,
                self.hdr.as_mut_ptr(),
                self.hdr.len() as u32,
                MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        r.max(0) as usize
    }
    pub fn cap(&self) -> usize {
        self.hdr.len()
    }
    pub fn data(&self, i: usize) -> &[u8] {
        &self.bufs[i * self.size..i * self.size + self.hdr[i].msg_len as usize]
    }
    pub fn from(&self, i: usize) -> (u32, u16) {
        let n = &self.names[i];
        (u32::from_be(n.sin_addr.s_addr), u16::from_be(n.sin_port))
    }
    pub fn meta(&self, i: usize) -> Meta {
        let mut m = Meta::default();
        unsafe {
            let h = &self.hdr[i].msg_hdr;
            let mut c = CMSG_FIRSTHDR(h);
            while !c.is_null() {
                let d = CMSG_DATA(c);
                match ((*c).cmsg_level, (*c).cmsg_type) {
                    (IPPROTO_IP, IP_PKTINFO) => {
                        let p = std::ptr::read_unaligned(d as *const in_pktinfo);
                        m.dst = u32::from_be(p.ipi_addr.s_addr);
                    }
                    (SOL_SOCKET, SCM_TIMESTAMPNS) => {
                        let t = std::ptr::read_unaligned(d as *const timespec);
                        m.ts = t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64;
                    }
                    (SOL_SOCKET, SO_RXQ_OVFL) => {
                        m.drops = std::ptr::read_unaligned(d as *const u32)
                    }
                    _ => {}
                }
                c = CMSG_NXTHDR(h, c);
            }
        }
        m
    }
}

/// Batched sender that sets the source address of every datagram.
pub struct TxBatch {
    size: usize,
    bufs: Vec<u8>,
    names: Vec<sockaddr_in>,
    ctl: Vec<u64>,
    iov: Vec<iovec>,
    hdr: Vec<mmsghdr>,
    pub n: usize,
}

impl TxBatch {
    pub fn new(n: usize, size: usize) -> Self {
        unsafe {
            let mut b = TxBatch {
                size,
                bufs: vec![0; n * size],
                names: vec![sa(0, 0); n],
                ctl: vec![0; n * CTL / 8],
                iov: Vec::with_capacity(n),
                hdr: Vec::with_capacity(n),
                n: 0,
            };
            for i in 0..n {
                b.iov.push(iovec {
                    iov_base: b.bufs.as_mut_ptr().add(i * size) as *mut c_void,
                    iov_len: size,
                });
            }
            for i in 0..n {
                let mut h: mmsghdr = zeroed();
                h.msg_hdr.msg_name = &mut b.names[i] as *mut _ as *mut c_void;
                h.msg_hdr.msg_namelen = size_of::<sockaddr_in>() as u32;
                h.msg_hdr.msg_iov = &mut b.iov[i];
                h.msg_hdr.msg_iovlen = 1;
                h.msg_hdr.msg_control = (b.ctl.as_mut_ptr() as *mut u8).add(i * CTL) as *mut c_void;
                h.msg_hdr.msg_controllen = CMSG_SPACE(size_of::<in_pktinfo>() as u32) as _;
                let c = CMSG_FIRSTHDR(&h.msg_hdr);
                (*c).cmsg_level = IPPROTO_IP;
                (*c).cmsg_type = IP_PKTINFO;
                (*c).cmsg_len = CMSG_LEN(size_of::<in_pktinfo>() as u32) as _;
                b.hdr.push(h);
            }
            b
        }
    }
    pub fn full(&self) -> bool {
        self.n == self.hdr.len()
    }
    /// Next packet buffer; call `commit` after filling it.
    pub fn buf(&mut self) -> &mut [u8] {
        let s = self.size;
        &mut self.bufs[self.n * s..(self.n + 1) * s]
    }
    pub fn commit(&mut self, len: usize, src: u32, dst: (u32, u16)) {
        let i = self.n;
        self.names[i] = sa(dst.0, dst.1);
        self.iov[i].iov_len = len;
        unsafe {
            let c = CMSG_FIRSTHDR(&self.hdr[i].msg_hdr);
            let mut p: in_pktinfo = zeroed();
            p.ipi_spec_dst.s_addr = src.to_be();
            std::ptr::write_unaligned(CMSG_DATA(c) as *mut in_pktinfo, p);
        }
        self.n += 1;
    }
    /// Returns (sent, failed).
    pub fn flush(&mut self, fd: i32) -> (usize, usize) {
        let mut done = 0;
        let mut bad = 0;
        while done < self.n {
            let r = unsafe {
                sendmmsg(
                    fd,
                    self.hdr.as_mut_ptr().add(done),
                    (self.n - done) as u32,
                    0,
                )
            };
            if r <= 0 {
                done += 1;
                bad += 1;
            } else {
                done += r as usize;
            }
        }
        let s = self.n - bad;
        self.n = 0;
        (s, bad)
    }
}

pub fn send_udp(fd: i32, d: &[u8], ip: u32, port: u16) -> bool {
    let a = sa(ip, port);
    unsafe {
        sendto(
            fd,
            d.as_ptr() as *const c_void,
            d.len(),
            0,
            &a as *const _ as *const sockaddr,
            size_of::<sockaddr_in>() as u32,
        ) >= 0
    }
}

pub fn tune_process() {
    unsafe {
        prctl(PR_SET_TIMERSLACK, 1000u64, 0, 0, 0);
        let mut l: rlimit = zeroed();
        getrlimit(RLIMIT_NOFILE, &mut l);
        l.rlim_cur = l.rlim_max;
        setrlimit(RLIMIT_NOFILE, &l);
    }
}
