//! A case is played: the real engine in an SBC of the simulator, peers that say what stands there.

use super::case::{Case, Piece};
use super::names::{Names, bytes};
use policies::Loaded;
use sbc_core::net::{Listener, Network};
use sbc_core::ports::PolicyEngine;
use sbc_core::sip::StatusCode;
use sbc_core::testing::{HeardByPeer, NodeId, Sim};
use sbc_core::transport::Transport;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// What an answer takes: two ways of 10 ms, a lookup, a connection that is opened; nothing is
/// repeated so soon.
const MOMENT: Duration = Duration::from_millis(60);
/// The name of a fragment in error texts.
const FILE: &str = "sbc.yaml";

/// The case as it went: its outcomes are those of the run.
pub(crate) fn play(name: &str, around: &str, case: &Case) -> Result<Case, String> {
    let mut played = Case {
        title: case.title.clone(),
        pieces: Vec::new(),
    };
    let mut stage: Option<Stage> = None;
    for piece in case.pieces.iter().filter(|piece| !piece.is_outcome()) {
        played.pieces.push(piece.clone());
        if let Piece::Yaml(yaml) = piece {
            let compiled = Loaded::from_text(FILE, &whole(yaml, around))
                .and_then(|loaded| loaded.compile(&sbc::Modules::default()));
            match compiled {
                Ok(compiled) => {
                    let warnings = compiled.warnings.iter().map(ToString::to_string);
                    let warnings = warnings.filter(|warning| is_about(yaml, warning));
                    let pieces = warnings.map(|warning| Piece::Warned(lines(&warning)));
                    played.pieces.extend(pieces);
                    stage = Some(Stage::new(&compiled.network, compiled.engine));
                }
                Err(errors) => played
                    .pieces
                    .push(Piece::Refused(lines(&errors.to_string()))),
            }
            continue;
        }
        if let Piece::Text(_) = piece {
            continue;
        }
        let Some(stage) = &mut stage else {
            return Err(format!("{name}: nothing is loaded: {:?}", played.pieces));
        };
        played.pieces.extend(stage.play(piece)?);
    }
    let faults = stage.map(|stage| stage.faults()).unwrap_or_default();
    if faults.is_empty() {
        Ok(played)
    } else {
        Err(format!("{name}: {}", faults.join("\n")))
    }
}

/// Whether a warning points into a fragment, and not at what stands around it.
fn is_about(fragment: &str, warning: &str) -> bool {
    let line = warning.strip_prefix(FILE).and_then(|w| w.split(':').nth(1));
    let line: Option<usize> = line.and_then(|line| line.parse().ok());
    line.is_none_or(|line| line <= fragment.lines().count())
}

/// Text that ends with a line end.
fn lines(text: &str) -> String {
    format!("{}\n", text.trim_end())
}

/// A fragment with the sections of `around` that it does not have.
fn whole(fragment: &str, around: &str) -> String {
    let has = |section: &str| {
        let key = format!("{section}:");
        fragment.lines().any(|line| line.starts_with(&key))
    };
    let mut text = fragment.to_owned();
    let mut missing = false;
    for line in around.lines() {
        if let Some((section, _)) = line.split_once(':').filter(|_| !line.starts_with(' ')) {
            missing = !has(section);
        }
        if missing {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

struct Stage {
    sim: Sim,
    network: Arc<Network>,
    sbc: NodeId,
    peers: NodeId,
    names: Names,
    /// What was heard: nothing is shown twice.
    heard: BTreeSet<(SocketAddr, Vec<u8>)>,
}

impl Stage {
    fn new(network: &Arc<Network>, engine: Arc<dyn PolicyEngine>) -> Self {
        let mut sim = Sim::seed(1);
        let peers = sim.add_peers();
        let sbc = sim.add_sbc_of(engine, true);
        Self {
            sim,
            network: Arc::clone(network),
            sbc,
            peers,
            names: Names::default(),
            heard: BTreeSet::new(),
        }
    }

    /// What is heard because of a piece.
    fn play(&mut self, piece: &Piece) -> Result<Vec<Piece>, String> {
        match piece {
            Piece::Closed(ip) => self.sim.refuse_connections(&ip.to_string()),
            Piece::Name(name, ip) => self.sim.name(name, &[&ip.to_string()]),
            Piece::Pass(time) => {
                self.sim.run_for(*time);
                return self.hear();
            }
            Piece::Say(from, to, sip) => {
                let is_it = |l: &&Listener| *l.name == **to && l.bind.is_ipv4() == from.is_ipv4();
                let listener = self.network.listeners.iter().find(is_it);
                let listener = listener.ok_or_else(|| format!("there is no listener {to}"))?;
                let (at, transport) = (listener.bind, listener.transport);
                let bytes = bytes(&self.names.filled_in(sip));
                self.sim.say(self.peers, *from, at, transport, bytes.into());
                self.sim.run_for(MOMENT);
                return self.hear();
            }
            Piece::Text(_)
            | Piece::Yaml(_)
            | Piece::Hear(..)
            | Piece::Refused(_)
            | Piece::Warned(_) => {}
        }
        Ok(Vec::new())
    }

    fn hear(&mut self) -> Result<Vec<Piece>, String> {
        let mut pieces = Vec::new();
        for heard in self.sim.take_heard(self.peers) {
            let message = &heard.message;
            if !message.defects().is_empty() {
                return Err(format!("a message with defects: {:?}", message.defects()));
            }
            let new = self.heard.insert((heard.to, message.to_bytes().to_vec()));
            if new && message.status() != Some(StatusCode::of(100)) {
                let listener = self.listener(&heard)?;
                pieces.push(Piece::Hear(listener, heard.to, self.names.shown(message)));
            }
        }
        Ok(pieces)
    }

    /// The listener that something came from; by TCP, its port may be any.
    fn listener(&self, heard: &HeardByPeer) -> Result<String, String> {
        let is_it = |at: SocketAddr, transport| match transport {
            Transport::Udp => at == heard.from,
            Transport::Tcp => at.ip() == heard.from.ip(),
        };
        let mut listeners = self.network.listeners.iter();
        let found =
            listeners.find(|l| l.transport == heard.transport && is_it(l.bind, l.transport));
        found
            .map(|listener| listener.name.to_string())
            .ok_or_else(|| format!("nobody listens at {}", heard.from))
    }

    fn faults(&self) -> Vec<String> {
        // That a word of one side shows on the other may be what a case is about.
        let mut faults = self.sim.sbc(self.sbc).faults();
        faults.retain(|fault| !fault.contains("of another side"));
        faults
    }
}
