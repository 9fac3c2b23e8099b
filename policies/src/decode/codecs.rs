//! `profiles.*.media.codecs`: which codecs cross, and which an offer names first.

use crate::problem::nearest;
use crate::schema::{Profile, Spanned};
use crate::tree::Entry;
use crate::visit::{self, MapView, Report, Scalar};
use sbc_core::sdp::{CodecChoice, CodecName};

/// Encoding names of audio and video in use (IANA, RTP Payload Format Media Types). Another one is
/// no error: it may be newer than this list.
const KNOWN: [&str; 47] = [
    "pcmu",
    "pcma",
    "g722",
    "g729",
    "opus",
    "telephone-event",
    "cn",
    "g711-0",
    "g723",
    "g726-16",
    "g726-24",
    "g726-32",
    "g726-40",
    "g7221",
    "g728",
    "g729d",
    "g729e",
    "g7291",
    "gsm",
    "gsm-efr",
    "gsm-hr-08",
    "ilbc",
    "isac",
    "speex",
    "silk",
    "amr",
    "amr-wb",
    "amr-wb+",
    "evs",
    "evrc",
    "evrc0",
    "evrcb",
    "evrcwb",
    "l8",
    "l16",
    "mp4a-latm",
    "mpeg4-generic",
    "tone",
    "red",
    "rtx",
    "ulpfec",
    "h261",
    "h263",
    "h264",
    "h265",
    "vp8",
    "vp9",
];

impl Scalar for CodecName {
    const EXPECTED: &'static str = "a codec like pcma, telephone-event/8000 or opus/48000/2";

    fn read(text: &str) -> Result<Self, String> {
        Self::parse(text).ok_or_else(String::new)
    }
}

pub(super) fn codecs(report: &mut Report, entry: &Entry, profile: &mut Profile) {
    let Some(map) = MapView::of(report, &entry.value, entry.at, "profiles.*.media.codecs") else {
        return;
    };
    let keep = map.get("keep").map(|entry| names(report, entry));
    let drop = map.get("drop").map(|entry| names(report, entry));
    if let (Some(_), Some(entry)) = (map.get("keep"), map.get("drop")) {
        report.key(
            entry.at,
            "`keep` and `drop` stand together",
            "expected one of them: `keep` drops all others already",
        );
    }
    let order = map.get("order").map(|entry| names(report, entry));
    if let (Some(keep), Some(entry)) = (&keep, map.get("keep"))
        && !keep.is_empty()
        && !keep.iter().any(|name| name.carries_media())
    {
        report.value(
            entry.at,
            "no codec is left that can carry a call",
            "expected at least one like pcma beside digits, comfort noise and redundancy",
        );
    }
    for name in order.iter().flatten() {
        let meets = |other: &Spanned<CodecName>| other.covers(name) || name.covers(other);
        let dropped = drop.iter().flatten().any(|other| other.covers(name));
        let kept = keep.as_ref().is_none_or(|keep| keep.iter().any(meets));
        if dropped || !kept {
            let message = format!("`{}` never crosses", name.name());
            report.warn(name.at, message, "remove it from `order`, or let it cross");
        }
    }
    map.finish(report);
    let plain = |names: Vec<Spanned<CodecName>>| names.into_iter().map(|name| name.value).collect();
    profile.codec_choice = match (keep, drop) {
        (Some(keep), _) => Some(CodecChoice::Keep(plain(keep))),
        (None, Some(drop)) => Some(CodecChoice::Drop(plain(drop))),
        (None, None) => None,
    };
    profile.codec_order = order.map(plain);
}

fn names(report: &mut Report, entry: &Entry) -> Vec<Spanned<CodecName>> {
    let nodes = visit::full_list(report, entry, "codecs");
    let names: Vec<Spanned<CodecName>> = super::scalars(report, nodes);
    for (n, name) in names.iter().enumerate() {
        if names[..n].iter().any(|other| other.covers(name)) {
            let message = format!("`{}` stands here already", name.name());
            report.value(name.at, message, "expected each codec once");
        }
        if !KNOWN.contains(&name.name()) {
            let hint = match nearest(name.name(), KNOWN.iter().copied()) {
                Some(known) => format!("did you mean `{known}`?"),
                None => "expected an encoding name as in `a=rtpmap`".to_owned(),
            };
            report.warn(name.at, format!("unknown codec `{}`", name.name()), hint);
        }
    }
    names
}
