//! A call that an app answers.

use super::call::{Call, Phase};
use super::event::{CallEvent, EndedBy};
use super::io::{Cx, LegId};
use super::plan::AppPlan;
use crate::ports::{App, AppAnswer, AppCommand, AppCx, AppEvent, MediaEvent};
use crate::sip::{HeaderName, Message, StatusCode};
use crate::time::Instant;
use crate::transaction::TxId;
use crate::transport::Incoming;
use crate::ua::Reply;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;

/// An app and the in-dialog request that it has not answered yet.
#[derive(Debug)]
pub(super) struct Served {
    app: Box<dyn App>,
    waiting: Option<(TxId, Box<Message>)>,
}

impl Served {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.app.poll_timeout()
    }
}

impl Call {
    /// Lets an app answer the INVITE.
    pub(super) fn serve(&mut self, cx: &mut Cx<'_>, plan: &AppPlan, incoming: Box<Incoming>) {
        self.phase = Phase::Serving(Served {
            app: plan.app.open(),
            waiting: None,
        });
        self.tell_app(cx, AppEvent::Invite(&incoming.message));
    }

    /// An in-dialog request for the app; a second one before the first is answered gets 500 with
    /// Retry-After (RFC 3261 §14.2, RFC 3311 §5.2).
    pub(super) fn on_app_request(&mut self, cx: &mut Cx<'_>, tx: TxId, request: Box<Message>) {
        let Phase::Serving(served) = &mut self.phase else {
            return;
        };
        if served.waiting.is_some() {
            return self.put_off(cx, LegId(0), tx, &request);
        }
        served.waiting = Some((tx, request.clone()));
        self.tell_app(cx, AppEvent::Request(&request));
    }

    pub(super) fn on_app_confirmed(&mut self, cx: &mut Cx<'_>) {
        self.tell_app(cx, AppEvent::Confirmed);
    }

    pub(super) fn on_app_media(&mut self, cx: &mut Cx<'_>, event: MediaEvent) {
        self.tell_app(cx, AppEvent::Media(event));
    }

    pub(super) fn on_app_timeout(&mut self, cx: &mut Cx<'_>) {
        let Phase::Serving(served) = &self.phase else {
            return;
        };
        if served.poll_timeout().is_some_and(|at| at <= cx.now.mono) {
            self.tell_app(cx, AppEvent::Timeout);
        }
    }

    pub(super) fn end_app(&mut self, cx: &mut Cx<'_>) {
        self.tell_app(cx, AppEvent::Ended);
    }

    /// Tells the app something and does what it wants.
    fn tell_app(&mut self, cx: &mut Cx<'_>, event: AppEvent<'_>) {
        let network = Arc::clone(&self.network);
        let ending = matches!(event, AppEvent::Ended);
        let realm = self
            .legs
            .first()
            .map(|seat| seat.leg.realm())
            .unwrap_or_default();
        let mut wanted = VecDeque::new();
        let Phase::Serving(served) = &mut self.phase else {
            return;
        };
        let mut reserve = self.media.reserver(cx.media, &network);
        served.app.on_event(
            &mut AppCx {
                now: cx.now,
                entropy: cx.entropy,
                realm,
                reserve: &mut reserve,
                out: &mut wanted,
            },
            event,
        );
        for command in wanted {
            match command {
                AppCommand::Answer(answer) if !ending => self.app_answers(cx, &answer),
                AppCommand::Refuse {
                    status,
                    reason,
                    headers,
                } if !ending => {
                    self.app_refuses(cx, status, &reason, &headers);
                }
                AppCommand::Hangup if !ending => self.end(cx, EndedBy::Us, "ended by the app"),
                AppCommand::Media(command) => self.media_commands(vec![command]),
                _ => {}
            }
        }
    }

    fn app_answers(&mut self, cx: &mut Cx<'_>, answer: &AppAnswer) {
        let headers = header_lines(&answer.headers);
        let reply = Reply {
            status: answer.status,
            reason: "",
            tag: None,
            headers: Some(&headers),
            content_type: &answer.content_type,
            body: &answer.body,
        };
        let Phase::Serving(served) = &mut self.phase else {
            return;
        };
        match served.waiting.take() {
            Some((tx, request)) => self.with_leg(cx, LegId(0), |leg, cx| {
                leg.answer_request(cx, tx, &request, &reply);
            }),
            None => {
                self.with_leg(cx, LegId(0), |leg, cx| {
                    leg.set_contact_params(answer.contact_params);
                    leg.answer(cx, &reply);
                });
                self.answered_at = Some(cx.now);
                self.summary.answered_at = Some(cx.now.unix);
                self.summary.status = answer.status;
                self.event(CallEvent::Answered);
            }
        }
    }

    fn app_refuses(
        &mut self,
        cx: &mut Cx<'_>,
        status: StatusCode,
        reason: &str,
        headers: &[(HeaderName, String)],
    ) {
        let headers = header_lines(headers);
        let Phase::Serving(served) = &mut self.phase else {
            return;
        };
        match served.waiting.take() {
            Some((tx, request)) => {
                let body = Bytes::new();
                let reply = Reply {
                    status,
                    reason,
                    tag: None,
                    headers: Some(&headers),
                    content_type: "",
                    body: &body,
                };
                self.with_leg(cx, LegId(0), |leg, cx| {
                    leg.answer_request(cx, tx, &request, &reply)
                });
            }
            None => {
                self.summary.status = status;
                self.with_leg(cx, LegId(0), |leg, cx| {
                    leg.refuse(cx, status, reason, Some(&headers))
                });
                self.end(cx, EndedBy::Us, "refused by the app");
            }
        }
    }
}

fn header_lines(headers: &[(HeaderName, String)]) -> Message {
    let mut draft = Message::response(StatusCode::of(200), "");
    for (name, value) in headers {
        if draft.push(name.clone(), value).is_err() {
            tracing::error!(?name, "a header of an app holds a line break; left out");
        }
    }
    draft
}
