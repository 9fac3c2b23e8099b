//! An SBC with no world around it: one message goes in, and what it says at once comes out.

use super::sbc::{Sbc, Wishes};
use super::wires::Way;
use crate::Entropy;
use crate::b2bua::CallSummary;
use crate::ports::PolicyEngine;
use crate::sip::{Host, Message};
use crate::time::Now;
use crate::transport::Transport;
use bytes::Bytes;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// What an SBC sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sent {
    /// Over which transport.
    pub transport: Transport,
    /// From which of its addresses.
    pub local: SocketAddr,
    /// Where to.
    pub remote: SocketAddr,
    /// One whole message.
    pub bytes: Bytes,
}

impl Sbc {
    /// An SBC under this policy.
    #[must_use]
    pub fn alone(policy: Arc<dyn PolicyEngine>, entropy: Entropy) -> Self {
        Self::new(policy, false, entropy)
    }

    /// A message arrives from `remote` at `local`; what the SBC sends before anything else happens,
    /// where names have the addresses that `lookup` says.
    pub fn hear(
        &mut self,
        now: Now,
        (transport, local, remote): (Transport, SocketAddr, SocketAddr),
        message: Message,
        lookup: &dyn Fn(&Host) -> Vec<IpAddr>,
    ) -> Vec<Sent> {
        let way = Way {
            transport,
            local,
            remote,
            connection: None,
        };
        let mut wishes = Wishes::default();
        self.on_message(now, &way, message, &mut wishes);
        while let Some((key, leg, host)) = wishes.lookups.pop() {
            self.on_resolved(now, key, leg, lookup(&host), &mut wishes);
        }
        let sent = wishes.posts.into_iter().map(|post| Sent {
            transport: post.transport,
            local: post.local,
            remote: post.remote,
            bytes: post.bytes,
        });
        sent.collect()
    }

    /// Its calls as CDRs would show them now.
    pub fn summaries(&self) -> impl Iterator<Item = &CallSummary> {
        self.live().map(crate::b2bua::Call::summary)
    }
}
