//! callgen: SIP UAC + UAS + RTP generator and meter. See README.md.
mod engine;
mod hist;
mod net;
mod proc;
mod rtp;
mod sip;

use engine::{Bye, Config, Engine, Stats};
use hist::Hist;
use std::fmt::Write as _;
use std::net::SocketAddrV4;
use std::process::exit;

const MS: u64 = 1_000_000;
const SEC: u64 = 1_000_000_000;

const HELP: &str = "callgen - SIP UAC + UAS + RTP load generator for B2BUAs, SBCs and proxies

  callgen --target IP:PORT [flags]        one measured run
  callgen --target IP:PORT --find-max     highest cps with < 0.1 % failures and p99 setup < 500 ms
  callgen --target IP:PORT --flatout      highest relayed RTP pps with <= 0.1 % loss
  callgen --self-test                     UAC straight to UAS: this tool's own ceiling

addresses   --target IP:PORT  --uac IP:PORT (127.0.0.1:5080)  --uas IP:PORT (127.0.0.1:5090)
            --ruri URI        request URI, {n} = call number (sip:cg{n}@UAS)
            --transport udp|tcp  --tcp-conns N (1)
            --header 'Name: value'  extra INVITE header, repeatable   --no-xid  omit X-Callgen-Id
calls       --cps F (10)  --max-calls N  --concurrent N  --duration S (10)  --hold S (1)
            --bye caller|callee|alternate (caller)  --ring-ms N (0)  --no-180  --answer-code N (200)
            --codec pcmu|pcma|both (both)  --uas-codec pcmu|pcma|both (both)
            --t1-ms N (500)  --timeout S (32)  --drain S (hold + 35)
media       --rtp | --no-rtp (default)  --guard-ms N (200)  --tick-us N (250)
            --pps F (50)  packets per second and stream
target      --pid PID[,PID..]  descendants are included   --core N  busy time of that core too
find-max    --lo F (50)  --hi F (40000)  --trial S (6)  --precision F (0.03)  --max-fail F (0.001)  --max-p99-ms N (500)
flatout     --concurrent N (50)  --pps-start F (20000)  --pps-max F (2000000)  --step S (3)  --max-loss F (0.001)
output      --json (machine-readable only)  --verbose  --label TEXT
";

struct Opt {
    c: Config,
    duration: f64,
    drain: Option<f64>,
    pps: f64,
    pids: Vec<i32>,
    core: Option<usize>,
    mode: &'static str,
    json: bool,
    label: String,
    lo: f64,
    hi: f64,
    trial: f64,
    precision: f64,
    max_fail: f64,
    max_p99: f64,
    pps_start: f64,
    pps_max: f64,
    step: f64,
    max_loss: f64,
    concurrent_set: bool,
}

fn bad(m: &str) -> ! {
    eprintln!("callgen: {m}\nTry --help.");
    exit(2)
}
fn addr(s: &str) -> (u32, u16) {
    match s.parse::<SocketAddrV4>() {
        Ok(a) => net::ip4(&a),
        Err(_) => bad(&format!("'{s}' is not IPv4:PORT")),
    }
}
fn pts(s: &str) -> Vec<u8> {
    match s {
        "pcmu" => vec![0],
        "pcma" => vec![8],
        "both" => vec![0, 8],
        _ => bad("codec is pcmu, pcma or both"),
    }
}
fn f(s: &str) -> f64 {
    s.parse()
        .unwrap_or_else(|_| bad(&format!("'{s}' is not a number")))
}

fn options() -> Opt {
    let mut o = Opt {
        c: Config {
            target: (0, 0),
            uac: addr("127.0.0.1:5080"),
            uas: addr("127.0.0.1:5090"),
            tcp: false,
            tcp_conns: 1,
            ruri: String::new(),
            headers: vec![],
            xid: true,
            cps: 10.0,
            max_calls: 0,
            concurrent: 0,
            hold: SEC,
            ring: 0,
            rtp: false,
            rtp_guard: 200 * MS,
            tick: 250_000,
            bye: Bye::Caller,
            answer_code: 200,
            no_180: false,
            uac_pts: vec![0, 8],
            uas_pts: vec![0, 8],
            t1: 500 * MS,
            timeout: 32 * SEC,
            verbose: false,
        },
        duration: 10.0,
        drain: None,
        pps: 50.0,
        pids: vec![],
        core: None,
        mode: "run",
        json: false,
        label: String::new(),
        lo: 50.0,
        hi: 40000.0,
        trial: 6.0,
        precision: 0.03,
        max_fail: 0.001,
        max_p99: 500.0,
        pps_start: 20000.0,
        pps_max: 2e6,
        step: 3.0,
        max_loss: 0.001,
        concurrent_set: false,
    };
    let mut a = std::env::args().skip(1);
    while let Some(k) = a.next() {
        let mut v = || {
            a.next()
                .unwrap_or_else(|| bad(&format!("{k} needs a value")))
        };
        match k.as_str() {
            "--target" => o.c.target = addr(&v()),
            "--uac" => o.c.uac = addr(&v()),
            "--uas" => o.c.uas = addr(&v()),
            "--ruri" => o.c.ruri = v(),
            "--transport" => {
                o.c.tcp = match v().as_str() {
                    "tcp" => true,
                    "udp" => false,
                    _ => bad("transport is udp or tcp"),
                }
            }
            "--tcp-conns" => o.c.tcp_conns = (f(&v()) as usize).max(1),
            "--header" => o.c.headers.push(v()),
            "--no-xid" => o.c.xid = false,
            "--cps" => o.c.cps = f(&v()),
            "--max-calls" => o.c.max_calls = f(&v()) as u64,
            "--concurrent" => {
                o.c.concurrent = f(&v()) as usize;
                o.concurrent_set = true
            }
            "--duration" => o.duration = f(&v()),
            "--hold" => o.c.hold = (f(&v()) * 1e9) as u64,
            "--bye" => {
                o.c.bye = match v().as_str() {
                    "caller" => Bye::Caller,
                    "callee" => Bye::Callee,
                    "alternate" => Bye::Alternate,
                    _ => bad("bye is caller, callee or alternate"),
                }
            }
            "--ring-ms" => o.c.ring = (f(&v()) * 1e6) as u64,
            "--no-180" => o.c.no_180 = true,
            "--answer-code" => o.c.answer_code = f(&v()) as u16,
            "--codec" => o.c.uac_pts = pts(&v()),
            "--uas-codec" => o.c.uas_pts = pts(&v()),
            "--t1-ms" => o.c.t1 = (f(&v()) * 1e6) as u64,
            "--timeout" => o.c.timeout = (f(&v()) * 1e9) as u64,
            "--drain" => o.drain = Some(f(&v())),
            "--rtp" => o.c.rtp = true,
            "--no-rtp" => o.c.rtp = false,
            "--guard-ms" => o.c.rtp_guard = (f(&v()) * 1e6) as u64,
            "--tick-us" => o.c.tick = (f(&v()) * 1e3) as u64,
            "--pps" => o.pps = f(&v()),
            "--pid" => o.pids = v().split(',').map(|p| f(p) as i32).collect(),
            "--core" => o.core = Some(f(&v()) as usize),
            "--find-max" => o.mode = "find-max",
            "--flatout" => o.mode = "flatout",
            "--self-test" => o.mode = "self-test",
            "--lo" => o.lo = f(&v()),
            "--hi" => o.hi = f(&v()),
            "--trial" => o.trial = f(&v()),
            "--precision" => o.precision = f(&v()),
            "--max-fail" => o.max_fail = f(&v()),
            "--max-p99-ms" => o.max_p99 = f(&v()),
            "--pps-start" => o.pps_start = f(&v()),
            "--pps-max" => o.pps_max = f(&v()),
            "--step" => o.step = f(&v()),
            "--max-loss" => o.max_loss = f(&v()),
            "--json" => o.json = true,
            "--verbose" => o.c.verbose = true,
            "--label" => o.label = v(),
            "-h" | "--help" => {
                print!("{HELP}");
                exit(0)
            }
            _ => bad(&format!("unknown flag {k}")),
        }
    }
    if o.mode == "self-test" {
        o.c.target = o.c.uas;
    } else if o.c.target.1 == 0 {
        bad("--target is needed");
    }
    if o.c.ruri.is_empty() {
        o.c.ruri = format!(
            "sip:cg{{n}}@{}:{}{}",
            net::show(o.c.uas.0),
            o.c.uas.1,
            if o.c.tcp { ";transport=tcp" } else { "" }
        );
    }
    if o.mode == "run" && o.c.cps <= 0.0 {
        bad("--cps must be positive");
    }
    for p in &o.pids {
        if !std::path::Path::new(&format!("/proc/{p}")).exists() {
            bad(&format!("no process {p}"));
        }
    }
    o
}

/// Tiny JSON object writer.
struct J(String);
impl J {
    fn new() -> J {
        J("{".into())
    }
    fn raw(&mut self, k: &str, v: impl std::fmt::Display) -> &mut J {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        let _ = write!(self.0, "\"{k}\":{v}");
        self
    }
    fn num(&mut self, k: &str, v: f64) -> &mut J {
        if v.is_finite() {
            self.raw(k, format!("{:.3}", v))
        } else {
            self.raw(k, "null")
        }
    }
    fn str(&mut self, k: &str, v: &str) -> &mut J {
        let mut e = String::new();
        for c in v.chars() {
            match c {
                '"' | '\\' => {
                    e.push('\\');
                    e.push(c)
                }
                c if (c as u32) < 32 => {
                    let _ = write!(e, "\\u{:04x}", c as u32);
                }
                c => e.push(c),
            }
        }
        self.raw(k, format!("\"{e}\""))
    }
    fn hist(&mut self, k: &str, h: &Hist) -> &mut J {
        let us = |v: u64| format!("{:.1}", v as f64 / 1e3);
        self.raw(k, format!(
            "{{\"n\":{},\"min_us\":{},\"mean_us\":{:.1},\"p50_us\":{},\"p95_us\":{},\"p99_us\":{},\"p999_us\":{},\"max_us\":{}}}",
            h.n, us(if h.n == 0 { 0 } else { h.min }), h.mean() / 1e3, us(h.q(0.5)), us(h.q(0.95)), us(h.q(0.99)), us(h.q(0.999)), us(h.max)
        ))
    }
    fn map<K: std::fmt::Display>(
        &mut self,
        k: &str,
        m: &std::collections::BTreeMap<K, u64>,
    ) -> &mut J {
        let b: Vec<String> = m.iter().map(|(a, b)| format!("\"{a}\":{b}")).collect();
        self.raw(k, format!("{{{}}}", b.join(",")))
    }
    fn end(&self) -> String {
        format!("{}}}", self.0)
    }
}

#[derive(Clone, Default)]
struct Snap {
    t: u64,
    p: Vec<proc::ProcSample>,
    core: (u64, u64),
    own: u64,
    unique: u64,
    up: usize,
}
impl Snap {
    fn cpu(&self) -> u64 {
        self.p.iter().map(|p| p.utime_us + p.stime_us).sum()
    }
    fn pss(&self) -> u64 {
        self.p.iter().map(|p| p.pss_kb).sum()
    }
    fn rss(&self) -> u64 {
        self.p.iter().map(|p| p.rss_kb).sum()
    }
}

struct Meter {
    tree: Vec<(i32, Vec<i32>)>,
    core: Option<usize>,
}
impl Meter {
    fn new(o: &Opt) -> Meter {
        Meter {
            tree: proc::tree(&o.pids),
            core: o.core,
        }
    }
    fn snap(&self, e: &Engine, pss: bool) -> Snap {
        Snap {
            t: net::now_ns(),
            p: proc::sample(&self.tree, pss),
            core: self.core.and_then(proc::core_busy_us).unwrap_or((0, 0)),
            own: proc::self_cpu_us(),
            unique: e.rtp.st.unique,
            up: e.up,
        }
    }
}

/// Drive the engine for `ns`, or until `stop` says so.
fn drive(e: &mut Engine, ns: u64, mut stop: impl FnMut(&mut Engine) -> bool) {
    let end = net::now_ns() + ns;
    loop {
        let now = net::now_ns();
        if now >= end || stop(e) {
            return;
        }
        e.step((end - now).min(20 * MS));
    }
}

#[derive(Default)]
struct RunOut {
    before: Snap,
    after: Snap,
    steady: Option<(Snap, Snap)>,
    held: Option<Snap>,
    peak_rss: u64,
    launch_s: f64,
    offered: f64,
}

fn run_once(
    e: &mut Engine,
    m: &Meter,
    o: &Opt,
    duration: f64,
    drain: f64,
    abort_early: bool,
) -> RunOut {
    let mut r = RunOut {
        before: m.snap(e, true),
        ..Default::default()
    };
    let t0 = net::now_ns();
    e.start_launch();
    let mut last = 0u64;
    let mut launch_end = 0u64;
    let mut peak_up = 0usize;
    let mut next_rss = 0u64;
    let end_launch = t0 + (duration * 1e9) as u64;
    let mut hard = u64::MAX;
    loop {
        let now = net::now_ns();
        if e.launching && now >= end_launch {
            e.launching = false;
        }
        if abort_early && e.launching && e.st.attempted > 300 {
            let bad = e.st.failures();
            // calls that should have been over long ago count as failing
            let expect = e.cfg.cps * ((e.cfg.hold + 2 * SEC) as f64 / 1e9) + 200.0;
            if bad as f64 > 0.02 * e.st.attempted as f64 || e.active as f64 > expect * 1.5 {
                e.launching = false;
            }
        }
        if !e.launching && launch_end == 0 {
            launch_end = now;
            r.offered = e.st.attempted as f64 / ((now - t0) as f64 / 1e9);
            hard = now + (drain * 1e9) as u64;
        }
        if !e.launching && (e.active == 0 && e.uas_busy() == 0 || now >= hard) {
            break;
        }
        if now >= next_rss && !m.tree.is_empty() {
            next_rss = now + 250 * MS;
            r.peak_rss = r.peak_rss.max(proc::rss_kb(&m.tree));
        }
        peak_up = peak_up.max(e.up);
        // steady state: as many calls up as there ever will be, and none leaving
        let full = if e.cfg.concurrent > 0 {
            e.up >= e.cfg.concurrent
        } else {
            !e.launching
        };
        if full && e.up == peak_up && e.up > 0 && now > last + 200 * MS {
            let need = if last == 0 {
                last = now;
                false
            } else {
                true
            };
            if need {
                last = now;
                let first = r.steady.is_none();
                let s = m.snap(e, first && !m.tree.is_empty());
                match &mut r.steady {
                    None => {
                        r.held = Some(s.clone());
                        r.steady = Some((s.clone(), s));
                    }
                    Some((_, b)) if s.up == b.up => *b = s,
                    _ => {}
                }
            }
        }
        e.step(5 * MS);
    }
    let _ = o;
    e.rtp.count_silent();
    r.launch_s = (launch_end - t0) as f64 / 1e9;
    r.after = m.snap(e, true);
    r
}

fn us(v: u64) -> String {
    let v = v as f64 / 1e3;
    if v < 1000.0 {
        format!("{v:.0} us")
    } else {
        format!("{:.2} ms", v / 1e3)
    }
}
fn hl(h: &Hist) -> String {
    if h.n == 0 {
        return "-".into();
    }
    format!(
        "p50 {}  p95 {}  p99 {}  p99.9 {}  max {}  (n={})",
        us(h.q(0.5)),
        us(h.q(0.95)),
        us(h.q(0.99)),
        us(h.q(0.999)),
        us(h.max),
        h.n
    )
}

fn sip_json(j: &mut J, s: &Stats) {
    j.raw("attempted", s.attempted)
        .raw("answered", s.answered)
        .raw("completed", s.completed)
        .raw("failures", s.failures())
        .map("failed", &s.failed)
        .map("callee_failed", &s.uas_failed)
        .map("protocol_errors", &s.protocol)
        .map("retransmissions_sent", &s.rtx_sent)
        .map("retransmissions_seen", &s.rtx_seen)
        .raw("callee_invites", s.uas_invites)
        .raw("callee_acked", s.uas_acked)
        .raw("uncorrelated", s.uas_uncorrelated)
        .raw("strays", s.strays)
        .raw("late_2xx", s.late_2xx)
        .raw("media_not_relayed", s.media_direct)
        .raw("sip_sent", s.sip_sent)
        .raw("sip_received", s.sip_recv)
        .raw("own_sip_drops", s.sip_own_drops)
        .raw("peak_active", s.peak_active)
        .raw("calls_skipped_generator_behind", s.behind)
        .hist("setup", &s.setup)
        .hist("post_dial", &s.pdd)
        .hist("invite_through_target", &s.hop)
        .hist("bye", &s.bye);
}
fn rtp_json(j: &mut J, e: &Engine) {
    let r = &e.rtp.st;
    let mut k = J::new();
    k.raw("sent", r.sent)
        .raw("received", r.recv)
        .raw("unique", r.unique)
        .raw("lost", r.sent.saturating_sub(r.unique))
        .num(
            "loss_pct",
            r.sent.saturating_sub(r.unique) as f64 * 100.0 / r.sent.max(1) as f64,
        )
        .raw("dup", r.dup)
        .raw("reordered", r.reorder)
        .raw("corrupt", r.corrupt)
        .raw("bad_header", r.bad_header)
        .raw("wrong_payload_type", r.wrong_pt)
        .raw("misrouted", r.misrouted)
        .raw("stray", r.stray)
        .raw("send_errors", r.send_err)
        .raw("own_drops", r.own_drops)
        .raw("send_skipped", r.skipped)
        .raw("legs_started", r.legs_started)
        .raw("legs_silent", r.legs_silent)
        .raw("recoded", r.recoded)
        .raw("unsynced", r.unsynced)
        .raw("rtcp", r.rtcp)
        .hist("latency", &r.lat)
        .hist("latency_to_caller", &r.lat_dir[0])
        .hist("latency_to_callee", &r.lat_dir[1]);
    j.raw("rtp", k.end());
}

fn main() {
    let o = options();
    net::tune_process();
    match o.mode {
        "run" => {
            let mut e = Engine::new(o.c.clone());
            e.rtp.pps = o.pps;
            run_report(&mut e, &o, "run");
        }
        "find-max" => {
            let mut e = Engine::new(o.c.clone());
            find_max(&mut e, &o);
        }
        "flatout" => {
            let mut e = Engine::new(o.c.clone());
            flatout(&mut e, &o);
        }
        _ => {
            println!(
                "self-test: UAC {}:{} -> UAS {}:{} with nothing between",
                net::show(o.c.uac.0),
                o.c.uac.1,
                net::show(o.c.uas.0),
                o.c.uas.1
            );
            let mut e = Engine::new(o.c.clone());
            println!("\n[1] highest call rate (no media)");
            find_max(&mut e, &o);
            println!("\n[2] 200 calls with RTP both ways");
            e.cfg.rtp = true;
            e.cfg.cps = 100.0;
            e.cfg.concurrent = 0;
            e.cfg.max_calls = 200;
            e.cfg.hold = 10 * SEC;
            e.reset();
            let mut o2 = o;
            o2.duration = 10.0;
            let ok = run_report(&mut e, &o2, "self-test");
            println!("\n[3] highest packet rate");
            e.reset();
            flatout(&mut e, &o2);
            println!("\nself-test {}", if ok { "passed" } else { "FAILED" });
            exit(!ok as i32);
        }
    }
}

fn run_report(e: &mut Engine, o: &Opt, mode: &str) -> bool {
    let m = Meter::new(o);
    let drain = o.drain.unwrap_or(e.cfg.hold as f64 / 1e9 + 35.0);
    let r = run_once(e, &m, o, o.duration, drain, false);
    let unfinished = e.active as u64;
    let s = &e.st;
    let dt = (r.after.t - r.before.t) as f64 / 1e9;
    let own = (r.after.own - r.before.own) as f64 / 1e6;
    let cpu = r.after.cpu().saturating_sub(r.before.cpu()) as f64;
    let rt = &e.rtp.st;
    let lost = rt.sent.saturating_sub(rt.unique);
    let steady = r
        .steady
        .as_ref()
        .filter(|(a, b)| b.t > a.t + 900 * MS)
        .map(|(a, b)| {
            let secs = (b.t - a.t) as f64 / 1e9;
            let pk = (b.unique - a.unique) as f64;
            let c = (b.cpu() - a.cpu()) as f64;
            let core = if m.core.is_some() {
                (b.core.0 - a.core.0) as f64
            } else {
                f64::NAN
            };
            (
                secs,
                pk,
                c,
                core,
                (b.own - a.own) as f64 / 1e6 / secs * 100.0,
            )
        });
    let mem = r
        .held
        .as_ref()
        .filter(|h| h.up > 0 && !m.tree.is_empty())
        .map(|h| {
            let dp = h.pss() as f64 - r.before.pss() as f64;
            let dr = h.rss() as f64 - r.before.rss() as f64;
            (
                h.up,
                dp * 1024.0 / h.up as f64,
                dr * 1024.0 / h.up as f64,
                h.pss(),
            )
        });
    let per_call = if s.attempted > 0 {
        cpu / s.attempted as f64
    } else {
        f64::NAN
    };
    let threads: u64 = r.after.p.iter().map(|p| p.threads).sum();
    let ok = s.failures() == 0
        && unfinished == 0
        && s.uas_failed.is_empty()
        && s.protocol.keys().all(|k| k.starts_with("info_"))
        && (!e.cfg.rtp
            || (lost as f64) <= 0.001 * rt.sent as f64
                && rt.corrupt + rt.misrouted + rt.legs_silent == 0);
    if o.json {
        let mut j = J::new();
        j.str("mode", mode)
            .str("label", &o.label)
            .num("seconds", dt)
            .num("offered_cps", r.offered)
            .raw("unfinished", unfinished)
            .raw("ok", ok);
        sip_json(&mut j, s);
        if e.cfg.rtp {
            rtp_json(&mut j, e);
        }
        if !m.tree.is_empty() {
            let mut t = J::new();
            t.num("cpu_us", cpu)
                .num("cpu_us_per_call", per_call)
                .raw("threads", threads)
                .raw("peak_rss_kb", r.peak_rss)
                .raw("rss_before_kb", r.before.rss())
                .raw("rss_after_kb", r.after.rss())
                .raw("pss_before_kb", r.before.pss())
                .raw("pss_after_kb", r.after.pss());
            if let Some((n, p, q, _)) = mem {
                t.raw("held_calls", n)
                    .num("pss_bytes_per_call", p)
                    .num("rss_bytes_per_call", q);
            }
            if m.core.is_some() {
                t.num("core_busy_us", (r.after.core.0 - r.before.core.0) as f64)
                    .num("core_steal_us", (r.after.core.1 - r.before.core.1) as f64);
            }
            if let (Some((secs, pk, c, core, _)), true) = (steady, e.cfg.rtp) {
                t.num("steady_s", secs)
                    .num("steady_pps", pk / secs)
                    .num("cpu_us_per_packet", c / pk)
                    .num("core_us_per_packet", core / pk)
                    .num("steady_cpu_pct", c / secs / 1e4);
            }
            let ps: Vec<String> = r
                .after
                .p
                .iter()
                .zip(&r.before.p)
                .map(|(a, b)| {
                    let mut k = J::new();
                    k.raw("pid", a.root)
                        .str("comm", &a.comm)
                        .raw("procs", a.procs)
                        .raw("threads", a.threads)
                        .raw("utime_us", a.utime_us - b.utime_us)
                        .raw("stime_us", a.stime_us - b.stime_us)
                        .raw("pss_kb", a.pss_kb)
                        .raw("rss_kb", a.rss_kb);
                    k.end()
                })
                .collect();
            t.raw("processes", format!("[{}]", ps.join(",")));
            j.raw("target", t.end());
        }
        j.num("own_cpu_pct", own / dt * 100.0)
            .num("own_loop_max_us", s.loop_max as f64 / 1e3);
        println!("{}", j.end());
        return ok;
    }
    println!(
        "calls        attempted {}  answered {}  completed {}  failed {}  unfinished {}  offered {:.1} cps  peak concurrent {}",
        s.attempted,
        s.answered,
        s.completed,
        s.failures(),
        unfinished,
        r.offered,
        s.peak_active
    );
    if !s.failed.is_empty() {
        println!("  failed by code       {:?}", s.failed)
    }
    if !s.uas_failed.is_empty() {
        println!("  callee side          {:?}", s.uas_failed)
    }
    if !s.protocol.is_empty() {
        println!("  protocol notes       {:?}", s.protocol)
    }
    println!(
        "retransmit   sent {:?}  seen {:?}  strays {}  generator skipped {}  own SIP drops {}",
        s.rtx_sent, s.rtx_seen, s.strays, s.behind, s.sip_own_drops
    );
    println!("setup        {}", hl(&s.setup));
    println!("post-dial    {}", hl(&s.pdd));
    println!("INVITE hop   {}", hl(&s.hop));
    println!("BYE          {}", hl(&s.bye));
    if e.cfg.rtp {
        println!(
            "rtp          sent {}  received {}  lost {} ({:.4} %)  dup {}  reordered {}  corrupt {}  misrouted {}  stray {}  own drops {}  silent legs {}/{}  not relayed calls {}",
            rt.sent,
            rt.recv,
            lost,
            lost as f64 * 100.0 / rt.sent.max(1) as f64,
            rt.dup,
            rt.reorder,
            rt.corrupt,
            rt.misrouted,
            rt.stray,
            rt.own_drops,
            rt.legs_silent,
            rt.legs_started,
            s.media_direct
        );
        if rt.recoded > 0 {
            println!(
                "  transcoded stamps    {}  frames without one {}",
                rt.recoded, rt.unsynced
            )
        }
        if rt.bad_header + rt.wrong_pt + rt.send_err + rt.skipped > 0 {
            println!(
                "  bad header {}  wrong payload type {}  send errors {}  skipped {}",
                rt.bad_header, rt.wrong_pt, rt.send_err, rt.skipped
            )
        }
        println!("one-way      {}", hl(&rt.lat));
        println!("  to caller  {}", hl(&rt.lat_dir[0]));
        println!("  to callee  {}", hl(&rt.lat_dir[1]));
    }
    if !m.tree.is_empty() {
        println!(
            "target       cpu {:.0} ms = {:.0} us/call  threads {}  peak RSS {} KiB (before {}, after {})",
            cpu / 1e3,
            per_call,
            threads,
            r.peak_rss,
            r.before.rss(),
            r.after.rss()
        );
        if let Some((n, p, q, _)) = mem {
            println!(
                "  memory     {:.0} bytes/call PSS, {:.0} RSS at {} held calls",
                p, q, n
            );
        }
        if m.core.is_some() {
            println!(
                "  core busy  {:.0} ms, steal {:.0} ms",
                (r.after.core.0 - r.before.core.0) as f64 / 1e3,
                (r.after.core.1 - r.before.core.1) as f64 / 1e3
            );
        }
    }
    if let (Some((secs, pk, c, core, own)), true) = (steady, e.cfg.rtp) {
        println!(
            "steady       {:.1} s  {:.0} relayed pps  target {:.2} us/packet ({:.1} % of a core; core busy {:.2} us/packet)  callgen {:.1} %",
            secs,
            pk / secs,
            c / pk,
            c / secs / 1e4,
            core / pk,
            own
        );
    }
    println!(
        "callgen      {:.1} % of a core over {:.1} s, longest loop turn {:.1} ms",
        own / dt * 100.0,
        dt,
        s.loop_max as f64 / 1e6
    );
    ok
}

fn find_max(e: &mut Engine, o: &Opt) {
    let m = Meter::new(o);
    let mut best: Option<(f64, String)> = None;
    let mut trials = vec![];
    let say = !o.json;
    let mut trial = |e: &mut Engine, cps: f64| -> bool {
        e.cfg.cps = cps;
        e.cfg.max_calls = 0;
        e.cfg.concurrent = 0;
        e.reset();
        let drain = e.cfg.hold as f64 / 1e9 + 3.0;
        let r = run_once(e, &m, o, o.trial, drain, true);
        let s = &e.st;
        // a call can fail on both sides: count it once
        let bad = (s.failures() + e.active as u64)
            .max(s.uas_failed.values().sum::<u64>())
            .min(s.attempted);
        let rate = bad as f64 / s.attempted.max(1) as f64;
        let p99 = s.setup.q(0.99) as f64 / 1e6;
        let short = r.offered < cps * 0.98 || r.launch_s < o.trial * 0.95;
        let good = rate < o.max_fail && p99 < o.max_p99 && !short && s.sip_own_drops == 0;
        let dt = (r.after.t - r.before.t) as f64 / 1e9;
        let cpu = r.after.cpu().saturating_sub(r.before.cpu()) as f64;
        let own = (r.after.own - r.before.own) as f64 / 1e4 / dt;
        let rtx: u64 = s.rtx_sent.values().sum();
        if say {
            println!(
                "  {:8.0} cps  {}  offered {:.0}  failed {:.3} %  p99 setup {:.1} ms  retransmitted {}  target {:.0} us/call  callgen {:.0} %{}",
                cps,
                if good { "ok  " } else { "FAIL" },
                r.offered,
                rate * 100.0,
                p99,
                rtx,
                cpu / s.attempted.max(1) as f64,
                own,
                if s.behind > 0 {
                    format!("  (generator skipped {})", s.behind)
                } else {
                    String::new()
                }
            );
            if !s.protocol.is_empty() {
                println!("            {:?}", s.protocol)
            }
            if !good && !s.failed.is_empty() {
                println!("            {:?} {:?}", s.failed, s.uas_failed)
            }
        }
        let mut j = J::new();
        j.num("cps", cps)
            .raw("ok", good)
            .num("offered", r.offered)
            .num("failed_pct", rate * 100.0)
            .num("p50_ms", s.setup.q(0.5) as f64 / 1e6)
            .num("p99_ms", p99)
            .raw("retransmitted", rtx)
            .num("cpu_us_per_call", cpu / s.attempted.max(1) as f64)
            .num("own_cpu_pct", own)
            .raw("skipped", s.behind)
            .map("protocol_errors", &s.protocol);
        trials.push(j.end());
        if good && best.as_ref().is_none_or(|b| cps > b.0) {
            best = Some((cps, j.end()));
        }
        // let the target settle; answer what still comes in
        e.reset();
        let quiet = if good { 300 * MS } else { 5 * SEC };
        drive(e, quiet, |_| false);
        good
    };
    let (mut lo, mut hi) = (0.0, f64::INFINITY);
    let mut c = o.lo;
    while hi.is_infinite() {
        if trial(e, c) {
            lo = c;
            if c >= o.hi {
                break;
            }
            c = (c * 1.6).min(o.hi);
        } else {
            hi = c;
        }
    }
    if hi.is_finite() {
        while lo > 0.0 && (hi - lo) / lo > o.precision {
            let mid = (lo * hi).sqrt();
            if trial(e, mid) { lo = mid } else { hi = mid }
        }
        if lo == 0.0 && say {
            println!("  already failing at the lowest rate; try a lower --lo");
        }
    }
    let max = best.as_ref().map(|b| b.0).unwrap_or(0.0);
    if o.json {
        let mut j = J::new();
        j.str("mode", "find-max")
            .str("label", &o.label)
            .num("max_cps", max)
            .raw("best", best.map(|b| b.1).unwrap_or("null".into()))
            .raw("trials", format!("[{}]", trials.join(",")));
        println!("{}", j.end());
    } else {
        println!(
            "max          {:.0} cps (< {} % failures, p99 setup < {} ms)",
            max,
            o.max_fail * 100.0,
            o.max_p99
        );
    }
}

fn flatout(e: &mut Engine, o: &Opt) {
    let m = Meter::new(o);
    let say = !o.json;
    e.cfg.rtp = true;
    e.cfg.hold = 3600 * SEC;
    let n = if o.concurrent_set { o.c.concurrent } else { 50 };
    e.cfg.concurrent = n;
    e.cfg.max_calls = n as u64;
    e.cfg.cps = 100.0;
    e.rtp.pps = 50.0;
    e.start_launch();
    drive(e, 30 * SEC, |e| e.up == n && e.rtp.active() == 2 * n);
    if e.up < n {
        println!(
            "flatout: only {} of {n} calls were answered {:?} {:?}",
            e.up, e.st.failed, e.st.protocol
        );
        exit(1);
    }
    if e.st.media_direct > 0 && e.cfg.target != e.cfg.uas {
        println!(
            "flatout: the answered SDP points straight at the callee; the target relays nothing"
        );
        exit(1);
    }
    let mut steps = vec![];
    let mut best: Option<(f64, String)> = None;
    let mut step = |e: &mut Engine, pps: f64, secs: f64| -> (bool, bool) {
        // about 16 packets a turn: finer pacing at low rates would only burn the generator's core
        e.cfg.tick = ((16e9 / pps) as u64).clamp(50_000, 250_000);
        e.rtp.pps = pps / e.rtp.active().max(1) as f64;
        drive(e, 300 * MS, |_| false);
        e.rtp.pps = 0.0;
        drive(e, 150 * MS, |_| false);
        e.rtp.reset_stats();
        e.rtp.pps = pps / e.rtp.active().max(1) as f64;
        let a = m.snap(e, false);
        drive(e, (secs * 1e9) as u64, |_| false);
        let b = m.snap(e, false);
        e.rtp.pps = 0.0;
        drive(e, 400 * MS, |_| false);
        let r = &e.rtp.st;
        let dt = (b.t - a.t) as f64 / 1e9;
        let lost = r.sent.saturating_sub(r.unique);
        let loss = lost as f64 / r.sent.max(1) as f64;
        let rate = r.sent as f64 / dt;
        let limited = rate < pps * 0.97 || r.own_drops > 0;
        let good = loss <= o.max_loss && !limited;
        let cpu = (b.cpu() - a.cpu()) as f64;
        let core = if m.core.is_some() {
            (b.core.0 - a.core.0) as f64 / dt / 1e4
        } else {
            f64::NAN
        };
        let own = (b.own - a.own) as f64 / dt / 1e4;
        if say {
            println!(
                "  {:9.0} pps  {}  sent {:.0}/s  loss {:.4} %  p50 {}  p99 {}  target {:.2} us/packet, {:.0} %  callgen {:.0} %{}{}",
                pps,
                if good { "ok  " } else { "FAIL" },
                rate,
                loss * 100.0,
                us(r.lat.q(0.5)),
                us(r.lat.q(0.99)),
                cpu / r.unique.max(1) as f64,
                cpu / dt / 1e4,
                own,
                if limited { "  GENERATOR-LIMITED" } else { "" },
                if r.dup + r.reorder + r.corrupt + r.misrouted > 0 {
                    format!(
                        "  dup {} reordered {} corrupt {} misrouted {}",
                        r.dup, r.reorder, r.corrupt, r.misrouted
                    )
                } else {
                    String::new()
                }
            );
        }
        let mut j = J::new();
        j.num("pps", pps)
            .raw("ok", good)
            .raw("generator_limited", limited)
            .num("sent_per_s", rate)
            .num("loss_pct", loss * 100.0)
            .num("p50_us", r.lat.q(0.5) as f64 / 1e3)
            .num("p99_us", r.lat.q(0.99) as f64 / 1e3)
            .num("cpu_us_per_packet", cpu / r.unique.max(1) as f64)
            .num("target_cpu_pct", cpu / dt / 1e4)
            .num("core_busy_pct", core)
            .num("own_cpu_pct", own)
            .raw("own_drops", r.own_drops)
            .raw("reordered", r.reorder)
            .raw("dup", r.dup)
            .raw("corrupt", r.corrupt)
            .raw("misrouted", r.misrouted);
        steps.push(j.end());
        if good && best.as_ref().is_none_or(|b| rate > b.0) {
            best = Some((rate, j.end()));
        }
        (good, limited)
    };
    let (mut lo, mut hi) = (0.0, f64::INFINITY);
    let mut p = o.pps_start;
    let mut limited = false;
    while hi.is_infinite() {
        let (g, l) = step(e, p, o.step);
        limited |= l;
        if g {
            lo = p;
            if p >= o.pps_max {
                break;
            }
            p = (p * 1.3).min(o.pps_max);
        } else {
            hi = p;
        }
    }
    while hi.is_finite() && lo > 0.0 && (hi - lo) / lo > o.precision {
        let mid = (lo * hi).sqrt();
        let (g, l) = step(e, mid, o.step);
        limited |= l;
        if g { lo = mid } else { hi = mid }
    }
    // end the calls
    e.cfg.hold = 0;
    e.launching = false;
    e.hangup_all();
    drive(e, 3 * SEC, |e| e.active == 0);
    let max = best.as_ref().map(|b| b.0).unwrap_or(0.0);
    if o.json {
        let mut j = J::new();
        j.str("mode", "flatout")
            .str("label", &o.label)
            .raw("calls", n)
            .num("max_pps", max)
            .raw("generator_limited", limited)
            .raw("best", best.map(|b| b.1).unwrap_or("null".into()))
            .raw("steps", format!("[{}]", steps.join(",")));
        println!("{}", j.end());
    } else {
        println!(
            "max          {:.0} relayed pps over {n} calls with <= {} % loss{}",
            max,
            o.max_loss * 100.0,
            if limited {
                " (some steps were limited by callgen itself)"
            } else {
                ""
            }
        );
    }
}
