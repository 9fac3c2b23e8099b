//! Which states of the machines met which inputs.

use crate::b2bua::{Call, Input};
use std::collections::BTreeMap;
use std::fmt;

/// Pairs of state and input, and how often each was met.
#[derive(Clone, Debug, Default)]
pub struct Reached(BTreeMap<(String, String), u64>);

impl Reached {
    pub(super) fn note(&mut self, call: &Call, input: &Input) {
        let (phase, leg) = call.states_before(input);
        let name = match input {
            Input::Message(incoming) => super::wires::summary_of(&incoming.message),
            Input::Timeout => "timeout".into(),
            Input::Verdict(_) => "verdict".into(),
            Input::Resolved(_) => "resolved".into(),
            Input::Media(_) => "media".into(),
            Input::TransportError(_) => "transport error".into(),
            Input::Command(_) => "command".into(),
        };
        if let Some(state) = leg {
            self.add(format!("leg {state}"), classed(&name));
        }
        self.add(format!("call {phase}"), classed(&name));
    }

    fn add(&mut self, state: String, input: String) {
        *self.0.entry((state, input)).or_default() += 1;
    }

    /// Adds what another SBC reached.
    pub fn merge(&mut self, other: &Self) {
        for (pair, count) in &other.0 {
            *self.0.entry(pair.clone()).or_default() += count;
        }
    }

    /// How many pairs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was reached.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this pair was met: as `leg Confirmed` and `BYE`, `call Dialing` and `2xx INVITE`.
    #[must_use]
    pub fn has(&self, state: &str, input: &str) -> bool {
        self.0.keys().any(|(s, i)| s == state && i == input)
    }
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((state, input), count) in &self.0 {
            writeln!(f, "{count:>8}  {state:<22} {input}")?;
        }
        Ok(())
    }
}

/// Responses by their class: `4xx INVITE`; 100 by itself.
fn classed(name: &str) -> String {
    match name.split_once(' ') {
        Some(("100", _)) => name.to_owned(),
        Some((code, method)) if code.len() == 3 => format!("{}xx {method}", &code[..1]),
        _ => name.to_owned(),
    }
}
