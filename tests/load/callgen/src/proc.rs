//! CPU and memory of the target, read from /proc.
use std::collections::HashMap;
use std::fs;

#[derive(Clone, Debug, Default)]
pub struct ProcSample {
    pub root: i32,
    pub comm: String,
    pub procs: usize,
    pub threads: u64,
    pub utime_us: u64,
    pub stime_us: u64,
    pub rss_kb: u64,
    pub pss_kb: u64,
}

fn tick_us() -> u64 {
    let hz = unsafe { libc::sysconf(libc::_SC_CLK_TCK) }.max(1) as u64;
    1_000_000 / hz
}

struct Stat {
    comm: String,
    ppid: i32,
    ut: u64,
    st: u64,
    threads: u64,
    rss_kb: u64,
}

fn read_stat(pid: i32) -> Option<Stat> {
    let s = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let open = s.find('(')?;
    let close = s.rfind(')')?;
    let f: Vec<&str> = s[close + 2..].split_ascii_whitespace().collect();
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as u64 / 1024;
    Some(Stat {
        comm: s[open + 1..close].to_string(),
        ppid: f.get(1)?.parse().ok()?,
        ut: f.get(11)?.parse().ok()?,
        st: f.get(12)?.parse().ok()?,
        threads: f.get(17)?.parse().ok()?,
        rss_kb: f.get(21)?.parse::<u64>().ok()? * page,
    })
}

/// Each given pid with all its descendants.
pub fn tree(roots: &[i32]) -> Vec<(i32, Vec<i32>)> {
    let mut kids: HashMap<i32, Vec<i32>> = HashMap::new();
    if let Ok(d) = fs::read_dir("/proc") {
        for e in d.flatten() {
            if let Some(pid) = e.file_name().to_str().and_then(|n| n.parse::<i32>().ok())
                && let Some(st) = read_stat(pid)
            {
                kids.entry(st.ppid).or_default().push(pid);
            }
        }
    }
    roots
        .iter()
        .map(|r| {
            let mut all = vec![*r];
            let mut i = 0;
            while i < all.len() {
                if let Some(k) = kids.get(&all[i]) {
                    all.extend_from_slice(k);
                }
                i += 1;
            }
            (*r, all)
        })
        .collect()
}

fn pss(pid: i32) -> Option<u64> {
    let s = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    s.lines()
        .find(|l| l.starts_with("Pss:"))?
        .split_ascii_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

pub fn sample(tree: &[(i32, Vec<i32>)], with_pss: bool) -> Vec<ProcSample> {
    let tick = tick_us();
    tree.iter()
        .map(|(root, pids)| {
            let mut o = ProcSample {
                root: *root,
                ..Default::default()
            };
            for p in pids {
                if let Some(s) = read_stat(*p) {
                    if p == root {
                        o.comm = s.comm;
                    }
                    o.procs += 1;
                    o.threads += s.threads;
                    o.utime_us += s.ut * tick;
                    o.stime_us += s.st * tick;
                    o.rss_kb += s.rss_kb;
                    if with_pss {
                        o.pss_kb += pss(*p).unwrap_or(s.rss_kb);
                    }
                }
            }
            o
        })
        .collect()
}

pub fn rss_kb(tree: &[(i32, Vec<i32>)]) -> u64 {
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as u64 / 1024;
    let mut t = 0;
    for (_, pids) in tree {
        for p in pids {
            if let Ok(s) = fs::read_to_string(format!("/proc/{p}/statm")) {
                t += s
                    .split_ascii_whitespace()
                    .nth(1)
                    .and_then(|v| v.parse::<u64>().ok())
                    .unwrap_or(0)
                    * page;
            }
        }
    }
    t
}

/// (busy, steal) of one CPU core from /proc/stat, in microseconds; busy covers user, nice,
/// system, irq and softirq.
pub fn core_busy_us(core: usize) -> Option<(u64, u64)> {
    let s = fs::read_to_string("/proc/stat").ok()?;
    let name = format!("cpu{core} ");
    let l = s.lines().find(|l| l.starts_with(&name))?;
    let f: Vec<u64> = l
        .split_ascii_whitespace()
        .skip(1)
        .filter_map(|x| x.parse().ok())
        .collect();
    let t = tick_us();
    Some((
        (f[0] + f[1] + f[2] + f[5] + f[6]) * t,
        f.get(7).copied().unwrap_or(0) * t,
    ))
}

pub fn self_cpu_us() -> u64 {
    unsafe {
        let mut r: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut r);
        (r.ru_utime.tv_sec + r.ru_stime.tv_sec) as u64 * 1_000_000
            + (r.ru_utime.tv_usec + r.ru_stime.tv_usec) as u64
    }
}
