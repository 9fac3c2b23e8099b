//! The pages, asked without sockets.

mod contents;
mod docs;
mod drain;
mod events;
mod guard;
mod list;
mod schema;
mod trunks;

use super::{Admin, api};
use crate::calls::Calls;
use crate::calls::tests::summary;
use crate::drain::Drain;
use crate::events::Events;
use crate::reload::{Origin, Parts, Reloader};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use media_relay::MediaRelay;
use sbc_core::b2bua::{CallEvent, CallKey};
use sbc_core::endpoint::{Endpoint, EndpointConfig, Observer};
use sbc_core::net::Network;
use sbc_core::ports::{MediaEvent, MediaEvents, SessionId};
use sbc_core::transport::Transports;
use sbc_core::{Entropy, SystemClock, UnixMillis};
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::watch;
use tower::ServiceExt;

/// The pages of an SBC that has no listeners; its calls are told to it by the tests.
pub(crate) struct Site {
    pub(crate) admin: Admin,
    pub(super) router: Router,
    pub(super) stop: watch::Sender<bool>,
}

/// What a page answered.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: axum::http::HeaderMap,
    pub(super) text: String,
}

struct Deaf;

impl MediaEvents for Deaf {
    fn on_media(&self, _session: SessionId, _event: MediaEvent) {}
}

impl Site {
    pub(super) async fn new() -> Self {
        Self::of(YAML, None).await
    }

    pub(crate) async fn of(yaml: &str, origin: Option<Origin>) -> Self {
        let modules = origin.as_ref().map(|origin| origin.modules.clone());
        let compiled = policies::Loaded::from_text("router test", yaml)
            .and_then(|loaded| loaded.compile(&modules.unwrap_or_default()))
            .unwrap_or_else(|errors| panic!("{errors}"));
        let mut network = Network {
            realms: Vec::new(),
            listeners: Vec::new(),
        };
        let transports = Transports::bind(&mut network).await.unwrap();
        let clock = SystemClock::start();
        let config = media_relay::Config::default();
        let media = MediaRelay::start(config, Arc::new(clock), Arc::new(Deaf)).unwrap();
        let media = Arc::new(media);
        let events = Arc::new(Events::new(UnixMillis(1_700_000_000_000)));
        let calls = Arc::new(Calls::new(false, Arc::clone(&events), None));
        let endpoint = Endpoint::start(EndpointConfig {
            transports,
            media: Arc::clone(&media) as _,
            policy: Arc::clone(&compiled.engine) as _,
            clock,
            entropy: Entropy::from_seed(1),
            observer: Arc::clone(&calls) as _,
        });
        let parts = Parts {
            endpoint: endpoint.clone(),
            calls: Arc::clone(&calls),
            bound: compiled.network.listeners.iter().map(|l| l.bind).collect(),
            clock,
        };
        let reloader = Arc::new(Reloader::new(origin, parts, compiled));
        let drain = Arc::new(Drain::new(clock, Arc::clone(&events)));
        let stop = watch::Sender::new(false);
        let admin = Admin {
            calls,
            media,
            endpoint,
            reloader,
            drain,
            events,
            stop: stop.subscribe(),
        };
        let router = api(admin.clone());
        Self {
            admin,
            router,
            stop,
        }
    }

    /// So many calls have begun, with the keys from 0 on.
    pub(super) async fn with_calls(count: u64) -> Self {
        let site = Self::new().await;
        for key in 0..count {
            site.tell(key, &CallEvent::Started);
        }
        site
    }

    pub(super) fn tell(&self, key: u64, event: &CallEvent) {
        self.admin.calls.on_call(CallKey(key), &summary(key), event);
    }

    pub(super) fn end(&self, key: u64) {
        self.tell(key, &CallEvent::Ended(Box::new(summary(key))));
    }

    pub(super) async fn ask(&self, request: Request<Body>) -> Reply {
        Reply::of(self.raw(request).await).await
    }

    pub(super) async fn raw(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        self.ask(request("GET", path, "")).await
    }
}

impl Reply {
    async fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 24).await.unwrap();
        Self {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.into()).unwrap(),
        }
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

pub(super) fn request(method: &str, path: &str, body: &'static str) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "127.0.0.1:8080")
        .body(Body::from(body))
        .unwrap()
}

pub(super) fn json_request(method: &str, path: &str, body: &'static str) -> Request<Body> {
    let mut request = request(method, path, body);
    let json = header::HeaderValue::from_static("application/json");
    request.headers_mut().insert(header::CONTENT_TYPE, json);
    request
}

/// What the pages are told of.
pub(crate) const YAML: &str = r#"
version: 1
listeners:
  outside-udp: { realm: outside, udp: "127.0.0.1:5060" }
  inside-udp: { realm: inside, udp: "127.0.0.2:5060" }
realms:
  outside: { trust: none, media: { bind: 127.0.0.1, ports: 20000-24999 } }
  inside: { trust: full, media: { bind: 127.0.0.2, ports: 25000-29999 } }
trunks:
  carrier:
    realm: outside
    match: { source: [ 127.1.0.0/16 ] }
    targets: [ "sip:127.1.0.2", { uri: "sip:127.1.0.3;transport=udp", priority: 2 } ]
  pbx: { realm: inside, targets: [ "sip:127.2.0.2" ] }
routes:
  - { name: inwards, from: carrier, to: [ pbx ] }
  - { name: outwards, from: inside, to: [ carrier ] }
"#;
