//! Names in `tests`: each refers to something of the file.

use super::{Scope, profiles};
use crate::schema::{Spanned, TestCase, TestTarget};
use crate::visit::Report;

pub(super) fn check(report: &mut Report, scope: &Scope<'_>) {
    for case in &scope.config.tests {
        one(report, scope, case);
    }
}

fn one(report: &mut Report, scope: &Scope<'_>, case: &TestCase) {
    let config = scope.config;
    if !config.listeners.is_declared(&case.listener) {
        report.unknown(&case.listener, "listener", &config.listeners.names());
    }
    if let Some(to) = &case.expect.to {
        match &to.value {
            TestTarget::Trunk(name) if !config.trunks.is_declared(name) => {
                let mut names = config.trunks.names();
                names.push("request-uri");
                report.unknown(&spanned(name, to), "trunk", &names);
            }
            TestTarget::App(name) if !scope.registry.app_names().contains(&&**name) => {
                report.unknown(&spanned(name, to), "app", &scope.registry.app_names());
            }
            _ => {}
        }
    }
    if let Some(route) = &case.expect.route {
        let names: Vec<&str> = config
            .routes
            .iter()
            .map(|r| r.name.value.as_str())
            .collect();
        if !names.contains(&route.value.as_str()) {
            report.unknown(route, "route", &names);
        }
    }
    if let Some(profile) = &case.expect.profile {
        let built_in = profile.value == profiles::BUILT_IN;
        if !built_in && !config.profiles.is_declared(profile) {
            let mut names = config.profiles.names();
            names.push(profiles::BUILT_IN);
            report.unknown(profile, "profile", &names);
        }
    }
}

fn spanned<T>(name: &str, at: &Spanned<T>) -> Spanned<String> {
    Spanned {
        value: name.to_owned(),
        at: at.at,
    }
}
