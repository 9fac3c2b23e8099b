//! Every bound of the crate, one line of reason each.

use std::time::Duration;

/// Records that wait for one CDR file: some 16 MB, and the calls that end in ten seconds of a disk
/// that does not answer, at 1,600 a second.
pub const CDR_QUEUE: usize = 16_384;
/// Files that one `cdr` writes to: each takes a thread.
pub const CDR_SINKS: usize = 4;
/// Between two looks whether a CDR file was renamed.
pub const CDR_RENAMED: Duration = Duration::from_secs(1);
/// Between two complaints about one CDR file: a full disk must not fill the log as well.
pub const CDR_COMPLAINT: Duration = Duration::from_secs(10);
