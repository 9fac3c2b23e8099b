//! One request to the API of a running daemon: HTTP/1.1 without TLS, with an end in time and in
//! bytes.

use super::Fault;
use super::limits::{ANSWER, BODY_BYTES, CONNECT};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::http::uri::Authority;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::fmt;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Where the API is, and what opens it.
pub(crate) struct Api {
    pub(super) at: Base,
    pub(super) token: Option<HeaderValue>,
}

/// `http://host:port`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Base(Authority);

/// What was answered.
pub(crate) struct Reply {
    pub(super) status: u16,
    pub(super) text: String,
}

impl Base {
    /// # Errors
    /// What is wrong with it, for whoever wrote it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        const EXPECTED: &str = "expected a URL like http://127.0.0.1:8080";
        let rest = match text.split_once("://") {
            Some(("http", rest)) => rest,
            Some((scheme, _)) => return Err(format!("no scheme {scheme}; {EXPECTED}")),
            None => text,
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#', '@']) {
            return Err(EXPECTED.to_owned());
        }
        let authority: Authority = rest.parse().map_err(|e| format!("{e}; {EXPECTED}"))?;
        // A port that is no port is read as none.
        let is_whole = authority.port_u16().is_some() || authority.as_str() == authority.host();
        if !is_whole || authority.host().is_empty() {
            return Err(EXPECTED.to_owned());
        }
        Ok(Self(authority))
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.0)
    }
}

impl Api {
    /// Asks, and waits for the whole answer.
    pub(super) fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Reply, Fault> {
        let request = self.request(method, path, body)?;
        self.ask_within(ANSWER, request)
    }

    fn ask_within(
        &self,
        patience: Duration,
        request: Request<Full<Bytes>>,
    ) -> Result<Reply, Fault> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| self.unreachable(&e.to_string()))?;
        let reply = runtime.block_on(async {
            timeout(patience, self.exchange(request))
                .await
                .unwrap_or_else(|_| Err(format!("no whole answer within {patience:?}")))
        });
        reply.map_err(|why| self.unreachable(&why))
    }

    fn unreachable(&self, why: &str) -> Fault {
        Fault::Unreachable {
            at: self.at.to_string(),
            why: why.to_owned(),
        }
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Request<Full<Bytes>>, Fault> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.at.0.as_str());
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token);
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        request
            .body(Full::from(body))
            .map_err(|e| self.unreachable(&e.to_string()))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Reply, String> {
        let (host, port) = (self.at.0.host(), self.at.0.port_u16().unwrap_or(80));
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let stream = timeout(CONNECT, TcpStream::connect((host, port)))
            .await
            .map_err(|_| format!("no connection within {CONNECT:?}"))?
            .map_err(|e| e.to_string())?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|e| e.to_string())?;
        // Its errors are those of the request.
        let connection = tokio::spawn(connection);
        let reply = Self::receive(sender.send_request(request).await).await;
        connection.abort();
        reply
    }

    async fn receive(
        reply: hyper::Result<hyper::Response<hyper::body::Incoming>>,
    ) -> Result<Reply, String> {
        let reply = reply.map_err(|e| format!("this is no HTTP: {e}"))?;
        let status = reply.status().as_u16();
        let body = Limited::new(reply.into_body(), BODY_BYTES).collect().await;
        let body = body.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
            Some(_) => format!("an answer of more than {BODY_BYTES} bytes"),
            None => format!("an answer without end: {error}"),
        })?;
        let text = String::from_utf8(body.to_bytes().into());
        let text = text.map_err(|_| "an answer that is no text".to_owned())?;
        Ok(Reply { status, text })
    }
}

/// A text as one segment of a path, or one value behind the question mark.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte.into());
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::thread;

    #[test]
    fn an_api_is_named_by_a_url_or_by_host_and_port() {
        for text in [
            "http://127.0.0.1:8080",
            "127.0.0.1:8080",
            "http://127.0.0.1:8080/",
        ] {
            let base = Base::parse(text).expect(text);
            assert_eq!(base.to_string(), "http://127.0.0.1:8080");
        }
        assert!(Base::parse("http://[::1]:8080").is_ok());
        for text in [
            "",
            "https://a",
            "http://",
            "http://a/b",
            "u@a:1",
            "a b",
            "http://a:99999",
        ] {
            assert!(Base::parse(text).is_err(), "{text:?}");
        }
    }

    /// What a daemon that answers like this leads to.
    fn answered(patience: Duration, speak: fn(&mut TcpStream)) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = Base::parse(&listener.local_addr().unwrap().to_string()).unwrap();
        let speaker = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let asked = stream.read(&mut [0; 4096]).unwrap();
            assert!(asked > 0);
            speak(&mut stream);
            // Until the client goes.
            while stream.read(&mut [0; 4096]).is_ok_and(|length| length > 0) {}
        });
        let api = Api { at, token: None };
        let request = api.request(Method::GET, "/", None).unwrap();
        let said = match api.ask_within(patience, request) {
            Ok(reply) => reply.text,
            Err(fault) => fault.to_string(),
        };
        speaker.join().unwrap();
        said
    }

    #[test]
    fn an_answer_without_end_is_given_up() {
        let said = answered(Duration::from_secs(60), |stream| {
            let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n";
            stream.write_all(head.as_bytes()).unwrap();
            // Fails when the client has had enough.
            while stream.write_all(&[b' '; 65_536]).is_ok() {}
        });
        assert!(
            said.contains("an answer of more than 16777216 bytes"),
            "{said}"
        );
    }

    #[test]
    fn an_answer_that_does_not_come_is_given_up() {
        let silent: fn(&mut TcpStream) = |_| {};
        let halfway: fn(&mut TcpStream) = |stream| {
            let half = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf";
            stream.write_all(half.as_bytes()).unwrap();
        };
        for speak in [silent, halfway] {
            let said = answered(Duration::from_millis(50), speak);
            assert!(said.contains("no whole answer within 50ms"), "{said}");
        }
    }

    #[test]
    fn nothing_in_an_id_leaves_its_segment() {
        assert_eq!(encoded("aZ0-._~"), "aZ0-._~");
        assert_eq!(encoded("../a?b#c d%"), "..%2Fa%3Fb%23c%20d%25");
    }
}
