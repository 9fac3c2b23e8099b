//! Which states of the machines met which inputs.

use super::table::Table;
use crate::Probe;
use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;

/// Pairs of state and input by machine, and how often each was met.
#[derive(Clone, Debug, Default)]
pub struct Reached(BTreeMap<(&'static str, &'static str, &'static str), u64>);

impl Reached {
    /// What a probe kept.
    pub(super) fn of(probe: &Probe) -> Self {
        let mut reached = Self::default();
        for (pair, count) in probe.notes() {
            *reached.0.entry(pair).or_default() += count;
        }
        reached
    }

    /// Adds what others reached.
    pub fn merge(&mut self, other: &Self) {
        for (pair, count) in &other.0 {
            *self.0.entry(*pair).or_default() += count;
        }
    }

    /// How often a machine met an input in a state.
    #[must_use]
    pub fn count(&self, machine: &str, state: &str, input: &str) -> u64 {
        let found = self
            .0
            .iter()
            .find(|((m, s, i), _)| (*m, *s, *i) == (machine, state, input));
        found.map_or(0, |(_, count)| *count)
    }

    /// How much of these tables it is.
    #[must_use]
    pub fn of_tables(&self, tables: &[&Table]) -> Coverage {
        let mut coverage = Coverage::default();
        for table in tables {
            let (mut total, mut reached) = (0, 0);
            for (state, input) in table.cells() {
                total += 1;
                match self.count(table.machine, state, input) {
                    0 => coverage.missing.push((table.machine, state, input)),
                    _ => reached += 1,
                }
            }
            coverage.machines.push((table.machine, reached, total));
        }
        for ((machine, state, input), count) in &self.0 {
            let table = tables.iter().find(|table| table.machine == *machine);
            if !table.is_some_and(|table| table.has(state, input)) {
                let pair = format!("{machine}: {state} met {input} {count} times");
                coverage.unforeseen.push(pair);
            }
        }
        coverage
    }
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((machine, state, input), count) in &self.0 {
            writeln!(f, "{count:>9}  {machine:<18} {state:<12} {input}")?;
        }
        Ok(())
    }
}

/// How much of the machines' tables was reached.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// Machine, pairs reached, pairs that can occur.
    pub machines: Vec<(&'static str, usize, usize)>,
    /// Pairs that can occur and were not reached.
    pub missing: Vec<(&'static str, &'static str, &'static str)>,
    /// Pairs that were reached and are in no table, or that a table says can not occur.
    pub unforeseen: Vec<String>,
}

impl Coverage {
    /// Pairs reached, of all machines, and pairs that can occur.
    #[must_use]
    pub fn total(&self) -> (usize, usize) {
        let sum = |(a, b): (usize, usize), (_, reached, total): &(_, usize, usize)| {
            (a + reached, b + total)
        };
        self.machines.iter().fold((0, 0), sum)
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (machine, reached, total) in &self.machines {
            let missing = self.missing.iter().filter(|(m, ..)| m == machine);
            let mut text = String::new();
            for (_, state, input) in missing {
                write!(text, "\n          never {state} x {input}")?;
            }
            writeln!(f, "{reached:>4} of {total:>4}  {machine}{text}")?;
        }
        let (reached, total) = self.total();
        writeln!(f, "{reached:>4} of {total:>4}  in all")
    }
}
