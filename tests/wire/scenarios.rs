//! Every flow that sipp can speak, with the scenario files of `tests/wire/scenarios` at both ends
//! and the SBC between them, over UDP and over TCP.
//!
//! A scenario checks what it hears: a message that it does not expect, or an `ereg` that does not
//! hold, fails its call, and sipp ends with another code than 0. `scenarios/README.md` says how to
//! run one by hand.

use crate::border::{Border, CALLEE, CALLER, Setup};
use crate::peers::kamailio::Kamailio;
use crate::peers::plain::Plain;
use crate::peers::ports::block;
use crate::peers::program;
use crate::peers::sipp::Sipp;
use sbc_core::transport::Transport;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

/// What plays at both ends.
struct Flow {
    /// The caller's file, without `.xml`; behind it further arguments of sipp.
    caller: &'static str,
    /// The same of each callee, in the order of the targets.
    callees: &'static [&'static str],
    /// How many calls a callee takes for one of the caller's.
    calls: u32,
    /// Keys of the route, as [`Setup::route_keys`].
    route: &'static str,
}

/// Calls of each flow.
const CALLS: u32 = 5;
/// Every wait of sipp has an end.
const BOUNDS: [&str; 5] = ["-recv_timeout", "40000", "-timeout", "60", "-timeout_error"];
/// Above the 32 s that a missing ACK takes.
const PATIENCE: Duration = Duration::from_secs(60);

const fn flow(caller: &'static str, callees: &'static [&'static str]) -> Flow {
    Flow {
        caller,
        callees,
        calls: 1,
        route: "",
    }
}

const fn routed(
    caller: &'static str,
    callees: &'static [&'static str],
    route: &'static str,
) -> Flow {
    Flow {
        route,
        ..flow(caller, callees)
    }
}

/// One test of each flow and transport; the name of the flow is a sentence.
macro_rules! flows {
    ($($name:ident: $flow:expr;)*) => {$(
        mod $name {
            use super::*;

            const FLOW: Flow = $flow;

            #[test]
            fn over_udp() {
                play(&FLOW, "u1", "u1");
            }

            #[test]
            fn over_tcp() {
                play(&FLOW, "t1", "t1");
            }
        }
    )*};
}

flows! {
    the_caller_hangs_up: flow("caller-hangs-up", &["callee-answers"]);
    the_callee_hangs_up: flow("caller-waits-for-bye", &["callee-hangs-up"]);
    early_media_and_the_answer_behind_it:
        flow("caller-hears-early-media", &["callee-plays-early-media"]);
    a_late_offer_and_a_late_offer_again: flow("caller-offers-late", &["callee-offers"]);
    the_caller_holds_in_all_spellings: flow("caller-holds", &["callee-is-held"]);
    the_callee_holds_in_all_spellings: flow("caller-is-held", &["callee-holds"]);
    info_and_update_from_either_side:
        flow("caller-informs-and-updates", &["callee-informs-and-updates"]);
    the_caller_cancels_while_it_rings: flow("caller-cancels", &["callee-is-cancelled"]);
    a_cancel_crosses_the_answer: flow("caller-cancels", &["callee-answers-a-cancel"]);
    the_answer_is_repeated_until_its_ack:
        flow("caller-acknowledges-late -nr", &["callee-answers"]);
    an_answer_again_gets_its_ack_again:
        flow("caller-hangs-up", &["callee-repeats-its-answer -nr"]);
    an_offer_of_the_callee_crosses_the_callers:
        flow("caller-offers", &["callee-offers-meanwhile"]);
    an_offer_of_the_caller_crosses_the_callees:
        flow("caller-offers-meanwhile", &["callee-reinvites"]);
    a_refused_offer_changes_nothing:
        flow("caller-is-refused-an-offer", &["callee-refuses-offers"]);
    the_next_target_answers_after_a_503:
        flow("caller-hears-one-answer", &["callee-out-of-order", "callee-answers"]);
    the_next_target_answers_after_silence: routed(
        "caller-hangs-up",
        &["callee-wakes-up-late", "callee-answers"],
        ", ring_timeout: 1s",
    );
    the_next_target_answers_after_long_ringing: routed(
        "caller-hears-one-answer",
        &["callee-rings-on", "callee-answers"],
        ", ring_timeout: 1s",
    );
    a_redirection_is_followed: routed(
        "caller-hangs-up",
        &["callee-has-moved", "callee-answers"],
        ", redirect: follow",
    );
    a_redirection_is_passed_on: routed(
        "caller-is-redirected",
        &["callee-has-moved -key elsewhere 192.0.2.7:5070"],
        ", redirect: pass",
    );
    refusals_of_each_class_are_passed_on:
        Flow { calls: 12, ..flow("caller-is-refused", &["callee-refuses"]) };
    what_we_cannot_do_is_refused_by_us: flow("caller-asks-too-much", &[]);
    an_invite_that_comes_by_two_ways_is_one_call:
        flow("caller-by-two-ways", &["callee-rings-later"]);
    a_caller_behind_nat_is_reached:
        flow("caller-behind-nat", &["callee-hangs-up"]);
}

fn play(flow: &Flow, caller: &str, callee: &str) {
    let Some(sipp) = program("sipp") else { return };
    Play::new(&sipp).run(flow, [caller, callee]);
}

/// A proxy on one side.
#[derive(Clone, Copy)]
enum Proxy<'a> {
    None,
    /// Kamailio, between the caller and the SBC.
    OfCaller(&'a Path),
    /// Kamailio, between the SBC and the callees, to all of which it sends each call at a time.
    OfCallees(&'a Path),
}

/// How flows are played.
#[derive(Clone, Copy)]
struct Play<'a> {
    sipp: &'a Path,
    /// Addresses of caller and callee.
    ends: [IpAddr; 2],
    yaml: fn(&Setup) -> String,
    proxy: Proxy<'a>,
}

impl<'a> Play<'a> {
    fn new(sipp: &'a Path) -> Self {
        Self {
            sipp,
            ends: [CALLER.into(), CALLEE.into()],
            yaml: Setup::yaml,
            proxy: Proxy::None,
        }
    }

    /// Plays it with sipp's transports of caller and callee.
    fn run(&self, flow: &Flow, modes: [&str; 2]) {
        let callees = self.callees(flow, modes[1]);
        let mut nobody = match transport(modes[1]) {
            Transport::Tcp => Plain::tcp_listening(CALLEE, "nobody"),
            _ => Plain::udp(CALLEE, "nobody"),
        };
        let mut proxies = Vec::new();
        let mut uris: Vec<String> = callees.iter().map(|c| uri(c.sip, modes[1])).collect();
        if uris.is_empty() {
            uris.push(uri(nobody.sip, modes[1]));
        }
        if let Proxy::OfCallees(kamailio) = self.proxy {
            let here = SocketAddr::new(self.ends[1], block(2));
            proxies.push(Kamailio::start(kamailio, here, &uris));
            uris = vec![uri(here, modes[1])];
        }
        let border = self.border(flow, &uris);
        let mut at = border.outside(transport(modes[0]));
        if let Proxy::OfCaller(kamailio) = self.proxy {
            let here = SocketAddr::new(self.ends[0], block(2));
            proxies.push(Kamailio::start(kamailio, here, &[uri(at, modes[0])]));
            at = here;
        }
        self.call(flow, modes[0], at, &callees);
        for mut callee in callees {
            let ended = callee.wait(PATIENCE);
            ended.unwrap_or_else(|complaint| panic!("the callee:\n{complaint}"));
        }
        border.until_nothing_is_left();
        let begun = f64::from(CALLS * flow.calls);
        assert_eq!(border.metric("sbc_calls_started_total"), begun);
        assert_eq!(border.metric("sbc_calls_ended_total"), begun);
        nobody.patience(Duration::from_millis(1));
        let is_tcp = transport(modes[1]) == Transport::Tcp;
        assert!(
            !is_tcp || !nobody.is_called(),
            "a call where none was to be"
        );
        assert!(
            is_tcp || nobody.next().is_none(),
            "a call where none was to be"
        );
    }

    fn border(&self, flow: &Flow, targets: &[String]) -> Border {
        // As `Setup` wants several: with `", "` between.
        let mut setup = Setup::to(targets.join("\", \""));
        flow.route.clone_into(&mut setup.route_keys);
        let api = "observe: { api: \"127.0.0.1:0\", metrics: \"127.0.0.1:0\" }\n";
        Border::from_yaml(&format!("{}{api}", (self.yaml)(&setup)))
    }

    /// Every call of the caller's, to its end.
    fn call(&self, flow: &Flow, mode: &str, at: SocketAddr, callees: &[Sipp]) {
        let (at, count) = (at.to_string(), CALLS.to_string());
        let arguments = [&at, "-s", "4930123456", "-m", &count, "-r", "20"];
        let (file, more) = part(flow.caller);
        let arguments = [&arguments[..], &BOUNDS, &more].concat();
        let mut caller = Sipp::calling(self.sipp, self.ends[0], mode, &file, &arguments);
        if let Err(complaint) = caller.wait(PATIENCE) {
            let heard: String = callees.iter().map(Sipp::messages).collect();
            panic!("the caller:\n{complaint}\n\nthe callees:\n{heard}");
        }
    }

    /// The last target first: the one before may send calls to it.
    fn callees(&self, flow: &Flow, mode: &str) -> Vec<Sipp> {
        let count = (CALLS * flow.calls).to_string();
        let mut callees: Vec<Sipp> = Vec::new();
        for callee in flow.callees.iter().rev() {
            let (file, more) = part(callee);
            let last = callees.first().map(|callee| callee.sip.to_string());
            let elsewhere = last.iter().flat_map(|at| ["-key", "elsewhere", at]);
            let arguments = ["-m", &count].into_iter().chain(BOUNDS).chain(elsewhere);
            let arguments: Vec<&str> = arguments.chain(more).collect();
            let sipp = Sipp::answering(self.sipp, self.ends[1], mode, &file, &arguments);
            callees.insert(0, sipp);
        }
        callees
    }
}

/// The file and the arguments behind its name.
fn part(text: &'static str) -> (String, Vec<&'static str>) {
    let mut words = text.split(' ');
    let file = format!("{}.xml", words.next().unwrap_or_default());
    (file, words.collect())
}

fn uri(at: SocketAddr, mode: &str) -> String {
    let transport = transport(mode).to_string().to_lowercase();
    format!("sip:{at};transport={transport}")
}

fn transport(mode: &str) -> Transport {
    match mode {
        "u1" => Transport::Udp,
        _ => Transport::Tcp,
    }
}

/// Over both transports at a time: what ends with a timer of 32 s.
fn play_slow(flow: &Flow) {
    if program("sipp").is_none() {
        return;
    }
    std::thread::scope(|scope| {
        scope.spawn(|| play(flow, "u1", "u1"));
        scope.spawn(|| play(flow, "t1", "t1"));
    });
}

#[test]
fn without_an_ack_the_call_ends_over_udp_and_tcp() {
    play_slow(&flow("caller-never-acknowledges -nr", &["callee-answers"]));
}

#[test]
fn a_callee_forks_over_udp_and_tcp() {
    play_slow(&flow("caller-hears-forks", &["callee-forks"]));
}

#[test]
fn the_configuration_to_play_them_by_hand_loads() {
    let loaded = policies::Loaded::from_text("sbc.yaml", include_str!("scenarios/sbc.yaml"));
    let compiled = loaded.and_then(|loaded| loaded.compile(&sbc::Modules::default()));
    compiled
        .map(drop)
        .unwrap_or_else(|errors| panic!("{errors}"));
}

/// Both sides of the border on `::1`, with media ports of their own.
#[test]
fn a_call_over_ipv6_on_both_legs() {
    let Some(sipp) = program("sipp") else { return };
    let here = IpAddr::from(Ipv6Addr::LOCALHOST);
    fn yaml(setup: &Setup) -> String {
        let yaml = setup.yaml();
        let yaml = yaml.replace("127.1.0.1", "::1").replace("127.2.0.1", "::1");
        let yaml = yaml
            .replace("\"::1:0", "\"[::1]:0")
            .replace("127.1.0.2", "\"::1\"");
        let yaml = yaml.replace("bind: ::1", "bind: \"::1\"");
        yaml.replace("sip:\"::1\":9", "sip:[::1]:9")
            .replacen("2048-11999", "2048-6999", 1)
            .replacen("2048-11999", "7000-11999", 1)
    }
    let ends = [here, here];
    let play = Play {
        ends,
        yaml,
        ..Play::new(&sipp)
    };
    for mode in ["u1", "t1"] {
        play.run(&flow("caller-hangs-up", &["callee-answers"]), [mode, mode]);
    }
}

/// sipp opens a connection for each call, at the caller's end and at the callee's.
#[test]
fn calls_of_a_connection_each() {
    let Some(sipp) = program("sipp") else { return };
    for flow in [
        flow("caller-hangs-up", &["callee-answers"]),
        flow("caller-waits-for-bye", &["callee-hangs-up"]),
        flow("caller-cancels", &["callee-is-cancelled"]),
    ] {
        for modes in [["tn", "t1"], ["tn", "u1"], ["u1", "tn"]] {
            Play::new(&sipp).run(&flow, modes);
        }
    }
}

/// What is played with kamailio on one side: either end hangs up, offers inside the call from
/// either end, CANCEL.
const PROXIED: [Flow; 5] = [
    flow("caller-hangs-up", &["callee-answers"]),
    flow("caller-waits-for-bye", &["callee-hangs-up"]),
    flow("caller-holds", &["callee-is-held"]),
    flow("caller-is-held", &["callee-holds"]),
    flow("caller-cancels", &["callee-is-cancelled"]),
];

fn with_kamailio(mode: &str, place: fn(&Path) -> Proxy<'_>, flows: &[Flow]) {
    let (Some(sipp), Some(kamailio)) = (program("sipp"), program("kamailio")) else {
        return;
    };
    let proxy = place(&kamailio);
    for flow in flows {
        Play {
            proxy,
            ..Play::new(&sipp)
        }
        .run(flow, [mode, mode]);
    }
}

#[test]
fn calls_come_through_kamailio_over_udp() {
    with_kamailio("u1", |path| Proxy::OfCaller(path), &PROXIED);
}

#[test]
fn calls_come_through_kamailio_over_tcp() {
    with_kamailio("t1", |path| Proxy::OfCaller(path), &PROXIED);
}

#[test]
fn calls_go_through_kamailio_over_udp() {
    with_kamailio("u1", |path| Proxy::OfCallees(path), &PROXIED);
}

#[test]
fn calls_go_through_kamailio_over_tcp() {
    with_kamailio("t1", |path| Proxy::OfCallees(path), &PROXIED);
}

/// One phone rings, then the other, which answers; kamailio cancels the first.
#[test]
fn kamailio_forks_to_two_phones_of_which_one_answers() {
    let callees = &["callee-is-cancelled", "callee-rings-later"];
    let flows = [flow("caller-hears-one-answer", callees)];
    if program("sipp").is_none() || program("kamailio").is_none() {
        return;
    }
    std::thread::scope(|scope| {
        for mode in ["u1", "t1"] {
            let flows = &flows;
            scope.spawn(move || with_kamailio(mode, |path| Proxy::OfCallees(path), flows));
        }
    });
}
