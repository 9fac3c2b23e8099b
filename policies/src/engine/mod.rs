//! The engine: which route a request takes, and what the plan of its call is.
//!
//! Semantics are those of the contract; `docs/configuration/routes.md` tells them to operators.

mod lookup;
mod order;
mod origin;
mod outgoing;
mod rules;

pub(crate) use lookup::{From, Index};
pub(crate) use order::Listed;
pub(crate) use origin::{Located, Origins, Sources, TrunkId};
pub(crate) use outgoing::{addresses, sender, target};
pub(crate) use rules::{HeaderRules, RuleWatch};

use crate::condition;
use crate::explain::Profiles;
use crate::facts::Facts;
use crate::schema::When;
use crate::template::Template;
use sbc_core::Entropy;
use sbc_core::b2bua::plan::{
    AppPlan, CallPlan, Connect, FailoverCodes, HeaderPass, Redirect, Refusal, ReplyCodes,
    TargetPlan,
};
use sbc_core::net::{Network, RealmId, Trust};
use sbc_core::ports::{
    Latch, MessageRules, ModuleFactory, PolicyEngine, RequestFacts, SideLegFactory,
};
use sbc_core::quota::{Quota, Quotas};
use sbc_core::sdp::CodecPolicy;
use sbc_core::sip::{Scheme, StatusCode, Uri};
use sbc_core::transport::{Target, Transport, UdpMax};
use std::any::Any;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The rules of one configuration, compiled, over a network.
#[derive(Clone)]
pub struct Engine {
    network: Arc<Network>,
    book: Arc<Book>,
    generation: u64,
}

/// What does not change when listeners are bound.
pub(crate) struct Book {
    pub(crate) quotas: Quotas,
    pub(crate) origins: Arc<Origins>,
    pub(crate) trunks: Vec<TrunkPlan>,
    pub(crate) routes: Vec<RoutePlan>,
    pub(crate) index: Index,
    /// What profiles say, for explanations.
    pub(crate) profiles: Profiles,
    /// Realms whose requests an app answers whatever the routes say: the embedded recording server.
    pub(crate) apps: Vec<(RealmId, Arc<AppPlan>)>,
}

/// A trunk.
pub(crate) struct TrunkPlan {
    pub(crate) name: Arc<str>,
    pub(crate) realm: RealmId,
    /// By priority, the first first.
    pub(crate) targets: Vec<Listed>,
    pub(crate) udp_max: UdpMax,
    pub(crate) quota: Quota,
}

/// A profile, with what it has from its parents.
pub(crate) struct ProfilePlan {
    pub(crate) name: Arc<str>,
    pub(crate) relay: bool,
    pub(crate) latch: Latch,
    pub(crate) codecs: Option<Arc<CodecPolicy>>,
    pub(crate) rules: Option<Arc<HeaderRules>>,
    pub(crate) header_pass: HeaderPass,
    pub(crate) reply_codes: ReplyCodes,
    pub(crate) request_uri: Option<Template>,
    pub(crate) transparent_ids: bool,
    pub(crate) recorders: Vec<Arc<dyn SideLegFactory>>,
    pub(crate) modules: Vec<Arc<dyn ModuleFactory>>,
}

/// A route.
pub(crate) struct RoutePlan {
    pub(crate) name: Arc<str>,
    pub(crate) from: From,
    pub(crate) when: When,
    pub(crate) action: ActionPlan,
    pub(crate) profile: Arc<ProfilePlan>,
    pub(crate) ring_timeout: Duration,
    pub(crate) failover: FailoverCodes,
    pub(crate) redirect: Redirect,
}

/// What a route does.
pub(crate) enum ActionPlan {
    Refuse(Refusal),
    /// An app, with its name.
    App(Box<str>, Arc<AppPlan>),
    To(Vec<DestinationPlan>),
}

/// A target that a route may go to, and whether it can.
#[derive(Clone, Copy)]
pub(crate) struct Considered<'c> {
    /// The trunk, with the target's place in it; nothing for the request's own URI.
    pub(crate) of_trunk: Option<(&'c TrunkPlan, &'c Listed)>,
    pub(crate) plan: Result<&'c TargetPlan, &'c Refusal>,
}

/// Hears of each target that is considered, in order. Live calls tell nobody.
pub(crate) type Watch<'w> = &'w mut dyn FnMut(Considered<'_>);

/// Where a route goes.
#[derive(Clone, Copy)]
pub(crate) enum DestinationPlan {
    Trunk(TrunkId),
    RequestUri(RealmId),
}

impl Engine {
    pub(crate) fn new(network: Arc<Network>, book: Arc<Book>) -> Self {
        Self {
            network,
            book,
            generation: 0,
        }
    }

    /// The same rules, as the configuration of this number.
    #[must_use]
    pub fn of_generation(self, generation: u64) -> Self {
        Self { generation, ..self }
    }

    /// The same rules over a network whose listeners and realms are in the same order: after
    /// binding has chosen ports.
    ///
    /// # Panics
    /// Where `network` has another number of listeners or realms.
    #[must_use]
    pub fn with_network(&self, network: Arc<Network>) -> Self {
        assert_eq!(network.listeners.len(), self.network.listeners.len());
        assert_eq!(network.realms.len(), self.network.realms.len());
        Self {
            network,
            book: Arc::clone(&self.book),
            generation: self.generation,
        }
    }

    /// The same rules after listeners were bound: `addresses` are the local ones, in the order of
    /// the network's listeners. An advertised port of zero becomes the bound one.
    ///
    /// # Panics
    /// Where `addresses` has another length than the network's listeners.
    #[must_use]
    pub fn bound(&self, addresses: &[SocketAddr]) -> Self {
        assert_eq!(addresses.len(), self.network.listeners.len());
        let mut network = Network::clone(&self.network);
        for (listener, address) in network.listeners.iter_mut().zip(addresses) {
            listener.bind = *address;
            if listener.advertise.port() == 0 {
                listener.advertise.set_port(address.port());
            }
        }
        self.with_network(Arc::new(network))
    }

    /// The first route that is for this request.
    fn select(&self, located: &Located<'_>, facts: &Facts<'_>) -> Option<&RoutePlan> {
        let is_stranger = self.is_stranger(located);
        self.book
            .index
            .candidates(located, is_stranger, facts)
            .map(|n| &self.book.routes[n as usize])
            .find(|route| condition::holds(&route.when, facts))
    }

    /// Whether a request is of no trunk and from a realm that is not trusted.
    pub(crate) fn is_stranger(&self, located: &Located<'_>) -> bool {
        located.trunk.is_none() && self.network.realm(located.realm).trust == Trust::None
    }

    fn connect<'f>(
        &'f self,
        route: &RoutePlan,
        destinations: &[DestinationPlan],
        located: &Located<'_>,
        facts: &mut Facts<'f>,
        entropy: &mut Entropy,
        watch: Watch<'_>,
    ) -> CallPlan {
        let mut targets = Vec::new();
        let mut refusal = None;
        let mut take = |of_trunk, target: Result<TargetPlan, Refusal>| {
            let plan = target.as_ref();
            watch(Considered { of_trunk, plan });
            match target {
                Ok(target) => targets.push(target),
                Err(why) => refusal = refusal.take().or(Some(why)),
            }
        };
        for destination in destinations {
            match *destination {
                DestinationPlan::Trunk(id) => {
                    let trunk = &self.book.trunks[id.0];
                    facts.target = Some(&trunk.name);
                    for listed in order::ordered(&trunk.targets, entropy) {
                        let target = self.trunk_target(route, trunk, listed, facts);
                        take(Some((trunk, listed)), target);
                    }
                }
                DestinationPlan::RequestUri(realm) => {
                    facts.target = None;
                    take(None, self.request_uri_target(route, realm, located, facts));
                }
            }
        }
        if targets.is_empty() {
            let no_target = || refuse(StatusCode::of(404), "", &route.name);
            return CallPlan::Refuse(refusal.unwrap_or_else(no_target));
        }
        let profile = &route.profile;
        CallPlan::Connect(Arc::new(Connect {
            trunk: located
                .trunk
                .map(|t| Arc::clone(&self.book.trunks[t.0].name)),
            udp_max: located
                .trunk
                .map_or_else(UdpMax::default, |t| self.book.trunks[t.0].udp_max),
            route: Arc::clone(&route.name),
            profile: Arc::clone(&profile.name),
            targets,
            relay: profile.relay,
            latch: profile.latch,
            codecs: profile.codecs.clone(),
            rules: profile.rules.clone().map(|r| r as Arc<dyn MessageRules>),
            header_pass: profile.header_pass.clone(),
            reply_codes: profile.reply_codes.clone(),
            recorders: profile.recorders.clone(),
            modules: profile.modules.clone(),
            ring_timeout: route.ring_timeout,
            failover: route.failover,
            redirect: route.redirect,
            transparent_ids: profile.transparent_ids,
        }))
    }

    fn trunk_target(
        &self,
        route: &RoutePlan,
        trunk: &TrunkPlan,
        listed: &Listed,
        facts: &Facts<'_>,
    ) -> Result<TargetPlan, Refusal> {
        let incoming = request_uri(facts, route)?;
        let (uri, target) = (&listed.uri.0, listed.target.clone());
        let plain = || outgoing::request_uri(incoming, uri);
        self.target_plan(route, trunk.realm, uri, target, facts, plain)
            .map(|plan| TargetPlan {
                trunk: Some(Arc::clone(&trunk.name)),
                quota: Some(trunk.quota.clone()),
                udp_max: trunk.udp_max,
                ..plan
            })
    }

    fn request_uri_target(
        &self,
        route: &RoutePlan,
        realm: RealmId,
        located: &Located<'_>,
        facts: &Facts<'_>,
    ) -> Result<TargetPlan, Refusal> {
        if self.network.realm(located.realm).trust == Trust::None {
            return Err(refuse(StatusCode::of(403), "", &route.name));
        }
        let uri = request_uri(facts, route)?;
        let not_found = || refuse(StatusCode::of(404), "", &route.name);
        let target = target(uri, Transport::Udp).ok_or_else(not_found)?;
        if addresses(&target).is_some_and(|address| self.network.is_ours(address)) {
            return Err(not_found());
        }
        self.target_plan(route, realm, uri, target, facts, || uri.clone())
    }

    fn target_plan(
        &self,
        route: &RoutePlan,
        realm: RealmId,
        uri: &Uri,
        target: Target,
        facts: &Facts<'_>,
        plain: impl FnOnce() -> Uri,
    ) -> Result<TargetPlan, Refusal> {
        let Some(sender) = sender(&self.network, realm, &target) else {
            let reason = "No Way To The Target";
            return Err(refuse(StatusCode::of(503), reason, &route.name));
        };
        let ours = self.network.listener(sender).advertise.ip();
        let malformed = || refuse(StatusCode::of(400), "", &route.name);
        let request_uri = match &route.profile.request_uri {
            Some(template) => render_uri(template, facts, route)?,
            None => plain(),
        };
        Ok(TargetPlan {
            trunk: None,
            quota: None,
            realm,
            target,
            udp_max: UdpMax::default(),
            request_uri,
            from: outgoing::from(facts.from().ok_or_else(malformed)?, ours),
            to: outgoing::to(facts.to().ok_or_else(malformed)?, uri),
            redirected: false,
        })
    }
}

/// The Request-URI of a request, of a scheme that can be sent on.
fn request_uri<'f>(facts: &'f Facts<'_>, route: &RoutePlan) -> Result<&'f Uri, Refusal> {
    match facts.ruri() {
        Some(uri) if matches!(uri.scheme, Scheme::Sip | Scheme::Tel) => Ok(uri),
        Some(_) => Err(refuse(StatusCode::of(416), "", &route.name)),
        None => Err(refuse(StatusCode::of(400), "", &route.name)),
    }
}

/// What `request_uri` of a profile makes; 484 where that is no URI: something in it was empty.
fn render_uri(template: &Template, facts: &Facts<'_>, route: &RoutePlan) -> Result<Uri, Refusal> {
    let text = template.render(facts).map_err(|error| {
        tracing::warn!(route = &*route.name, %error, "request_uri cannot be rendered");
        refuse(StatusCode::of(500), "", &route.name)
    })?;
    Uri::parse(&text)
        .ok()
        .filter(|uri| matches!(uri.scheme, Scheme::Sip | Scheme::Tel))
        .ok_or_else(|| refuse(StatusCode::of(484), "", &route.name))
}

fn refuse(status: StatusCode, reason: &str, rule: &str) -> Refusal {
    Refusal {
        status,
        reason: reason.into(),
        rule: rule.into(),
    }
}

impl PolicyEngine for Engine {
    fn network(&self) -> &Arc<Network> {
        &self.network
    }

    fn generation(&self) -> u64 {
        self.generation
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }

    fn quotas(&self) -> &Quotas {
        &self.book.quotas
    }

    fn origin(&self, request: &RequestFacts<'_>) -> Option<&Quota> {
        let trunk = self.book.origins.locate(request.flow).trunk?;
        Some(&self.book.trunks[trunk.0].quota)
    }

    fn plan(&self, request: &RequestFacts<'_>, entropy: &mut Entropy) -> CallPlan {
        self.decide(request, entropy, &mut |_| ())
    }
}

impl Engine {
    pub(crate) fn book(&self) -> &Book {
        &self.book
    }

    /// The plan for a request; `watch` hears of the targets.
    pub(crate) fn decide(
        &self,
        request: &RequestFacts<'_>,
        entropy: &mut Entropy,
        watch: Watch<'_>,
    ) -> CallPlan {
        let located = self.book.origins.locate(request.flow);
        if let Some((_, app)) = self.book.apps.iter().find(|(r, _)| *r == located.realm) {
            return CallPlan::App(Arc::clone(app));
        }
        let mut facts = Facts::new(*request, located.origin);
        let Some(route) = self.select(&located, &facts) else {
            let realm = self.network.realm(located.realm);
            // A stranger learns nothing about which numbers exist.
            let status = match (located.trunk, realm.trust) {
                (None, Trust::None) => StatusCode::of(403),
                _ => StatusCode::of(404),
            };
            return CallPlan::Refuse(refuse(status, "", "no route"));
        };
        match &route.action {
            ActionPlan::Refuse(refusal) => CallPlan::Refuse(refusal.clone()),
            ActionPlan::App(_, app) => CallPlan::App(Arc::clone(app)),
            ActionPlan::To(to) => self.connect(route, to, &located, &mut facts, entropy, watch),
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("network", &self.network)
            .field("routes", &self.book.routes.len())
            .finish_non_exhaustive()
    }
}
