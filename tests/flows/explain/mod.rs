//! What `sbc explain` says is what live traffic does: random requests under random configurations,
//! each once in rehearsal and once by the simulator's SBC.

mod draw;

use bytes::Bytes;
use policies::explain::{Outcome, RouteFate};
use policies::{Compiled, Loaded};
use sbc_core::b2bua::CallSummary;
use sbc_core::b2bua::plan::CallPlan;
use sbc_core::endpoint::{Fate, Rehearsal, Stage, rehearse};
use sbc_core::net::{ListenerId, Network};
use sbc_core::ports::{
    AppFactory, BuildError, CallHooks, HookFuture, ModuleFactory, Param, PolicyEngine,
    RecorderPlan, Registry, SideLegFactory, Verdict,
};
use sbc_core::sip::{HeaderName, Message, StatusCode};
use sbc_core::state_book::StateBook;
use sbc_core::testing::{Sbc, Sent};
use sbc_core::transport::{Flow, Incoming, Transport};
use sbc_core::{Entropy, Now, UnixMillis};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

const CONFIGURATIONS: u64 = 110;
const REQUESTS: usize = 100;

/// What the daemon is built with, and a module that refuses some.
#[derive(Default)]
struct Choosy(sbc::Modules);

impl Registry for Choosy {
    fn state_book(&self) -> &StateBook {
        self.0.state_book()
    }

    fn recorder(&self, plan: RecorderPlan) -> Result<Arc<dyn SideLegFactory>, BuildError> {
        self.0.recorder(plan)
    }

    fn recording_server(&self, dir: &Path) -> Result<Arc<dyn AppFactory>, BuildError> {
        self.0.recording_server(dir)
    }

    fn app(&self, name: &str) -> Option<Arc<dyn AppFactory>> {
        self.0.app(name)
    }

    fn app_names(&self) -> Vec<&'static str> {
        self.0.app_names()
    }

    fn module(
        &self,
        name: &str,
        entry: &[(String, Param)],
        shared: &[(String, Param)],
    ) -> Result<Arc<dyn ModuleFactory>, BuildError> {
        match name {
            "choosy" => Ok(Arc::new(Subjects)),
            name => self.0.module(name, entry, shared),
        }
    }

    fn module_names(&self) -> Vec<&'static str> {
        let mut names = self.0.module_names();
        names.push("choosy");
        names
    }
}

/// Refuses calls with a Subject.
#[derive(Clone, Copy, Debug)]
struct Subjects;

impl ModuleFactory for Subjects {
    fn name(&self) -> &'static str {
        "choosy"
    }

    fn open(&self) -> Box<dyn CallHooks> {
        Box::new(*self)
    }
}

impl CallHooks for Subjects {
    fn on_start<'a>(&'a mut self, invite: &'a Message) -> HookFuture<'a> {
        let verdict = match invite.header(&HeaderName::Subject) {
            Some(_) => Verdict::Refuse(StatusCode::of(603), "No Subjects".into()),
            None => Verdict::Continue(Vec::new()),
        };
        Box::pin(std::future::ready(verdict))
    }
}

/// A configuration by seed; those that do not load (what is drawn may be unreachable) are drawn
/// again.
fn configuration(entropy: &mut Entropy) -> (String, Compiled) {
    let mut complaint = String::new();
    for _ in 0..50 {
        let text = draw::configuration(entropy);
        let loaded = Loaded::from_text("drawn.yaml", &text);
        match loaded.and_then(|loaded| loaded.compile(&Choosy::default())) {
            Ok(compiled) => return (text, compiled),
            Err(errors) => complaint = format!("{errors}\n{text}"),
        }
    }
    panic!("{complaint}");
}

/// One request under one configuration.
struct Case {
    now: Now,
    seed: u64,
    way: (Transport, SocketAddr, SocketAddr),
    message: Message,
}

fn addresses() -> Vec<IpAddr> {
    vec![IpAddr::V4(Ipv4Addr::new(192, 0, 2, 55))]
}

impl Case {
    fn draw(entropy: &mut Entropy, compiled: &Compiled, n: usize) -> Option<Self> {
        let bytes = draw::request(entropy, n);
        Some(Self {
            now: Now {
                unix: UnixMillis(1_767_607_200_000),
                ..Now::default()
            },
            seed: entropy.u64(),
            way: draw::way(entropy, &compiled.network),
            message: Message::parse_datagram(bytes).ok()?,
        })
    }

    fn live(&self, engine: &Arc<dyn PolicyEngine>) -> (Sbc, Vec<Sent>) {
        let mut sbc = Sbc::alone(Arc::clone(engine), Entropy::from_seed(self.seed));
        let lookup = |_: &_| addresses();
        let sent = sbc.hear(self.now, self.way, self.message.clone(), &lookup);
        (sbc, sent)
    }

    fn incoming(&self, network: &Network) -> Incoming {
        let (transport, local, remote) = self.way;
        let listeners = &network.listeners;
        let listener = listeners
            .iter()
            .position(|l| l.bind == local && l.transport == transport)
            .expect("a listener");
        let flow = Flow {
            listener: ListenerId(u16::try_from(listener).expect("few")),
            transport,
            remote,
            connection: None,
        };
        let mut message = self.message.clone();
        if message.is_request() {
            message.stamp_received(remote);
        }
        Incoming { flow, message }
    }

    fn rehearsed(&self, engine: &dyn PolicyEngine) -> Rehearsal {
        let stage = Stage {
            policy: engine,
            now: self.now,
            lookup: &|_| addresses(),
            verdicts: None,
        };
        let entropy = Entropy::from_seed(self.seed).split();
        rehearse(&stage, self.incoming(engine.network()), entropy)
    }
}

/// What left: by which transport, from where, to where, the bytes.
type Live = Vec<(Transport, SocketAddr, SocketAddr, Bytes)>;

fn live_bytes(sent: &[Sent]) -> Live {
    let one = |s: &Sent| (s.transport, s.local, s.remote, s.bytes.clone());
    sent.iter().map(one).collect()
}

fn rehearsed_bytes(engine: &dyn PolicyEngine, rehearsal: &Rehearsal) -> Live {
    let sent = rehearsal.sent.iter().map(|transmit| {
        let flow = transmit.flow;
        let local = engine.network().listener(flow.listener).bind;
        (flow.transport, local, flow.remote, transmit.bytes.clone())
    });
    sent.collect()
}

/// Answers without a call have a tag that is made of a key of the endpoint's own: 16 digits.
fn without_tag(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.split(";tag=");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_hexdigit).count();
        out.push_str(";tag=");
        out.push_str(if digits == 16 { &part[16..] } else { part });
    }
    out
}

/// The explanation says the same: the route that decided, what the caller hears or what is sent.
fn explained(case: &Case, compiled: &Compiled, summary: Option<&CallSummary>, live: &Live) {
    let explanation = compiled.engine.explain(policies::explain::Case {
        incoming: case.incoming(compiled.engine.network()),
        now: case.now,
        entropy: Entropy::from_seed(case.seed).split(),
        verdicts: None,
    });
    let taken = explanation
        .routes
        .iter()
        .filter(|r| r.fate == RouteFate::Taken);
    let taken: Vec<&str> = taken.map(|route| &*route.name).collect();
    let decided = summary.map_or("", |summary| &summary.route);
    let routes = compiled
        .config
        .routes
        .iter()
        .map(|route| route.name.value.as_str());
    let expected: Vec<&str> = routes.filter(|name| *name == decided).collect();
    assert_eq!(taken, expected, "{explanation}");
    let sent = explanation.sent.as_ref();
    let (text, last) = (sent.map(|sent| sent.text.as_str()), live.last());
    assert_eq!(text.is_some(), last.is_some());
    if let (Some(text), Some(last)) = (text, last) {
        let (said, live) = (without_tag(text.as_bytes()), without_tag(&last.3));
        assert_eq!(said, live, "{explanation}");
    }
    let status = |text: &str| text.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status: Option<u16> = text.and_then(status);
    match &explanation.outcome {
        Outcome::Connected { route, .. } => {
            assert_eq!((&**route, status), (decided, None));
        }
        Outcome::Refused { status: said, .. } | Outcome::Answered { status: said, .. } => {
            assert_eq!(Some(*said), status);
        }
        Outcome::App { .. } => panic!("{explanation}"),
        Outcome::Dropped { .. } => assert_eq!(text, None),
    }
}

fn compare(case: &Case, compiled: &Compiled, seen: &mut BTreeMap<String, usize>) {
    let engine: Arc<dyn PolicyEngine> = Arc::clone(&compiled.engine) as _;
    let (sbc, sent) = case.live(&engine);
    let rehearsal = case.rehearsed(&*engine);
    let (live, rehearsed) = (live_bytes(&sent), rehearsed_bytes(&*engine, &rehearsal));
    let summary = sbc.summaries().next();
    if let Some(CallPlan::App(app)) = &rehearsal.plan {
        // An app is named and not asked: it would do what it does.
        assert_eq!(rehearsed[..], live[..1]);
        assert_eq!(summary.map(|s| &s.route), Some(&app.route));
        *seen.entry("app".to_owned()).or_default() += 1;
        return;
    }
    let stateless = rehearsal.fate == Fate::Answered && case.message.to_tag().is_none();
    assert_eq!(live.len(), rehearsed.len());
    for (live, rehearsed) in live.iter().zip(&rehearsed) {
        assert_eq!(
            (live.0, live.1, live.2),
            (rehearsed.0, rehearsed.1, rehearsed.2)
        );
        if stateless {
            assert_eq!(without_tag(&live.3), without_tag(&rehearsed.3));
        } else {
            assert_eq!(live.3, rehearsed.3);
        }
    }
    // Counters are those of a media plane.
    let summary = summary.cloned().map(|summary| CallSummary {
        media: Vec::new(),
        ..summary
    });
    assert_eq!(summary.as_ref(), rehearsal.summary.as_deref());
    explained(case, compiled, summary.as_ref(), &live);
    let last = live.last().map(|sent| sent.3.clone()).unwrap_or_default();
    let first_line = String::from_utf8_lossy(&last);
    let word = match first_line.split(' ').nth(1) {
        _ if first_line.starts_with("INVITE") => "INVITE",
        Some(status) => status,
        None => "nothing",
    };
    *seen.entry(word.to_owned()).or_default() += 1;
}

#[test]
fn a_rehearsal_decides_and_sends_what_live_traffic_does() {
    let mut seen = BTreeMap::new();
    for seed in 1..=CONFIGURATIONS {
        let mut entropy = Entropy::from_seed(seed);
        let (text, compiled) = configuration(&mut entropy);
        for n in 0..REQUESTS {
            let Some(case) = Case::draw(&mut entropy, &compiled, n) else {
                continue;
            };
            let compared = std::panic::AssertUnwindSafe(|| compare(&case, &compiled, &mut seen));
            if let Err(panic) = std::panic::catch_unwind(compared) {
                eprintln!(
                    "configuration {seed}, request {n}:\n{text}\n{:?}",
                    case.message
                );
                std::panic::resume_unwind(panic);
            }
        }
    }
    // Nothing is proved by requests that all fare alike.
    let kinds = [
        "INVITE", "app", "nothing", "200", "400", "403", "404", "405", "406", "415", "416", "420",
        "481", "483", "484", "488", "501", "503", "603",
    ];
    for kind in kinds {
        assert!(seen.contains_key(kind), "{kind} never happened: {seen:?}");
    }
    assert!(seen.values().sum::<usize>() >= 10_000, "{seen:?}");
    assert!(seen["INVITE"] > 1500, "{seen:?}");
}
