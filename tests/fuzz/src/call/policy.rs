//! Where the calls of an input go: what its first and its last byte choose.

use sbc_core::b2bua::plan::Redirect;
use sbc_core::net::RealmId;
use sbc_core::ports::{CallHooks, ModuleFactory, RecorderPlan};
use sbc_core::sip::Uri;
use sbc_core::testing::{self, Fixed};
use sbc_core::transport::Transport;
use siprec::SiprecRecorder;
use std::sync::Arc;
use std::time::Duration;

/// Realms outside (0), inside (1) and of recorders (2), and where calls go.
pub(super) fn policy(choice: u8, peculiar: u8) -> Fixed {
    let transport = if choice & 1 == 0 {
        Transport::Udp
    } else {
        Transport::Tcp
    };
    let host = if choice & 2 == 0 {
        "10.0.0.20"
    } else {
        "pbx.example.com"
    };
    let mut route = testing::Route::to(1, host, transport);
    if choice & 4 != 0 {
        route = route.or_to(1, "10.0.0.21", Transport::Udp);
    }
    if choice & 8 != 0 {
        route = route.recorded_by(Arc::new(recorder()));
    }
    if choice & 16 != 0 {
        route = route.asking(Arc::new(Module));
    }
    if choice & 32 != 0 {
        route = route.without_relay();
    }
    if peculiar & 2 != 0 {
        route = route.redirected(Redirect::Follow);
    }
    if peculiar & 4 != 0 {
        route = route.redirected(Redirect::Pass);
    }
    let trusted = |policy: Fixed| match peculiar & 8 {
        0 => policy,
        _ => policy.trusted(),
    };
    let scarce = |policy: Fixed| match peculiar & 16 {
        0 => policy,
        _ => policy.media_ports(u16::from(peculiar >> 5)),
    };
    let mut policy = trusted(Fixed::new().realm("outside", "198.51.100.1"));
    policy = scarce(trusted(policy.realm("inside", "10.0.0.1")));
    policy = policy.realm("recording", "10.9.0.1");
    if choice & 64 != 0 {
        let echo = apps::build("echo").expect("the app is there");
        return policy.otherwise_app(echo);
    }
    policy.otherwise(route)
}

fn recorder() -> SiprecRecorder {
    let srs = ["sip:rec@10.9.0.51", "sip:rec@10.9.0.52;transport=udp"];
    SiprecRecorder::new(RecorderPlan {
        name: "main".into(),
        srs: srs.map(|uri| Uri::parse(uri).expect("a URI")).into(),
        timeout: Duration::from_secs(2),
        skip_failover_codes: None,
        realm: RealmId(2),
    })
    .expect("a plan")
}

/// A module whose verdict the input gives.
#[derive(Debug)]
struct Module;

impl ModuleFactory for Module {
    fn name(&self) -> &str {
        "fuzz"
    }

    fn open(&self) -> Box<dyn CallHooks> {
        Box::new(Silent)
    }
}

#[derive(Debug)]
struct Silent;

impl CallHooks for Silent {}
