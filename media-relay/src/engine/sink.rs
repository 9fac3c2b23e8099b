//! Where the packets of a port go.

use super::port::PortKey;
use crate::limits::SINKS;
use smallvec::SmallVec;

/// A sink names its target by place: no lookup per packet. Ordered: the call before the recorders.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sink {
    /// Out of another port of the session, unchanged.
    Relay(PortKey),
    /// Into the port's file.
    Record,
    /// Out of a port that faces a recorder.
    Fork(PortKey),
}

impl Sink {
    fn rank(self) -> u8 {
        match self {
            Self::Relay(_) => 0,
            Self::Record => 1,
            Self::Fork(_) => 2,
        }
    }

    /// Whether it sends out of a port.
    pub(crate) fn leads_to(self, port: PortKey) -> bool {
        matches!(self, Self::Relay(to) | Self::Fork(to) if to == port)
    }
}

/// Adds a sink at its place; one that is there already, or one too many, changes nothing.
/// False where there are too many.
pub(crate) fn add(sinks: &mut SmallVec<[Sink; 2]>, sink: Sink) -> bool {
    if sinks.contains(&sink) {
        return true;
    }
    if sinks.len() >= SINKS {
        return false;
    }
    let at = sinks.partition_point(|other| other.rank() <= sink.rank());
    sinks.insert(at, sink);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relays_stand_before_files_and_recorders_and_their_number_is_bounded() {
        let mut sinks = SmallVec::new();
        for n in 0..40 {
            add(&mut sinks, Sink::Fork(PortKey(n)));
        }
        assert_eq!(sinks.len(), SINKS);
        sinks.truncate(2);
        assert!(add(&mut sinks, Sink::Relay(PortKey(7))) && add(&mut sinks, Sink::Record));
        assert!(add(&mut sinks, Sink::Relay(PortKey(7))));
        let order = [
            Sink::Relay(PortKey(7)),
            Sink::Record,
            Sink::Fork(PortKey(0)),
            Sink::Fork(PortKey(1)),
        ];
        assert_eq!(sinks.as_slice(), order);
    }
}
