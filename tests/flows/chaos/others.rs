//! A module and an app that do as they were drawn.

use sbc_core::Instant;
use sbc_core::ports::{
    App, AppAnswer, AppCommand, AppCx, AppEvent, AppFactory, CallHooks, HookFuture, ModuleFactory,
    Verdict,
};
use sbc_core::sip::{Message, StatusCode};
use std::time::Duration;

/// Gives this verdict on each call.
#[derive(Debug)]
pub(super) struct Module(pub(super) Verdict);

#[derive(Debug)]
struct Hooks(Verdict);

impl ModuleFactory for Module {
    fn name(&self) -> &'static str {
        "drawn"
    }

    fn open(&self) -> Box<dyn CallHooks> {
        Box::new(Hooks(self.0.clone()))
    }
}

impl CallHooks for Hooks {
    fn on_start<'a>(&'a mut self, _invite: &'a Message) -> HookFuture<'a> {
        Box::pin(std::future::ready(self.0.clone()))
    }
}

/// Answers calls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answers {
    /// After so long.
    pub(super) after: Duration,
    /// With this.
    pub(super) status: u16,
    /// So long after its answer it hangs up.
    pub(super) hang_up_after: Duration,
}

#[derive(Debug)]
struct Answerer {
    plan: Answers,
    answer_at: Option<Instant>,
    hang_up_at: Option<Instant>,
    /// From the offer of the INVITE.
    sdp: Vec<u8>,
}

impl AppFactory for Answers {
    fn open(&self) -> Box<dyn App> {
        Box::new(Answerer {
            plan: *self,
            answer_at: None,
            hang_up_at: None,
            sdp: Vec::new(),
        })
    }
}

impl Answerer {
    fn answer(&self, cx: &mut AppCx<'_>, status: u16) {
        let status = StatusCode::of(status);
        cx.out.push_back(if status.is_success() {
            AppCommand::Answer(Box::new(AppAnswer {
                status,
                contact_params: "",
                headers: Vec::new(),
                content_type: "application/sdp".into(),
                body: self.sdp.clone().into(),
            }))
        } else {
            AppCommand::Refuse {
                status,
                reason: String::new(),
                headers: Vec::new(),
            }
        });
    }
}

impl App for Answerer {
    fn on_event(&mut self, cx: &mut AppCx<'_>, event: AppEvent<'_>) {
        let now = cx.now.mono;
        match event {
            AppEvent::Invite(_) => {
                let sdp = "v=0\r\no=app 1 1 IN IP4 10.1.0.1\r\ns=-\r\nc=IN IP4 10.1.0.1\r\n\
                           t=0 0\r\nm=audio 20000 RTP/AVP 0\r\n";
                self.sdp = sdp.into();
                self.answer_at = Some(now + self.plan.after);
            }
            AppEvent::Request(_) => self.answer(cx, 488),
            AppEvent::Timeout if self.answer_at.is_some_and(|at| at <= now) => {
                self.answer_at = None;
                self.hang_up_at = Some(now + self.plan.hang_up_after);
                self.answer(cx, self.plan.status);
            }
            AppEvent::Timeout if self.hang_up_at.is_some_and(|at| at <= now) => {
                self.hang_up_at = None;
                cx.out.push_back(AppCommand::Hangup);
            }
            _ => {}
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.answer_at.or(self.hang_up_at)
    }
}
