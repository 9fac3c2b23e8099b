//! `control`, `observe`, `log` and `srs`.

use crate::schema::{Log, LogFormat, LogLevel, Observe, Parameter, Ports, Secret, Spanned, Srs};
use crate::secret;
use crate::tree::{Data, Entry};
use crate::visit::{self, MapView, Report};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where recordings are written, where nothing is configured.
const RECORDINGS: &str = "/var/lib/sbc/recordings";
/// Media ports of the recording server, where nothing is configured.
const SRS_PORTS: Ports = Ports {
    first: 31_000,
    last: 31_999,
};

pub(super) fn control(
    report: &mut Report,
    entry: &Entry,
) -> Vec<(Spanned<String>, Vec<Parameter>)> {
    let mut shared = Vec::new();
    for module in visit::names(report, entry, "modules") {
        let params = match &module.value.data {
            Data::Map(entries) => {
                super::duplicates(report, &module.value);
                super::parameters(entries)
            }
            Data::Null => Vec::new(),
            _ => {
                let message = format!("{} is not a map", module.value.describe());
                report.value(
                    module.value.at,
                    message,
                    "expected the module's settings by name",
                );
                continue;
            }
        };
        let name = Spanned {
            value: module.key.to_string(),
            at: module.at,
        };
        shared.push((name, params));
    }
    shared
}

pub(super) fn observe(report: &mut Report, entry: &Entry) -> Observe {
    let Some(map) = MapView::of(report, &entry.value, entry.at, "observe") else {
        return Observe::default();
    };
    let has_token = map.get("token").is_some();
    let observe = Observe {
        api: http_address(report, map.get("api"), has_token),
        metrics: http_address(report, map.get("metrics"), has_token),
        token: token(report, map.get("token")),
    };
    map.finish(report);
    observe
}

/// An address that nobody else reaches, or one that asks for a token.
fn http_address(
    report: &mut Report,
    entry: Option<&Entry>,
    has_token: bool,
) -> Option<Spanned<SocketAddr>> {
    let address: Spanned<SocketAddr> = visit::field(report, entry)?;
    if !address.ip().is_loopback() && !has_token {
        report.value(
            address.at,
            format!("{} can be reached by others", address.ip()),
            "expected a loopback address like \"127.0.0.1:8080\", or `token` beside it",
        );
        return None;
    }
    Some(address)
}

/// Characters of a token below which it warns: 16 random letters and digits are some 95 bits.
const TOKEN_LENGTH: usize = 16;

/// What may stand behind `Bearer` (RFC 6750 §2.1).
fn token(report: &mut Report, entry: Option<&Entry>) -> Option<Spanned<Secret>> {
    let token = secret::field(report, entry)?;
    let text = token.value.expose();
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    if !text.bytes().all(is_fine) {
        let hint = "expected letters, digits and -._~+/= only";
        report.value(token.at, "this cannot be sent as a token", hint);
        return None;
    }
    if text.len() < TOKEN_LENGTH {
        let hint = format!("better {TOKEN_LENGTH} or more random ones: openssl rand -hex 16");
        let message = format!("a token of {} characters can be guessed", text.len());
        report.warn(token.at, message, hint);
    }
    Some(token)
}

pub(super) fn log(report: &mut Report, entry: &Entry) -> Log {
    let Some(map) = MapView::of(report, &entry.value, entry.at, "log") else {
        return Log::default();
    };
    let levels = [
        ("error", LogLevel::Error),
        ("warn", LogLevel::Warn),
        ("info", LogLevel::Info),
        ("debug", LogLevel::Debug),
        ("trace", LogLevel::Trace),
    ];
    let level = visit::word(report, map.get("level"), &levels);
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    let format = visit::word(report, map.get("format"), &formats);
    let private: Option<Spanned<bool>> = visit::field(report, map.get("private"));
    map.finish(report);
    Log {
        level: level.map(|l| l.value).unwrap_or_default(),
        format: format.map(|f| f.value).unwrap_or_default(),
        private: private.is_some_and(|p| p.value),
    }
}

pub(super) fn srs(report: &mut Report, entry: &Entry) -> Option<Srs> {
    let map = MapView::of(report, &entry.value, entry.at, "srs")?;
    let listen = map.required(report, "listen");
    let listen: Option<Spanned<SocketAddr>> = visit::field(report, listen);
    let dir = visit::field(report, map.get("dir")).unwrap_or_else(|| Spanned {
        value: PathBuf::from(RECORDINGS),
        at: entry.at,
    });
    let ports: Option<Spanned<Ports>> = visit::field(report, map.get("ports"));
    map.finish(report);
    let listen = listen?;
    if listen.ip().is_unspecified() {
        report.value(
            listen.at,
            format!("{} is no address that media can be sent to", listen.ip()),
            "expected an address that recording clients can send to",
        );
        return None;
    }
    if let Some(ports) = ports {
        crate::compile::ephemeral(report, ports);
    }
    Some(Srs {
        listen,
        dir,
        ports: ports.map_or(SRS_PORTS, |p| p.value),
    })
}
