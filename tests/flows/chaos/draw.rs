//! What a world is made of, drawn.

use super::others::{Answers, Module};
use super::world::{CAROL, ERIN, FRED, NAMED, NOBODY, RECORDERS, SECOND_SBC};
use crate::recorder::plan;
use crate::world::{ALICE, BOB, INSIDE, millis, secs};
use sbc_core::Entropy;
use sbc_core::b2bua::plan::{FailoverCodes, Redirect};
use sbc_core::ports::{Effect, Verdict};
use sbc_core::quota::Limits;
use sbc_core::sip::StatusCode;
use sbc_core::testing::{Act, Answering, Fixed, Link, Placed, Renewal, Route, Say, Spelling};
use sbc_core::transport::Transport;
use std::sync::Arc;
use std::time::Duration;

/// One of these.
pub(super) fn pick<T: Copy>(dice: &mut Entropy, of: &[T]) -> T {
    of[usize::try_from(dice.below(of.len() as u64)).unwrap_or(0)]
}

pub(super) fn link(dice: &mut Entropy) -> Link {
    if dice.chance(0.3) {
        return Link::GOOD;
    }
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let mut up_to = |percent: u64| dice.below(percent + 1) as f64 / 100.0;
    let (loss, twice) = (up_to(10), up_to(20));
    Link {
        delay: millis(5 + dice.below(60)),
        jitter: millis(dice.below(150)),
        loss,
        twice,
    }
}

fn transport(dice: &mut Entropy) -> Transport {
    if dice.chance(0.4) {
        Transport::Tcp
    } else {
        Transport::Udp
    }
}

/// Where calls to the user with this number go: also as it is called behind the second SBC.
pub(super) fn way(dice: &mut Entropy, policy: Fixed, n: u64) -> Fixed {
    let user = format!("u{n}");
    match dice.below(40) {
        0 => policy.refuse(&user, 403),
        1 | 2 => policy.app(&user, Arc::new(app(dice))),
        _ => {
            let around = Route::to(1, BOB, transport(dice));
            let route = route(dice, n);
            policy
                .route(&user, route)
                .route(&format!("around{n}"), around)
        }
    }
}

/// Trunks on both sides, with few places each.
pub(super) fn trunks(dice: &mut Entropy, policy: Fixed) -> Fixed {
    let mut limits = || Limits {
        calls: dice.chance(0.7).then(|| 1 + small(dice, 6)),
        cps: dice.chance(0.3).then(|| 1 + small(dice, 2)),
        ..Limits::default()
    };
    policy
        .trunk("pbx", 0, &[ALICE, "10.1.0.11"], limits())
        .trunk("carrier", 1, &[BOB, CAROL, NAMED], limits())
        .trunk("transit", 1, &[SECOND_SBC.0], limits())
}

fn small(dice: &mut Entropy, below: u64) -> u32 {
    u32::try_from(dice.below(below)).unwrap_or(0)
}

fn app(dice: &mut Entropy) -> Answers {
    Answers {
        after: if dice.chance(0.3) {
            Duration::ZERO
        } else {
            dice.between(Duration::ZERO, secs(5))
        },
        status: pick(dice, &[200, 200, 200, 200, 603]),
        hang_up_after: dice.between(Duration::ZERO, secs(90)),
    }
}

fn route(dice: &mut Entropy, n: u64) -> Route {
    let mut hosts = vec![BOB, CAROL, SECOND_SBC.0, SECOND_SBC.0, NAMED];
    if dice.chance(0.1) {
        hosts = vec![NOBODY, ERIN, FRED];
    }
    let first = pick(dice, &hosts);
    let mut route = Route::to(1, first, transport(dice));
    while dice.chance(0.3) {
        let next = pick(dice, &[BOB, CAROL, SECOND_SBC.0, NAMED]);
        route = route.or_to(1, next, transport(dice));
    }
    // The second SBC sends these on to a third, and back to the first.
    match dice.below(10) {
        0..3 => route = route.calling(&format!("third{n}")),
        3..5 => route = route.calling(&format!("around{n}")),
        _ => {}
    }
    if dice.chance(0.4) {
        let transport = transport(dice);
        let uris = RECORDERS.map(|ip| format!("sip:rec@{ip};transport={transport}"));
        let timeout = millis(500 + dice.below(5000));
        route = route.recorded_by(Arc::new(plan(&[&uris[0], &uris[1]], timeout)));
    }
    if dice.chance(0.2) {
        route = route.asking(Arc::new(Module(verdict(dice))));
    }
    if dice.chance(0.2) {
        route = route.going_on_after(FailoverCodes::NONE.with(300, 699));
    }
    if dice.chance(0.15) {
        route = route.with_transparent_ids();
    }
    route
        .redirected(pick(dice, &[Redirect::Follow, Redirect::PassIfTrusted]))
        .ringing(secs(10 + dice.below(60)))
}

fn verdict(dice: &mut Entropy) -> Verdict {
    match dice.below(10) {
        0..2 => Verdict::Refuse(StatusCode::of(403), "Not Today".into()),
        2..6 => Verdict::Continue(vec![Effect::EndAfter(
            dice.between(Duration::ZERO, secs(20)),
        )]),
        _ => Verdict::Continue(Vec::new()),
    }
}

pub(super) fn call(dice: &mut Entropy, n: u64) -> Placed {
    let mut call = Placed::to(&format!("u{n}"), INSIDE);
    call.transport = transport(dice);
    call.offers = dice.chance(0.85);
    call.acks = dice.chance(0.97);
    // Nobody waits for ever.
    call.hang_up_after = Some(dice.between(Duration::ZERO, secs(60)));
    call.cancel_after = Some(if dice.chance(0.3) {
        dice.between(Duration::ZERO, secs(6))
    } else {
        secs(100)
    });
    call.cancels_by_bye = dice.chance(0.1);
    call.max_forwards = match dice.below(50) {
        0 => 0,
        1..3 => u32::try_from(dice.below(5)).unwrap_or(1),
        _ => 70,
    };
    call.acts = acts(dice);
    call.renewal = renewal(dice);
    call
}

/// What a phone does in a call that is up.
fn acts(dice: &mut Entropy) -> Vec<(Duration, Act)> {
    let mut acts = Vec::new();
    while dice.chance(0.4) {
        acts.push((dice.between(Duration::ZERO, secs(15)), act(dice)));
    }
    acts
}

pub(super) fn act(dice: &mut Entropy) -> Act {
    let spelling = pick(dice, &Spelling::ALL);
    match dice.below(12) {
        0..4 => Act::Invite(spelling),
        4..6 => Act::Update(spelling),
        6 | 7 => Act::Ask,
        8 => Act::InviteAndCancel(spelling),
        9 | 10 => Act::Info,
        _ => Act::Other(pick(dice, &["OPTIONS", "MESSAGE", "UPDATE"])),
    }
}

fn renewal(dice: &mut Entropy) -> Renewal {
    let after = match dice.below(10) {
        0..6 => Duration::ZERO,
        6..9 => dice.between(Duration::ZERO, secs(10)),
        _ => dice.between(secs(10), secs(25)),
    };
    let status = if dice.chance(0.85) {
        200
    } else {
        pick(dice, &[488, 500, 403, 603])
    };
    Renewal { after, status }
}

/// How a phone takes a call to the user with this number, or a recorder any call.
pub(super) fn answering(dice: &mut Entropy, user: Option<u64>) -> Answering {
    let mut steps = Vec::new();
    let forks = 1 + usize::from(dice.chance(0.15)) + usize::from(dice.chance(0.1));
    for fork in 0..forks {
        for _ in 0..dice.below(3) {
            let say = match dice.below(4) {
                0 => Say::status(100),
                1 => Say::with_sdp(183),
                _ => Say::status(180),
            };
            steps.push((dice.below(1500), say.by_fork(fork)));
        }
    }
    let last = usize::try_from(dice.below(forks as u64)).unwrap_or(0);
    match dice.below(40) {
        0..2 => return Answering::silent(),
        2..12 => {
            let refusal = pick(dice, &[300, 404, 408, 480, 486, 500, 503, 603]);
            steps.push((dice.below(3000), Say::status(refusal)));
        }
        12 => {
            let say = match user {
                Some(user) => elsewhere(dice, user),
                // What a recorder must not say.
                None => Say::status(200),
            };
            steps.push((dice.below(3000), say));
        }
        _ => {
            steps.push((dice.below(5000), Say::with_sdp(200).by_fork(last)));
            if forks > 1 && dice.chance(0.3) {
                let other = (last + 1) % forks;
                steps.push((dice.below(200), Say::with_sdp(200).by_fork(other)));
            }
        }
    }
    let mut answering = Answering::with(&steps);
    answering.ignores_cancel = dice.chance(0.15);
    // The second is for a BYE that never comes.
    answering.hang_up_after = Some(if dice.chance(0.4) {
        dice.between(Duration::ZERO, secs(60))
    } else {
        secs(1000)
    });
    answering.acts = acts(dice);
    answering.renewal = renewal(dice);
    answering
}

/// A redirection.
fn elsewhere(dice: &mut Entropy, n: u64) -> Say {
    let mut say = Say::status(302);
    while dice.chance(0.6) {
        let host = pick(dice, &[BOB, CAROL, NAMED, NOBODY]);
        say = say.saying(&format!("Contact: <sip:u{n}@{host}>"));
    }
    say
}
