use super::*;

fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

fn quota(calls: Option<u32>, cps: Option<u32>) -> Quota {
    let limits = Limits {
        calls,
        cps,
        ..Limits::default()
    };
    Quota::new("carrier".into(), limits, Arc::default())
}

/// The same count under other limits, as after a reload.
fn reloaded(quota: &Quota, calls: Option<u32>, cps: Option<u32>) -> Quota {
    let limits = Limits {
        calls,
        cps,
        ..Limits::default()
    };
    Quota::new(Arc::clone(&quota.name), limits, Arc::clone(&quota.tally))
}

/// How many of `asked` calls may begin at a moment; they end at once.
fn taken(quota: &Quota, now: Instant, asked: usize) -> usize {
    let slots = std::iter::repeat_with(|| quota.take(now, Way::In));
    slots.take(asked).filter(Result::is_ok).count()
}

#[test]
fn so_many_calls_are_taken_in_both_directions_together_and_the_next_is_refused() {
    let quota = quota(Some(3), None);
    let slots = [Way::In, Way::Out, Way::In].map(|way| quota.take(at(0), way).unwrap());
    let full = quota.take(at(0), Way::Out).unwrap_err();
    assert_eq!(full.bound, Bound::Calls);
    assert_eq!(full.rule(), "limit of trunk carrier: calls");
    assert_eq!(
        quota.counts(),
        Counts {
            calls_in: 2,
            calls_out: 1,
            attempts_in: 2,
            attempts_out: 2,
            refused_calls: 1,
            refused_cps: 0,
        }
    );
    drop(slots);
    assert_eq!(quota.counts().calls(), 0);
}

#[test]
fn a_slot_that_is_given_back_can_be_taken_at_once() {
    let quota = quota(Some(1), None);
    for _ in 0..3 {
        let slot = quota.take(at(0), Way::Out).unwrap();
        assert!(quota.take(at(0), Way::Out).is_err());
        drop(slot);
    }
}

#[test]
fn a_call_that_is_refused_for_calls_costs_no_token() {
    let quota = quota(Some(1), Some(2));
    let slot = quota.take(at(0), Way::In).unwrap();
    assert_eq!(taken(&quota, at(0), 10), 0);
    drop(slot);
    assert_eq!(taken(&quota, at(0), 1), 1, "one token of two is left");
    assert_eq!(quota.take(at(0), Way::In).unwrap_err().bound, Bound::Cps);
}

#[test]
fn a_second_has_so_many_calls_and_the_burst_is_one_seconds_worth() {
    let quota = quota(None, Some(5));
    assert_eq!(taken(&quota, at(0), 9), 5);
    assert_eq!(taken(&quota, at(199), 9), 0);
    assert_eq!(taken(&quota, at(200), 9), 1);
    assert_eq!(taken(&quota, at(1000), 9), 4);
    assert_eq!(taken(&quota, at(1000), 9), 0);
    // However long nobody called.
    for idle in [3_000, 60_000, 1 << 40] {
        assert_eq!(taken(&quota, at(idle), 99), 5, "{idle}");
    }
    let end = Instant::from_nanos(u64::MAX);
    assert_eq!(taken(&quota, end, 99), 5);
    assert_eq!(taken(&quota, end, 99), 0);
}

#[test]
fn one_call_a_second_is_one_a_second() {
    let quota = quota(None, Some(1));
    let begun: usize = (0..100).map(|n| taken(&quota, at(n * 100), 2)).sum();
    assert_eq!(begun, 10);
}

#[test]
fn an_odd_rate_is_not_rounded() {
    for rate in [3, 7, 30, 999, 100_000] {
        let quota = quota(None, Some(rate));
        let mut begun = taken(&quota, at(0), rate as usize);
        // Steps that no rate fits, over ten seconds.
        let step = 777_777;
        let steps = 10 * TOKEN / step;
        for n in 1..=steps {
            begun += taken(&quota, Instant::from_nanos(n * step), 100);
        }
        let passed = u128::from(steps * step) * u128::from(rate) / u128::from(TOKEN);
        assert_eq!(begun as u128, u128::from(rate) + passed, "{rate}");
    }
}

#[test]
fn nothing_at_all_is_a_limit_too() {
    for none in [quota(Some(0), None), quota(None, Some(0))] {
        assert_eq!(taken(&none, at(0), 3) + taken(&none, at(9000), 3), 0);
        assert_eq!(none.counts().calls(), 0);
    }
    let all = quota(Some(u32::MAX), Some(u32::MAX));
    assert_eq!(taken(&all, at(0), 1000), 1000);
}

#[test]
fn a_clock_that_was_read_earlier_gives_nothing_twice() {
    let quota = quota(None, Some(10));
    assert_eq!(taken(&quota, at(5_000), 99), 10);
    assert_eq!(taken(&quota, at(5_100), 99), 1);
    for behind in [5_000, 4_000, 0] {
        assert_eq!(taken(&quota, at(behind), 99), 0);
    }
    assert_eq!(taken(&quota, at(5_100), 99), 0);
    assert_eq!(taken(&quota, at(5_200), 99), 1);
}

#[test]
fn new_limits_judge_by_the_present_count_and_running_calls_stay() {
    let before = quota(Some(5), None);
    let mut slots: Vec<Slot> = (0..5)
        .map(|_| before.take(at(0), Way::In).unwrap())
        .collect();
    let lower = reloaded(&before, Some(2), None);
    for left in (2..5).rev() {
        assert!(lower.take(at(0), Way::In).is_err());
        slots.pop();
        assert_eq!(lower.counts().calls(), left);
    }
    assert!(lower.take(at(0), Way::In).is_err(), "two are running");
    slots.pop();
    let slot = lower.take(at(0), Way::In).unwrap();
    let none = reloaded(&before, None, None);
    assert_eq!(taken(&none, at(0), 100), 100);
    drop((slot, slots));
    assert_eq!(before.counts().calls(), 0);
}

#[test]
fn a_new_rate_counts_from_now_on() {
    let fast = quota(None, Some(1000));
    assert_eq!(taken(&fast, at(0), 2000), 1000);
    let slow = reloaded(&fast, None, Some(2));
    assert_eq!(taken(&slow, at(0), 9), 0);
    assert_eq!(taken(&slow, at(1000), 9), 2, "not after 500 s");
    let fast = reloaded(&slow, None, Some(100));
    assert_eq!(
        taken(&fast, at(1000), 200),
        98,
        "two of the second are gone"
    );
}

#[test]
fn a_slot_outlives_the_trunk_it_was_taken_at() {
    let quota = quota(Some(1), None);
    let tally = Arc::clone(&quota.tally);
    let slot = quota.take(at(0), Way::Out).unwrap();
    drop(quota);
    assert_eq!(tally.ledger().counts.calls_out, 1);
    drop(slot);
    assert_eq!(tally.ledger().counts.calls_out, 0);
}

#[test]
fn tasks_that_ask_together_get_no_more_than_there_is() {
    let quota = quota(Some(30), None);
    // Few are left, so that every task comes to the limit whenever it runs.
    let held_here: Vec<Slot> = (0..25)
        .map(|_| quota.take(at(0), Way::In).unwrap())
        .collect();
    let most = std::sync::atomic::AtomicU32::new(0);
    let barrier = std::sync::Barrier::new(8);
    std::thread::scope(|scope| {
        for task in 0..8 {
            let (quota, most, barrier) = (&quota, &most, &barrier);
            scope.spawn(move || {
                barrier.wait();
                let way = if task % 2 == 0 { Way::In } else { Way::Out };
                let mut held = Vec::new();
                for n in 0..2_000 {
                    held.extend(quota.take(at(n), way));
                    let running = quota.counts().calls();
                    most.fetch_max(running, std::sync::atomic::Ordering::Relaxed);
                    if n % 7 == task {
                        held.clear();
                    }
                }
            });
        }
    });
    assert_eq!(most.into_inner(), 30);
    drop(held_here);
    let counts = quota.counts();
    assert_eq!((counts.calls_in, counts.calls_out), (0, 0));
    assert_eq!(counts.attempts_in + counts.attempts_out, 16_025);
}

#[test]
fn a_panic_gives_the_slot_back() {
    let quota = quota(Some(1), None);
    let slot = quota.take(at(0), Way::In).unwrap();
    let call = std::thread::spawn(move || {
        let _held = slot;
        std::panic::resume_unwind(Box::new("a fault"));
    });
    assert!(call.join().is_err());
    assert_eq!(taken(&quota, at(0), 1), 1);
}

#[test]
fn only_a_503_says_when_to_try_again() {
    let after = |status, bound| {
        let limits = Limits {
            status: StatusCode::of(status),
            ..Limits::default()
        };
        let (trunk, limits) = ("carrier".into(), Arc::new(limits));
        Full {
            trunk,
            limits,
            bound,
        }
        .retry_after()
    };
    assert_eq!(after(503, Bound::Calls), Some("5"));
    assert_eq!(after(503, Bound::Cps), Some("1"));
    assert_eq!(after(486, Bound::Calls), None);
}
