//! The rows: of the calls that are not over, and of the last that are.

use super::Row;
use super::explained::Explained;
use crate::limits::{FINISHED_CALLS, ROWS_AT_ONCE};
use sbc_core::b2bua::CallKey;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

/// See the module. Rows are shared: whoever reads them holds no lock meanwhile.
#[derive(Default)]
pub(super) struct Table {
    running: BTreeMap<CallKey, Arc<Row>>,
    finished: BTreeMap<CallKey, Arc<Row>>,
    /// The finished ones in the order of their ends.
    ends: VecDeque<CallKey>,
    /// What both began with.
    pub(super) explained: Explained,
    /// Of both, by the id in the API.
    keys: HashMap<Box<str>, CallKey>,
}

impl Table {
    pub(super) fn insert(&mut self, row: Row) -> Arc<Row> {
        let row = Arc::new(row);
        self.keys.insert(row.id.clone(), row.key);
        self.running.insert(row.key, Arc::clone(&row));
        row
    }

    /// The row as it is now, where the call is not over.
    pub(super) fn update(
        &mut self,
        key: CallKey,
        change: impl FnOnce(&mut Row),
    ) -> Option<Arc<Row>> {
        let row = self.running.get_mut(&key)?;
        change(Arc::make_mut(row));
        Some(Arc::clone(row))
    }

    /// The call is over: `row` is what it was. The oldest finished one goes where there are too
    /// many.
    pub(super) fn finish(&mut self, row: Row) -> Arc<Row> {
        let row = Arc::new(row);
        let key = row.key;
        self.running.remove(&key);
        self.keys.insert(row.id.clone(), key);
        self.finished.insert(key, Arc::clone(&row));
        self.ends.push_back(key);
        if self.ends.len() > FINISHED_CALLS {
            let oldest = self.ends.pop_front();
            if let Some(gone) = oldest.and_then(|oldest| self.finished.remove(&oldest)) {
                self.keys.remove(&gone.id);
                self.explained.forget(gone.key);
            }
        }
        row
    }

    /// The call is gone, and nothing is known of its end.
    pub(super) fn forget(&mut self, key: CallKey) -> Option<Arc<Row>> {
        self.explained.forget(key);
        let gone = self.running.remove(&key)?;
        self.keys.remove(&gone.id);
        Some(gone)
    }

    /// How many are not over.
    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    pub(super) fn find(&self, id: &str) -> Option<Arc<Row>> {
        let key = self.keys.get(id)?;
        let row = self.running.get(key).or_else(|| self.finished.get(key))?;
        Some(Arc::clone(row))
    }

    /// The next rows behind `after`, no more than are taken at once.
    pub(super) fn behind(&self, after: Option<CallKey>, finished: bool) -> Vec<Arc<Row>> {
        let rows = if finished {
            &self.finished
        } else {
            &self.running
        };
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = rows.range((start, Bound::Unbounded));
        rows.take(ROWS_AT_ONCE)
            .map(|(_, r)| Arc::clone(r))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::row;
    use super::*;

    #[test]
    fn the_last_finished_calls_are_kept_and_no_more() {
        let mut table = Table::default();
        for key in 0..=FINISHED_CALLS as u64 {
            table.insert(row(key));
            table.finish(row(key));
        }
        assert_eq!(table.running(), 0);
        assert!(table.find("call-0").is_none(), "the oldest went");
        assert!(table.find("call-1").is_some());
        let counts = (table.finished.len(), table.ends.len(), table.keys.len());
        assert_eq!(counts, (FINISHED_CALLS, FINISHED_CALLS, FINISHED_CALLS));
    }

    #[test]
    fn rows_are_taken_a_bounded_number_at_a_time_and_each_once() {
        let mut table = Table::default();
        let calls = ROWS_AT_ONCE as u64 * 2 + 1;
        for key in 0..calls {
            table.insert(row(key));
        }
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let rows = table.behind(after, false);
            assert!(rows.len() <= ROWS_AT_ONCE);
            let Some(last) = rows.last() else { break };
            after = Some(last.key);
            seen.extend(rows.iter().map(|row| row.key.0));
        }
        assert_eq!(seen, (0..calls).collect::<Vec<_>>());
    }

    #[test]
    fn a_call_that_was_lost_leaves_nothing() {
        let mut table = Table::default();
        table.insert(row(7));
        table.forget(CallKey(7));
        assert!(table.find("call-7").is_none() && table.keys.is_empty());
    }
}
