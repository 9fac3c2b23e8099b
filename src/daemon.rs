//! The daemon: transports, media plane, endpoint and HTTP of one configuration, wired together.

use crate::admin::{self, Admin};
use crate::calls::{Calls, Tap};
use crate::drain::Drain;
use crate::events::Events;
use crate::reload::{self, Origin, Parts, Reloader};
use axum::Router;
use media_relay::MediaRelay;
use policies::Compiled;
use sbc_core::endpoint::{Endpoint, EndpointConfig};
use sbc_core::net::Network;
use sbc_core::ports::{MediaEvent, MediaEvents, PolicyEngine, SessionId};
use sbc_core::transport::{BindError, Transports};
use sbc_core::{Clock, Entropy, SystemClock};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long answers may take that are on their way when the daemon ends.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// Why a daemon does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A listener's address.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A realm's media address.
    #[error(
        "realms.{realm}.media.bind: cannot bind {address}: {source}; choose an address of this \
         machine (and `advertise` the one that others reach it by)"
    )]
    MediaAddress {
        /// The realm's name in the configuration.
        realm: Box<str>,
        /// The address.
        address: IpAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// An address of `observe`.
    #[error("observe.{what}: cannot bind {address}: {source}; choose an address that is free here")]
    Http {
        /// `api` or `metrics`.
        what: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The media plane.
    #[error(transparent)]
    Media(#[from] media_relay::StartError),
    /// Randomness.
    #[error("the operating system gives no randomness: {0}")]
    Entropy(std::io::Error),
}

/// A running daemon.
pub struct Daemon {
    network: Arc<Network>,
    endpoint: Endpoint,
    media: Arc<MediaRelay>,
    reloader: Arc<Reloader>,
    api: Option<SocketAddr>,
    metrics: Option<SocketAddr>,
    drain: Arc<Drain>,
    stop: watch::Sender<bool>,
    /// What serves HTTP, until somebody waits for its end.
    serving: Mutex<Vec<JoinHandle<()>>>,
}

/// The media plane is there before the endpoint that hears of it.
#[derive(Default)]
struct Later(OnceLock<Endpoint>);

impl MediaEvents for Later {
    fn on_media(&self, session: SessionId, event: MediaEvent) {
        if let Some(endpoint) = self.0.get() {
            endpoint.on_media(session, event);
        }
    }
}

impl Daemon {
    /// Binds everything and begins to serve. Within a tokio runtime.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(compiled: Compiled) -> Result<Self, StartError> {
        Self::start_as(compiled, None, None).await
    }

    /// `origin` is where the configuration is read again for a reload, `tap` sees every message.
    pub(crate) async fn start_as(
        compiled: Compiled,
        origin: Option<Origin>,
        tap: Option<Arc<dyn Tap>>,
    ) -> Result<Self, StartError> {
        raise_descriptors();
        let mut network = Network::clone(&compiled.network);
        let transports = Transports::bind(&mut network).await?;
        probe_media(&network)?;
        let api = bind_http("api", compiled.config.observe.api.as_ref().map(|a| a.value)).await?;
        let metrics = bind_http(
            "metrics",
            compiled.config.observe.metrics.as_ref().map(|a| a.value),
        )
        .await?;
        let network = Arc::new(network);
        let engine = compiled.engine.with_network(Arc::clone(&network));
        let engine = engine.of_generation(reload::FIRST);
        let policy: Arc<dyn PolicyEngine> = Arc::new(engine);
        let clock = SystemClock::start();
        let later = Arc::new(Later::default());
        let hears: Arc<dyn MediaEvents> = Arc::clone(&later) as _;
        let media = Arc::new(MediaRelay::start(
            media_relay::Config::default(),
            Arc::new(clock),
            hears,
        )?);
        let events = Arc::new(Events::new(clock.now().unix));
        let private = compiled.config.log.private;
        let calls = Arc::new(Calls::new(private, Arc::clone(&events), tap));
        let endpoint = Endpoint::start(EndpointConfig {
            transports,
            media: Arc::clone(&media) as _,
            policy,
            clock,
            entropy: Entropy::from_os().map_err(StartError::Entropy)?,
            observer: Arc::clone(&calls) as _,
        });
        // Set once, here.
        let _first = later.0.set(endpoint.clone());
        let stop = watch::Sender::new(false);
        let parts = Parts {
            endpoint: endpoint.clone(),
            calls: Arc::clone(&calls),
            bound: network.listeners.iter().map(|l| l.bind).collect(),
            clock,
        };
        let reloader = Arc::new(Reloader::new(origin, parts, compiled));
        let drain = Arc::new(Drain::new(clock, Arc::clone(&events)));
        let admin = Admin {
            calls,
            media: Arc::clone(&media),
            endpoint: endpoint.clone(),
            reloader: Arc::clone(&reloader),
            drain: Arc::clone(&drain),
            events,
            stop: stop.subscribe(),
        };
        let address = |l: &Option<tokio::net::TcpListener>| l.as_ref()?.local_addr().ok();
        let daemon = Self {
            network,
            endpoint,
            media,
            reloader,
            api: address(&api),
            metrics: address(&metrics),
            drain,
            stop,
            serving: Mutex::default(),
        };
        daemon.serve(api, admin::api(admin.clone()));
        daemon.serve(metrics, admin::metrics(admin));
        Ok(daemon)
    }

    fn serve(&self, listener: Option<tokio::net::TcpListener>, pages: Router) {
        let Some(listener) = listener else { return };
        let serving = tokio::spawn(admin::serve(listener, pages, self.stop.subscribe()));
        self.serving().push(serving);
    }

    fn serving(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.serving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Realms and listeners, with the ports that the system chose where the configuration said 0.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The media plane.
    #[must_use]
    pub fn media(&self) -> &MediaRelay {
        &self.media
    }

    /// What reads the configuration again.
    pub(crate) fn reloader(&self) -> &Arc<Reloader> {
        &self.reloader
    }

    /// How long running calls may go on when the daemon ends.
    pub(crate) fn grace(&self) -> Duration {
        self.reloader.current().config.drain.0
    }

    /// Where the API is.
    #[must_use]
    pub fn api(&self) -> Option<SocketAddr> {
        self.api
    }

    /// Where the metrics page is.
    #[must_use]
    pub fn metrics(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// Whether it drains.
    pub(crate) fn drain(&self) -> &Drain {
        &self.drain
    }

    /// Stops listening and closes the media plane; what is queued is sent within a bound, files are
    /// finished.
    pub async fn shutdown(&self) {
        self.stop.send_replace(true);
        let serving = std::mem::take(&mut *self.serving());
        for mut serving in serving {
            // Whoever asked for a drain that ends at once wants an answer, too.
            let ended = tokio::time::timeout(LAST_ANSWERS, &mut serving).await;
            if ended.is_err() {
                serving.abort();
            }
        }
        self.endpoint.shutdown().await;
        let media = Arc::clone(&self.media);
        // Joins threads; a panic in one of them was logged there.
        let _joined = tokio::task::spawn_blocking(move || media.close()).await;
    }
}

/// Media ports are bound call by call: without this, an address that is none of this machine would
/// be noticed by the first caller.
pub(crate) fn probe_media(network: &Network) -> Result<(), StartError> {
    for realm in &network.realms {
        for address in realm.media.iter().map(|media| media.bind) {
            UdpSocket::bind((address, 0)).map_err(|source| StartError::MediaAddress {
                realm: realm.name.clone(),
                address,
                source,
            })?;
        }
    }
    Ok(())
}

async fn bind_http(
    what: &'static str,
    address: Option<SocketAddr>,
) -> Result<Option<tokio::net::TcpListener>, StartError> {
    let Some(address) = address else {
        return Ok(None);
    };
    match admin::bind(address).await {
        Ok(listener) => Ok(Some(listener)),
        Err(source) => Err(StartError::Http {
            what,
            address,
            source,
        }),
    }
}

/// Each call with media takes four descriptors: the soft limit goes up to the hard one.
fn raise_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    let wanted = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, wanted) {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sbc_core::net::{MediaAddress, Realm, Trust};

    fn network(media: [&str; 2]) -> Network {
        let realm = |(name, address): (&str, &str)| {
            let bind = address.parse().unwrap();
            let media = MediaAddress {
                bind,
                advertise: bind,
                first_port: 20_000,
                last_port: 20_009,
                quarantine: MediaAddress::QUARANTINE,
            };
            Realm {
                name: name.into(),
                trust: Trust::None,
                media: vec![media],
            }
        };
        Network {
            realms: ["outside", "inside"]
                .into_iter()
                .zip(media)
                .map(realm)
                .collect(),
            listeners: Vec::new(),
        }
    }

    #[test]
    fn a_media_address_that_is_not_of_this_machine_is_refused_by_name() {
        assert!(probe_media(&network(["127.0.0.1", "0.0.0.0"])).is_ok());
        let error = probe_media(&network(["127.0.0.1", "192.0.2.1"])).unwrap_err();
        let said = error.to_string();
        let start = "realms.inside.media.bind: cannot bind 192.0.2.1: ";
        assert!(said.starts_with(start), "{said}");
    }
}
