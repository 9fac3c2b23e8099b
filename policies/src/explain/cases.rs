//! The cases of `tests`, run: each through [`Engine::explain`](crate::Engine::explain).

use super::sample::incoming;
use super::{Case, Explanation, Outcome, RouteFate};
use crate::Compiled;
use crate::schema::{Expect, TestCase, TestRequest, TestTarget, Text};
use bytes::Bytes;
use sbc_core::sip::Message;
use sbc_core::{Entropy, Now};
use serde::Serialize;
use std::fmt;

/// Decides among targets that share calls by weight: the same in each run.
const SEED: u64 = 1;

/// A case that was run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Tested {
    /// Its name.
    pub name: String,
    /// Its line in the file.
    pub line: u32,
    /// What was not as expected; empty where it passed.
    pub failures: Vec<Failure>,
    /// What became of the request and why, in one line.
    pub why: String,
}

/// Something that was not as expected.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Failure {
    /// The key below `expect`.
    pub key: String,
    /// What was expected.
    pub expected: String,
    /// What was there instead.
    pub got: String,
}

impl fmt::Display for Tested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.failures.is_empty() {
            "ok"
        } else {
            "FAILED"
        };
        write!(f, "{word:6} {}", self.name)?;
        if self.failures.is_empty() {
            return Ok(());
        }
        write!(f, " (line {})", self.line)?;
        for failure in &self.failures {
            write!(f, "\n       {}", failure.key)?;
            write!(f, "\n         expected  {}", failure.expected)?;
            write!(f, "\n         got       {}", failure.got)?;
        }
        write!(f, "\n       the call {}", self.why)
    }
}

impl Compiled {
    /// Runs the cases of `tests` in order, each by itself.
    #[must_use]
    pub fn test(&self, now: Now) -> Vec<Tested> {
        self.config
            .tests
            .iter()
            .map(|case| self.one(case, now))
            .collect()
    }

    fn one(&self, case: &TestCase, now: Now) -> Tested {
        let mut tested = Tested {
            name: case.name.value.clone(),
            line: case.name.at.line,
            failures: Vec::new(),
            why: String::new(),
        };
        let network = &self.network;
        // Names were checked when the file was loaded.
        let message =
            super::listener(network, &case.listener, case.source.ip()).and_then(|listener| {
                let message = match &case.request {
                    TestRequest::File(message) => Message::clone(message),
                    TestRequest::Sample(sample) => {
                        let text = sample.invite(network, listener, case.source.value);
                        Message::parse_datagram(text).map_err(|error| error.to_string())?
                    }
                };
                Ok(incoming(network, listener, case.source.value, message))
            });
        match message {
            Ok(incoming) => {
                let explanation = self.engine.explain(Case {
                    incoming,
                    now,
                    entropy: Entropy::from_seed(SEED),
                    verdicts: None,
                });
                tested.why = explanation.key_line();
                tested.failures = Judge::of(&explanation).failures(&case.expect);
            }
            Err(why) => {
                tested.why.clone_from(&why);
                tested.failures.push(Failure {
                    key: "invite".to_owned(),
                    expected: "a request".to_owned(),
                    got: why,
                });
            }
        }
        tested
    }
}

/// Compares an explanation with what was expected.
struct Judge<'e> {
    explanation: &'e Explanation,
    sent: Option<Message>,
    failures: Vec<Failure>,
}

impl<'e> Judge<'e> {
    fn of(explanation: &'e Explanation) -> Self {
        let text = explanation.sent.as_ref().map(|sent| sent.text.clone());
        Self {
            explanation,
            sent: text.and_then(|text| Message::parse_datagram(Bytes::from(text)).ok()),
            failures: Vec::new(),
        }
    }

    fn failures(mut self, expect: &Expect) -> Vec<Failure> {
        self.reject(expect);
        let to = expect.to.as_ref().map(|to| match &to.value {
            TestTarget::Trunk(name) => name.clone(),
            TestTarget::RequestUri => "request-uri".to_owned(),
            TestTarget::App(name) => format!("app {name}"),
        });
        let went = self.went();
        self.same("to", to, went);
        let taken = self
            .explanation
            .routes
            .iter()
            .find(|r| r.fate == RouteFate::Taken);
        let taken = taken.map(|route| route.name.clone());
        self.same(
            "route",
            expect.route.as_ref().map(|r| r.value.clone()),
            taken,
        );
        let profile = self.explanation.profile.as_ref().map(|p| p.name.clone());
        self.same(
            "profile",
            expect.profile.as_ref().map(|p| p.value.clone()),
            profile,
        );
        let tried = self
            .explanation
            .targets
            .iter()
            .find(|t| t.skipped.is_none());
        let target = tried.map(|target| target.uri.clone());
        self.text("target", expect.target.as_ref().map(|t| &t.value), target);
        let uri = match &self.explanation.outcome {
            Outcome::Connected { request_uri, .. } => Some(request_uri.clone()),
            _ => None,
        };
        self.text(
            "request_uri",
            expect.request_uri.as_ref().map(|t| &t.value),
            uri,
        );
        self.headers(expect);
        self.failures
    }

    fn fail(&mut self, key: &str, expected: String, got: Option<String>) {
        self.failures.push(Failure {
            key: key.to_owned(),
            expected,
            got: got.unwrap_or_else(|| self.explanation.outcome.to_string()),
        });
    }

    fn went(&self) -> Option<String> {
        match &self.explanation.outcome {
            Outcome::Connected { trunk, .. } => {
                Some(trunk.clone().unwrap_or_else(|| "request-uri".to_owned()))
            }
            Outcome::App { app, .. } => Some(format!("app {app}")),
            _ => None,
        }
    }

    fn reject(&mut self, expect: &Expect) {
        let Some(expected) = &expect.reject else {
            return;
        };
        let code = expected.code.value.0;
        let wanted = expected.reason.as_ref().map(|r| r.value.as_str());
        let text = match wanted {
            Some(reason) => format!("{code} {reason}"),
            None => code.to_string(),
        };
        match &self.explanation.outcome {
            Outcome::Refused { status, reason, .. } | Outcome::Answered { status, reason } => {
                if *status != code || wanted.is_some_and(|wanted| wanted != reason) {
                    self.fail("reject", text, None);
                }
            }
            _ => self.fail("reject", text, None),
        }
    }

    fn same(&mut self, key: &str, expected: Option<String>, got: Option<String>) {
        if let Some(expected) = expected
            && got.as_ref() != Some(&expected)
        {
            self.fail(key, expected, got);
        }
    }

    fn text(&mut self, key: &str, expected: Option<&Text>, got: Option<String>) {
        if let Some(expected) = expected
            && !got.as_ref().is_some_and(|got| expected.is(got))
        {
            self.fail(key, expected.to_string(), got);
        }
    }

    /// One line of that name is as expected, or there is none where none was.
    fn headers(&mut self, expect: &Expect) {
        for (name, expected) in &expect.headers {
            let lines: Vec<String> = match &self.sent {
                Some(sent) => sent.header_lines(name).map(str::to_owned).collect(),
                None => Vec::new(),
            };
            let is_right = match expected {
                None => lines.is_empty(),
                Some(text) => lines.iter().any(|line| text.is(line)),
            };
            if is_right {
                continue;
            }
            let key = format!("headers.{}", name.as_str());
            let expected = match expected {
                Some(text) => text.to_string(),
                None => "no such header".to_owned(),
            };
            let got = match lines.is_empty() {
                true => "no such header".to_owned(),
                false => lines.join(" | "),
            };
            self.fail(&key, expected, Some(got));
        }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(text) => f.write_str(text),
            Self::Found(pattern) => write!(f, "/{}/", pattern.source()),
        }
    }
}
