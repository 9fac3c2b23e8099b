//! Explanations of calls, running ones and the last that ended. What a call began with is kept; the
//! explanation is made when somebody asks, by the engine that decided then.

use crate::limits::{EXPLAINED_BYTES, EXPLAINED_CONFIGURATIONS};
use bytes::Bytes;
use policies::Engine;
use policies::explain::{Case, Explanation};
use sbc_core::b2bua::CallKey;
use sbc_core::endpoint::{CallInputs, Verdicts};
use sbc_core::ports::PolicyEngine;
use sbc_core::sip::Message;
use sbc_core::transport::{Flow, Incoming};
use sbc_core::{Now, Seed};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};

/// What calls began with, and the configurations that decided about them.
#[derive(Default)]
pub(super) struct Explained {
    calls: HashMap<CallKey, Kept>,
    /// The last ones, the newest at the end. Calls do not keep theirs: a large configuration that
    /// is reloaded often would be there many times.
    configurations: VecDeque<Arc<dyn PolicyEngine>>,
}

struct Kept {
    /// Nothing where it is too long to be kept.
    invite: Option<Bytes>,
    flow: Flow,
    at: Now,
    policy: Weak<dyn PolicyEngine>,
    seed: Seed,
    verdicts: Option<Verdicts>,
}

/// What an explanation is made of.
pub(crate) struct Question {
    incoming: Incoming,
    at: Now,
    policy: Arc<dyn PolicyEngine>,
    seed: Seed,
    verdicts: Option<Verdicts>,
}

impl Explained {
    pub(super) fn begun(&mut self, key: CallKey, inputs: CallInputs) {
        let known = |policy: &Arc<dyn PolicyEngine>| Arc::ptr_eq(policy, &inputs.policy);
        let policy = Arc::downgrade(&inputs.policy);
        if !self.configurations.iter().any(known) {
            if self.configurations.len() == EXPLAINED_CONFIGURATIONS {
                self.configurations.pop_front();
            }
            self.configurations.push_back(inputs.policy);
        }
        let kept = Kept {
            invite: Some(inputs.invite).filter(|invite| invite.len() <= EXPLAINED_BYTES),
            flow: inputs.flow,
            at: inputs.at,
            policy,
            seed: inputs.seed,
            verdicts: None,
        };
        self.calls.insert(key, kept);
    }

    pub(super) fn decided(&mut self, key: CallKey, verdicts: &Verdicts) {
        if let Some(kept) = self.calls.get_mut(&key) {
            kept.verdicts = Some(verdicts.clone());
        }
    }

    pub(super) fn forget(&mut self, key: CallKey) {
        self.calls.remove(&key);
    }

    /// Or why there is no explanation.
    pub(super) fn question(&self, key: CallKey) -> Result<Question, &'static str> {
        let kept = self
            .calls
            .get(&key)
            .ok_or("nothing of its beginning is kept")?;
        let invite = kept
            .invite
            .clone()
            .ok_or("its INVITE was too long to be kept")?;
        let policy = kept.policy.upgrade();
        let policy = policy.ok_or("several reloads came since, its configuration is gone")?;
        let message = Message::parse_datagram(invite);
        Ok(Question {
            incoming: Incoming {
                flow: kept.flow,
                message: message.map_err(|_| "its INVITE cannot be read again")?,
            },
            at: kept.at,
            policy,
            seed: kept.seed,
            verdicts: kept.verdicts.clone(),
        })
    }
}

impl Question {
    /// What became of the request, and why. Takes its time: all routes are walked.
    pub(crate) fn explain(self) -> Result<Explanation, &'static str> {
        let engine = self
            .policy
            .as_any()
            .and_then(|any| any.downcast_ref::<Engine>());
        let engine = engine.ok_or("nothing is known of what decided")?;
        Ok(engine.explain(Case {
            incoming: self.incoming,
            now: self.at,
            entropy: self.seed.entropy(),
            verdicts: self.verdicts.as_ref(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Modules;
    use policies::Loaded;
    use policies::explain::Outcome;
    use sbc_core::net::ListenerId;
    use sbc_core::transport::Transport;
    use sbc_core::{Clock, Entropy, SystemClock};

    fn policy(route: &str) -> Arc<dyn PolicyEngine> {
        let yaml = format!(
            "listeners: {{ a: {{ realm: a, udp: \"127.0.0.1:5060\" }} }}\n\
             realms: {{ a: {{ trust: full }} }}\n\
             trunks: {{ x: {{ realm: a, targets: [ \"sip:127.0.0.9\" ] }} }}\n\
             routes: [ {{ name: {route}, to: [ x ] }} ]\n"
        );
        let loaded = Loaded::from_text("test", &yaml);
        let compiled = loaded.and_then(|loaded| loaded.compile(&Modules::default()));
        compiled.unwrap_or_else(|errors| panic!("{errors}")).engine
    }

    fn inputs(policy: &Arc<dyn PolicyEngine>, filling: usize) -> CallInputs {
        let text = format!(
            "INVITE sip:200@127.0.0.1 SIP/2.0\r\n\
             Via: SIP/2.0/UDP 127.0.0.7:5060;branch=z9hG4bK1\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:100@127.0.0.7>;tag=1\r\n\
             To: <sip:200@127.0.0.1>\r\n\
             Call-ID: 1\r\n\
             CSeq: 1 INVITE\r\n\
             Contact: <sip:100@127.0.0.7>\r\n\
             Subject: {}\r\n\
             Content-Length: 0\r\n\r\n",
            "x".repeat(filling)
        );
        CallInputs {
            invite: text.into(),
            flow: Flow {
                listener: ListenerId(0),
                transport: Transport::Udp,
                remote: "127.0.0.7:5060".parse().expect("an address"),
                connection: None,
            },
            at: SystemClock::start().now(),
            policy: Arc::clone(policy),
            seed: Entropy::from_seed(7).seed(),
        }
    }

    fn why(explained: &Explained, key: u64) -> Result<Explanation, &'static str> {
        explained.question(CallKey(key))?.explain()
    }

    #[test]
    fn a_call_is_explained_by_the_configuration_that_it_began_with() {
        let mut explained = Explained::default();
        let (old, new) = (policy("old"), policy("new"));
        explained.begun(CallKey(1), inputs(&old, 0));
        explained.begun(CallKey(2), inputs(&new, 0));
        for (key, wanted) in [(1, "old"), (2, "new")] {
            let Outcome::Connected { route, .. } = why(&explained, key).expect("known").outcome
            else {
                panic!("it is connected");
            };
            assert_eq!(route, wanted);
        }
        let again = why(&explained, 1).expect("known").sent;
        assert_eq!(
            again,
            why(&explained, 1).expect("known").sent,
            "to the last byte"
        );
    }

    #[test]
    fn no_more_is_kept_than_the_bounds_say() {
        let mut explained = Explained::default();
        let policies: Vec<_> = (0..=EXPLAINED_CONFIGURATIONS)
            .map(|n| policy(&format!("r{n}")))
            .collect();
        for (key, policy) in (0..).zip(&policies) {
            explained.begun(CallKey(key), inputs(policy, 0));
        }
        let last = &policies[EXPLAINED_CONFIGURATIONS];
        explained.begun(CallKey(77), inputs(last, EXPLAINED_BYTES));
        explained.begun(CallKey(78), inputs(last, 0));
        drop(policies);
        let gone = why(&explained, 0).expect_err("its configuration went");
        assert!(gone.contains("reloads"), "{gone}");
        assert!(why(&explained, 1).is_ok());
        assert!(
            why(&explained, 77)
                .expect_err("too long")
                .contains("too long")
        );
        explained.forget(CallKey(78));
        assert!(why(&explained, 78).is_err());
    }
}
