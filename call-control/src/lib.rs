//! Call-control modules: what a profile lists under `control`, in its order.
//!
//! A module decides whether a call may begin, observes it, and hears its end once; see
//! [`sbc_core::ports::CallHooks`]. [`build`] makes one from its place in the configuration.

mod call_timer;
mod cdr;
pub mod limits;
mod params;

use sbc_core::ports::{BuildError, ModuleFactory, Param, ParamKey};
use sbc_core::state_book::StateBook;
use std::sync::Arc;

pub use cdr::{flush_records, lost_records};

/// The names of all modules.
pub const NAMES: &[&str] = &["call_timer", "cdr"];

/// Modules that the configuration format knows and this version has not.
pub const LATER: &[&str] = &[
    "blacklist",
    "parallel_calls",
    "prepaid",
    "rate",
    "rest",
    "webhook",
];

/// Every parameter of a module: what the loader checks, and the schema shows.
#[must_use]
pub fn keys(name: &str) -> Option<&'static [ParamKey]> {
    match name {
        "call_timer" => Some(call_timer::KEYS),
        "cdr" => Some(cdr::KEYS),
        _ => None,
    }
}

/// The module `name`: `entry` holds the parameters of its place in a profile (without `use`),
/// `shared` those of its section under `control`.
///
/// # Errors
/// Another name, a parameter that the module does not know, a wrong or a missing value, a CDR file
/// that cannot be written.
///
/// `book` holds what the modules of the next configuration find again: open files.
pub fn build(
    name: &str,
    entry: &[(String, Param)],
    shared: &[(String, Param)],
    book: &StateBook,
) -> Result<Arc<dyn ModuleFactory>, BuildError> {
    match name {
        "call_timer" => Ok(Arc::new(call_timer::CallTimer::new(entry, shared)?)),
        "cdr" => Ok(Arc::new(cdr::Cdr::new(entry, shared, book)?)),
        _ => {
            let what = if LATER.contains(&name) {
                "is not in this version"
            } else {
                "is no module"
            };
            let names = NAMES.join(", ");
            Err(BuildError {
                key: None,
                message: format!("`{name}` {what}; expected one of: {names}"),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_of_a_later_version_is_told_from_one_that_never_was() {
        let message = |name| {
            build(name, &[], &[], &StateBook::new())
                .unwrap_err()
                .message
        };
        assert_eq!(
            message("blacklist"),
            "`blacklist` is not in this version; expected one of: call_timer, cdr"
        );
        assert_eq!(
            message("cdrs"),
            "`cdrs` is no module; expected one of: call_timer, cdr"
        );
    }

    #[test]
    fn every_name_is_known() {
        for name in NAMES {
            let known = build(name, &[], &[], &StateBook::new());
            assert!(known.is_err_and(|e| e.key.is_some()), "{name}");
            assert!(keys(name).is_some(), "{name}");
        }
    }
}
