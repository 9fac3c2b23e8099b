//! Call-control modules: what they take is told by the registry, so that each unknown parameter is
//! reported at its place, in the modules of a profile as in the sections of `control`.

use super::Scope;
use crate::problem::{About, expected};
use crate::schema::{Inner, ModuleUse, Parameter, Position, Spanned};
use crate::visit::Report;
use sbc_core::ports::{BuildError, ModuleFactory, Param, ParamKey};
use std::sync::Arc;

/// Where parameters stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In a profile.
    Entry,
    /// In the module's section under `control`.
    Shared,
}

/// Checks the sections under `control`: each is a module's, with what the module takes there, and
/// of use to a profile.
pub(super) fn sections(report: &mut Report, scope: &Scope<'_>) {
    let used = |name: &str| {
        let uses = scope.config.profiles.iter();
        let mut uses = uses.flat_map(|(_, p)| p.control.iter().flatten());
        uses.any(|module| module.name.value == name)
    };
    for (name, params) in &scope.config.control {
        if !is_module(report, scope, name) {
            continue;
        }
        if let Some(keys) = scope.registry.module_keys(name) {
            unknown_params(report, name, keys, params, Place::Shared);
        }
        if !used(name) {
            let hint = format!(
                "expected {{ use: {} }} in `control` of a profile",
                name.value
            );
            report.warn(name.at, "no profile uses this module", hint);
        }
    }
}

/// The modules of a profile, in their order.
pub(super) fn modules(
    report: &mut Report,
    scope: &Scope<'_>,
    uses: &[ModuleUse],
) -> Vec<Arc<dyn ModuleFactory>> {
    let mut factories = Vec::new();
    for module in uses {
        if !is_module(report, scope, &module.name) {
            continue;
        }
        let mut sections = scope.config.control.iter();
        let section = sections.find(|(n, _)| n.value == module.name.value);
        let shared = section.map_or(&[][..], |(_, params)| params.as_slice());
        let keys = scope.registry.module_keys(&module.name);
        if let Some(keys) = keys {
            unknown_params(report, &module.name, keys, &module.params, Place::Entry);
        }
        let (Some(own), Some(shared_known)) = (
            known(keys, &module.params, Place::Entry),
            known(keys, shared, Place::Shared),
        ) else {
            continue;
        };
        let built = scope.registry.module(&module.name, &own, &shared_known);
        match built {
            Ok(factory) => factories.push(factory),
            Err(error) => build_error(report, error, module, shared),
        }
    }
    factories
}

fn is_module(report: &mut Report, scope: &Scope<'_>, name: &Spanned<String>) -> bool {
    let known = scope.registry.module_names();
    if known.contains(&name.value.as_str()) {
        return true;
    }
    if scope.registry.is_later_module(name) {
        let message = format!("the module `{}` is not in this version", name.value);
        let hint = format!("remove it; modules are: {}", known.join(", "));
        report.value(name.at, message, hint);
    } else {
        report.unknown(name, "module", &known);
    }
    false
}

/// The path of a parameter, with `[]` for each number in it.
fn general(path: &str) -> String {
    let mut parts = path.split('[');
    let mut general = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        general.push_str("[]");
        general.push_str(part.split_once(']').map_or("", |(_, rest)| rest));
    }
    general
}

fn is_of(key: &ParamKey, place: Place) -> bool {
    key.shared == (place == Place::Shared)
}

/// The parameters that the module knows; nothing where one of them has something in it that the
/// module does not know, of which it would complain again.
fn known(
    keys: Option<&[ParamKey]>,
    params: &[Parameter],
    place: Place,
) -> Option<Vec<(String, Param)>> {
    let is_known = |path: &str| {
        let of_place = |key: &ParamKey| is_of(key, place) && covers(key.path, &general(path));
        keys.is_none_or(|keys| keys.iter().any(of_place))
    };
    let mut plain = Vec::new();
    for param in params.iter().filter(|p| is_known(&p.key)) {
        if !every_path(param).all(|(path, ..)| is_known(&path)) {
            return None;
        }
        plain.push((param.key.value.clone(), param.value.clone()));
    }
    Some(plain)
}

/// Whether a key of a module is this path, or one above or below it: `a` has `a[]` in it, and
/// `a[].b` is in `a`.
fn covers(key: &str, path: &str) -> bool {
    let is_below = |long: &str, short: &str| {
        long.strip_prefix(short)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    is_below(key, path) || (path.ends_with(']') && is_below(path, key))
}

/// The parameter and all that is in it: path, name, and position of the name.
fn every_path(param: &Parameter) -> impl Iterator<Item = (String, &str, Position)> {
    let key = &param.key;
    let own = (key.value.clone(), key.value.as_str(), key.at);
    let inner = param.inner.iter();
    let inner = inner.map(|i| (format!("{}{}", key.value, i.path), i.name.as_str(), i.key));
    std::iter::once(own).chain(inner)
}

/// Reports the parameters that the module does not know there.
fn unknown_params(
    report: &mut Report,
    module: &Spanned<String>,
    keys: &[ParamKey],
    params: &[Parameter],
    place: Place,
) {
    for (path, name, at) in params.iter().flat_map(every_path) {
        let path = general(&path);
        if keys
            .iter()
            .any(|key| is_of(key, place) && covers(key.path, &path))
        {
            continue;
        }
        let above = path.strip_suffix(name).unwrap_or_default();
        let above = above.trim_end_matches('.');
        if name.is_empty() || is_in_unknown(keys, above, place) {
            // What is in something unknown was said of that.
            continue;
        }
        let hint = if keys
            .iter()
            .any(|key| !is_of(key, place) && key.path == path)
        {
            match place {
                Place::Entry => format!("write it below `control`, in the section `{}`", &**module),
                Place::Shared => format!("write it beside `use: {}` in a profile", &**module),
            }
        } else {
            let prefix = format!("{above}.");
            let of_place = keys.iter().filter(|key| is_of(key, place));
            let names: Vec<&str> = of_place
                .filter_map(|key| match above {
                    "" => Some(key.path),
                    _ => key.path.strip_prefix(&prefix),
                })
                .filter(|rest| !rest.contains(['.', '[']))
                .collect();
            match names.as_slice() {
                [] => format!("the module {} takes no parameters here", &**module),
                names => expected(name, "parameter", names),
            }
        };
        report.key(at, format!("unknown parameter `{name}`"), hint);
    }
}

fn is_in_unknown(keys: &[ParamKey], above: &str, place: Place) -> bool {
    !above.is_empty()
        && !keys
            .iter()
            .any(|key| is_of(key, place) && covers(key.path, above))
}

/// A complaint of a module about its parameters, at the nearest place that the file has: that of
/// `sinks[0].file`, else of `sinks[0]`, else of `sinks`, else of the module.
fn build_error(report: &mut Report, error: BuildError, module: &ModuleUse, shared: &[Parameter]) {
    let (message, hint) = match error.message.split_once("; ") {
        Some((message, hint)) => (message.to_owned(), hint.to_owned()),
        None => (error.message, String::new()),
    };
    let Some(key) = error.key else {
        report.value(module.name.at, message, hint);
        return;
    };
    if message == "missing" {
        let message = format!("missing parameter `{key}`");
        report.push(module.at, About::Map, message, hint);
        return;
    }
    let all = || module.params.iter().chain(shared);
    let mut above = key.as_str();
    loop {
        if let Some(at) = all().find_map(|param| place(param, above)) {
            report.value(at, message, hint);
            return;
        }
        let Some(end) = above.rfind(['.', '[']) else {
            break;
        };
        above = &above[..end];
    }
    report.value(module.name.at, format!("`{key}`: {message}"), hint);
}

/// Where the value of a path stands, if it is in this parameter.
fn place(param: &Parameter, path: &str) -> Option<Position> {
    let rest = path.strip_prefix(param.key.value.as_str())?;
    if rest.is_empty() {
        return Some(param.at);
    }
    let inner: &Inner = param.inner.iter().find(|i| i.path == rest)?;
    Some(inner.at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_covers_what_is_above_it_and_the_items_of_its_list() {
        for (key, path, wanted) in [
            ("max", "max", true),
            ("max", "maxi", false),
            ("max", "ma", false),
            ("sinks[].file", "sinks", true),
            ("sinks[].file", "sinks[]", true),
            ("sinks[].file", "sinks[].file", true),
            ("sinks[].file", "sinks[].fil", false),
            ("sinks[].file", "sinks.file", false),
            ("days", "days[]", true),
            ("max", "max.of", false),
        ] {
            assert_eq!(covers(key, path), wanted, "{key} {path}");
        }
    }

    #[test]
    fn numbers_do_not_count_in_a_path() {
        assert_eq!(general("a[10].b[2]"), "a[].b[]");
        assert_eq!(general("a"), "a");
    }
}
