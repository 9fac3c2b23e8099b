//! An SBC between two realms in this process: the daemon with sockets of its own.
//!
//! Outside is 127.1.0.0/16, inside 127.2.0.0/16, so that whatever crosses the border is seen by its
//! first two numbers. Callers are recognised by their address; baresip connects over TCP from
//! 127.0.0.1, whatever it is told.

use policies::Loaded;
use sbc::{Daemon, Modules};
use sbc_core::transport::Transport;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;
use tokio::runtime::Runtime;

pub(crate) const OUTSIDE: Ipv4Addr = Ipv4Addr::new(127, 1, 0, 1);
pub(crate) const CALLER: Ipv4Addr = Ipv4Addr::new(127, 1, 0, 2);
pub(crate) const INSIDE: Ipv4Addr = Ipv4Addr::new(127, 2, 0, 1);
pub(crate) const CALLEE: Ipv4Addr = Ipv4Addr::new(127, 2, 0, 2);
pub(crate) const RECORDER: Ipv4Addr = Ipv4Addr::new(127, 2, 0, 3);

/// The longest that anything may take in the SBC.
const PATIENCE: Duration = Duration::from_secs(40);
/// Between two looks at a condition that announces itself in no other way.
const GLANCE: Duration = Duration::from_millis(10);

/// Ports of media, below those of [`crate::peers::ports`].
const MEDIA: &str = "2048-11999";

/// What differs from one configuration to the next.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// The target URI of the callee, such as `sip:127.2.0.2:5060;transport=tcp`.
    pub(crate) callee: String,
    /// Target URI of the outside, where the callee calls.
    pub(crate) caller: String,
    /// Servers of the recorder; none: calls are not recorded.
    pub(crate) recorders: Vec<String>,
    /// More keys of the recorder, as `timeout: 500ms`.
    pub(crate) recorder_keys: String,
    /// More keys of the route inwards, as `, redirect: follow`.
    pub(crate) route_keys: String,
    /// Whole lines at the top level.
    pub(crate) more: String,
    /// Ports of the listeners, from this on where not 0: inside and outside have own addresses.
    pub(crate) port: u16,
}

impl Setup {
    /// Calls go to this URI.
    pub(crate) fn to(callee: impl Into<String>) -> Self {
        Self {
            callee: callee.into(),
            caller: format!("sip:{CALLER}:9"),
            recorders: Vec::new(),
            recorder_keys: String::new(),
            route_keys: String::new(),
            more: String::new(),
            port: 0,
        }
    }

    /// As YAML.
    pub(crate) fn yaml(&self) -> String {
        let Self {
            callee,
            caller,
            recorders,
            recorder_keys,
            route_keys,
            more,
            port,
        } = self;
        let (recorder, profile) = if recorders.is_empty() {
            (String::new(), "{}")
        } else {
            let servers = recorders.join("\", \"");
            let main = format!("recorders:\n  main: {{ srs: [\"{servers}\"], {recorder_keys} }}\n");
            (main, "{ record: { recorders: [ main ] } }")
        };
        format!(
            "version: 1\nlisteners:\n  \
             outside-udp: {{ realm: outside, udp: \"{OUTSIDE}:{port}\" }}\n  \
             outside-tcp: {{ realm: outside, tcp: \"{OUTSIDE}:{port}\" }}\n  \
             inside-udp: {{ realm: inside, udp: \"{INSIDE}:{port}\" }}\n  \
             inside-tcp: {{ realm: inside, tcp: \"{INSIDE}:{port}\" }}\nrealms:\n  \
             outside: {{ trust: none, media: {{ bind: {OUTSIDE}, ports: {MEDIA} }} }}\n  \
             inside: {{ trust: full, media: {{ bind: {INSIDE}, ports: {MEDIA} }} }}\ntrunks:\n  \
             carrier:\n    realm: outside\n    match: {{ source: [ {CALLER}, 127.0.0.1 ] }}\n    \
             targets: [ \"{caller}\" ]\n  \
             pbx: {{ realm: inside, targets: [ \"{callee}\" ] }}\n{recorder}profiles:\n  \
             base: {profile}\nroutes:\n  \
             - {{ name: inwards, from: carrier, to: [ pbx ], profile: base{route_keys} }}\n  \
             - {{ name: outwards, from: inside, to: [ carrier ], profile: base }}\n  \
             - {{ name: nothing-else, reject: 404 }}\n{more}",
        )
    }
}

/// A running SBC.
pub(crate) struct Border {
    runtime: Runtime,
    pub(crate) daemon: Daemon,
}

impl Border {
    pub(crate) fn start(setup: &Setup) -> Self {
        let api = "observe: { api: \"127.0.0.1:0\", metrics: \"127.0.0.1:0\" }\n";
        Self::from_yaml(&format!("{}{api}", setup.yaml()))
    }

    pub(crate) fn from_yaml(yaml: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("threads can be had");
        let compiled = Loaded::from_text("wire test", yaml)
            .and_then(|loaded| loaded.compile(&Modules::default()))
            .unwrap_or_else(|errors| panic!("{errors}\n{yaml}"));
        let daemon = runtime
            .block_on(Daemon::start(compiled))
            .expect("loopback can be bound");
        Self { runtime, daemon }
    }

    /// Where a listener is. `side` is `outside` or `inside`.
    pub(crate) fn at(&self, side: &str, transport: Transport) -> SocketAddr {
        let listeners = &self.daemon.network().listeners;
        let found = listeners
            .iter()
            .find(|l| l.name.starts_with(side) && l.transport == transport);
        found.expect("every realm has both").bind
    }

    /// Where callers call.
    pub(crate) fn outside(&self, transport: Transport) -> SocketAddr {
        self.at("outside", transport)
    }

    /// The body of a page of the API.
    pub(crate) fn api(&self, path: &str) -> Value {
        let page = http(self.daemon.api().expect("the API is configured"), path).1;
        serde_json::from_str(&page).unwrap_or_else(|error| panic!("{path}: {error}: {page}"))
    }

    /// A counter of the metrics page, summed over its labels; 0 where it is not there yet.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let at = self.daemon.metrics().expect("metrics are configured");
        metric(&http(at, "/metrics").1, name)
    }

    /// Calls that limits count, at trunks and in all.
    fn counted(&self) -> u32 {
        let policy = self.daemon.endpoint().policy();
        let trunks = policy.quotas().trunks.iter().map(|trunk| &trunk.quota);
        let all = trunks.chain([&policy.quotas().whole]);
        all.map(|quota| quota.counts().calls()).sum()
    }

    /// Waits until `condition` holds.
    pub(crate) fn until(&self, what: &str, mut condition: impl FnMut(&Self) -> bool) {
        let waiting = async {
            let mut glances = tokio::time::interval(GLANCE);
            while !condition(self) {
                glances.tick().await;
            }
        };
        let ended = self
            .runtime
            .block_on(async { tokio::time::timeout(PATIENCE, waiting).await });
        assert!(ended.is_ok(), "{what}: not within {PATIENCE:?}");
    }

    /// Waits until every call is over and nothing of one is left: no call, no dialog, no media
    /// session, no port.
    pub(crate) fn until_nothing_is_left(&self) {
        let mut left = String::new();
        let waiting = async {
            let mut glances = tokio::time::interval(GLANCE);
            loop {
                let media = self.daemon.media().totals();
                let claimed = self.daemon.endpoint().claimed_and_lingering().0;
                let calls = self.daemon.endpoint().calls();
                let counted = self.counted();
                if (calls, claimed, counted) == (0, 0, 0) && media.sessions == 0 && media.ports == 0
                {
                    return;
                }
                left = format!("{calls} calls, {claimed} dialogs, {counted} counted, {media:?}");
                glances.tick().await;
            }
        };
        let ended = self
            .runtime
            .block_on(async { tokio::time::timeout(PATIENCE, waiting).await });
        assert!(ended.is_ok(), "left after {PATIENCE:?}: {left}");
    }
}

impl Drop for Border {
    fn drop(&mut self) {
        self.runtime.block_on(self.daemon.shutdown());
    }
}

/// Status and body of a page.
pub(crate) fn http(server: SocketAddr, path: &str) -> (u16, String) {
    asked("GET", server, path)
}

/// Status and body of what is answered to a POST without a body.
pub(crate) fn post(server: SocketAddr, path: &str) -> (u16, String) {
    asked("POST", server, path)
}

fn asked(method: &str, server: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(server).expect("HTTP is served");
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {server}\r\nContent-Length: 0\r\n");
    let request = format!("{head}Connection: close\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .expect("it reads requests");
    let mut page = String::new();
    stream.read_to_string(&mut page).expect("it answers");
    let status = page.split(' ').nth(1).and_then(|code| code.parse().ok());
    let body = page.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status.expect("a status line"), body.to_owned())
}

/// A counter on a page of Prometheus, summed over its labels.
pub(crate) fn metric(page: &str, name: &str) -> f64 {
    let lines = page.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        rest.starts_with([' ', '{'])
            .then(|| rest.rsplit(' ').next()?.parse::<f64>().ok())?
    });
    lines.sum()
}

/// How many descriptors this process has open, those of the SBC among them.
pub(crate) fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}
