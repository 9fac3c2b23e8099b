//! What the tests of the machines share.

use crate::time::Instant;
use std::collections::BTreeSet;
use std::fmt::Debug;

/// Milliseconds after the start.
pub(super) fn at(ms: u64) -> Instant {
    Instant::from_nanos(ms * 1_000_000)
}

/// The inverse of [`at`].
pub(super) fn ms(at: Instant) -> u64 {
    at.as_nanos() / 1_000_000
}

/// Runs each row (state, input, state after, action) on a machine brought to the row's state. The
/// table must hold a row for every pair of a state and an input.
pub(super) fn run_table<M, A: PartialEq + Debug>(
    table: &[(&str, &str, &str, A)],
    machine: impl Fn(&str) -> M,
    step: impl Fn(&mut M, &str) -> A,
    state_name: impl Fn(&M) -> &'static str,
) {
    for (state, input, after, action) in table {
        let mut machine = machine(state);
        assert_eq!(
            state_name(&machine),
            *state,
            "the row's state was not reached"
        );
        let seen = step(&mut machine, input);
        assert_eq!(
            (state_name(&machine), &seen),
            (*after, action),
            "{state} x {input}"
        );
    }
    let states: BTreeSet<_> = table.iter().map(|row| row.0).collect();
    let inputs: BTreeSet<_> = table.iter().map(|row| row.1).collect();
    assert_eq!(table.len(), states.len() * inputs.len());
    for (state, input) in states
        .iter()
        .flat_map(|s| inputs.iter().map(move |i| (s, i)))
    {
        let met = table.iter().any(|row| (&row.0, &row.1) == (state, input));
        assert!(met, "no row for {state} x {input}");
    }
}
