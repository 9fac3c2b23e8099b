//! Minimal zero-copy SIP reader and SDP helper: only what a load generator must look at.

pub const MAXH: usize = 12;

#[derive(Clone)]
pub struct Msg<'a> {
    /// 0 for a request.
    pub code: u16,
    pub method: &'a [u8],
    pub uri: &'a [u8],
    pub vias: [&'a [u8]; MAXH],
    pub nvia: usize,
    pub from: &'a [u8],
    pub to: &'a [u8],
    pub callid: &'a [u8],
    pub cseq: u32,
    pub cseq_method: &'a [u8],
    pub contact: &'a [u8],
    pub rr: [&'a [u8]; MAXH],
    pub nrr: usize,
    pub xid: &'a [u8],
    pub clen: Option<usize>,
    pub body: &'a [u8],
}

fn find(h: &[u8], n: &[u8]) -> Option<usize> {
    h.windows(n.len()).position(|w| w == n)
}
fn trim(mut s: &[u8]) -> &[u8] {
    while let [b' ' | b'\t' | b'\r' | b'\n', r @ ..] = s {
        s = r;
    }
    while let [r @ .., b' ' | b'\t' | b'\r' | b'\n'] = s {
        s = r;
    }
    s
}
pub fn num(s: &[u8]) -> Option<u64> {
    let mut v = 0u64;
    let mut any = false;
    for c in s {
        if !c.is_ascii_digit() {
            break;
        }
        v = v.wrapping_mul(10).wrapping_add((c - b'0') as u64);
        any = true;
    }
    any.then_some(v)
}
pub fn hexnum(s: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(s).ok()?, 16).ok()
}

/// Length of the first complete message in a TCP stream buffer, if there is one.
pub fn frame(buf: &[u8]) -> Option<usize> {
    let e = find(buf, b"\r\n\r\n")? + 4;
    let mut cl = 0;
    for l in buf[..e].split(|c| *c == b'\n') {
        if let Some(c) = l.iter().position(|c| *c == b':') {
            let n = trim(&l[..c]);
            if n.eq_ignore_ascii_case(b"content-length") || n.eq_ignore_ascii_case(b"l") {
                cl = num(trim(&l[c + 1..])).unwrap_or(0) as usize;
            }
        }
    }
    (buf.len() >= e + cl).then_some(e + cl)
}

pub fn parse(d: &[u8]) -> Option<Msg<'_>> {
    let hend = find(d, b"\r\n\r\n")?;
    let body = &d[hend + 4..];
    let head = &d[..hend];
    let fl = head.iter().position(|c| *c == b'\n').unwrap_or(head.len());
    let first = trim(&head[..fl]);
    const E: &[u8] = b"";
    let mut m = Msg {
        code: 0,
        method: E,
        uri: E,
        vias: [E; MAXH],
        nvia: 0,
        from: E,
        to: E,
        callid: E,
        cseq: 0,
        cseq_method: E,
        contact: E,
        rr: [E; MAXH],
        nrr: 0,
        xid: E,
        clen: None,
        body,
    };
    if let Some(r) = first.strip_prefix(b"SIP/2.0 ") {
        m.code = num(r)? as u16;
        if !(100..700).contains(&m.code) {
            return None;
        }
    } else {
        let mut p = first.splitn(3, |c| *c == b' ');
        m.method = p.next()?;
        m.uri = p.next()?;
        if p.next()? != b"SIP/2.0" {
            return None;
        }
    }
    let mut pos = (fl + 1).min(head.len());
    while pos < head.len() {
        // one logical header: up to a newline that no white space follows
        let mut end = pos;
        loop {
            match head[end..].iter().position(|c| *c == b'\n') {
                None => {
                    end = head.len();
                    break;
                }
                Some(k) => {
                    end += k + 1;
                    if end >= head.len() || (head[end] != b' ' && head[end] != b'\t') {
                        break;
                    }
                }
            }
        }
        let line = &head[pos..end];
        pos = end;
        let Some(c) = line.iter().position(|c| *c == b':') else {
            continue;
        };
        let name = trim(&line[..c]);
        let val = trim(&line[c + 1..]);
        let is = |a: &[u8], s: &[u8]| {
            name.eq_ignore_ascii_case(a) || (!s.is_empty() && name.eq_ignore_ascii_case(s))
        };
        if is(b"via", b"v") {
            if m.nvia < MAXH {
                m.vias[m.nvia] = val;
                m.nvia += 1;
            }
        } else if is(b"from", b"f") {
            m.from = val
        } else if is(b"to", b"t") {
            m.to = val
        } else if is(b"call-id", b"i") {
            m.callid = val
        } else if is(b"cseq", b"") {
            m.cseq = num(val)? as u32;
            m.cseq_method = trim(&val[val.iter().position(|c| *c == b' ')?..]);
        } else if is(b"contact", b"m") {
            m.contact = val
        } else if is(b"record-route", b"") {
            if m.nrr < MAXH {
                m.rr[m.nrr] = val;
                m.nrr += 1;
            }
        } else if is(b"content-length", b"l") {
            m.clen = num(val).map(|v| v as usize)
        } else if is(b"x-callgen-id", b"") {
            m.xid = val
        }
    }
    if m.nvia == 0
        || m.from.is_empty()
        || m.to.is_empty()
        || m.callid.is_empty()
        || m.cseq_method.is_empty()
    {
        return None;
    }
    if let Some(l) = m.clen
        && l <= body.len()
    {
        m.body = &body[..l];
    }
    Some(m)
}

/// Value of `;name=value` in a header value (searched after any `>`).
pub fn param<'a>(v: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let start = v.iter().rposition(|c| *c == b'>').unwrap_or(0);
    for p in v[start..]
        .split(|c| *c == b';')
        .skip(if start == 0 { 1 } else { 0 })
    {
        let p = trim(p);
        let (n, val) = match p.iter().position(|c| *c == b'=') {
            Some(i) => (trim(&p[..i]), trim(&p[i + 1..])),
            None => (p, &p[p.len()..]),
        };
        if n.eq_ignore_ascii_case(name) {
            let e = val.iter().position(|c| *c == b',').unwrap_or(val.len());
            return Some(trim(&val[..e]));
        }
    }
    None
}

/// URI of a name-addr or addr-spec.
pub fn uri(v: &[u8]) -> &[u8] {
    if let Some(a) = v.iter().position(|c| *c == b'<') {
        let e = v[a..]
            .iter()
            .position(|c| *c == b'>')
            .map(|k| a + k)
            .unwrap_or(v.len());
        &v[a + 1..e]
    } else {
        let e = v
            .iter()
            .position(|c| *c == b';' || *c == b',')
            .unwrap_or(v.len());
        trim(&v[..e])
    }
}

pub fn user(u: &[u8]) -> &[u8] {
    let s = u
        .iter()
        .position(|c| *c == b':')
        .map(|k| k + 1)
        .unwrap_or(0);
    match u.iter().position(|c| *c == b'@') {
        Some(a) if a >= s => &u[s..a],
        _ => b"",
    }
}

/// IPv4 host and port of a SIP URI; None for host names.
pub fn hostport(u: &[u8]) -> Option<(u32, u16)> {
    let s = match u.iter().position(|c| *c == b'@') {
        Some(a) => a + 1,
        None => u.iter().position(|c| *c == b':')? + 1,
    };
    let e = u[s..]
        .iter()
        .position(|c| matches!(c, b';' | b'?' | b'>' | b' '))
        .map(|k| s + k)
        .unwrap_or(u.len());
    let hp = std::str::from_utf8(&u[s..e]).ok()?;
    let (h, p) = match hp.split_once(':') {
        Some((h, p)) => (h, p.parse().ok()?),
        None => (hp, 5060),
    };
    let ip: std::net::Ipv4Addr = h.parse().ok()?;
    Some((u32::from(ip), p))
}

/// Splits comma-separated header values outside <> and quotes.
pub fn split_list(v: &[u8]) -> Vec<&[u8]> {
    let (mut out, mut a, mut ang, mut q) = (vec![], 0, false, false);
    for (i, c) in v.iter().enumerate() {
        match c {
            b'"' => q = !q,
            b'<' if !q => ang = true,
            b'>' if !q => ang = false,
            b',' if !q && !ang => {
                out.push(trim(&v[a..i]));
                a = i + 1;
            }
            _ => {}
        }
    }
    out.push(trim(&v[a..]));
    out
}

/// "cg123" -> 123
pub fn number_in_user(u: &[u8]) -> Option<u64> {
    num(u.strip_prefix(b"cg")?)
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sdp {
    pub ip: u32,
    pub port: u16,
    /// Payload types of the first audio line that we know, in order (255 = none).
    pub pts: [u8; 4],
    /// Payload type of telephone-event (255 = none).
    pub te: u8,
}

pub fn sdp(b: &[u8]) -> Option<Sdp> {
    let mut s = Sdp {
        pts: [255; 4],
        te: 255,
        ..Default::default()
    };
    let (mut in_audio, mut seen_m, mut mc) = (false, false, false);
    for l in b.split(|c| *c == b'\n') {
        let l = trim(l);
        if let Some(r) = l.strip_prefix(b"c=IN IP4 ") {
            let t = std::str::from_utf8(trim(r)).ok()?;
            let ip = u32::from(t.split('/').next()?.parse::<std::net::Ipv4Addr>().ok()?);
            if !seen_m || (in_audio && !mc) {
                s.ip = ip;
                mc = in_audio;
            }
        } else if l.starts_with(b"m=") {
            if in_audio {
                in_audio = false;
            } else if let (Some(r), false) = (l.strip_prefix(b"m=audio "), s.port != 0) {
                in_audio = true;
                s.port = num(r)? as u16;
                let mut k = 0;
                for f in r.split(|c| *c == b' ').skip(2) {
                    if let Some(pt) = num(f)
                        && (pt == 0 || pt == 8)
                        && k < 4
                    {
                        s.pts[k] = pt as u8;
                        k += 1;
                    }
                }
            }
            seen_m = true;
        } else if in_audio
            && let Some(r) = l.strip_prefix(b"a=rtpmap:")
            && r.to_ascii_lowercase()
                .windows(15)
                .any(|w| w == b"telephone-event")
        {
            s.te = num(r)? as u8;
        }
    }
    (s.ip != 0).then_some(s)
}

#[cfg(test)]
mod tests {
    use super::*;
    const M: &[u8] = b"INVITE sip:cg7@127.0.0.1:5090 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKab;rport\r\nv: SIP/2.0/UDP 1.2.3.4\r\nRecord-Route: <sip:127.0.0.1:5060;lr>\r\nf: \"a;tag=x\" <sip:cg7@h>;tag=77\r\nt: <sip:b@c>\r\ni: abc\r\nCSeq: 10 INVITE\r\nSubject: folded\r\n line\r\nContact: <sip:x@127.0.0.1:5080;transport=udp>\r\nContent-Length: 3\r\n\r\nabcdef";
    #[test]
    fn reads_a_request() {
        let m = parse(M).unwrap();
        assert_eq!(
            (m.code, m.method, m.nvia, m.nrr, m.cseq),
            (0, &b"INVITE"[..], 2, 1, 10)
        );
        assert_eq!(param(m.from, b"tag").unwrap(), b"77");
        assert_eq!(param(m.vias[0], b"branch").unwrap(), b"z9hG4bKab");
        assert_eq!(number_in_user(user(m.uri)), Some(7));
        assert_eq!(hostport(uri(m.contact)), Some((0x7f000001, 5080)));
        assert_eq!(m.body, b"abc");
        assert_eq!(frame(M), Some(M.len() - 3));
    }
    #[test]
    fn reads_sdp() {
        let s = sdp(b"v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\ns=-\r\nc=IN IP4 127.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 0 101\r\nc=IN IP4 127.0.0.8\r\na=rtpmap:101 telephone-event/8000\r\nm=video 5000 RTP/AVP 99\r\nc=IN IP4 9.9.9.9\r\n").unwrap();
        assert_eq!(
            (s.ip, s.port, s.pts, s.te),
            (0x7f000008, 4000, [8, 0, 255, 255], 101)
        );
    }
    #[test]
    fn rejects_garbage() {
        assert!(parse(b"SIP/2.0 xx\r\n\r\n").is_none());
        assert!(parse(b"hello").is_none());
        assert!(parse(b"\r\n\r\n").is_none());
    }
}
