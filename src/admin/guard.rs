//! Who may ask. Before any page of either address is asked for:
//!
//! | of the request | without `observe.token` | with it |
//! |---|---|---|
//! | `Host` | must be an IP address or `localhost`, else 421 | any |
//! | `Origin` | absent, or of this very address, else 403 | the same |
//! | `Authorization` | any | `Bearer` with the token, else 401; not for `/healthz`, `/readyz` |
//!
//! Without a token the addresses are loopback ones, and who is on this machine may ask. A browser
//! on this machine runs the pages of strangers, though. One of them that makes its own name lead to
//! loopback (DNS rebinding) gives itself away by `Host`, which has that name; one that sends a form
//! or a script's request gives itself away by `Origin` (RFC 6454 §7). Neither can have the token.

use super::Admin;
use super::problem::Problem;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use policies::schema::Secret;
use std::net::IpAddr;

/// Pages that say no more than that there is a daemon, and whether it takes calls: whoever balances
/// load need not have the token.
const OPEN: [&str; 2] = ["/healthz", "/readyz"];

pub(super) async fn guard(State(admin): State<Admin>, request: Request, next: Next) -> Response {
    let current = admin.reloader.current();
    let token = current.config.observe.token.as_ref();
    match judge(token.map(|token| &token.value), &request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn judge(token: Option<&Secret>, request: &Request) -> Result<(), Problem> {
    let host = only(request.headers(), &HOST)?;
    if let Some(origin) = only(request.headers(), &ORIGIN)? {
        let is_own = host.is_some() && origin.strip_prefix("http://") == host;
        if !is_own {
            let forbidden = Problem::new(StatusCode::FORBIDDEN, "a page of another site asks");
            return Err(forbidden.hint("no browser may ask for it; the header Origin gave it away"));
        }
    }
    match token {
        None => named(host, request.uri().authority()),
        Some(_) if OPEN.contains(&request.uri().path()) => Ok(()),
        Some(token) => admitted(token, request.headers()),
    }
}

/// The value of a header that may stand there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().map(|value| value.to_str());
    match (value, values.next()) {
        (None, _) => Ok(None),
        (Some(Ok(value)), None) => Ok(Some(value)),
        _ => Err(Problem::bad(format!(
            "what {name} says cannot be understood"
        ))),
    }
}

/// The request names an address, and no name that a stranger could make lead here.
fn named(host: Option<&str>, target: Option<&Authority>) -> Result<(), Problem> {
    let Some(host) = host else {
        return Err(Problem::bad("there is no Host"));
    };
    let host: Authority = host
        .parse()
        .map_err(|_| Problem::bad("what Host says cannot be understood"))?;
    // A request for a whole URL names it there (RFC 9112 §3.2.2).
    if [Some(&host), target].into_iter().flatten().all(is_address) {
        return Ok(());
    }
    let misdirected = Problem::new(StatusCode::MISDIRECTED_REQUEST, "this is not that host");
    Err(misdirected.hint("ask by an IP address or localhost; by name only with `observe.token`"))
}

fn is_address(authority: &Authority) -> bool {
    let host = authority.host();
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    host.eq_ignore_ascii_case("localhost") || bare.unwrap_or(host).parse::<IpAddr>().is_ok()
}

/// The token is there (RFC 6750 §2.1).
fn admitted(token: &Secret, headers: &HeaderMap) -> Result<(), Problem> {
    let given = only(headers, &AUTHORIZATION)?;
    let given = given.and_then(|given| given.split_once(' '));
    let (error, challenge) = match given {
        Some((scheme, given)) if scheme.eq_ignore_ascii_case("bearer") => {
            if token.is(given.trim_matches(' ')) {
                return Ok(());
            }
            // RFC 6750 §3.1.
            (
                "a wrong token",
                r#"Bearer realm="sbc", error="invalid_token""#,
            )
        }
        _ => ("there is no token", r#"Bearer realm="sbc""#),
    };
    let problem = Problem::new(StatusCode::UNAUTHORIZED, error);
    let problem = problem.header("www-authenticate", challenge);
    Err(problem.hint(
        "`Authorization: Bearer` with the token of `observe.token`; the commands of sbc take it \
         from SBC_TOKEN, --token-file or the configuration",
    ))
}
