//! Reading a configuration.

use crate::compile::{Compiled, compile};
use crate::diff::Document;
use crate::include::{self, Tree};
use crate::maps::Maps;
use crate::problem::{Errors, in_order};
use crate::schema::Config;
use crate::tree::Position;
use crate::visit::Report;
use crate::{decode, limits};
use sbc_core::ports::Registry;
use std::path::{Path, PathBuf};

/// A file that was read and decoded, with those that it includes. Its errors are kept, so that
/// [`Loaded::compile`] can report them together with its own.
#[derive(Debug)]
pub struct Loaded {
    config: Config,
    report: Report,
    document: Document,
    top: Position,
    files: Vec<PathBuf>,
}

impl Loaded {
    /// Reads a file.
    ///
    /// # Errors
    /// Where it cannot be read, or is no YAML at all.
    pub fn from_path(path: &Path) -> Result<Self, Errors> {
        let text = include::text_of(path, limits::FILE_BYTES)
            .map_err(|why| include::unreadable(path, &why))?;
        Self::from_text(&path.display().to_string(), &text)
    }

    /// Reads text; `name` stands in its error texts, and says to which folder paths are relative.
    ///
    /// # Errors
    /// Where it is no YAML at all.
    pub fn from_text(name: &str, text: &str) -> Result<Self, Errors> {
        let Tree {
            root,
            mut report,
            files,
        } = include::tree(name, text)?;
        let config = decode::config(&mut report, &root);
        let top = root.at;
        let document = Document::new(root, report.take_secrets());
        Ok(Self {
            config,
            report,
            document,
            top,
            files,
        })
    }

    /// The files it was read from: the first one, then those that it includes, in this order.
    #[must_use]
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// What could be read of it, whatever is wrong with the rest.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What the files say.
    #[cfg(test)]
    pub(crate) fn document(&self) -> &Document {
        &self.document
    }

    /// Leaves everything aside but the recording server, the log, HTTP and `drain`. A file without
    /// recording server is an error then.
    #[must_use]
    pub fn only_srs(mut self) -> Self {
        if self.config.srs.is_none() && !self.report.has_errors() {
            self.report.missing(self.top, "", "srs");
        }
        self.report.maps = Maps::default();
        self.config = Config {
            observe: self.config.observe,
            drain: self.config.drain,
            log: self.config.log,
            srs: self.config.srs,
            ..Config::default()
        };
        self.document.only(&["observe", "drain", "log", "srs"]);
        self
    }

    /// Checks and compiles. Every error of the file is in the result.
    ///
    /// # Errors
    /// Everything that is wrong with the file.
    pub fn compile(mut self, registry: &dyn Registry) -> Result<Compiled, Errors> {
        let shown = self.document.profiles();
        let (network, engine) = compile(&mut self.report, &self.config, registry, shown);
        let (errors, warnings) = self.report.into_parts();
        if !errors.is_empty() {
            return Err(Errors::new(errors));
        }
        Ok(Compiled {
            config: self.config,
            engine,
            network,
            files: self.files,
            document: self.document,
            warnings: in_order(warnings),
        })
    }
}
