//! Reading a configuration.

use crate::compile::{Compiled, compile};
use crate::problem::{About, Errors, Problem, Source, in_order};
use crate::schema::Config;
use crate::tree::Position;
use crate::visit::Report;
use crate::{decode, limits, tree};
use sbc_core::ports::Registry;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// A file that was read and decoded. Its errors are kept, so that [`Loaded::compile`] can report
/// them together with its own.
#[derive(Debug)]
pub struct Loaded {
    config: Config,
    report: Report,
    top: Position,
}

impl Loaded {
    /// Reads a file.
    ///
    /// # Errors
    /// Where it cannot be read, or is no YAML at all.
    pub fn from_path(path: &Path) -> Result<Self, Errors> {
        let name = path.display().to_string();
        let text = read(path).map_err(|why| {
            let problem = Problem::of_file(&name, format!("the file cannot be read: {why}"));
            Errors::new(vec![problem])
        })?;
        Self::from_text(&name, &text)
    }

    /// Reads text; `name` stands in its error texts.
    ///
    /// # Errors
    /// Where it is no YAML at all.
    pub fn from_text(name: &str, text: &str) -> Result<Self, Errors> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let root = match tree::parse(text) {
            Ok(root) => root,
            Err(error) => {
                let source = Arc::new(Source::new(name, text, None));
                let (at, message) = (error.at, error.message);
                let problem = Problem::new(&source, at, About::Text, message, String::new());
                return Err(Errors::new(vec![problem]));
            }
        };
        let source = Source::new(name, text, Some(root.clone()));
        let mut report = Report::new(Arc::new(source));
        let config = decode::config(&mut report, &root);
        Ok(Self {
            config,
            report,
            top: root.at,
        })
    }

    /// Leaves everything aside but the recording server, the log, HTTP and `drain`. A file without
    /// recording server is an error then.
    #[must_use]
    pub fn only_srs(mut self) -> Self {
        if self.config.srs.is_none() && !self.report.has_errors() {
            self.report.missing(self.top, "", "srs");
        }
        self.config = Config {
            observe: self.config.observe,
            drain: self.config.drain,
            log: self.config.log,
            srs: self.config.srs,
            ..Config::default()
        };
        self
    }

    /// Checks and compiles. Every error of the file is in the result.
    ///
    /// # Errors
    /// Everything that is wrong with the file.
    pub fn compile(mut self, registry: &dyn Registry) -> Result<Compiled, Errors> {
        let (network, engine) = compile(&mut self.report, &self.config, registry);
        let (errors, warnings) = self.report.into_parts();
        if !errors.is_empty() {
            return Err(Errors::new(errors));
        }
        Ok(Compiled {
            config: self.config,
            engine,
            network,
            warnings: in_order(warnings),
        })
    }
}

fn read(path: &Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|e| e.to_string())?;
    let mut bytes = Vec::new();
    file.take(limits::FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| e.to_string())?;
    if bytes.len() as u64 > limits::FILE_BYTES {
        return Err(format!("larger than {} bytes", limits::FILE_BYTES));
    }
    String::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())
}
