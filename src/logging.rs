//! The log: to stderr, as text or JSON lines.

use policies::schema::{Log, LogFormat, LogLevel};
use tracing_subscriber::filter::LevelFilter;

/// Starts logging; a second start in one process changes nothing.
pub(crate) fn start(log: &Log) {
    let level = match log.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_target(false)
        .with_ansi(false)
        .with_writer(std::io::stderr);
    let started = match log.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    if started.is_err() {
        tracing::debug!("a log is set up already");
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
