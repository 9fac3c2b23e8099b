//! Applications: each answers calls by itself, on the same back-to-back user agent that connects
//! the others. A route names one as `to: [ { app: NAME } ]`.

mod echo;

use sbc_core::ports::AppFactory;
use std::sync::Arc;

/// The names of all apps.
pub const NAMES: &[&str] = &["echo"];

/// The app of this name; nothing where there is none.
#[must_use]
pub fn build(name: &str) -> Option<Arc<dyn AppFactory>> {
    match name {
        "echo" => Some(Arc::new(echo::EchoFactory)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_builds_its_app_and_no_other_does() {
        assert!(NAMES.iter().all(|name| build(name).is_some()));
        assert!(build("Echo").is_none() && build("voicemail").is_none());
    }
}
