//! Profiles: parents merged in, rules, recorders, modules.

use super::{Scope, modules};
use crate::engine::{HeaderRules, Origins, ProfilePlan};
use crate::facts::{Field, Part, Party};
use crate::limits;
use crate::schema::{Names, Profile, ReplyKey, ReplyStatus, SipUri, Spanned};
use crate::template::Template;
use crate::visit::{Report, Scalar};
use sbc_core::b2bua::plan::{HeaderPass, ReplyCodes, Translation};
use sbc_core::ports::{Latch, SideLegFactory};
use sbc_core::sdp::{CodecChoice, CodecName, CodecPolicy};
use sbc_core::sip::Uri;
use std::collections::HashMap;
use std::sync::Arc;

/// The name of the profile of routes that name none.
pub(super) const BUILT_IN: &str = "built-in";

/// The profile of routes that name none.
pub(super) fn built_in() -> ProfilePlan {
    ProfilePlan {
        name: BUILT_IN.into(),
        relay: true,
        latch: Latch::Once,
        codecs: None,
        rules: None,
        header_pass: HeaderPass::default(),
        reply_codes: ReplyCodes::default(),
        request_uri: None,
        transparent_ids: false,
        recorders: Vec::new(),
        modules: Vec::new(),
    }
}

pub(super) fn profiles(
    report: &mut Report,
    scope: &Scope<'_>,
    recorders: &HashMap<String, Arc<dyn SideLegFactory>>,
    origins: &Arc<Origins>,
) -> HashMap<String, Arc<ProfilePlan>> {
    let mut plans = HashMap::new();
    for (name, profile) in scope.config.profiles.iter() {
        let merged = merged(report, &scope.config.profiles, name, profile);
        let plan = plan(report, scope, recorders, origins, name, merged);
        plans.insert(name.value.clone(), Arc::new(plan));
    }
    modules::sections(report, scope);
    plans
}

/// A profile with what its parents have and it has not.
fn merged(
    report: &mut Report,
    profiles: &Names<Profile>,
    name: &Spanned<String>,
    profile: &Profile,
) -> Profile {
    let mut seen = vec![name.value.as_str()];
    let mut merged = profile.clone();
    let mut next = profile.extends.as_ref();
    while let Some(parent_name) = next {
        if seen.contains(&parent_name.value.as_str()) {
            // Each of the circle comes here: the first of the file reports it.
            let is_of_circle = parent_name.value == name.value;
            let first = profiles.names().into_iter().find(|n| seen.contains(n));
            seen.push(&parent_name.value);
            if is_of_circle && first == Some(name.value.as_str()) {
                let message = format!("profiles extend one another: {}", seen.join(" -> "));
                report.value(
                    parent_name.at,
                    message,
                    "expected a parent that is not a child",
                );
            }
            break;
        }
        if seen.len() > limits::EXTENDS {
            let hint = format!("expected at most {} parents", limits::EXTENDS);
            report.value(parent_name.at, "too many parents", hint);
            break;
        }
        let Some(parent) = profiles.get(parent_name) else {
            super::unresolved(report, profiles, parent_name, "profile");
            break;
        };
        merged = inherit(merged, parent);
        seen.push(&parent_name.value);
        next = parent.extends.as_ref();
    }
    merged
}

/// Maps merge key by key, scalars and lists replace, header rules follow the parent's.
fn inherit(child: Profile, parent: &Profile) -> Profile {
    let mut headers = parent.headers.clone();
    headers.extend(child.headers);
    let mut reply_headers = parent.reply_headers.clone();
    reply_headers.extend(child.reply_headers);
    let mut reply_codes = child.reply_codes;
    for (key, status) in &parent.reply_codes {
        if !reply_codes.iter().any(|(own, _)| own.value == key.value) {
            reply_codes.push((*key, status.clone()));
        }
    }
    Profile {
        extends: child.extends,
        relay: child.relay.or(parent.relay),
        latch: child.latch.or(parent.latch),
        // `keep` and `drop` are one value: the child's takes the place of either.
        codec_choice: child.codec_choice.or_else(|| parent.codec_choice.clone()),
        codec_order: child.codec_order.or_else(|| parent.codec_order.clone()),
        control: child.control.or_else(|| parent.control.clone()),
        headers,
        reply_headers,
        headers_pass: child.headers_pass.or_else(|| parent.headers_pass.clone()),
        reply_codes,
        request_uri: child.request_uri.or_else(|| parent.request_uri.clone()),
        transparent_dialog_ids: child
            .transparent_dialog_ids
            .or(parent.transparent_dialog_ids),
        recorders: child.recorders.or_else(|| parent.recorders.clone()),
    }
}

fn plan(
    report: &mut Report,
    scope: &Scope<'_>,
    recorders: &HashMap<String, Arc<dyn SideLegFactory>>,
    origins: &Arc<Origins>,
    name: &Spanned<String>,
    profile: Profile,
) -> ProfilePlan {
    let built_in = built_in();
    let name: Arc<str> = name.value.as_str().into();
    let has_rules = !profile.headers.is_empty() || !profile.reply_headers.is_empty();
    let rules = has_rules.then(|| {
        Arc::new(HeaderRules {
            profile: Arc::clone(&name),
            origins: Arc::clone(origins),
            rules: profile.headers,
            reply_rules: profile.reply_headers,
        })
    });
    if let Some(template) = &profile.request_uri {
        check_request_uri(report, template);
    }
    let relay = profile.relay.map_or(built_in.relay, |r| r.value);
    let wanted = profile.recorders.unwrap_or_default();
    if let (false, Some(first)) = (relay, wanted.first()) {
        report.value(
            first.at,
            "a call whose media does not pass through the SBC cannot be recorded",
            "expected `media: { relay: always }`",
        );
    }
    ProfilePlan {
        name,
        relay,
        latch: profile.latch.map_or(built_in.latch, |l| l.value),
        codecs: codecs(profile.codec_choice, profile.codec_order),
        rules,
        header_pass: profile.headers_pass.into_iter().flatten().collect(),
        reply_codes: reply_codes(&profile.reply_codes),
        request_uri: profile.request_uri.map(|t| t.value),
        transparent_ids: profile
            .transparent_dialog_ids
            .map_or(built_in.transparent_ids, |t| t.value),
        recorders: named_recorders(report, scope, recorders, &wanted),
        modules: modules::modules(report, scope, &profile.control.unwrap_or_default()),
    }
}

/// Nothing where all codecs cross as they were offered.
fn codecs(choice: Option<CodecChoice>, order: Option<Vec<CodecName>>) -> Option<Arc<CodecPolicy>> {
    let wanted = choice.is_some() || order.is_some();
    wanted.then(|| {
        Arc::new(CodecPolicy {
            choice: choice.unwrap_or_default(),
            order: order.unwrap_or_default(),
        })
    })
}

fn reply_codes(codes: &[(Spanned<ReplyKey>, ReplyStatus)]) -> ReplyCodes {
    let translations = codes.iter().map(|(key, status)| Translation {
        first: key.first.code(),
        last: key.last.code(),
        to: status.code,
        reason: status.reason.clone(),
    });
    translations.collect()
}

fn named_recorders(
    report: &mut Report,
    scope: &Scope<'_>,
    recorders: &HashMap<String, Arc<dyn SideLegFactory>>,
    wanted: &[Spanned<String>],
) -> Vec<Arc<dyn SideLegFactory>> {
    let mut factories = Vec::new();
    for (n, name) in wanted.iter().enumerate() {
        if wanted[..n].iter().any(|other| other.value == name.value) {
            let message = format!("the recorder {} stands here twice", name.value);
            report.value(name.at, message, "expected each recorder once");
        }
        if n == sbc_core::limits::RECORDERS {
            let hint = format!("expected at most {}", sbc_core::limits::RECORDERS);
            report.value(name.at, "too many recorders of one call", hint);
        }
        match recorders.get(&name.value) {
            Some(factory) => factories.push(Arc::clone(factory)),
            None => super::unresolved(report, &scope.config.recorders, name, "recorder"),
        }
    }
    factories
}

/// Tries the template with values as they come in real requests; what a map makes of a sample says
/// nothing.
fn check_request_uri(report: &mut Report, template: &Spanned<Template>) {
    if template.has_maps() {
        return;
    }
    let sample = |field: &Field| {
        let value = match field {
            Field::Party(_, Part::User | Part::Param(_)) => "100",
            Field::Party(_, Part::Port) | Field::SourcePort => "5060",
            Field::Party(_, Part::Host) | Field::SourceIp => "192.0.2.1",
            Field::Party(_, Part::Uri) | Field::Party(Party::Ruri, Part::Whole) => {
                "sip:100@192.0.2.1"
            }
            Field::Party(_, Part::Whole) => "<sip:100@192.0.2.1>",
            Field::Party(_, Part::Scheme) => "sip",
            // The whole URI may come from a header.
            Field::Header(_) if template.source().starts_with("${") => "sip:100@192.0.2.1",
            _ => "name",
        };
        Some(value.to_owned())
    };
    let text = match template.render_with(&sample) {
        Ok(text) => text,
        Err(error) => {
            report.value(
                template.at,
                error.to_string(),
                "expected a template of a SIP URI",
            );
            return;
        }
    };
    if Uri::parse(&text).is_ok_and(|uri| uri.scheme == sbc_core::sip::Scheme::Tel) {
        return;
    }
    if let Err(why) = SipUri::read(&text) {
        let message = format!("with sample values this is `{text}`: {why}");
        report.value(template.at, message, "expected a template of a SIP URI");
    }
}
