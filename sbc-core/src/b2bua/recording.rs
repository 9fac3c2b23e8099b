//! Side legs: each decides about a recorder's leg; the call owns leg and media.

use super::call::Call;
use super::event::CallEvent;
use super::io::{Cx, LegId};
use super::legs::Role;
use super::plan::Connect;
use super::view::Agreed;
use crate::dialog::DialogIds;
use crate::limits;
use crate::ports::{
    LegNews, MediaCmd, Participant, RecorderState, SideCommand, SideCx, SideDial, SideEvent,
    SideLeg, SideLegFactory,
};
use crate::sip::{HeaderName, Message, Method, NameAddr, Scheme, StatusCode, Uri};
use crate::time::Instant;
use crate::transport::{Target, Transport, UdpMax};
use crate::ua::{Dial, LegEvent};
use std::collections::VecDeque;
use std::sync::Arc;

/// A side leg and the leg it decides about.
#[derive(Debug)]
pub(super) struct Recording {
    side_leg: Box<dyn SideLeg>,
    leg: Option<LegId>,
    started: bool,
    finished: bool,
}

impl Recording {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        if self.finished {
            None
        } else {
            self.side_leg.poll_timeout()
        }
    }
}

impl Call {
    /// Makes the plan's side legs.
    pub(super) fn open_recordings(&mut self, plan: &Connect) {
        for factory in plan.recorders.iter().take(limits::RECORDERS) {
            self.open_recording(factory);
        }
    }

    fn open_recording(&mut self, factory: &Arc<dyn SideLegFactory>) {
        let side_leg = factory.open();
        self.recordings.push(Recording {
            side_leg,
            leg: None,
            started: false,
            finished: false,
        });
    }

    /// Both sides agreed on a session, the first one or another.
    pub(super) fn tell_recordings(&mut self, cx: &mut Cx<'_>, agreed: &Agreed) {
        if self.recordings.is_empty() {
            return;
        }
        let Some(answered_at) = self.answered_at else {
            return;
        };
        let call_id = &self.summary.call_id_a;
        let view = self
            .media
            .view(self.participants(), agreed, call_id, answered_at);
        for index in 0..self.recordings.len() {
            let first = !std::mem::replace(&mut self.recordings[index].started, true);
            let event = if first {
                SideEvent::Answered(&view)
            } else {
                SideEvent::Changed(&view)
            };
            self.tell(cx, index, event);
        }
    }

    /// Caller and callee as the caller's leg named them.
    fn participants(&self) -> Vec<Participant> {
        let dialog = self.legs.first().map(|seat| seat.leg.dialog());
        let participant = |text: &str| match NameAddr::parse(text) {
            Ok(address) => Participant {
                aor: aor(&address.uri),
                name: address.display,
            },
            Err(_) => Participant {
                aor: text.into(),
                name: "".into(),
            },
        };
        dialog.map_or_else(Vec::new, |d| {
            vec![participant(d.remote()), participant(d.local())]
        })
    }

    /// The call is over; what side legs still want to send, they say now.
    pub(super) fn end_recordings(&mut self, cx: &mut Cx<'_>) {
        for index in 0..self.recordings.len() {
            self.tell(cx, index, SideEvent::Ended);
            // One that did not let go of its leg would keep the call.
            self.hang_up_recorder(cx, index);
            self.recordings[index].finished = true;
        }
    }

    pub(super) fn on_recording_timeout(&mut self, cx: &mut Cx<'_>) {
        for index in 0..self.recordings.len() {
            if self.recordings[index]
                .poll_timeout()
                .is_some_and(|at| at <= cx.now.mono)
            {
                self.tell(cx, index, SideEvent::Timeout);
            }
        }
    }

    /// What became of a recorder's leg.
    pub(super) fn on_recorder_leg(
        &mut self,
        cx: &mut Cx<'_>,
        index: usize,
        id: LegId,
        event: LegEvent,
    ) {
        if let LegEvent::Answered { .. } = &event {
            self.with_leg(cx, id, |leg, cx| leg.ack(cx, None));
        }
        if let LegEvent::Request { tx, request } = &event {
            return self.answer_recorder(cx, id, *tx, request);
        }
        let current = self
            .recordings
            .get(index)
            .is_some_and(|r| r.leg == Some(id));
        if !current {
            // A leg that the side leg gave up; it ends by itself.
            return;
        }
        match event {
            LegEvent::Provisional { message, .. } => {
                let status = message.status().unwrap_or(StatusCode::of(183));
                self.tell(cx, index, SideEvent::Leg(LegNews::Provisional(status)));
            }
            LegEvent::Answered { message, .. } => {
                self.tell(cx, index, SideEvent::Leg(LegNews::Answered(&message)));
            }
            LegEvent::Refused(message) => {
                let status = message.status().unwrap_or(StatusCode::of(500));
                self.recordings[index].leg = None;
                self.tell(cx, index, SideEvent::Leg(LegNews::Refused(status)));
            }
            LegEvent::Failed(failure) => {
                self.recordings[index].leg = None;
                let news = match failure {
                    crate::ua::Failure::TimedOut => LegNews::TimedOut,
                    _ => LegNews::TransportFailed,
                };
                self.tell(cx, index, SideEvent::Leg(news));
            }
            LegEvent::Bye(_) => {
                self.recordings[index].leg = None;
                self.tell(cx, index, SideEvent::Leg(LegNews::EndedByPeer));
            }
            _ => {}
        }
    }

    /// Requests of a recorder: it is kept alive, and may not change the session yet (RFC 3261
    /// §14.2: a refused re-INVITE leaves the session as it is).
    fn answer_recorder(
        &mut self,
        cx: &mut Cx<'_>,
        id: LegId,
        tx: crate::transaction::TxId,
        request: &Message,
    ) {
        let status = match request.method() {
            Some(Method::Options) => 200,
            Some(Method::Update) if request.body().is_empty() => 200,
            Some(Method::Invite | Method::Update) => 488,
            _ => 405,
        };
        let headers = [(HeaderName::Allow, crate::ua::ALLOW)];
        self.with_leg(cx, id, |leg, cx| {
            leg.reply_to_request(cx, tx, request, StatusCode::of(status), &headers);
        });
    }

    /// Tells a side leg something and does what it wants.
    fn tell(&mut self, cx: &mut Cx<'_>, index: usize, event: SideEvent<'_>) {
        let network = Arc::clone(&self.network);
        let mut wanted = VecDeque::new();
        let Some(recording) = self.recordings.get_mut(index) else {
            return;
        };
        if recording.finished {
            return;
        }
        let mut reserve = self.media.reserver(cx.media, &network);
        recording.side_leg.on_event(
            &mut SideCx {
                now: cx.now,
                entropy: cx.entropy,
                reserve: &mut reserve,
                out: &mut wanted,
                probe: cx.probe,
            },
            event,
        );
        for command in wanted {
            self.carry_out(cx, index, command);
        }
    }

    fn carry_out(&mut self, cx: &mut Cx<'_>, index: usize, command: SideCommand) {
        match command {
            SideCommand::Dial(dial) => self.dial_recorder(cx, index, *dial),
            SideCommand::Hangup => self.hang_up_recorder(cx, index),
            SideCommand::Peer(port, peer) => {
                self.media_commands(vec![MediaCmd::Peer(port, peer)]);
            }
            SideCommand::Fork(from, to, fork) => {
                self.media_commands(vec![MediaCmd::Fork(from, to, fork)]);
            }
            SideCommand::Unfork(from, to) => {
                self.media_commands(vec![MediaCmd::Unfork(from, to)]);
            }
            SideCommand::Release(port) => self.media_commands(vec![MediaCmd::Release(port)]),
            SideCommand::Event(state) => self.note_recorder(state),
            SideCommand::Finished => self.recordings[index].finished = true,
        }
    }

    fn note_recorder(&mut self, state: RecorderState) {
        match self
            .summary
            .recorders
            .iter_mut()
            .find(|r| r.recorder == state.recorder)
        {
            Some(known) => known.clone_from(&state),
            None => self.summary.recorders.push(state.clone()),
        }
        self.event(CallEvent::Recorder(state));
    }

    fn hang_up_recorder(&mut self, cx: &mut Cx<'_>, index: usize) {
        if let Some(id) = self.recordings[index].leg.take() {
            self.with_leg(cx, id, |leg, cx| leg.hang_up(cx, None));
        }
    }

    fn dial_recorder(&mut self, cx: &mut Cx<'_>, index: usize, wanted: SideDial) {
        self.hang_up_recorder(cx, index);
        let Some(dial) = self.recorder_dial(cx, wanted) else {
            return self.tell(cx, index, SideEvent::Leg(LegNews::TransportFailed));
        };
        let id = self.new_leg_id();
        self.recordings[index].leg = Some(id);
        self.place(cx, id, Role::Recorder(index), dial);
    }

    fn recorder_dial(&self, cx: &mut Cx<'_>, wanted: SideDial) -> Option<Dial> {
        let target = recorder_target(&wanted.uri)?;
        let mut draft = Message::request(Method::Invite, &wanted.uri.to_string());
        for (name, value) in &wanted.headers {
            draft.push(name.clone(), value).ok()?;
        }
        draft.set_body(&wanted.content_type, wanted.body).ok()?;
        let ours = self
            .network
            .listeners
            .iter()
            .find(|l| l.realm == wanted.realm && l.transport == target.transport)?;
        let us = Uri::sip(None, crate::sip::Host::Ip(ours.advertise.ip()), None);
        Some(Dial {
            realm: wanted.realm,
            target,
            udp_max: UdpMax::default(),
            ids: DialogIds::random(cx.entropy),
            to: NameAddr::new("", wanted.uri.clone()),
            request_uri: wanted.uri,
            from: NameAddr::new("", us),
            max_forwards: 70,
            contact_params: wanted.contact_params,
            draft: Box::new(draft),
        })
    }
}

/// A recorder goes by TCP unless its URI says otherwise: a recording INVITE is larger than what UDP
/// should carry (RFC 3261 §18.1.1).
fn recorder_target(uri: &Uri) -> Option<Target> {
    let transport = match uri.param("transport") {
        Some(name) => Transport::from_param(name)?,
        None => Transport::Tcp,
    };
    let host = uri.host.clone()?;
    Some(Target {
        host,
        port: uri.port.unwrap_or(5060),
        transport,
    })
}

/// An address of record: a URI without parameters and headers.
fn aor(uri: &Uri) -> Box<str> {
    let mut uri = uri.clone();
    if uri.scheme != Scheme::Tel {
        uri.params = "".into();
    }
    uri.headers = "".into();
    uri.to_string().into()
}
