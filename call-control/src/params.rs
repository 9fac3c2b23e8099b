//! Reading of parameters. What is wrong is said with the key, and with what was expected.

use sbc_core::ports::{BuildError, Param};

/// A mistake at a parameter.
pub(crate) fn wrong(key: &str, message: impl Into<String>) -> BuildError {
    BuildError {
        key: Some(key.to_owned()),
        message: message.into(),
    }
}

/// Refuses every parameter that is none of `known`.
pub(crate) fn only(params: &[(String, Param)], known: &[&str]) -> Result<(), BuildError> {
    match params.iter().find(|(key, _)| !known.contains(&&**key)) {
        None => Ok(()),
        Some((key, _)) => Err(wrong(key, format!("unknown key; {}", expected(known)))),
    }
}

/// The value of a key.
pub(crate) fn value<'a>(params: &'a [(String, Param)], key: &str) -> Option<&'a Param> {
    params.iter().find(|(k, _)| k == key).map(|(_, v)| v)
}

/// `expected one of: a, b`.
pub(crate) fn expected(known: &[&str]) -> String {
    match known {
        [] => "expected none here".to_owned(),
        [one] => format!("expected `{one}`"),
        many => format!("expected one of: {}", many.join(", ")),
    }
}
