//! Which routes may be for a request: by where it comes from, and by what a condition must begin
//! with. A table of 10,000 numbers is asked for those that begin as this one does, and only those
//! are tried, in their order.
//!
//! What is found holds every route whose condition holds; those it leaves out cannot match.

use super::origin::{Located, TrunkId};
use crate::facts::{Facts, Field};
use crate::schema::{Pattern, Test};
use sbc_core::net::RealmId;
use std::collections::HashMap;

/// Positions of routes by their `from`.
#[derive(Default)]
pub(crate) struct Index {
    any: Lookup,
    /// Those without `from` that reject: the only ones of them for strangers.
    any_rejecting: Lookup,
    by_realm: Vec<Lookup>,
    by_trunk: Vec<Lookup>,
}

/// Where a route's calls come from.
#[derive(Clone, Copy)]
pub(crate) enum From {
    Any { rejects: bool },
    Realm(RealmId),
    Trunk(TrunkId),
}

impl Index {
    pub(crate) fn new(realms: usize, trunks: usize) -> Self {
        let empty = |n| std::iter::repeat_with(Lookup::default).take(n).collect();
        Self {
            by_realm: empty(realms),
            by_trunk: empty(trunks),
            ..Self::default()
        }
    }

    /// Adds the route at position `n`, behind those that were added before.
    pub(crate) fn push(&mut self, n: u32, from: From, when: &[Test]) {
        match from {
            From::Any { rejects } => {
                self.any.push(n, when);
                if rejects {
                    self.any_rejecting.push(n, when);
                }
            }
            From::Realm(realm) => self.by_realm[usize::from(realm.0)].push(n, when),
            From::Trunk(trunk) => self.by_trunk[trunk.0].push(n, when),
        }
    }

    /// Routes that may be for this request, in order.
    pub(crate) fn candidates<'i>(
        &'i self,
        located: &Located<'_>,
        is_stranger: bool,
        facts: &Facts<'_>,
    ) -> Candidates<'i> {
        let any = if is_stranger {
            &self.any_rejecting
        } else {
            &self.any
        };
        let mut lists = Vec::with_capacity(16);
        any.find(facts, &mut lists);
        self.by_realm[usize::from(located.realm.0)].find(facts, &mut lists);
        if let Some(trunk) = located.trunk {
            self.by_trunk[trunk.0].find(facts, &mut lists);
        }
        Candidates(lists)
    }
}

/// Ordered lists, as one.
pub(crate) struct Candidates<'i>(Vec<&'i [u32]>);

impl Iterator for Candidates<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let next = self
            .0
            .iter()
            .filter_map(|list| list.first())
            .min()
            .copied()?;
        // A route stands in several lists where it may begin in several ways.
        for list in &mut self.0 {
            if let Some((first, rest)) = list.split_first()
                && *first == next
            {
                *list = rest;
            }
        }
        Some(next)
    }
}

/// Routes of one `from`.
#[derive(Default)]
struct Lookup {
    /// Those of which nothing is known beforehand.
    others: Vec<u32>,
    fields: Vec<(Field, Table)>,
}

/// Routes by what the value of a field must begin with.
#[derive(Default)]
struct Table {
    /// Of the beginnings, ascending, each once.
    lengths: Vec<usize>,
    routes: HashMap<Box<[u8]>, Vec<u32>>,
}

impl Lookup {
    fn push(&mut self, n: u32, when: &[Test]) {
        // Of several conditions the one that leaves the fewest.
        let best = when
            .iter()
            .filter_map(|test| match test {
                Test::Matches(field, pattern) => Some((shortest(pattern)?, field, pattern)),
                _ => None,
            })
            .max_by_key(|(length, ..)| *length);
        let Some((_, field, pattern)) = best else {
            self.others.push(n);
            return;
        };
        let at = self.fields.iter().position(|(known, _)| known == field);
        let at = at.unwrap_or_else(|| {
            self.fields.push((field.clone(), Table::default()));
            self.fields.len() - 1
        });
        let table = &mut self.fields[at].1;
        for beginning in pattern.beginnings() {
            if let Err(at) = table.lengths.binary_search(&beginning.len()) {
                table.lengths.insert(at, beginning.len());
            }
            let routes = table.routes.entry(beginning.clone()).or_default();
            if routes.last() != Some(&n) {
                routes.push(n);
            }
        }
    }

    fn find<'l>(&'l self, facts: &Facts<'_>, lists: &mut Vec<&'l [u32]>) {
        if !self.others.is_empty() {
            lists.push(&self.others);
        }
        for (field, table) in &self.fields {
            let Some(value) = facts.value(field) else {
                continue;
            };
            let beginnings = table
                .lengths
                .iter()
                .map_while(|n| value.as_bytes().get(..*n));
            let routes = beginnings.filter_map(|b| table.routes.get(b));
            lists.extend(routes.map(Vec::as_slice));
        }
    }
}

/// The length of the shortest beginning; nothing where the expression may begin anyhow.
fn shortest(pattern: &Pattern) -> Option<usize> {
    pattern.beginnings().iter().map(|b| b.len()).min()
}
