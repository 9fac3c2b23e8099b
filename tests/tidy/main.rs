//! The house rules that a machine can check. Each test collects every breach before it fails, and
//! says where each one is and what to do about it.
//!
//! | module   | what it holds the tree to                                                      |
//! |----------|--------------------------------------------------------------------------------|
//! | `size`   | length of files, functions and lines                                           |
//! | `layers` | which module of `sbc-core` may name which                                      |
//! | `crates` | who depends on whom, licences, versions held twice, written reasons            |
//! | `limits` | the page of limits names every one, with its value and its test                |
//! | `words`  | stubs, skipped tests, sleeps, `unsafe`, paths of somebody's machine            |
//! | `docs`   | the architecture page stays short, each promised feature names its test        |

mod crates;
mod docs;
mod layers;
mod limits;
mod mask;
mod size;
mod tree;
mod words;

/// Fails with all the breaches found, one a line.
fn none(breaches: &[String]) {
    assert!(
        breaches.is_empty(),
        "{} found:\n  {}\n",
        breaches.len(),
        breaches.join("\n  ")
    );
}
