//! The log: to stderr, as text or JSON lines.

use policies::schema::{Log, LogFormat, LogLevel};
use std::sync::OnceLock;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, reload};

/// What changes the level of the log of this process, once it is started.
static LEVEL: OnceLock<reload::Handle<LevelFilter, Registry>> = OnceLock::new();

/// Starts logging; a second start in one process changes nothing.
pub(crate) fn start(log: &Log) {
    let (level, handle) = reload::Layer::new(filter(log.level));
    let lines = tracing_subscriber::fmt::layer()
        .with_target(false)
        .with_ansi(false)
        .with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(level);
    let started = match log.format {
        LogFormat::Text => registry.with(lines).try_init(),
        LogFormat::Json => registry.with(lines.json()).try_init(),
    };
    if started.is_err() || LEVEL.set(handle).is_err() {
        tracing::debug!("a log is set up already");
    }
}

/// From which level on is logged from now on.
pub(crate) fn set_level(level: LogLevel) {
    let Some(handle) = LEVEL.get() else {
        return;
    };
    if let Err(error) = handle.reload(filter(level)) {
        tracing::error!(%error, "the level of the log cannot be changed");
    }
}

const fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

/// A URI as it may stand in the log: without its user part, unless the operator wants it in clear.
pub(crate) fn party(uri: &str, private: bool) -> String {
    if private {
        return uri.to_owned();
    }
    let (scheme, rest) = uri.split_once(':').unwrap_or(("", uri));
    match rest.split_once('@') {
        Some((_, host)) => format!("{scheme}:***@{host}"),
        None if scheme == "tel" => "tel:***".to_owned(),
        None => uri.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::party;

    #[test]
    fn subscriber_numbers_are_masked_unless_the_operator_wants_them() {
        assert_eq!(
            party("sip:+4930123456@carrier.example", false),
            "sip:***@carrier.example"
        );
        assert_eq!(party("tel:+4930123456", false), "tel:***");
        assert_eq!(party("sip:carrier.example", false), "sip:carrier.example");
        assert_eq!(party("sip:7001@pbx", true), "sip:7001@pbx");
    }
}
