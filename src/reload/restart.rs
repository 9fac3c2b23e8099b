//! What only a restart changes: listeners are bound once, and calls name them by number.

use super::{Complaint, Current};
use policies::{Change, Compiled};
use sbc_core::net::Network;

/// Why a configuration cannot take the place of the one in use; empty: it can.
pub(super) fn needed(before: &Current, after: &Compiled, changes: &[Change]) -> Vec<Complaint> {
    let fixed = changes.iter().filter(|change| is_fixed(&change.path));
    let mut complaints: Vec<_> = fixed.map(complaint).collect();
    if before.config.log.format != after.config.log.format {
        let message = "log.format: this needs a restart".to_owned();
        complaints.push(Complaint::new("log.format", message, HINT));
    }
    if complaints.is_empty() && shape(&before.network) != shape(&after.network) {
        let message = "listeners or realms are others than those that are bound".to_owned();
        return vec![Complaint::new("listeners", message, HINT)];
    }
    complaints
}

const HINT: &str = "restart to change it; nothing of the file is used until then";

fn complaint(change: &Change) -> Complaint {
    let message = format!("{change}: this needs a restart");
    Complaint::new(&change.path, message, HINT)
}

/// Whether a change at this path needs a restart.
fn is_fixed(path: &str) -> bool {
    let parts: Vec<&str> = path.split('.').collect();
    match parts.as_slice() {
        ["listeners", _, "advertise"]
        | ["realms", _, "trust" | "media"]
        | ["realms", _, "media", ..] => false,
        ["listeners" | "realms" | "srs", ..] | ["observe"] | ["observe", "api" | "metrics", ..] => {
            true
        }
        _ => false,
    }
}

/// What calls and sockets name by number.
fn shape(network: &Network) -> impl PartialEq + '_ {
    let realms: Vec<_> = network.realms.iter().map(|realm| &realm.name).collect();
    let listeners: Vec<_> = network
        .listeners
        .iter()
        .map(|l| (&l.name, l.realm, l.transport, l.bind))
        .collect();
    (realms, listeners)
}
