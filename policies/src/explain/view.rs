//! From a rehearsal to its explanation.

use super::watched::Watched;
use super::{Case, Explanation, Module, Outcome, Request, Rule, Sent, compare, place};
use crate::engine::{ActionPlan, Engine};
use crate::facts::Facts;
use sbc_core::b2bua::plan::{CallPlan, Connect};
use sbc_core::endpoint::{Dropped, Fate, Rehearsal, Stage, rehearse};
use sbc_core::ports::{Effect, PolicyEngine, RequestFacts, Verdict};
use sbc_core::sip::{Defect, HeaderName, Host, Message, Method};
use sbc_core::transport::{Incoming, Transmit};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The addresses of a name that is not looked up: the realm's listeners decide which it is.
const UNKNOWN: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    IpAddr::V6(Ipv6Addr::UNSPECIFIED),
];

impl Engine {
    /// What becomes of a request, and why: decided by this engine, sent by the machines of live
    /// calls, and nothing of it lasting. Targets that are names are not looked up.
    #[must_use]
    pub fn explain(&self, case: Case<'_>) -> Explanation {
        let Case {
            incoming,
            now,
            entropy,
            verdicts,
        } = case;
        let watched = Watched::new(self);
        let stage = Stage {
            policy: &watched,
            now,
            lookup: &|_| UNKNOWN.to_vec(),
            verdicts,
        };
        let rehearsal = rehearse(&stage, incoming.clone(), entropy);
        let (targets, rules) = watched.into_parts();
        let located = self.book().origins.locate(&incoming.flow);
        let origin = place::origin(self, &incoming.flow, &located);
        let request = RequestFacts {
            message: &incoming.message,
            flow: &incoming.flow,
        };
        let facts = Facts::new(request, located.origin);
        // An app of its own answers whatever arrives at the recording server.
        let is_served = self.book().apps.iter().any(|(r, _)| *r == located.realm);
        let asked = rehearsal.plan.is_some() && !is_served;
        let connect = match &rehearsal.plan {
            Some(CallPlan::Connect(connect)) => Some(connect),
            _ => None,
        };
        Explanation {
            outcome: self.outcome(&rehearsal),
            request: in_short(&incoming.message),
            origin,
            routes: if asked {
                place::routes(self, &located, &facts)
            } else {
                Vec::new()
            },
            profile: connect.map(|c| self.book().profiles.get(&c.profile)),
            targets,
            modules: connect.map_or_else(Vec::new, |c| modules(c, &rehearsal)),
            rules: connect.map_or_else(Vec::new, |c| self.owned(c, rules)),
            recorders: connect.map_or_else(Vec::new, |c| {
                c.recorders.iter().map(|r| r.name().to_string()).collect()
            }),
            sent: self.sent(&incoming, &rehearsal),
        }
    }

    fn outcome(&self, rehearsal: &Rehearsal) -> Outcome {
        match (rehearsal.fate, &rehearsal.plan) {
            (Fate::Dropped(why), _) => Outcome::Dropped {
                why: words_of(why).to_owned(),
            },
            (Fate::Began, Some(CallPlan::App(plan))) => Outcome::App {
                route: plan.route.to_string(),
                app: self.app(&plan.route),
            },
            (Fate::Began, Some(CallPlan::Connect(plan))) if invite(rehearsal).is_some() => {
                let target = &plan.targets[0];
                Outcome::Connected {
                    route: plan.route.to_string(),
                    trunk: target.trunk.as_ref().map(ToString::to_string),
                    request_uri: target.request_uri.to_string(),
                }
            }
            (fate, plan) => {
                let (status, reason) = answer(rehearsal);
                match fate {
                    Fate::Began => Outcome::Refused {
                        status,
                        reason,
                        by: refuser(plan.as_ref(), rehearsal),
                    },
                    _ => Outcome::Answered { status, reason },
                }
            }
        }
    }

    fn app(&self, route: &str) -> String {
        let routes = &self.book().routes;
        let action = routes.iter().find(|r| *r.name == *route).map(|r| &r.action);
        match action {
            Some(ActionPlan::App(name, _)) => name.to_string(),
            _ => "the recording server".to_owned(),
        }
    }

    fn owned(&self, connect: &Connect, mut rules: Vec<Rule>) -> Vec<Rule> {
        for (n, rule) in rules.iter_mut().enumerate() {
            rule.from = self.book().profiles.owner(&connect.profile, n);
        }
        rules
    }

    fn sent(&self, incoming: &Incoming, rehearsal: &Rehearsal) -> Option<Sent> {
        let invite = invite(rehearsal);
        let transmit = invite
            .as_ref()
            .map_or_else(|| rehearsal.sent.last(), |(t, _)| Some(t))?;
        let changes = invite
            .as_ref()
            .map(|(_, message)| compare::messages(&incoming.message, message));
        let flow = transmit.flow;
        let target = match &rehearsal.plan {
            Some(CallPlan::Connect(plan)) if invite.is_some() => plan.targets.first(),
            _ => None,
        };
        let name = target.and_then(|t| match &t.target.host {
            Host::Name(name) => Some(format!("{name}:{} (not looked up)", t.target.port)),
            Host::Ip(_) => None,
        });
        Some(Sent {
            transport: flow.transport.to_string(),
            listener: self.network().listener(flow.listener).name.to_string(),
            remote: name.unwrap_or_else(|| flow.remote.to_string()),
            text: String::from_utf8_lossy(&transmit.bytes).into_owned(),
            changes: changes.unwrap_or_default(),
        })
    }
}

fn in_short(message: &Message) -> Request {
    let header = |name| message.header(&name).unwrap_or_default().to_owned();
    Request {
        method: message.method().map_or("", Method::as_str).to_owned(),
        uri: message.request_uri().to_owned(),
        from: header(HeaderName::From),
        to: header(HeaderName::To),
        defects: defects(message).map(|(_, words)| words).collect(),
    }
}

/// What is wrong with a message: the header where it is one, and the words.
pub(super) fn defects(message: &Message) -> impl Iterator<Item = (Option<String>, String)> {
    let fatal = message.defects().iter().filter(|defect| defect.is_fatal());
    fatal.map(|defect| {
        let words = match defect {
            Defect::Missing(name) => return (None, format!("there is no {}", name.as_str())),
            Defect::Twice(name) => format!("{} stands twice", name.as_str()),
            Defect::Malformed(name) => format!("{} breaks its grammar", name.as_str()),
            Defect::NotUtf8(name) => format!("{} is not UTF-8", name.as_str()),
            Defect::RequestUri => "the Request-URI breaks its grammar".to_owned(),
            Defect::CSeqMethod => "the method of CSeq is another one".to_owned(),
            Defect::ContentLength => {
                "Content-Length is no number, or more than there is".to_owned()
            }
            Defect::HeaderLine => "a line is no header: it has no colon or no name".to_owned(),
            Defect::Version => "another version than SIP/2.0".to_owned(),
            Defect::TooLarge => "larger than the SBC takes".to_owned(),
            Defect::ControlCharacter => "a control character stands in a header".to_owned(),
            _ => defect.refusal().1.to_owned(),
        };
        let name = match defect {
            Defect::Twice(name) | Defect::Malformed(name) | Defect::NotUtf8(name) => Some(name),
            Defect::CSeqMethod => Some(&HeaderName::CSeq),
            Defect::ContentLength => Some(&HeaderName::ContentLength),
            _ => None,
        };
        (name.map(|name| name.as_str().to_owned()), words)
    })
}

/// The INVITE to the first target.
fn invite(rehearsal: &Rehearsal) -> Option<(&Transmit, Message)> {
    let transmit = rehearsal.sent.last()?;
    let message = Message::parse_datagram(transmit.bytes.clone()).ok()?;
    (message.is_request() && rehearsal.fate == Fate::Began).then_some((transmit, message))
}

/// What the caller hears last.
fn answer(rehearsal: &Rehearsal) -> (u16, String) {
    let last = rehearsal.sent.last();
    let message = last.and_then(|t| Message::parse_datagram(t.bytes.clone()).ok());
    let said = message.and_then(|m| Some((m.status()?.code(), m.reason().to_owned())));
    said.unwrap_or_default()
}

fn words_of(dropped: Dropped) -> &'static str {
    match dropped {
        Dropped::StrayResponse => "a response to nothing that was sent",
        Dropped::StrayAck => "an ACK belongs to a call, and this one to none",
        Dropped::Unanswerable => "too broken to be answered",
        Dropped::Absorbed => "repeated, and needs no answer",
    }
}

/// Who refused.
fn refuser(plan: Option<&CallPlan>, rehearsal: &Rehearsal) -> String {
    let refused = |verdict: &Verdict| matches!(verdict, Verdict::Refuse(..));
    match plan {
        Some(CallPlan::Refuse(refusal)) if &*refusal.rule == "no route" => {
            "no route matches".to_owned()
        }
        Some(CallPlan::Refuse(refusal)) => format!("route {}", refusal.rule),
        Some(CallPlan::Connect(plan)) => {
            let module = rehearsal.verdicts.each().iter().position(refused);
            match module.and_then(|n| plan.modules.get(n)) {
                Some(module) => format!("module {}", module.name()),
                None => {
                    let why = rehearsal.summary.as_ref().map(|s| s.reason.to_string());
                    why.unwrap_or_default()
                }
            }
        }
        _ => {
            let why = rehearsal.summary.as_ref().map(|s| s.reason.to_string());
            why.unwrap_or_default()
        }
    }
}

fn modules(connect: &Connect, rehearsal: &Rehearsal) -> Vec<Module> {
    let one = |(n, module): (usize, &std::sync::Arc<dyn sbc_core::ports::ModuleFactory>)| {
        let verdict = rehearsal.verdicts.each().get(n);
        let (says, passes) = match verdict {
            None => ("not asked: an earlier one refused".to_owned(), None),
            Some(_) if rehearsal.undecided.contains(&n) => (
                "would ask outside; taken to let the call pass".to_owned(),
                None,
            ),
            Some(Verdict::Refuse(status, reason)) => {
                (format!("refuses: {} {reason}", status.code()), Some(false))
            }
            Some(Verdict::Continue(effects)) => {
                let effects: Vec<_> = effects.iter().map(effect).collect();
                let says = match effects.is_empty() {
                    true => "lets it pass".to_owned(),
                    false => format!("lets it pass; {}", effects.join(", ")),
                };
                (says, Some(true))
            }
        };
        Module {
            name: module.name().to_owned(),
            says,
            passes,
        }
    };
    connect.modules.iter().enumerate().map(one).collect()
}

fn effect(effect: &Effect) -> String {
    match effect {
        Effect::EndAfter(time) => format!("ends it {} s after the answer", time.as_secs()),
    }
}
