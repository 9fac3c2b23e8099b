//! The commands that talk to a running daemon through its HTTP API.

mod calls;
mod drain;
mod http;
mod limits;
mod reload;
mod table;
mod trunks;

pub(crate) use calls::{CallArgs, CallsArgs, call, calls};
pub(crate) use drain::{DrainArgs, drain};
pub(crate) use reload::{ReloadArgs, reload};
pub(crate) use trunks::{TrunksArgs, trunks};

use crate::cli::{complain, exit};
use clap::Args;
use http::{Api, Base, Reply};
use hyper::Method;
use hyper::header::HeaderValue;
use policies::Loaded;
use serde_json::Value;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

/// How the daemon is found, and how its answer is shown.
#[derive(Debug, Args)]
pub(crate) struct Reach {
    /// Where the API is, as http://127.0.0.1:8080; otherwise what SBC_API says, otherwise
    /// `observe.api` of the configuration.
    #[arg(long, value_name = "URL", value_parser = Base::parse)]
    api: Option<Base>,
    /// The configuration of the daemon.
    #[arg(long, short, value_name = "FILE", default_value = "/etc/sbc/sbc.yaml")]
    config: PathBuf,
    /// A file with the token of the API; otherwise what SBC_TOKEN holds, otherwise that of the
    /// configuration, where the API was found there.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Prints the answer as it came, as JSON.
    #[arg(long)]
    json: bool,
}

/// Why a command did not do what it was told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Config(String),
    #[error(
        "the daemon cannot be reached at {at}: {why}\n  \
         is it running, and is this the `observe.api` of its configuration? --api names another"
    )]
    Unreachable { at: String, why: String },
    #[error("what answers at {0} is not the API of sbc; --api names another address")]
    Stranger(String),
    #[error("{0}")]
    Refused(String),
    /// Nobody reads what is printed: the end of `sbc calls | head`.
    #[error("nobody reads")]
    Unread,
}

impl Fault {
    fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => exit::USAGE,
            Self::Config(_) => exit::CONFIG,
            Self::Unreachable { .. } | Self::Stranger(_) => exit::UNAVAILABLE,
            Self::Refused(_) => exit::FAILED,
            Self::Unread => exit::OK,
        }
    }
}

/// Says what went wrong; with which code the program ends.
pub(super) fn ended(result: Result<(), Fault>) -> u8 {
    let Err(fault) = result else {
        return exit::OK;
    };
    if !matches!(fault, Fault::Unread) {
        complain(&format!("sbc: {fault}"));
    }
    fault.code()
}

impl Reach {
    /// The API, and what opens it. A token goes only where it was meant for: that of the
    /// configuration not to an address from elsewhere.
    pub(super) fn api(&self) -> Result<Api, Fault> {
        let mut of_configuration = None;
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let at = match (&self.api, variable("SBC_API")) {
            (Some(at), _) => at.clone(),
            (None, Some(value)) => {
                let base = Base::parse(&value.to_string_lossy());
                base.map_err(|why| Fault::Usage(format!("SBC_API: {why}")))?
            }
            (None, None) => {
                let (at, token) = configured(&self.config)?;
                of_configuration = token;
                at
            }
        };
        let token = match (&self.token_file, variable("SBC_TOKEN")) {
            (Some(file), _) => Some(bearer(read(file)?, &file.display().to_string())?),
            (None, Some(value)) => Some(bearer(value, "SBC_TOKEN")?),
            (None, None) => of_configuration,
        };
        Ok(Api { at, token })
    }

    /// Asks for a page; an error of the daemon is a fault.
    pub(super) fn ask(
        &self,
        api: &Api,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Fault> {
        self.judge(api, api.ask(method, path, body)?)
    }

    /// What any page may have answered; an error of the daemon is a fault.
    pub(super) fn judge(&self, api: &Api, reply: Reply) -> Result<Answer, Fault> {
        let Reply { status, text } = reply;
        let value = serde_json::from_str(&text);
        let value: Value = value.map_err(|_| Fault::Stranger(api.at.to_string()))?;
        if (200..300).contains(&status) {
            return Ok(Answer { text, value });
        }
        let Some(error) = value["error"].as_str() else {
            return Err(Fault::Stranger(api.at.to_string()));
        };
        let hint = value["hint"].as_str();
        let said = hint.map_or_else(|| error.to_owned(), |hint| format!("{error}\n  {hint}"));
        Err(Fault::Refused(table::printable(&said)))
    }

    /// Prints an answer: as it came, or as `readable` makes it.
    pub(super) fn show(
        &self,
        answer: &Answer,
        readable: impl FnOnce(&Value) -> String,
    ) -> Result<(), Fault> {
        if self.json {
            return print(&format!("{}\n", answer.text));
        }
        print(&readable(&answer.value))
    }
}

/// What the daemon answered.
pub(crate) struct Answer {
    text: String,
    pub(super) value: Value,
}

/// To stdout.
pub(super) fn print(text: &str) -> Result<(), Fault> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|_| Fault::Unread)
}

/// `observe.api` and `observe.token` of a configuration, whatever else is wrong with it.
fn configured(file: &Path) -> Result<(Base, Option<HeaderValue>), Fault> {
    let elsewhere = "--api http://127.0.0.1:8080 says where the API is";
    let loaded = Loaded::from_path(file)
        .map_err(|errors| Fault::Config(format!("{errors}\n  {elsewhere}")))?;
    let name = file.display();
    let observe = &loaded.config().observe;
    let Some(mut at) = observe.api.as_ref().map(|api| api.value) else {
        let said = format!("{name} has no `observe.api`, or a wrong one: nothing can be asked");
        return Err(Fault::Config(format!("{said}\n  {elsewhere}")));
    };
    if at.port() == 0 {
        let said = format!("{name}: the system chose the port of `observe.api`");
        return Err(Fault::Config(format!("{said}\n  {elsewhere}")));
    }
    if at.ip().is_unspecified() {
        at.set_ip(match at {
            std::net::SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            std::net::SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    let token = observe.token.as_ref().map(|token| token.value.expose());
    let token = token.map(|token| bearer(token.into(), "observe.token"));
    let base = Base::parse(&at.to_string()).map_err(Fault::Config)?;
    Ok((base, token.transpose()?))
}

fn read(file: &Path) -> Result<OsString, Fault> {
    let text = std::fs::read_to_string(file);
    let text = text.map_err(|e| Fault::Usage(format!("--token-file {}: {e}", file.display())))?;
    Ok(text.trim_end().into())
}

/// The header's value. The token itself is never printed.
fn bearer(token: OsString, from: &str) -> Result<HeaderValue, Fault> {
    let wrong = || {
        Fault::Usage(format!(
            "{from}: this is no token: one line of printable ASCII"
        ))
    };
    let token = token.into_string().map_err(|_| wrong())?;
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| wrong())?;
    value.set_sensitive(true);
    Ok(value)
}
