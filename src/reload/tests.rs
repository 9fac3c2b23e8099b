//! Faults of the program itself, and what has no file.

use super::{Ending, Origin};
use crate::Modules;
use crate::admin::tests::{Site, YAML};
use policies::{Errors, Loaded};
use std::path::{Path, PathBuf};

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
    let asked = std::pin::pin!(reloader.reload());
    // Asked once, and then the asker goes.
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(asked.poll(&mut context).is_pending());
    let mut outcome = reloader.reload().await;
    if outcome.ending == Ending::Changed {
        // It overtook the one that nobody waits for.
        outcome = reloader.reload().await;
    }
    assert_eq!((outcome.ending, outcome.generation), (Ending::Unchanged, 2));
    let (media, policy) = (site.admin.media.totals(), site.admin.endpoint.policy());
    let page = site.admin.calls.metrics.render(&media, policy.quotas());
    let changed = "sbc_reloads_total{result=\"changed\"} 1";
    assert!(page.lines().any(|line| line == changed), "{page}");
    let unchanged = "sbc_reloads_total{result=\"unchanged\"} 1";
    assert!(page.lines().any(|line| line == unchanged), "{page}");
}

#[tokio::test]
async fn without_a_file_there_is_nothing_to_reload() {
    let site = Site::of(YAML, None).await;
    let outcome = site.admin.reloader.reload().await;
    assert_eq!((outcome.ending, outcome.generation), (Ending::Failed, 1));
}
