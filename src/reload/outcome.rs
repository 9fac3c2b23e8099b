//! What became of a reload: for the log, for HTTP and for the command line.

use crate::limits::LOGGED_CHANGES;
use policies::{Change, Errors, Problem};
use serde::Serialize;

/// How a reload ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ending {
    /// The new configuration is used.
    Changed,
    /// The files say what is used already.
    Unchanged,
    /// The configuration is wrong, or needs a restart; the one before is used.
    Refused,
    /// It could not be tried; the one before is used.
    Failed,
}

impl Ending {
    pub(crate) const ALL: [Self; 4] = [Self::Changed, Self::Unchanged, Self::Refused, Self::Failed];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// What became of a reload.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) ending: Ending,
    /// Of the configuration that is used now.
    pub(crate) generation: u64,
    /// What changed; what would have, where it needs a restart.
    pub(crate) changes: Vec<Change>,
    pub(crate) warnings: Vec<Complaint>,
    /// Why nothing changed.
    pub(crate) errors: Vec<Complaint>,
}

/// An error or a warning, as the API shows it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Complaint {
    /// Nothing where no file is at fault.
    pub(crate) file: Option<String>,
    pub(crate) line: Option<u32>,
    pub(crate) column: Option<u32>,
    pub(crate) path: String,
    pub(crate) message: String,
    pub(crate) hint: String,
    /// All of it, as `sbc check` prints it.
    pub(crate) text: String,
}

impl Complaint {
    /// Of something that is not wrong in itself.
    pub(super) fn new(path: &str, message: String, hint: &str) -> Self {
        Self {
            file: None,
            line: None,
            column: None,
            path: path.to_owned(),
            text: format!("{message}\n      {hint}"),
            message,
            hint: hint.to_owned(),
        }
    }

    fn of(problem: &Problem) -> Self {
        Self {
            file: Some(problem.file().to_owned()),
            line: problem.position().map(|at| at.line),
            column: problem.position().map(|at| at.column),
            path: problem.path().to_owned(),
            message: problem.message(),
            hint: problem.hint().to_owned(),
            text: problem.to_string(),
        }
    }

    /// `sbc.yaml:12:5`; empty where no file is at fault.
    fn place(&self) -> String {
        let number = |n: Option<u32>| n.map(|n| format!(":{n}")).unwrap_or_default();
        let file = self.file.as_deref().unwrap_or_default();
        format!("{file}{}{}", number(self.line), number(self.column))
    }
}

fn all<'p>(problems: impl IntoIterator<Item = &'p Problem>) -> Vec<Complaint> {
    problems.into_iter().map(Complaint::of).collect()
}

impl Outcome {
    fn new(ending: Ending, generation: u64) -> Self {
        Self {
            ending,
            generation,
            changes: Vec::new(),
            warnings: Vec::new(),
            errors: Vec::new(),
        }
    }

    pub(super) fn changed(generation: u64, changes: Vec<Change>, warnings: &[Problem]) -> Self {
        Self {
            changes,
            warnings: all(warnings),
            ..Self::new(Ending::Changed, generation)
        }
    }

    pub(super) fn same(generation: u64, warnings: &[Problem]) -> Self {
        Self {
            warnings: all(warnings),
            ..Self::new(Ending::Unchanged, generation)
        }
    }

    pub(super) fn wrong(generation: u64, errors: &Errors) -> Self {
        Self {
            errors: all(errors.iter()),
            ..Self::new(Ending::Refused, generation)
        }
    }

    pub(super) fn unusable(generation: u64, errors: Vec<Complaint>, changes: Vec<Change>) -> Self {
        Self {
            errors,
            changes,
            ..Self::new(Ending::Refused, generation)
        }
    }

    pub(super) fn failed(generation: u64, why: &str) -> Self {
        Self {
            errors: vec![Complaint::new("", why.to_owned(), "nothing changed")],
            ..Self::new(Ending::Failed, generation)
        }
    }

    /// In a sentence.
    pub(crate) fn sentence(&self) -> String {
        let generation = self.generation;
        let count = |n: usize, what: &str| match n {
            1 => format!("1 {what}"),
            n => format!("{n} {what}s"),
        };
        match self.ending {
            Ending::Changed => {
                let changes = count(self.changes.len(), "change");
                format!("configuration {generation} is used: {changes}")
            }
            Ending::Unchanged => format!("nothing changed: configuration {generation} is used"),
            Ending::Refused | Ending::Failed => {
                let errors = count(self.errors.len(), "error");
                format!("not reloaded: {errors}; configuration {generation} is still used")
            }
        }
    }

    /// To the log: a line for each error and warning, and for each change.
    pub(super) fn log(&self) {
        for warning in &self.warnings {
            let (at, hint) = (warning.place(), &*warning.hint);
            tracing::warn!(at, hint, "reload: {}", warning.message);
        }
        for error in &self.errors {
            let (at, hint) = (error.place(), &*error.hint);
            tracing::error!(at, hint, "reload: {}", error.message);
        }
        match self.ending {
            Ending::Changed => {
                for change in self.changes.iter().take(LOGGED_CHANGES) {
                    tracing::info!("reload: {change}");
                }
                let unsaid = self.changes.len().saturating_sub(LOGGED_CHANGES);
                tracing::info!(generation = self.generation, unsaid, "{}", self.sentence());
            }
            Ending::Unchanged => {
                tracing::info!(generation = self.generation, "{}", self.sentence());
            }
            Ending::Refused | Ending::Failed => {
                tracing::error!(generation = self.generation, "{}", self.sentence());
            }
        }
    }
}
