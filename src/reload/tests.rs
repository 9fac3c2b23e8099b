//! Faults of the program itself, and what has no file.

use super::{Ending, Origin};
use crate::Modules;
use crate::admin::tests::{Site, YAML};
use policies::{Errors, Loaded};
use sbc_core::ports::Registry;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What the site has, and another drain time.
fn other() -> String {
    format!("{YAML}drain: 7s\n")
}

fn origin(read: fn(&Path) -> Result<Loaded, Errors>) -> Origin {
    Origin {
        path: PathBuf::from("sbc.yaml"),
        read,
        modules: Modules::default(),
    }
}

#[tokio::test]
async fn a_fault_while_it_is_read_changes_nothing_and_the_next_reload_goes_on() {
    fn read(path: &Path) -> Result<Loaded, Errors> {
        use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
        static FIRST: AtomicBool = AtomicBool::new(true);
        assert!(!FIRST.swap(false, Relaxed), "a fault");
        Loaded::from_text(&path.display().to_string(), &other())
    }
    let site = Site::of(YAML, Some(origin(read))).await;
    let reloader = &site.admin.reloader;
    let outcome = reloader.reload().await;
    assert_eq!((outcome.ending, outcome.generation), (Ending::Failed, 1));
    assert!(
        outcome.errors[0]
            .message
            .contains("a fault of this program")
    );
    let outcome = reloader.reload().await;
    assert_eq!((outcome.ending, outcome.generation), (Ending::Changed, 2));
    assert_eq!(reloader.current().config.drain.0.as_secs(), 7);
}

#[tokio::test]
async fn a_reload_goes_on_when_nobody_waits_for_it() {
    fn read(path: &Path) -> Result<Loaded, Errors> {
        Loaded::from_text(&path.display().to_string(), &other())
    }
    let site = Site::of(YAML, Some(origin(read))).await;
    let reloader = &site.admin.reloader;
    let mut asked = Box::pin(reloader.reload());
    // Asked once, and then the asker goes.
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(asked.as_mut().poll(&mut context).is_pending());
    drop(asked);
    let used = async {
        let mut glances = tokio::time::interval(Duration::from_millis(5));
        while reloader.current().generation == 1 {
            glances.tick().await;
        }
    };
    let patience = Duration::from_secs(30);
    let waited = tokio::time::timeout(patience, used).await;
    assert!(waited.is_ok(), "it was given up with its asker");
    assert_eq!(reloader.reload().await.ending, Ending::Unchanged);
    let (media, policy) = (site.admin.media.totals(), site.admin.endpoint.policy());
    let page = site.admin.calls.metrics.render(&media, policy.quotas());
    let changed = "sbc_reloads_total{result=\"changed\"} 1";
    assert!(page.lines().any(|line| line == changed), "{page}");
    let unchanged = "sbc_reloads_total{result=\"unchanged\"} 1";
    assert!(page.lines().any(|line| line == unchanged), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn reloads_that_are_asked_for_at_once_come_one_after_the_other() {
    fn read(path: &Path) -> Result<Loaded, Errors> {
        use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
        static READING: AtomicU32 = AtomicU32::new(0);
        static COUNT: AtomicU32 = AtomicU32::new(0);
        assert_eq!(READING.fetch_add(1, SeqCst), 0, "one at a time");
        // Time for the others to come in, if they may.
        let (_nobody, never) = std::sync::mpsc::sync_channel::<()>(1);
        assert!(never.recv_timeout(Duration::from_millis(20)).is_err());
        READING.fetch_sub(1, SeqCst);
        let n = COUNT.fetch_add(1, SeqCst);
        let text = format!("{YAML}drain: {}s\n", 100 + n);
        Loaded::from_text(&path.display().to_string(), &text)
    }
    let site = Site::of(YAML, Some(origin(read))).await;
    let reloads: Vec<_> = (0..8)
        .map(|_| {
            let reloader = Arc::clone(&site.admin.reloader);
            tokio::spawn(async move { reloader.reload().await.generation })
        })
        .collect();
    let mut generations = Vec::new();
    for reload in reloads {
        generations.push(reload.await.unwrap());
    }
    generations.sort_unstable();
    assert_eq!(generations, (2..10).collect::<Vec<_>>(), "each has its own");
    assert_eq!(site.admin.reloader.current().config.drain.0.as_secs(), 107);
}

#[tokio::test]
async fn what_no_configuration_names_any_more_is_forgotten_with_the_second_reload() {
    fn read(path: &Path) -> Result<Loaded, Errors> {
        Loaded::from_text(&path.display().to_string(), &other())
    }
    let origin = origin(read);
    let modules = origin.modules.clone();
    let site = Site::of(YAML, Some(origin)).await;
    let book = modules.state_book();
    let before = book.len();
    drop(book.lend("test", "of a former configuration", || ()));
    for (ending, entries) in [(Ending::Changed, before + 1), (Ending::Unchanged, before)] {
        assert_eq!(site.admin.reloader.reload().await.ending, ending);
        assert_eq!(book.len(), entries, "{book:?}");
    }
}

#[tokio::test]
async fn without_a_file_there_is_nothing_to_reload() {
    let site = Site::of(YAML, None).await;
    let outcome = site.admin.reloader.reload().await;
    assert_eq!((outcome.ending, outcome.generation), (Ending::Failed, 1));
}
