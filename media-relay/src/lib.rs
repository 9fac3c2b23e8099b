//! media-relay.
