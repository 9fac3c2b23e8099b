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
use sbc_core::ports::{BuildError, CallHooks, ModuleFactory, Param};
use sbc_core::state_book::StateBook;
use std::path::Path;
use std::sync::Arc;
use writer::Writer;
use writers::Writers;

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
            Some(_) => return Err(wrong("sinks", EXAMPLE)),
        };
        if list.len() > limits::CDR_SINKS {
            let most = limits::CDR_SINKS;
            return Err(wrong("sinks", format!("expected at most {most} files")));
        }
        let mut sinks: Vec<Arc<Writer>> = Vec::new();
        for (n, sink) in list.iter().enumerate() {
            let path = file(sink).map_err(|why| wrong("sinks", format!("sinks[{n}]: {why}")))?;
            let writer = writers.open(Path::new(path)).map_err(|error| {
                let why = format!(
                    "`{path}` cannot be written: {error}; \
                     name a file in a folder that this user may write to"
                );
                wrong("sinks", why)
            })?;
            if sinks.iter().any(|other| Arc::ptr_eq(other, &writer)) {
                return Err(wrong("sinks", format!("`{path}` stands twice")));
            }
            sinks.push(writer);
        }
        Ok(Self {
            sinks: sinks.into(),
            _writers: Arc::clone(writers),
        })
    }
}

/// The path that a sink names.
fn file(sink: &Param) -> Result<&str, String> {
    let Param::Map(keys) = sink else {
        return Err("expected { file: PATH }".to_owned());
    };
    if let Some((key, _)) = keys.iter().find(|(key, _)| key != "file") {
        return Err(format!("unknown key `{key}`; {}", expected(&["file"])));
    }
    match value(keys, "file") {
        Some(Param::Text(path)) if !path.is_empty() => Ok(path),
        _ => Err("`file` is no path; expected { file: PATH }".to_owned()),
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
