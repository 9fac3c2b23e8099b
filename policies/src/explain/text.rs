//! An explanation for people: first the answer, then the why.

use super::{Explanation, Line, Outcome, RouteFate, Target};
use std::fmt;

/// Names of routes that stand on one line.
const NAMES: usize = 6;
/// Columns of a line of the profile.
const WIDTH: usize = 96;

impl Explanation {
    /// The one line that says what happens: `200 -> sip:..`, `refused: 404 Not Found`.
    #[must_use]
    pub fn headline(&self) -> String {
        let request = &self.request;
        format!("{} {}: {}", request.method, request.uri, self.outcome)
    }

    /// The one line that says most about why: the route that decided, or what was missing.
    #[must_use]
    pub fn key_line(&self) -> String {
        let taken = self.routes.iter().find(|r| r.fate == RouteFate::Taken);
        let from = match &self.origin.trunk {
            Some(trunk) => format!("trunk {}", trunk.trunk),
            None => format!("no trunk, realm {}", self.origin.realm),
        };
        let route = match taken {
            Some(route) => format!("route {}", route.name),
            None if self.routes.is_empty() => "before any route".to_owned(),
            None => "no route matches".to_owned(),
        };
        format!("{} (from {from}; {route})", self.outcome)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected {
                trunk, request_uri, ..
            } => match trunk {
                Some(trunk) => write!(f, "goes to trunk {trunk} as {request_uri}"),
                None => write!(f, "goes to its own URI, {request_uri}"),
            },
            Self::App { app, .. } => write!(f, "answered by the app {app}"),
            Self::Refused { status, reason, by } => {
                write!(f, "refused: {status} {reason}, by {by}")
            }
            Self::Answered { status, reason } => {
                write!(f, "answered without a call: {status} {reason}")
            }
            Self::Dropped { why } => write!(f, "dropped: {why}"),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.headline())?;
        self.origin(f)?;
        self.write_routes(f)?;
        self.write_profile(f)?;
        self.write_targets(f)?;
        self.write_modules(f)?;
        self.write_rules(f)?;
        if !self.recorders.is_empty() {
            writeln!(
                f,
                "\nRecorded by {}, once answered",
                self.recorders.join(", ")
            )?;
        }
        self.write_sent(f)
    }
}

impl Explanation {
    fn origin(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = &self.origin;
        for defect in &self.request.defects {
            writeln!(f, "\nThe message is not right: {defect}")?;
        }
        writeln!(f, "\nFrom")?;
        writeln!(f, "  source    {} by {}", origin.source, origin.transport)?;
        writeln!(f, "  listener  {}", origin.listener)?;
        writeln!(f, "  realm     {} (trust: {})", origin.realm, origin.trust)?;
        match &origin.trunk {
            Some(trunk) => writeln!(f, "  trunk     {} by {}", trunk.trunk, trunk.range)?,
            None => writeln!(f, "  trunk     none")?,
        }
        for other in &origin.others {
            writeln!(
                f,
                "            not {}: {} - {}",
                other.trunk, other.range, other.why
            )?;
        }
        Ok(())
    }

    fn write_routes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.routes.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nRoutes")?;
        let (mut elsewhere, mut behind) = (Vec::new(), Vec::new());
        for route in &self.routes {
            match &route.fate {
                RouteFate::Taken => writeln!(f, "  > {}", route.name)?,
                RouteFate::Failed(failed) => writeln!(f, "  - {}: {failed}", route.name)?,
                RouteFate::NotForStrangers => {
                    let why = "not for requests of no trunk from an untrusted realm";
                    writeln!(f, "  - {}: {why}", route.name)?;
                }
                RouteFate::FromElsewhere { from } => {
                    elsewhere.push(format!("{} (from {from})", route.name));
                }
                RouteFate::Behind => behind.push(route.name.clone()),
            }
        }
        if !self.routes.iter().any(|r| r.fate == RouteFate::Taken) {
            writeln!(f, "  none matches")?;
        }
        some(f, "for others", &elsewhere)?;
        some(f, "behind it", &behind)
    }

    fn write_profile(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(profile) = &self.profile else {
            return Ok(());
        };
        writeln!(f, "\nProfile {}", profile.line.join(", which extends "))?;
        let width = profile
            .values
            .iter()
            .map(|v| v.key.len())
            .max()
            .unwrap_or(0);
        let of_width = profile
            .values
            .iter()
            .map(|v| v.from.len())
            .max()
            .unwrap_or(0);
        for value in &profile.values {
            let (key, from) = (&value.key, &value.from);
            let line = format!("  {key:width$}  {from:of_width$}  {}", value.value);
            writeln!(f, "{}", cut(&line))?;
        }
        Ok(())
    }

    fn write_targets(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.targets.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nTargets")?;
        let mut place = 0;
        for target in &self.targets {
            let name = named(target);
            match &target.skipped {
                Some(why) => writeln!(f, "  - {name}: {why}")?,
                None => {
                    place += 1;
                    writeln!(f, "  {place} {name}")?;
                }
            }
        }
        Ok(())
    }

    fn write_modules(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.modules.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nCall control")?;
        let width = self.modules.iter().map(|m| m.name.len()).max().unwrap_or(0);
        for module in &self.modules {
            writeln!(f, "  {:width$}  {}", module.name, module.says)?;
        }
        Ok(())
    }

    fn write_rules(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rules.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nHeader rules")?;
        for rule in &self.rules {
            writeln!(f, "  {} ({})", rule.rule, rule.from)?;
            if let Some(why) = &rule.why {
                writeln!(f, "      did nothing: {why}")?;
            }
            for line in &rule.changes {
                writeln!(f, "      {line}")?;
            }
        }
        Ok(())
    }

    fn write_sent(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(sent) = &self.sent else {
            return Ok(());
        };
        let way = format!(
            "by {} ({}) to {}",
            sent.listener, sent.transport, sent.remote
        );
        if sent.changes.is_empty() {
            writeln!(f, "\nSent {way}")?;
            for line in sent.text.lines() {
                writeln!(f, "{}", format!("  {line}").trim_end())?;
            }
            return Ok(());
        }
        writeln!(f, "\nSent {way}, against what came")?;
        for line in &sent.changes {
            let line: &Line = line;
            writeln!(f, "{}", format!("  {line}").trim_end())?;
        }
        Ok(())
    }
}

fn named(target: &Target) -> String {
    let mut text = match &target.trunk {
        Some(trunk) => format!("{trunk} {}", target.uri),
        None => target.uri.clone(),
    };
    if let (Some(priority), Some(weight)) = (target.priority, target.weight) {
        text.push_str(&format!(" (priority {priority}"));
        if weight > 0 {
            text.push_str(&format!(", weight {weight}"));
        }
        text.push(')');
    }
    text
}

/// A line that fits; the JSON has all of it.
fn cut(line: &str) -> String {
    if line.chars().count() <= WIDTH {
        return line.to_owned();
    }
    let start: String = line.chars().take(WIDTH - 3).collect();
    format!("{start}...")
}

/// The first few of many.
fn some(f: &mut fmt::Formatter<'_>, what: &str, names: &[String]) -> fmt::Result {
    if names.is_empty() {
        return Ok(());
    }
    let shown = names.iter().take(NAMES).cloned().collect::<Vec<_>>();
    let more = match names.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    writeln!(f, "  {what}: {}{more}", shown.join(", "))
}
