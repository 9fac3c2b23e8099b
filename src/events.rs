//! What happens, told to whoever listens (`GET /v1/events`).
//!
//! Telling never waits: an event is put into one ring that all listeners read, each at its place.
//! Whoever falls behind by more than the ring holds loses events, and learns how many. Nothing is
//! kept while nobody listens; events are counted all the same, so that a listener that comes back
//! learns what it missed.

use crate::calls::Row;
use crate::drain::Begun;
use crate::limits::{EVENTS, LISTENERS};
use crate::reload::Ending;
use sbc_core::UnixMillis;
use sbc_core::ports::RecorderState;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast::{self, Receiver};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Something that happened.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// One more than that of the event before it.
    pub(crate) number: u64,
    pub(crate) what: What,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    CallStarted(Arc<Row>),
    CallRinging(Arc<Row>),
    CallAnswered(Arc<Row>),
    CallEnded(Arc<Row>),
    /// A fault of the program ended it.
    CallLost(Arc<Row>),
    /// A recording of this call changed.
    Recorder(Box<str>, RecorderState),
    /// It ended, and of this generation is the configuration that is used now.
    Reload(Ending, u64),
    /// It has begun, or ends sooner than was said.
    Drain(Begun),
}

impl What {
    /// The names of all of them.
    pub(crate) const NAMES: [&str; 8] = [
        "call.started",
        "call.ringing",
        "call.answered",
        "call.ended",
        "call.lost",
        "recorder",
        "reload",
        "drain",
    ];

    /// Its name in the stream.
    pub(crate) const fn name(&self) -> &'static str {
        let [
            started,
            ringing,
            answered,
            ended,
            lost,
            recorder,
            reload,
            drain,
        ] = Self::NAMES;
        match self {
            Self::CallStarted(_) => started,
            Self::CallRinging(_) => ringing,
            Self::CallAnswered(_) => answered,
            Self::CallEnded(_) => ended,
            Self::CallLost(_) => lost,
            Self::Recorder(..) => recorder,
            Self::Reload(..) => reload,
            Self::Drain(_) => drain,
        }
    }
}

/// See the module.
pub(crate) struct Events {
    ring: broadcast::Sender<Event>,
    /// The number of the last event; held while one is put into the ring, so that they are there
    /// in order.
    last: Mutex<u64>,
    places: Arc<Semaphore>,
    since: UnixMillis,
}

/// One that listens.
pub(crate) struct Listener {
    pub(crate) events: Receiver<Event>,
    /// The number of the last event before it came.
    pub(crate) last: u64,
    _place: OwnedSemaphorePermit,
}

impl Events {
    /// Numbers count from this moment on.
    pub(crate) fn new(since: UnixMillis) -> Self {
        Self {
            ring: broadcast::Sender::new(EVENTS),
            last: Mutex::default(),
            places: Arc::new(Semaphore::new(LISTENERS)),
            since,
        }
    }

    pub(crate) fn tell(&self, what: What) {
        let mut last = self.last();
        *last += 1;
        let number = *last;
        // An error: nobody listens.
        let _nobody = self.ring.send(Event { number, what });
    }

    /// From now on. Nothing: there are too many already.
    pub(crate) fn listen(&self) -> Option<Listener> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let last = self.last();
        Some(Listener {
            events: self.ring.subscribe(),
            last: *last,
            _place: place,
        })
    }

    /// Since when it counts.
    pub(crate) const fn since(&self) -> UnixMillis {
        self.since
    }

    fn last(&self) -> MutexGuard<'_, u64> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
