//! Random calls in random worlds. A world is drawn from its seed: how bad the network is, how each
//! phone takes its call, who records, what breaks in the middle, who lies (see [`world::Mood`]).
//!
//! After the last call of a world: each SBC told one end for each call and holds nothing of it
//! (calls, dialogs, deadlines, residues, media); no phone has a call that is not over, none and no
//! scanner saw a broken rule; and the phones agree with the SBC about how their calls went. After
//! the last world: the machines met 95 percent of what their tables have (see [`tables`]).
//!
//! `SBC_CHAOS_CALLS` says how many calls (10,000; 100,000 where `CI` is set), `SBC_CHAOS_SEED` the
//! first seed (1), `SBC_CHAOS_PAIRS` prints how often each pair was met. Worlds run on every core;
//! each is a matter of its seed alone.

mod draw;
mod others;
mod tables;
mod world;

use sbc_core::testing::Reached;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use world::{CALLS_OF_A_WORLD, Chaos};

/// A run of so many worlds reaches so many percent of the pairs of state and input.
const WORLDS_THAT_COVER: u64 = 5_000;
const COVERED: usize = 95;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

#[test]
fn random_calls_end_once_and_leave_nothing_behind() {
    let in_ci = std::env::var_os("CI").is_some();
    let calls = number("SBC_CHAOS_CALLS", if in_ci { 100_000 } else { 10_000 });
    let first = number("SBC_CHAOS_SEED", 1);
    let worlds = calls.div_ceil(CALLS_OF_A_WORLD);
    let run = Run::of(first, worlds);
    if let Some((seed, text)) = run.failures.into_iter().min() {
        panic!(
            "{text}\nto see it again:\n  SBC_CHAOS_SEED={seed} \
             SBC_CHAOS_CALLS={CALLS_OF_A_WORLD} cargo test --test flows chaos"
        );
    }
    let coverage = run.reached.of_tables(&tables::all());
    if std::env::var_os("SBC_CHAOS_PAIRS").is_some() {
        println!("{}", run.reached);
    }
    println!("{worlds} worlds of {CALLS_OF_A_WORLD} calls met so many pairs:\n{coverage}");
    assert!(
        coverage.unforeseen.is_empty(),
        "no table has these pairs: {:#?}",
        coverage.unforeseen
    );
    let (reached, total) = coverage.total();
    assert!(
        worlds < WORLDS_THAT_COVER || reached * 100 >= total * COVERED,
        "fewer than {COVERED} percent"
    );
}

/// What came of many worlds.
#[derive(Default)]
struct Run {
    reached: Reached,
    /// The seed of a world and what is wrong with it.
    failures: Vec<(u64, String)>,
}

impl Run {
    /// Runs worlds on every core until one of them fails.
    fn of(first: u64, worlds: u64) -> Self {
        let next = AtomicU64::new(first);
        let run = Mutex::new(Self::default());
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    let mut reached = Reached::default();
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= first + worlds {
                            break;
                        }
                        if let Some(failure) = failure_of(seed, &mut reached) {
                            next.fetch_max(first + worlds, Ordering::Relaxed);
                            let mut run = run.lock().expect("nobody panics with it");
                            run.failures.push((seed, failure));
                        }
                    }
                    let mut run = run.lock().expect("nobody panics with it");
                    run.reached.merge(&reached);
                });
            }
        });
        run.into_inner().expect("nobody panics with it")
    }
}

/// Runs the world of a seed. What is wrong with it, after all that went over its wires.
fn failure_of(seed: u64, reached: &mut Reached) -> Option<String> {
    let ran = catch_unwind(AssertUnwindSafe(|| {
        let mut world = Chaos::draw(seed);
        let faults = world.run();
        reached.merge(&world.sim.reached());
        let count = faults.len();
        let text = || {
            format!(
                "{}\n{}\n{count} faults",
                world.sim.ladder(),
                faults.join("\n")
            )
        };
        (count > 0).then(text)
    }));
    ran.unwrap_or_else(|_| Some(format!("the world of seed {seed} panicked")))
}
