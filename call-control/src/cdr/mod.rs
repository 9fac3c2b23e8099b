//! `cdr`: one record of each call, written when it has ended.
//!
//! ```yaml
//! control: { cdr: { sinks: [ { file: cdr.jsonl } ] } }
//! profiles: { base: { control: [ { use: cdr } ] } }
//! ```
//!
//! The call's task makes the line and queues it; a thread of the file writes it. Where files are
//! named again, by another profile or by a configuration that is loaded later, they share it.

mod record;
mod writer;
mod writers;

use crate::limits;
use crate::params::{expected, only, value, wrong};
use sbc_core::b2bua::CallSummary;
use sbc_core::ports::{BuildError, CallHooks, ModuleFactory, Param, ParamKey};
use sbc_core::state_book::StateBook;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use writer::Writer;
use writers::Writers;

/// What it takes.
pub(crate) const KEYS: &[ParamKey] = &[
    ParamKey {
        path: "sinks",
        kind: "list",
        required: true,
        shared: true,
        doc: "where records are written",
    },
    ParamKey {
        path: "sinks[].file",
        kind: "path",
        required: true,
        shared: true,
        doc: "a file that each record is a line of",
    },
];

const EXAMPLE: &str = "expected a list of files, such as [ { file: cdr.jsonl } ], \
                       in `sinks` of the section `control.cdr`";

/// A file is one thing, whichever configuration names it.
fn writers(book: &StateBook) -> Arc<Writers> {
    book.lend("cdr", "files", Writers::default)
}

/// How many records are in no file, because a disk was full or too slow.
#[must_use]
pub fn lost_records(book: &StateBook) -> u64 {
    writers(book).lost()
}

/// Waits until every record that a call has left is in its file, for each file so long; false where
/// some are not. At the end of a process: its threads end with it.
#[must_use]
pub fn flush_records(book: &StateBook, within: Duration) -> bool {
    writers(book).flush(within)
}

/// The module with its files.
#[derive(Clone, Debug)]
pub(crate) struct Cdr {
    sinks: Arc<[Arc<Writer>]>,
    /// As long as a call writes to a file, a configuration finds that file open.
    _writers: Arc<Writers>,
}

impl Cdr {
    pub(crate) fn new(
        entry: &[(String, Param)],
        shared: &[(String, Param)],
        book: &StateBook,
    ) -> Result<Self, BuildError> {
        Self::with(&writers(book), entry, shared)
    }

    fn with(
        writers: &Arc<Writers>,
        entry: &[(String, Param)],
        shared: &[(String, Param)],
    ) -> Result<Self, BuildError> {
        only(entry, &[])?;
        only(shared, &["sinks"])?;
        let list = match value(shared, "sinks") {
            None => return Err(wrong("sinks", format!("missing; {EXAMPLE}"))),
            Some(Param::List(list)) if !list.is_empty() => list,
            Some(_) => return Err(wrong("sinks", format!("no list of files; {EXAMPLE}"))),
        };
        if list.len() > limits::CDR_SINKS {
            let most = limits::CDR_SINKS;
            return Err(wrong(
                "sinks",
                format!("too many; expected at most {most} files"),
            ));
        }
        let mut sinks: Vec<Arc<Writer>> = Vec::new();
        for (n, sink) in list.iter().enumerate() {
            let key = format!("sinks[{n}]");
            let path = file(&key, sink)?;
            let key = format!("{key}.file");
            let writer = writers.open(Path::new(path)).map_err(|error| {
                let why = format!(
                    "`{path}` cannot be written: {error}; \
                     expected a file in a folder that this user may write to"
                );
                wrong(&key, why)
            })?;
            if sinks.iter().any(|other| Arc::ptr_eq(other, &writer)) {
                return Err(wrong(&key, format!("`{path}` stands twice")));
            }
            sinks.push(writer);
        }
        Ok(Self {
            sinks: sinks.into(),
            _writers: Arc::clone(writers),
        })
    }
}

/// The path that the sink at `at` names.
fn file<'p>(at: &str, sink: &'p Param) -> Result<&'p str, BuildError> {
    const EXPECTED: &str = "expected { file: PATH }";
    let Param::Map(keys) = sink else {
        return Err(wrong(at, format!("no sink; {EXPECTED}")));
    };
    if let Some((key, _)) = keys.iter().find(|(key, _)| key != "file") {
        let why = format!("unknown key; {}", expected(&["file"]));
        return Err(wrong(&format!("{at}.{key}"), why));
    }
    match value(keys, "file") {
        None => Err(wrong(at, format!("missing key `file`; {EXPECTED}"))),
        Some(Param::Text(path)) if !path.is_empty() => Ok(path),
        Some(_) => Err(wrong(&format!("{at}.file"), format!("no path; {EXPECTED}"))),
    }
}

impl ModuleFactory for Cdr {
    fn name(&self) -> &'static str {
        "cdr"
    }

    fn open(&self) -> Box<dyn CallHooks> {
        Box::new(self.clone())
    }
}

impl CallHooks for Cdr {
    fn on_end(&mut self, summary: &CallSummary) {
        let line: Arc<[u8]> = record::line(summary).into();
        for sink in self.sinks.iter() {
            sink.write(Arc::clone(&line));
        }
    }
}

#[cfg(test)]
mod tests;
