//! `profiles`: what is done to a call.

use super::crossing;
use super::headers::{self, Rules};
use crate::problem::suggested;
use crate::schema::{ModuleUse, Names, Profile, Spanned};
use crate::template::Scope;
use crate::tree::{Data, Entry, Node};
use crate::visit::{self, MapView, Report};
use sbc_core::ports::Latch;

pub(super) fn profiles(report: &mut Report, entry: &Entry) -> Names<Profile> {
    super::named(report, entry, "profiles", profile)
}

fn profile(report: &mut Report, entry: &Entry) -> Option<Profile> {
    if matches!(entry.value.data, Data::Null) {
        return Some(Profile::default());
    }
    let map = MapView::of(report, &entry.value, entry.at, "profiles.*")?;
    let mut profile = Profile {
        extends: visit::field(report, map.get("extends")),
        request_uri: headers::template(report, map.get("request_uri"), Scope::default()),
        ..Profile::default()
    };
    let words = [("true", true), ("false", false)];
    let kept = map.get("transparent_dialog_ids");
    profile.transparent_dialog_ids = visit::word(report, kept, &words);
    if let Some(entry) = map.get("media") {
        media(report, entry, &mut profile);
    }
    profile.control = map.get("control").map(|entry| {
        let nodes = visit::list(report, entry, "modules");
        nodes
            .iter()
            .filter_map(|node| module(report, node))
            .collect()
    });
    if let Some(entry) = map.get("headers") {
        profile.headers = headers::rules(report, entry, Rules::Requests);
    }
    if let Some(entry) = map.get("reply_headers") {
        profile.reply_headers = headers::rules(report, entry, Rules::Replies);
    }
    let pass = map.get("headers_pass");
    profile.headers_pass = pass.map(|entry| crossing::headers_pass(report, entry));
    if let Some(entry) = map.get("reply_codes") {
        profile.reply_codes = crossing::reply_codes(report, entry);
    }
    profile.recorders = map.get("record").and_then(|entry| record(report, entry));
    map.finish(report);
    Some(profile)
}

fn media(report: &mut Report, entry: &Entry, profile: &mut Profile) {
    let Some(map) = MapView::of(report, &entry.value, entry.at, "profiles.*.media") else {
        return;
    };
    let words = [("always", true), ("never", false)];
    profile.relay = visit::word(report, map.get("relay"), &words);
    let words = [
        ("once", Latch::Once),
        ("follow", Latch::Follow),
        ("strict", Latch::Strict),
    ];
    profile.latch = visit::word(report, map.get("latch"), &words);
    if let Some(entry) = map.get("codecs") {
        super::codecs::codecs(report, entry, profile);
    }
    map.finish(report);
}

fn record(report: &mut Report, entry: &Entry) -> Option<Vec<Spanned<String>>> {
    let map = MapView::of(report, &entry.value, entry.at, "profiles.*.record")?;
    let names = map.get("recorders").map(|entry| {
        let nodes = visit::list(report, entry, "names of recorders");
        super::scalars(report, nodes)
    });
    map.finish(report);
    names
}

fn module(report: &mut Report, node: &Node) -> Option<ModuleUse> {
    let Data::Map(entries) = &node.data else {
        report.value(
            node.at,
            format!("{} is not a module", node.describe()),
            "expected { use: NAME } with the module's parameters",
        );
        return None;
    };
    // The other keys belong to the module, which checks them.
    let map = MapView::of(report, node, node.at, "profiles.*.control[]")?;
    let Some(name) = map.required(report, "use") else {
        let others = entries
            .iter()
            .filter(|e| suggested(&e.key, ["use"]) == ["use"]);
        for other in others {
            let hint = "expected `use` with the name of a module; did you mean `use`?";
            report.key(other.at, format!("unknown key `{}`", other.key), hint);
        }
        return None;
    };
    for entry in entries {
        super::duplicates(report, &entry.value);
    }
    let name = visit::field(report, Some(name))?;
    Some(ModuleUse {
        name,
        at: node.at,
        params: super::parameters(entries),
    })
}
