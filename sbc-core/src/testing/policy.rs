//! A policy that is a table: the user of the Request-URI says where the call goes.

use crate::Entropy;
use crate::b2bua::plan::{
    AppPlan, CallPlan, Connect, FailoverCodes, HeaderPass, Passed, Redirect, Refusal, ReplyCodes,
    TargetPlan, Translation,
};
use crate::net::{Listener, MediaAddress, Network, Realm, RealmId, Trust};
use crate::ports::{
    AppFactory, Latch, MessageRules, ModuleFactory, PolicyEngine, RequestFacts, SideLegFactory,
};
use crate::quota::{Limits, Quota, Quotas, TrunkQuota};
use crate::sdp::CodecPolicy;
use crate::sip::{Host, NameAddr, StatusCode, Uri};
use crate::transport::{Target, Transport, UdpMax};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// The port that SIP is spoken at in the simulator.
pub const SIP_PORT: u16 = 5060;

/// The policy. Without a route for its user, a call is refused with 404.
#[derive(Clone, Debug, Default)]
pub struct Fixed {
    network: Arc<Network>,
    ways: HashMap<Box<str>, Way>,
    arriving: HashMap<RealmId, Way>,
    anybody: Option<Way>,
    quotas: Quotas,
    /// By trunk: its hosts.
    hosts: Vec<Vec<Host>>,
}

#[derive(Clone, Debug)]
enum Way {
    Connect(Box<Route>),
    Refuse(StatusCode),
    App(Arc<dyn AppFactory>),
}

/// Where a call goes.
#[derive(Clone, Debug)]
pub struct Route {
    targets: Vec<(RealmId, Host, Transport)>,
    recorders: Vec<Arc<dyn SideLegFactory>>,
    modules: Vec<Arc<dyn ModuleFactory>>,
    ring_timeout: Duration,
    failover: FailoverCodes,
    redirect: Redirect,
    relay: bool,
    codecs: Option<Arc<CodecPolicy>>,
    transparent_ids: bool,
    rules: Option<Arc<dyn MessageRules>>,
    header_pass: HeaderPass,
    reply_codes: ReplyCodes,
    udp_max: UdpMax,
    user: Option<Box<str>>,
}

impl Route {
    /// To a host, by the realm with this number.
    ///
    /// # Panics
    /// Where `host` is no host.
    #[must_use]
    pub fn to(realm: u16, host: &str, transport: Transport) -> Self {
        let route = Self {
            targets: Vec::new(),
            recorders: Vec::new(),
            modules: Vec::new(),
            ring_timeout: Duration::from_secs(120),
            failover: FailoverCodes::default(),
            redirect: Redirect::default(),
            relay: true,
            codecs: None,
            transparent_ids: false,
            rules: None,
            header_pass: HeaderPass::default(),
            reply_codes: ReplyCodes::default(),
            udp_max: UdpMax::default(),
            user: None,
        };
        route.or_to(realm, host, transport)
    }

    /// To another host, where those before did not take it.
    ///
    /// # Panics
    /// Where `host` is no host.
    #[must_use]
    pub fn or_to(mut self, realm: u16, host: &str, transport: Transport) -> Self {
        self.targets
            .push((RealmId(realm), host_of(host), transport));
        self
    }

    /// Recorded by this recorder too.
    #[must_use]
    pub fn recorded_by(mut self, recorder: Arc<dyn SideLegFactory>) -> Self {
        self.recorders.push(recorder);
        self
    }

    /// Decided by this module too.
    #[must_use]
    pub fn asking(mut self, module: Arc<dyn ModuleFactory>) -> Self {
        self.modules.push(module);
        self
    }

    /// How long a target may ring.
    #[must_use]
    pub fn ringing(mut self, at_most: Duration) -> Self {
        self.ring_timeout = at_most;
        self
    }

    /// The refusals after which the next target is tried.
    #[must_use]
    pub fn going_on_after(mut self, codes: FailoverCodes) -> Self {
        self.failover = codes;
        self
    }

    /// What becomes of redirections.
    #[must_use]
    pub fn redirected(mut self, redirect: Redirect) -> Self {
        self.redirect = redirect;
        self
    }

    /// The callee sees the caller's Call-ID and From tag.
    #[must_use]
    pub fn with_transparent_ids(mut self) -> Self {
        self.transparent_ids = true;
        self
    }

    /// Header rules.
    #[must_use]
    pub fn ruled_by(mut self, rules: Arc<dyn MessageRules>) -> Self {
        self.rules = Some(rules);
        self
    }

    /// Unknown headers that cross.
    #[must_use]
    pub fn passing(mut self, pass: impl IntoIterator<Item = Passed>) -> Self {
        self.header_pass = pass.into_iter().collect();
        self
    }

    /// Each of these codes is told as the other, with this phrase.
    ///
    /// # Panics
    /// Where one is no status code.
    #[must_use]
    pub fn telling(mut self, codes: &[(u16, u16, &str)]) -> Self {
        let translations = codes.iter().map(|(code, to, reason)| Translation {
            first: *code,
            last: *code,
            to: StatusCode::of(*to),
            reason: (*reason).into(),
        });
        self.reply_codes = translations.collect();
        self
    }

    /// The largest request that goes by UDP, on both sides.
    #[must_use]
    pub fn udp_max(mut self, udp_max: UdpMax) -> Self {
        self.udp_max = udp_max;
        self
    }

    /// The targets are asked for this user.
    #[must_use]
    pub fn calling(mut self, user: &str) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Only these codecs cross, or are named first.
    #[must_use]
    pub fn with_codecs(mut self, codecs: CodecPolicy) -> Self {
        self.codecs = Some(Arc::new(codecs));
        self
    }

    /// Media goes past the SBC.
    #[must_use]
    pub fn without_relay(mut self) -> Self {
        self.relay = false;
        self
    }
}

impl Fixed {
    /// No realm, no route.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Another realm, numbered from zero: UDP and TCP at port 5060 of `ip`, media at ports 20000 to
    /// 29999 of it.
    ///
    /// # Panics
    /// Where `ip` is no address.
    #[must_use]
    pub fn realm(mut self, name: &str, ip: &str) -> Self {
        Arc::make_mut(&mut self.network).realms.push(Realm {
            name: name.into(),
            trust: Trust::None,
            media: Vec::new(),
        });
        self.and_at(ip)
    }

    /// The realm named last is at `ip` too, which is of the other family.
    ///
    /// # Panics
    /// Where `ip` is no address, or there is no realm.
    #[must_use]
    pub fn and_at(mut self, ip: &str) -> Self {
        let ip: IpAddr = ip.parse().expect("an address");
        let network = Arc::make_mut(&mut self.network);
        let last = network.realms.len().checked_sub(1).expect("a realm");
        let realm = RealmId(u16::try_from(last).expect("few realms"));
        network.realms[last].media.push(MediaAddress {
            bind: ip,
            advertise: ip,
            first_port: 20_000,
            last_port: 29_999,
            quarantine: MediaAddress::QUARANTINE,
        });
        let address = SocketAddr::new(ip, SIP_PORT);
        for transport in [Transport::Udp, Transport::Tcp] {
            network.listeners.push(Listener {
                name: format!("{}-{transport}", network.realms[last].name).into(),
                realm,
                transport,
                bind: address,
                advertise: address,
            });
        }
        self
    }

    /// The realm named last has so many media ports (pairs of RTP and RTCP).
    #[must_use]
    pub fn media_ports(mut self, pairs: u16) -> Self {
        if let Some(realm) = Arc::make_mut(&mut self.network).realms.last_mut() {
            for media in &mut realm.media {
                media.last_port = media.first_port + 2 * pairs - 1;
            }
        }
        self
    }

    /// The realm named last has no TCP.
    #[must_use]
    pub fn without_tcp(mut self) -> Self {
        let network = Arc::make_mut(&mut self.network);
        let last = network.realms.len().saturating_sub(1);
        let is_last = |l: &Listener| usize::from(l.realm.0) == last;
        network
            .listeners
            .retain(|l| !is_last(l) || l.transport == Transport::Udp);
        self
    }

    /// The realm named last is trusted.
    #[must_use]
    pub fn trusted(mut self) -> Self {
        if let Some(realm) = Arc::make_mut(&mut self.network).realms.last_mut() {
            realm.trust = Trust::Full;
        }
        self
    }

    /// These hosts of the realm with this number are a trunk: whom calls come from, and where they
    /// go.
    #[must_use]
    pub fn trunk(mut self, name: &str, realm: u16, hosts: &[&str], limits: Limits) -> Self {
        let quota = Quota::new(name.into(), limits, Arc::default());
        let realm = RealmId(realm);
        self.quotas.trunks.push(TrunkQuota { realm, quota });
        self.hosts.push(hosts.iter().map(|h| host_of(h)).collect());
        self
    }

    /// The SBC as a whole has these limits.
    #[must_use]
    pub fn limited(mut self, limits: Limits) -> Self {
        self.quotas.whole = Quota::new("".into(), limits, Arc::default());
        self
    }

    fn quota_of(&self, realm: RealmId, host: &Host) -> Option<&Quota> {
        let trunks = self.quotas.trunks.iter().zip(&self.hosts);
        let mut fitting = trunks.filter(|(t, hosts)| t.realm == realm && hosts.contains(host));
        fitting.next().map(|(trunk, _)| &trunk.quota)
    }

    /// Calls to this user go there.
    #[must_use]
    pub fn route(mut self, user: &str, route: Route) -> Self {
        self.ways.insert(user.into(), Way::Connect(Box::new(route)));
        self
    }

    /// Calls to anybody else that arrive in the realm with this number go there.
    #[must_use]
    pub fn arriving(mut self, realm: u16, route: Route) -> Self {
        self.arriving
            .insert(RealmId(realm), Way::Connect(Box::new(route)));
        self
    }

    /// Calls to anybody else go there.
    #[must_use]
    pub fn otherwise(mut self, route: Route) -> Self {
        self.anybody = Some(Way::Connect(Box::new(route)));
        self
    }

    /// Calls to this user are refused.
    #[must_use]
    pub fn refuse(mut self, user: &str, code: u16) -> Self {
        self.ways
            .insert(user.into(), Way::Refuse(StatusCode::of(code)));
        self
    }

    /// Calls to this user are answered by an app.
    #[must_use]
    pub fn app(mut self, user: &str, app: Arc<dyn AppFactory>) -> Self {
        self.ways.insert(user.into(), Way::App(app));
        self
    }

    /// Calls to anybody else are answered by an app.
    #[must_use]
    pub fn otherwise_app(mut self, app: Arc<dyn AppFactory>) -> Self {
        self.anybody = Some(Way::App(app));
        self
    }

    /// Whether any route keeps the caller's ids.
    pub(super) fn keeps_ids(&self) -> bool {
        let ways = self.ways.values().chain(self.arriving.values());
        ways.chain(&self.anybody)
            .any(|way| matches!(way, Way::Connect(route) if route.transparent_ids))
    }

    fn connect(&self, route: &Route, user: &str, from: &NameAddr) -> Connect {
        let user = route.user.as_deref().unwrap_or(user);
        let targets = route
            .targets
            .iter()
            .filter_map(|(realm, host, transport)| {
                let v4 = match host {
                    Host::Ip(ip) => ip.is_ipv4(),
                    Host::Name(_) => true,
                };
                let mut senders = self
                    .network
                    .listeners
                    .iter()
                    .filter(|l| l.realm == *realm && l.transport == *transport);
                let first = senders.clone().next();
                let here = senders.find(|l| l.bind.is_ipv4() == v4).or(first)?;
                let mut request_uri = Uri::sip(Some(user), host.clone(), Some(SIP_PORT));
                let to = NameAddr::new("", request_uri.clone());
                if *transport == Transport::Tcp {
                    request_uri.set_param("transport", Some("tcp"));
                }
                let us = Host::Ip(here.advertise.ip());
                let caller = Uri::sip(from.uri.user.as_deref(), us, None);
                Some(TargetPlan {
                    trunk: self.quota_of(*realm, host).map(|q| Arc::clone(q.name())),
                    quota: self.quota_of(*realm, host).cloned(),
                    realm: *realm,
                    target: Target {
                        host: host.clone(),
                        port: SIP_PORT,
                        transport: *transport,
                    },
                    udp_max: route.udp_max,
                    request_uri,
                    from: NameAddr::new(&from.display, caller),
                    to,
                    redirected: false,
                })
            })
            .collect();
        Connect {
            trunk: None,
            udp_max: route.udp_max,
            route: "fixed".into(),
            profile: "built-in".into(),
            targets,
            relay: route.relay,
            latch: Latch::Once,
            codecs: route.codecs.clone(),
            rules: route.rules.clone(),
            header_pass: route.header_pass.clone(),
            reply_codes: route.reply_codes.clone(),
            recorders: route.recorders.clone(),
            modules: route.modules.clone(),
            ring_timeout: route.ring_timeout,
            failover: route.failover,
            redirect: route.redirect,
            transparent_ids: route.transparent_ids,
        }
    }
}

fn host_of(text: &str) -> Host {
    match text.parse::<IpAddr>() {
        Ok(ip) => Host::Ip(ip),
        Err(_) => Host::Name(text.into()),
    }
}

impl PolicyEngine for Fixed {
    fn network(&self) -> &Arc<Network> {
        &self.network
    }

    fn quotas(&self) -> &Quotas {
        &self.quotas
    }

    fn origin(&self, request: &RequestFacts<'_>) -> Option<&Quota> {
        let realm = self.network.listener(request.flow.listener).realm;
        self.quota_of(realm, &Host::Ip(request.flow.remote.ip()))
    }

    fn plan(&self, request: &RequestFacts<'_>, _entropy: &mut Entropy) -> CallPlan {
        let uri = Uri::parse(request.message.request_uri());
        let user = uri.ok().and_then(|uri| uri.user).unwrap_or_default();
        let realm = self.network.listener(request.flow.listener).realm;
        let way = self
            .ways
            .get(&user)
            .or_else(|| self.arriving.get(&realm))
            .or(self.anybody.as_ref());
        let refuse = |status, rule: &str| {
            CallPlan::Refuse(Refusal {
                status,
                reason: "".into(),
                rule: rule.into(),
            })
        };
        match (way, request.message.from()) {
            (Some(Way::Connect(route)), Ok(from)) => {
                CallPlan::Connect(Arc::new(self.connect(route, &user, &from)))
            }
            (Some(Way::App(app)), _) => CallPlan::App(Arc::new(AppPlan {
                route: "app".into(),
                app: Arc::clone(app),
            })),
            (Some(Way::Refuse(status)), _) => refuse(*status, "refused"),
            _ => refuse(StatusCode::of(404), "no route"),
        }
    }
}
