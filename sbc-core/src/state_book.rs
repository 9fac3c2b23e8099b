//! State that outlives a configuration: counts, open files, what is known of peers.
//!
//! The daemon owns one book and lends it to whoever compiles a configuration. What a configuration
//! finds there under its kind and name is what the one before it used: a reload neither resets it
//! nor makes a second one beside it. `sbc check` has a book of its own, so that it shares nothing
//! with a daemon.
//!
//! | an entry | at a sweep |
//! |---|---|
//! | that somebody has: a configuration, or a call that runs by an older one | stays |
//! | that nobody has, for the first sweep | stays: the next reload may bring it back |
//! | that nobody has, for the second sweep in a row | goes |
//!
//! A sweep follows each reload, so that the book holds no more than what the last two
//! configurations and the running calls name.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// See the module.
#[derive(Default)]
pub struct StateBook {
    entries: Mutex<Entries>,
}

type Entries = HashMap<Key, Entry>;

/// The type belongs to it: an entry is never found as something that it is not.
type Key = (TypeId, &'static str, Box<str>);

struct Entry {
    state: Arc<dyn Any + Send + Sync>,
    /// Nobody had it at the last sweep.
    was_idle: bool,
}

impl StateBook {
    /// An empty book.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The state of this kind and name; where there is none, what `make` gives, which must not
    /// touch the book.
    pub fn lend<T: Any + Send + Sync>(
        &self,
        kind: &'static str,
        name: &str,
        make: impl FnOnce() -> T,
    ) -> Arc<T> {
        let Ok(state) = self.try_lend(kind, name, || Ok::<_, Infallible>(make()));
        state
    }

    /// As [`Self::lend`], of what may fail to be made.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn try_lend<T: Any + Send + Sync, E>(
        &self,
        kind: &'static str,
        name: &str,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        let mut entries = self.entries();
        let key = (TypeId::of::<T>(), kind, name.into());
        let known = entries.get(&key).map(|entry| Arc::clone(&entry.state));
        if let Some(Ok(state)) = known.map(Arc::downcast) {
            return Ok(state);
        }
        let state = Arc::new(make()?);
        let entry = Entry {
            state: Arc::clone(&state) as _,
            was_idle: false,
        };
        entries.insert(key, entry);
        Ok(state)
    }

    /// Forgets what nobody has and nobody had at the last sweep. After each reload, be it one that
    /// failed.
    pub fn sweep(&self) {
        let mut gone = Vec::new();
        self.entries().retain(|_, entry| {
            let is_idle = Arc::strong_count(&entry.state) == 1;
            let stays = !(is_idle && entry.was_idle);
            entry.was_idle = is_idle;
            if !stays {
                gone.push(Arc::clone(&entry.state));
            }
            stays
        });
        // Closing a file may take a while: not while others wait for the book.
        drop(gone);
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        // Nothing is left half done by whoever panicked with it.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for StateBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.entries();
        let names = entries.keys().map(|(_, kind, name)| (kind, name));
        f.debug_map().entries(names).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    #[test]
    fn the_next_configuration_finds_what_the_last_one_left() {
        let book = StateBook::new();
        let count = book.lend("trunk", "carrier", || AtomicU32::new(0));
        count.store(7, Relaxed);
        drop(count);
        let found = book.lend("trunk", "carrier", || AtomicU32::new(0));
        assert_eq!(found.load(Relaxed), 7);
        let again = book.lend("trunk", "carrier", || AtomicU32::new(0));
        assert!(Arc::ptr_eq(&found, &again), "one thing, not two");
    }

    #[test]
    fn kind_name_and_type_tell_entries_apart() {
        let book = StateBook::new();
        let first = book.lend("trunk", "carrier", || 1_u32);
        assert_eq!(*book.lend("trunk", "pbx", || 2_u32), 2);
        assert_eq!(*book.lend("file", "carrier", || 3_u32), 3);
        assert_eq!(*book.lend("trunk", "carrier", || 4_u64), 4);
        assert_eq!((*first, book.len()), (1, 4));
    }

    #[test]
    fn an_entry_goes_at_the_second_sweep_at_which_nobody_has_it() {
        let book = StateBook::new();
        let used = book.lend("trunk", "used", || ());
        let call = book.lend("trunk", "of-a-call", || ());
        drop(book.lend("trunk", "forgotten", || ()));
        drop(book.lend("trunk", "comes-back", || ()));
        book.sweep();
        assert_eq!(book.len(), 4, "{book:?}");
        let back = book.lend("trunk", "comes-back", || ());
        book.sweep();
        assert_eq!(book.len(), 3, "{book:?}");
        drop((back, call));
        book.sweep();
        assert_eq!(book.len(), 3, "once idle is not enough: {book:?}");
        book.sweep();
        assert_eq!(book.len(), 1, "{book:?}");
        drop(used);
    }

    #[test]
    fn what_cannot_be_made_leaves_nothing_behind() {
        let book = StateBook::new();
        let failed = book.try_lend("file", "full", || Err::<u32, _>("disk full"));
        assert_eq!(failed, Err("disk full"));
        assert!(book.is_empty());
        assert_eq!(*book.lend("file", "full", || 5_u32), 5);
    }

    #[test]
    fn tasks_that_ask_at_the_same_time_get_one_and_the_same() {
        let book = StateBook::new();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for n in 0..100 {
                        let count = book.lend("n", &n.to_string(), || AtomicU32::new(0));
                        count.fetch_add(1, Relaxed);
                    }
                });
            }
        });
        for n in 0..100 {
            let count = book.lend("n", &n.to_string(), || AtomicU32::new(0));
            assert_eq!(count.load(Relaxed), 8);
        }
    }
}
