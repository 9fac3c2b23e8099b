//! The recording session of one call with one recorder.
//!
//! | state | input | next state | commands and events |
//! |---|---|---|---|
//! | `Idle` | `Answered` | `Dialling` | Connecting, Dial the first server |
//! | `Idle` | `Answered`, no stream or no port | `Done` | Release, Failed, Finished |
//! | `Idle` | `Ended` | `Done` | Finished |
//! | `Dialling` | provisional above 100 | `Dialling` | none; the deadline moves once |
//! | `Dialling` | failure, another server may be tried | `Dialling` | Failover, Dial the next |
//! | `Dialling` | failure, none may be tried | `Done` | Hangup, Release, Failed, Finished |
//! | `Dialling` | 2xx that takes a stream | `Recording` | Peer, Fork, Recording |
//! | `Dialling` | 2xx that takes nothing | `Done` | Hangup, Release, Failed, Finished |
//! | `Dialling` | `Changed` | `Dialling` | none; the next server is told |
//! | `Dialling` | `Ended` | `Done` | Hangup, Release, Stopped, Finished |
//! | `Recording` | `Changed` | `Recording` | Fork, Unfork |
//! | `Recording` | `Ended` | `Done` | Unfork, Hangup, Release, Stopped, Finished |
//! | `Recording` | ended by the peer | `Done` | Unfork, Release, Stopped, Finished |
//! | `Done` | anything | `Done` | none |
//!
//! A *failure* is a refusal, a transport that failed, a timeout, or our deadline; only after the
//! last is there a leg to hang up. The dialog is that of RFC 7866 §6.1.1 and §7.2, the end that
//! of RFC 3261 §9.1 and §15; a call is never disturbed by its recorder (RFC 6341 REQ-005). After a
//! 2xx no other server is tried. What is not in the table changes nothing: a lost connection does
//! not end a dialog (RFC 3261 §12), for one. Ports and labels stay the same from server to server.

use super::answer::{self, Taken};
use super::failover::{Attempt, Failure, Servers};
use super::offer::{Story, recordable};
use sbc_core::Instant;
use sbc_core::ports::{
    CallView, Fork, LegNews, MediaError, MediaPort, PortId, RecorderState, RecorderStatus,
    SideCommand, SideCx, SideEvent, SideLeg,
};
use sbc_core::sdp::Codec;
use sbc_core::sip::Message;
use std::sync::Arc;

/// As it is noted.
const MACHINE: &str = "recording session";

/// One recording session; see the module's table.
#[derive(Debug)]
pub(super) struct RecordingClient {
    servers: Arc<Servers>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The call is not answered yet.
    Idle,
    /// A server has our INVITE.
    Dialling { story: Box<Story>, attempt: Attempt },
    /// A server records.
    Recording {
        story: Box<Story>,
        server: usize,
        /// For each line, what the recorder said, and the fork that runs.
        takes: Vec<Option<Take>>,
    },
    /// Over.
    Done,
}

/// A line that is recorded.
#[derive(Debug)]
struct Take {
    taken: Taken,
    fork: Option<(PortId, Fork)>,
}

impl RecordingClient {
    pub(super) fn new(servers: Arc<Servers>) -> Self {
        Self {
            servers,
            state: State::Idle,
        }
    }

    fn start(&self, cx: &mut SideCx<'_>, view: &CallView) -> State {
        let reserved = self.reserve(cx, view);
        let none = reserved.as_ref().map_or(true, Vec::is_empty);
        let input = if none {
            "`Answered`, no stream or no port"
        } else {
            "`Answered`"
        };
        cx.probe.note(|| (MACHINE, "`Idle`", input));
        let ports = match reserved {
            Ok(ports) if ports.is_empty() => {
                return self.fail(
                    cx,
                    0,
                    "the call has no stream that could be recorded".into(),
                );
            }
            Ok(ports) => ports,
            Err(error) => return self.fail(cx, 0, error.to_string()),
        };
        let story = Box::new(Story::new(view, ports, cx.entropy));
        let attempt = self.servers.first(cx.now);
        self.tell(
            cx,
            attempt.server,
            RecorderStatus::Connecting,
            String::new(),
        );
        self.dial(cx, story, attempt)
    }

    /// A port for each stream that can be recorded; all or none.
    fn reserve(
        &self,
        cx: &mut SideCx<'_>,
        view: &CallView,
    ) -> Result<Vec<(usize, Vec<Codec>, MediaPort)>, MediaError> {
        let peer = self.servers.address();
        let mut ports = Vec::new();
        for (n, stream) in view.streams.iter().enumerate().take(crate::limits::STREAMS) {
            let codecs = recordable(stream);
            if codecs.is_empty() {
                continue;
            }
            match cx.reserve.reserve(self.servers.realm(), peer) {
                Ok(port) => ports.push((n, codecs, port)),
                Err(error) => {
                    let release = |p: &(_, _, MediaPort)| SideCommand::Release(p.2.id);
                    cx.out.extend(ports.iter().map(release));
                    return Err(error);
                }
            }
        }
        Ok(ports)
    }

    fn dial(&self, cx: &mut SideCx<'_>, story: Box<Story>, attempt: Attempt) -> State {
        let uri = self.servers.uri(attempt.server);
        let dial = story.dial(cx, self.servers.realm(), uri);
        cx.out.push_back(SideCommand::Dial(Box::new(dial)));
        State::Dialling { story, attempt }
    }

    fn while_dialling(
        &self,
        cx: &mut SideCx<'_>,
        mut story: Box<Story>,
        mut attempt: Attempt,
        event: &SideEvent<'_>,
    ) -> State {
        let why = match event {
            SideEvent::Leg(LegNews::Answered(message)) => {
                return self.answered(cx, story, attempt.server, message);
            }
            SideEvent::Ended => {
                cx.out.push_back(SideCommand::Hangup);
                release(cx, &story);
                let reason = "the call ended before the recorder answered";
                return self.stop(cx, attempt.server, reason);
            }
            SideEvent::Leg(LegNews::Refused(status)) => Failure::Refused(*status),
            SideEvent::Leg(LegNews::TransportFailed) => Failure::Transport,
            SideEvent::Leg(LegNews::EndedByPeer) => Failure::Ended,
            SideEvent::Leg(LegNews::TimedOut) => Failure::Silent(self.servers.timeout()),
            SideEvent::Timeout if cx.now.mono >= attempt.deadline => {
                Failure::Silent(self.servers.timeout())
            }
            SideEvent::Leg(LegNews::Provisional(status)) => {
                self.servers.on_provisional(&mut attempt, *status, cx.now);
                return State::Dialling { story, attempt };
            }
            SideEvent::Changed(view) => {
                story.change(view, cx.entropy);
                return State::Dialling { story, attempt };
            }
            SideEvent::Timeout | SideEvent::Answered(_) => {
                return State::Dialling { story, attempt };
            }
        };
        let Some(next) = self.servers.after(&attempt, why, cx.now) else {
            if matches!(event, SideEvent::Timeout) {
                cx.out.push_back(SideCommand::Hangup); // nobody else has ended its leg
            }
            release(cx, &story);
            return self.fail(cx, attempt.server, why.to_string());
        };
        let reason = format!("{}: {why}", self.servers.name(attempt.server));
        self.tell(cx, next.server, RecorderStatus::Failover, reason);
        self.dial(cx, story, next)
    }

    fn answered(
        &self,
        cx: &mut SideCx<'_>,
        story: Box<Story>,
        server: usize,
        message: &Message,
    ) -> State {
        let answer = answer::read(message, &story.lines);
        let takes = answer.is_ok();
        let input = if takes {
            "2xx that takes a stream"
        } else {
            "2xx that takes nothing"
        };
        cx.probe.note(|| (MACHINE, "`Dialling`", input));
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                cx.out.push_back(SideCommand::Hangup);
                release(cx, &story);
                return self.fail(cx, server, error.to_string());
            }
        };
        let take = |taken| Take { taken, fork: None };
        let mut takes: Vec<_> = answer.into_iter().map(|t| t.map(take)).collect();
        for (line, take) in story.lines.iter().zip(&takes) {
            if let Some(take) = take {
                let peer = SideCommand::Peer(line.port.id, take.taken.peer);
                cx.out.push_back(peer);
            }
        }
        fork(cx, &story, &mut takes);
        let declined = takes.iter().filter(|t| t.is_none()).count();
        let reason = match declined {
            0 => String::new(),
            n => format!("{n} of {} streams declined", takes.len()),
        };
        self.tell(cx, server, RecorderStatus::Recording, reason);
        State::Recording {
            story,
            server,
            takes,
        }
    }

    fn while_recording(
        &self,
        cx: &mut SideCx<'_>,
        mut story: Box<Story>,
        server: usize,
        mut takes: Vec<Option<Take>>,
        event: &SideEvent<'_>,
    ) -> State {
        match event {
            SideEvent::Changed(view) => {
                story.change(view, cx.entropy);
                fork(cx, &story, &mut takes);
                State::Recording {
                    story,
                    server,
                    takes,
                }
            }
            SideEvent::Ended => {
                unfork(cx, &story, &takes);
                cx.out.push_back(SideCommand::Hangup);
                release(cx, &story);
                self.stop(cx, server, "the call ended")
            }
            SideEvent::Leg(LegNews::EndedByPeer) => {
                unfork(cx, &story, &takes);
                release(cx, &story);
                self.stop(cx, server, "ended by the recorder")
            }
            SideEvent::Answered(_) | SideEvent::Leg(_) | SideEvent::Timeout => State::Recording {
                story,
                server,
                takes,
            },
        }
    }

    /// Notes an input of the table.
    fn met(&self, cx: &SideCx<'_>, input: &'static str) {
        cx.probe.note(|| {
            let state = match &self.state {
                State::Idle => "`Idle`",
                State::Dialling { .. } => "`Dialling`",
                State::Recording { .. } => "`Recording`",
                State::Done => "`Done`",
            };
            (MACHINE, state, input)
        });
    }

    fn fail(&self, cx: &mut SideCx<'_>, server: usize, reason: String) -> State {
        self.tell(cx, server, RecorderStatus::Failed, reason);
        cx.out.push_back(SideCommand::Finished);
        State::Done
    }

    fn stop(&self, cx: &mut SideCx<'_>, server: usize, reason: &str) -> State {
        self.tell(cx, server, RecorderStatus::Stopped, reason.to_owned());
        cx.out.push_back(SideCommand::Finished);
        State::Done
    }

    fn tell(&self, cx: &mut SideCx<'_>, server: usize, status: RecorderStatus, reason: String) {
        cx.out.push_back(SideCommand::Event(RecorderState {
            recorder: Arc::clone(self.servers.recorder()),
            server: self.servers.name(server).into(),
            status,
            reason: reason.into(),
        }));
    }
}

impl SideLeg for RecordingClient {
    fn on_event(&mut self, cx: &mut SideCx<'_>, event: SideEvent<'_>) {
        if let Some(input) = input_of(&event) {
            self.met(cx, input);
        }
        let state = std::mem::replace(&mut self.state, State::Done);
        self.state = match (state, event) {
            (State::Idle, SideEvent::Answered(view)) => self.start(cx, view),
            (State::Idle, SideEvent::Ended) => {
                cx.out.push_back(SideCommand::Finished);
                State::Done
            }
            (State::Idle, _) => State::Idle,
            (State::Dialling { story, attempt }, event) => {
                self.while_dialling(cx, story, attempt, &event)
            }
            (
                State::Recording {
                    story,
                    server,
                    takes,
                },
                event,
            ) => self.while_recording(cx, story, server, takes, &event),
            (State::Done, _) => State::Done,
        };
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Dialling { attempt, .. } => Some(attempt.deadline),
            State::Idle | State::Recording { .. } | State::Done => None,
        }
    }
}

/// What is heard, as the table says it; nothing of what is noted where it is looked into.
fn input_of(event: &SideEvent<'_>) -> Option<&'static str> {
    Some(match event {
        SideEvent::Answered(_) | SideEvent::Leg(LegNews::Answered(_)) => return None,
        SideEvent::Changed(_) => "`Changed`",
        SideEvent::Ended => "`Ended`",
        SideEvent::Leg(LegNews::Provisional(_)) => "provisional above 100",
        SideEvent::Leg(LegNews::Refused(_)) => "refusal",
        SideEvent::Leg(LegNews::TimedOut) => "timeout",
        SideEvent::Leg(LegNews::TransportFailed) => "a transport that failed",
        SideEvent::Leg(LegNews::EndedByPeer) => "ended by the peer",
        SideEvent::Timeout => "our deadline",
    })
}

/// Brings the forks to what call and recorder want now; says nothing of those that stay.
fn fork(cx: &mut SideCx<'_>, story: &Story, takes: &mut [Option<Take>]) {
    for (line, take) in story.lines.iter().zip(takes) {
        let Some(take) = take else { continue };
        let wanted = take
            .taken
            .fork(line, story.cname(line))
            .map(|fork| (line.stream.port, fork));
        if wanted == take.fork {
            continue;
        }
        if let Some((from, _)) = &take.fork
            && wanted.as_ref().map(|(port, _)| port) != Some(from)
        {
            cx.out.push_back(SideCommand::Unfork(*from, line.port.id));
        }
        if let Some((from, fork)) = &wanted {
            let fork = fork.clone();
            cx.out
                .push_back(SideCommand::Fork(*from, line.port.id, fork));
        }
        take.fork = wanted;
    }
}

fn unfork(cx: &mut SideCx<'_>, story: &Story, takes: &[Option<Take>]) {
    for (line, take) in story.lines.iter().zip(takes) {
        if let Some((from, _)) = take.as_ref().and_then(|t| t.fork.as_ref()) {
            cx.out.push_back(SideCommand::Unfork(*from, line.port.id));
        }
    }
}

fn release(cx: &mut SideCx<'_>, story: &Story) {
    let ports = story.lines.iter().map(|l| SideCommand::Release(l.port.id));
    cx.out.extend(ports);
}
