//! What the state machines met, for tests: each machine notes its state and the input just before
//! it acts on it.
//!
//! Without the feature `testing` a [`Probe`] has no size, and noting is no code. The names are
//! those of the table in the machine's module doc; `testing::tables` has the same tables as data.

/// Where machines note what they meet. Whoever owns a call hands one down with each input.
#[derive(Clone, Debug, Default)]
pub struct Probe {
    #[cfg(feature = "testing")]
    notes: Option<std::sync::Arc<std::sync::Mutex<Notes>>>,
}

/// A machine, its state and an input, by the names that its table has for them.
pub type Met = (&'static str, &'static str, &'static str);

/// How often each pair was met, in the order of the names' addresses.
#[cfg(feature = "testing")]
pub(crate) type Notes = std::collections::HashMap<Met, u64>;

impl Probe {
    /// One that keeps what it is told.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn keeping() -> Self {
        Self {
            notes: Some(std::sync::Arc::default()),
        }
    }

    /// A machine met an input in a state.
    #[cfg(feature = "testing")]
    pub fn note(&self, met: impl FnOnce() -> Met) {
        if let Some(notes) = &self.notes {
            let mut notes = notes
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            *notes.entry(met()).or_default() += 1;
        }
    }

    /// A machine met an input in a state.
    #[cfg(not(feature = "testing"))]
    #[inline]
    pub fn note(&self, _met: impl FnOnce() -> Met) {}

    /// Everything that was noted.
    #[cfg(feature = "testing")]
    pub(crate) fn notes(&self) -> Notes {
        let notes = self.notes.as_ref();
        notes.map_or_else(Notes::new, |notes| {
            notes
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .clone()
        })
    }
}
