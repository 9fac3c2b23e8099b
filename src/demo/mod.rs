//! `sbc demo`: the main job, on loopback, with nothing prepared.
//!
//! In one process and over real sockets: an SBC, a recording server, a recorder that refuses
//! connections, a caller and a callee. Every SIP port is chosen by the system. The call is set up
//! and recorded, both sides send a tone of their own once the recorder took the call, the caller
//! hangs up; then the files are looked at.

mod judge;
mod ladder;
mod phone;
mod tone;

use crate::cli::{DemoArgs, complain, exit, failed_start, say};
use crate::daemon::Daemon;
use crate::drain;
use crate::registry::Modules;
use ladder::Ladder;
use phone::{Callee, Caller};
use policies::Loaded;
use sbc_core::net::Network;
use sbc_core::transport::Transport;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// How long each side talks.
const TALK: Duration = Duration::from_secs(2);
/// How long any one step may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// What the caller says, in hertz.
const CALLER_TONE: f64 = 440.0;
/// What the callee says.
const CALLEE_TONE: f64 = 1100.0;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("the demo's own configuration: {0}")]
    Config(String),
    #[error(transparent)]
    Start(#[from] crate::daemon::StartError),
    #[error("{0}: {1}")]
    Io(&'static str, std::io::Error),
    #[error("{0} within {PATIENCE:?}")]
    Late(&'static str),
    #[error("the call was not answered: {0}")]
    Refused(String),
    #[error("{0}")]
    Wrong(String),
}

/// Runs the demo and says whether the recording is right.
pub(crate) fn run(args: &DemoArgs) -> u8 {
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!(
                "sbc demo: no threads or descriptors to run on: {error}"
            ));
            return exit::SYSTEM;
        }
    };
    let code = runtime.block_on(async {
        match show(args).await {
            Ok(()) => exit::OK,
            Err(Fault::Start(error)) => failed_start(&error),
            Err(fault) => {
                complain(&format!("sbc demo: {fault}"));
                exit::FAILED
            }
        }
    });
    runtime.shutdown_background();
    code
}

/// The parts of the demo, running.
struct Stage {
    sbc: Daemon,
    srs: Daemon,
    ladder: Arc<Ladder>,
    dir: PathBuf,
    /// Bound and never listening: connections to it are refused, and nobody else gets the port.
    _refusing: socket2::Socket,
}

async fn show(args: &DemoArgs) -> Result<(), Fault> {
    let dir = folder(args)?;
    let callee = Callee::open()
        .await
        .map_err(|e| Fault::Io("the callee's sockets", e))?;
    let caller = Caller::open()
        .await
        .map_err(|e| Fault::Io("the caller's sockets", e))?;
    let stage = Stage::set(&dir, caller.address(), callee.address()).await?;
    stage.ladder.name(caller.address(), "caller");
    stage.ladder.name(callee.address(), "callee");

    let (talk, may_talk) = watch::channel(false);
    let callee = tokio::spawn(callee.take_a_call(may_talk));
    let outside = address(stage.sbc.network(), "outside-udp", Transport::Udp)?;
    let heard_by_caller = stage.call(caller, outside, &talk).await?;
    let heard_by_callee = timeout(PATIENCE, callee)
        .await
        .map_err(|_| Fault::Late("the callee's phone did not end"))?
        .map_err(|e| Fault::Wrong(format!("the callee's phone: {e}")))??;
    for daemon in [&stage.sbc, &stage.srs] {
        timeout(PATIENCE, daemon.endpoint().idle())
            .await
            .map_err(|_| Fault::Late("a call did not end"))?;
    }
    stage.srs.shutdown().await;

    stage.ladder.print();
    let verdict = judge::recording(&stage.dir, CALLER_TONE, CALLEE_TONE)?;
    verdict.print();
    say(&format!(
        "Heard over the call: the caller {heard_by_caller} packets, the callee {heard_by_callee}."
    ));
    if !stage.ladder.saw_failover() {
        return Err(Fault::Wrong("no failover was seen".into()));
    }
    if heard_by_caller == 0 || heard_by_callee == 0 {
        return Err(Fault::Wrong("one side heard nothing".into()));
    }
    verdict.check()?;
    say("The recording is right: both parties named, each file holds what its side said.");
    if args.keep {
        stage.keep().await;
    }
    stage.sbc.shutdown().await;
    Ok(())
}

fn folder(args: &DemoArgs) -> Result<PathBuf, Fault> {
    let dir = args
        .dir
        .clone()
        .unwrap_or_else(|| std::env::temp_dir().join(format!("sbc-demo-{}", std::process::id())));
    std::fs::create_dir_all(&dir).map_err(|e| Fault::Io("the folder for recordings", e))?;
    let mut entries = std::fs::read_dir(&dir).map_err(|e| Fault::Io("the folder", e))?;
    match entries.next() {
        Some(_) => Err(Fault::Wrong(format!(
            "{} is not empty; name another folder with --dir",
            dir.display()
        ))),
        None => Ok(dir),
    }
}

impl Stage {
    async fn set(dir: &Path, caller: SocketAddr, callee: SocketAddr) -> Result<Self, Fault> {
        let quoted = serde_json::Value::from(dir.display().to_string());
        let srs = start(
            "demo recording server",
            &format!(
                "version: 1\n\
                 srs: {{ listen: \"127.0.0.1:0\", dir: {quoted}, ports: 31000-31999 }}\n"
            ),
            None,
        )
        .await?;
        let srs_tcp = srs
            .network()
            .listeners
            .iter()
            .find(|l| l.transport == Transport::Tcp)
            .map(|l| l.bind)
            .ok_or_else(|| Fault::Wrong("the recording server has no TCP listener".into()))?;
        let (refusing, refusing_at) = refusing().map_err(|e| Fault::Io("a free TCP port", e))?;
        let ladder = Arc::new(Ladder::default());
        ladder.name(srs_tcp, "recorder 2");
        ladder.name(refusing_at, "recorder 1");
        let text = configuration(caller, callee, refusing_at, srs_tcp);
        let sbc = start("demo SBC", &text, Some(Arc::clone(&ladder))).await?;
        Ok(Self {
            sbc,
            srs,
            ladder,
            dir: dir.to_owned(),
            _refusing: refusing,
        })
    }

    /// Places the call, waits for the recorder, talks, hangs up; how many packets the caller heard.
    async fn call(
        &self,
        mut caller: Caller,
        outside: SocketAddr,
        talk: &watch::Sender<bool>,
    ) -> Result<usize, Fault> {
        timeout(PATIENCE, caller.dial(outside))
            .await
            .map_err(|_| Fault::Late("the call was not answered"))??;
        timeout(PATIENCE, self.ladder.recording())
            .await
            .map_err(|_| Fault::Late("no recorder took the call"))?;
        talk.send_replace(true);
        let heard = caller.talk(TALK).await?;
        timeout(PATIENCE, caller.hang_up())
            .await
            .map_err(|_| Fault::Late("the BYE was not answered"))??;
        Ok(heard)
    }

    async fn keep(&self) {
        if let Some(api) = self.sbc.api() {
            say(&format!(
                "The SBC stays up: http://{api}/v1/calls (Ctrl-C ends it)."
            ));
        }
        tokio::select! {
            caught = tokio::signal::ctrl_c() => if caught.is_err() {
                complain("sbc demo: signals cannot be caught; ending");
            },
            () = drain::run(&self.sbc) => {}
        }
    }
}

async fn start(name: &str, text: &str, ladder: Option<Arc<Ladder>>) -> Result<Daemon, Fault> {
    let compiled = Loaded::from_text(name, text)
        .and_then(|loaded| loaded.compile(&Modules::default()))
        .map_err(|errors| Fault::Config(errors.to_string()))?;
    let tap = ladder.map(|ladder| ladder as Arc<dyn crate::calls::Tap>);
    Ok(Daemon::start_as(compiled, None, tap).await?)
}

/// A TCP port on loopback that refuses connections as long as the socket lives.
fn refusing() -> std::io::Result<(socket2::Socket, SocketAddr)> {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    let any: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(&any.into())?;
    let address = socket
        .local_addr()?
        .as_socket()
        .ok_or_else(|| std::io::Error::other("no address"))?;
    Ok((socket, address))
}

fn configuration(
    caller: SocketAddr,
    callee: SocketAddr,
    refusing: SocketAddr,
    srs: SocketAddr,
) -> String {
    format!(
        r#"version: 1
listeners:
  outside-udp: {{ realm: outside, udp: "127.0.0.1:0" }}
  inside-udp: {{ realm: inside, udp: "127.0.0.1:0" }}
  inside-tcp: {{ realm: inside, tcp: "127.0.0.1:0" }}
realms:
  outside: {{ trust: none, media: {{ bind: 127.0.0.1, ports: 20000-24999 }} }}
  inside: {{ trust: full, media: {{ bind: 127.0.0.1, ports: 25000-29999 }} }}
trunks:
  carrier: {{ realm: outside, match: {{ source: [ 127.0.0.1 ] }}, targets: [ "sip:{caller}" ] }}
  pbx: {{ realm: inside, targets: [ "sip:{callee}" ] }}
recorders:
  main: {{ srs: [ "sip:{refusing}", "sip:{srs}" ] }}
profiles:
  recorded: {{ record: {{ recorders: [ main ] }} }}
routes:
  - {{ name: to-the-pbx, from: carrier, to: [ pbx ], profile: recorded }}
  - {{ name: from-the-pbx, from: inside, to: [ carrier ] }}
  - {{ name: nothing-else, reject: 404 }}
observe: {{ api: "127.0.0.1:0" }}
"#
    )
}

fn address(network: &Network, name: &str, transport: Transport) -> Result<SocketAddr, Fault> {
    network
        .listeners
        .iter()
        .find(|l| &*l.name == name && l.transport == transport)
        .map(|l| l.bind)
        .ok_or_else(|| Fault::Wrong(format!("there is no listener {name}")))
}
