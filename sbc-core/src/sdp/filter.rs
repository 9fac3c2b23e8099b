//! Which codecs of audio and video cross, and in which order they are offered (RFC 3264 §5.1, §6.1,
//! §8.3.2).
//!
//! A [`CodecPolicy`] looks at every audio and video description over RTP that is not switched off,
//! of whatever profile. What is no RTP, and other media over RTP (text, application), is not
//! judged. A payload type that may not cross goes with its `rtpmap`, `fmtp`, `rtcp-fb` and
//! `imageattr` lines, and with what is of use only beside it: a retransmission stream of it (`apt=`
//! of `rtx`, RFC 4588 §8.1), a redundant stream that may hold it (RFC 2198 §5).
//!
//! A description left with nothing that carries the medium (digits, comfort noise and redundancy
//! do not) is switched off: port 0 and its first format alone (RFC 3264 §6, §8.2), out of every
//! group (RFC 9143 §7).

use super::media::{payload_type_of, static_type};
use super::session::attribute;
use super::{Codec, MediaView, Sdp};

/// A codec as a policy names it: `pcma`, `telephone-event/8000`, `opus/48000/2`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CodecName {
    /// In lower case.
    name: Box<str>,
    clock_rate: Option<u32>,
    channels: Option<u8>,
}

impl CodecName {
    /// Reads an encoding name of `rtpmap` (RFC 8866 §6.6), where wanted with `/` and the clock
    /// rate, and with `/` and the channels behind that. Nothing where it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let name = parts.next().filter(|name| is_token(name))?;
        let clock_rate: Option<u32> = parts.next().map(str::parse).transpose().ok()?;
        let channels: Option<u8> = parts.next().map(str::parse).transpose().ok()?;
        let whole = parts.next().is_none() && clock_rate != Some(0) && channels != Some(0);
        whole.then(|| Self {
            name: name.to_ascii_lowercase().into(),
            clock_rate,
            channels,
        })
    }

    /// The encoding name, in lower case.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether every codec that `other` means is meant by this name too.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let holds = |own: Option<u32>, other| own.is_none() || own == other;
        self.name == other.name
            && holds(self.clock_rate, other.clock_rate)
            && holds(self.channels.map(u32::from), other.channels.map(u32::from))
    }

    /// Whether what it means can carry audio or video by itself.
    #[must_use]
    pub fn carries_media(&self) -> bool {
        carries_media(&self.name)
    }

    fn means(&self, codec: &Codec) -> bool {
        self.name.eq_ignore_ascii_case(&codec.name)
            && self.clock_rate.is_none_or(|rate| rate == codec.clock_rate)
            && self.channels.is_none_or(|n| n == codec.channels)
    }
}

/// RFC 8866 §9, `token`.
fn is_token(text: &str) -> bool {
    let is_mark = |b| b"!#$%&'*+-.^_`{|}~".contains(&b);
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || is_mark(b))
}

/// What goes with a codec and is none: digits and tones (RFC 4733), comfort noise (RFC 3389),
/// redundancy (RFC 2198), repair (RFC 4588, 5109, 8627).
fn carries_media(name: &str) -> bool {
    const BESIDE: [&str; 9] = [
        "telephone-event",
        "tone",
        "cn",
        "red",
        "rtx",
        "ulpfec",
        "parityfec",
        "flexfec",
        "flexfec-03",
    ];
    !BESIDE.iter().any(|n| n.eq_ignore_ascii_case(name))
}

/// Which codecs cross.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum CodecChoice {
    /// All.
    #[default]
    All,
    /// These only.
    Keep(Vec<CodecName>),
    /// All but these.
    Drop(Vec<CodecName>),
}

impl CodecChoice {
    fn takes(&self, codec: &Codec) -> bool {
        match self {
            Self::All => true,
            Self::Keep(names) => names.iter().any(|name| name.means(codec)),
            Self::Drop(names) => !names.iter().any(|name| name.means(codec)),
        }
    }
}

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CodecPolicy {
    /// Which cross.
    pub choice: CodecChoice,
    /// Those that an offer names first, in this order; the rest follows in the sender's.
    pub order: Vec<CodecName>,
}

/// The codecs that an offer was left with, for each media description; nothing for one that was not
/// judged. What the answer may choose from.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OfferedCodecs(Vec<Option<Vec<Codec>>>);

impl OfferedCodecs {
    /// The codec that the answer's description at `index` means by `codec`: an answer may leave out
    /// the mapping of a payload type that the offer has mapped. Nothing where it was not offered.
    fn meant(&self, index: usize, codec: &Codec) -> Option<Codec> {
        let Some(offered) = self.0.get(index).and_then(Option::as_ref) else {
            return Some(codec.clone());
        };
        let same = |o: &&Codec| {
            let unmapped = &*codec.name == "?" && o.payload_type == codec.payload_type;
            let named = o.name.eq_ignore_ascii_case(&codec.name);
            unmapped || named && o.clock_rate == codec.clock_rate
        };
        offered.iter().find(same).cloned()
    }
}

/// A description after a policy has looked at it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Filtered {
    /// What is left.
    pub sdp: Sdp,
    /// What is left of each media description.
    pub codecs: OfferedCodecs,
    /// How many media descriptions were switched off.
    pub closed: usize,
}

impl CodecPolicy {
    /// An offer as it may cross. Filtering it again changes nothing.
    #[must_use]
    pub fn offer(&self, sdp: Sdp) -> Filtered {
        // A payload type that nothing maps cannot be judged.
        let takes = |_, codec: &Codec| &*codec.name != "?" && self.choice.takes(codec);
        filter(sdp, &takes, self)
    }

    /// An answer as it may cross: with what is left of the offer, in the order of who answers, who
    /// has chosen (RFC 3264 §6.1).
    #[must_use]
    pub fn answer(&self, sdp: Sdp, offered: &OfferedCodecs) -> Filtered {
        let takes = |index: usize, codec: &Codec| {
            let meant = offered.meant(index, codec);
            meant.is_some_and(|codec| self.choice.takes(&codec))
        };
        let unordered = Self {
            choice: self.choice.clone(),
            order: Vec::new(),
        };
        filter(sdp, &takes, &unordered)
    }

    /// Its place among those that are named first.
    fn rank(&self, codec: &Codec) -> usize {
        let named = self.order.iter().position(|name| name.means(codec));
        named.unwrap_or(self.order.len())
    }
}

/// What becomes of a media description.
enum Verdict<'a> {
    /// It crosses as it is.
    Same,
    /// With these formats.
    Left(Vec<&'a str>),
    /// Switched off.
    Closed,
}

fn filter(sdp: Sdp, takes: &dyn Fn(usize, &Codec) -> bool, policy: &CodecPolicy) -> Filtered {
    let mut codecs = Vec::with_capacity(sdp.media_count());
    let mut verdicts = Vec::with_capacity(sdp.media_count());
    for (index, media) in sdp.medias().enumerate() {
        if !is_judged(&media) {
            codecs.push(None);
            verdicts.push(Verdict::Same);
            continue;
        }
        let mut left = media.codecs();
        if policy.choice != CodecChoice::All {
            let unclear = mapped_twice(&media);
            let is_clear = |codec: &Codec| unclear & (1 << codec.payload_type) == 0;
            left = kept(left, &|codec| is_clear(codec) && takes(index, codec));
        }
        verdicts.push(verdict(&media, &left, policy));
        codecs.push(Some(left));
    }
    let closed = verdicts.iter().filter(|v| matches!(v, Verdict::Closed));
    let closed = closed.count();
    let same = verdicts.iter().all(|v| matches!(v, Verdict::Same));
    let written = (!same).then(|| write(&sdp, &verdicts));
    Filtered {
        sdp: written.unwrap_or(sdp),
        codecs: OfferedCodecs(codecs),
        closed,
    }
}

/// Whether it is audio or video over RTP that is not switched off. Port 0 in a bundle is not off
/// (RFC 9143 §6).
fn is_judged(media: &MediaView<'_>) -> bool {
    let kind = media.kind();
    let medium = kind.eq_ignore_ascii_case("audio") || kind.eq_ignore_ascii_case("video");
    let mut parts = media.protocol().split('/');
    let off = media.port() == 0 && media.attribute("bundle-only").is_none();
    medium && !off && parts.any(|part| part.eq_ignore_ascii_case("RTP"))
}

/// The payload types, as bits, that are mapped to two codecs, the static mapping of RFC 3551
/// counted: which of them a peer believes is not known.
fn mapped_twice(media: &MediaView<'_>) -> u128 {
    let mut names: [Option<&str>; 128] = [None; 128];
    let mut unclear = 0;
    let is_map = |(name, _): &(&str, &str)| name.eq_ignore_ascii_case("rtpmap");
    for (_, value) in media.attributes().filter(is_map) {
        let (format, codec) = value.trim_start().split_once(' ').unwrap_or((value, ""));
        let Some(pt) = payload_type_of(format.trim()) else {
            continue;
        };
        let name = codec.trim().split('/').next().unwrap_or_default();
        let slot = &mut names[usize::from(pt)];
        let before = slot.or_else(|| static_type(pt).map(|(name, ..)| name));
        if before.is_some_and(|before| !before.eq_ignore_ascii_case(name)) {
            unclear |= 1 << pt;
        }
        *slot = Some(name);
    }
    unclear
}

/// The codecs that stay; none at all where none of them can carry the medium.
fn kept(codecs: Vec<Codec>, takes: &dyn Fn(&Codec) -> bool) -> Vec<Codec> {
    let is = |codec: &Codec, name: &str| codec.name.eq_ignore_ascii_case(name);
    let mut types = 0_u128;
    let mut carries = false;
    let (beside, by_itself): (Vec<&Codec>, Vec<&Codec>) = codecs
        .iter()
        .filter(|codec| takes(codec))
        .partition(|codec| is(codec, "rtx") || is(codec, "red"));
    for codec in by_itself {
        types |= 1 << codec.payload_type;
        carries |= carries_media(&codec.name);
    }
    // Redundancy first: it is retransmitted too.
    let (repeats, redundant): (Vec<&Codec>, Vec<&Codec>) =
        beside.into_iter().partition(|codec| is(codec, "rtx"));
    for codec in redundant {
        let fmtp = codec.fmtp.as_deref().unwrap_or_default();
        let mut held = fmtp.split('/').filter_map(|t| payload_type_of(t.trim()));
        if held.all(|pt| types & (1 << pt) != 0) {
            types |= 1 << codec.payload_type;
        }
    }
    for codec in repeats {
        let fmtp = codec.fmtp.as_deref().unwrap_or_default();
        let mut apt = fmtp
            .split(';')
            .filter_map(|p| p.trim().strip_prefix("apt="));
        let repeated = apt.next().and_then(payload_type_of);
        if repeated.is_some_and(|pt| types & (1 << pt) != 0) {
            types |= 1 << codec.payload_type;
        }
    }
    let stays = |codec: &Codec| carries && types & (1 << codec.payload_type) != 0;
    codecs.into_iter().filter(stays).collect()
}

fn verdict<'a>(media: &MediaView<'a>, left: &[Codec], policy: &CodecPolicy) -> Verdict<'a> {
    if left.is_empty() && policy.choice != CodecChoice::All {
        return Verdict::Closed;
    }
    let rank = |format: &str| {
        let codec = payload_type_of(format)
            .and_then(|pt| left.iter().find(|codec| codec.payload_type == pt));
        match codec {
            Some(codec) => Some(policy.rank(codec)),
            // What is no payload type cannot be judged.
            None => (policy.choice == CodecChoice::All).then_some(policy.order.len()),
        }
    };
    let mut formats: Vec<(usize, &'a str)> = media
        .formats()
        .filter_map(|format| Some((rank(format)?, format)))
        .collect();
    formats.sort_by_key(|(rank, _)| *rank);
    if formats
        .iter()
        .map(|(_, format)| *format)
        .eq(media.formats())
    {
        return Verdict::Same;
    }
    Verdict::Left(formats.into_iter().map(|(_, format)| format).collect())
}

fn write(sdp: &Sdp, verdicts: &[Verdict<'_>]) -> Sdp {
    let mut out = Sdp::with_capacity(sdp.size());
    let closed = |index: &usize| matches!(verdicts[*index], Verdict::Closed);
    let gone: Vec<&str> = (0..verdicts.len())
        .filter(closed)
        .filter_map(|index| sdp.media(index).attribute("mid"))
        .collect();
    for line in sdp.session_block() {
        match attribute(line) {
            Some((name, value)) if !gone.is_empty() && name.eq_ignore_ascii_case("group") => {
                push_group(&mut out, line, value, &gone);
            }
            _ => out.push(line),
        }
    }
    for (index, media) in sdp.medias().enumerate() {
        let lines = sdp.media_block(index);
        match &verdicts[index] {
            Verdict::Same => lines.for_each(|line| out.push(line)),
            Verdict::Left(formats) => push_left(&mut out, &media, lines, formats),
            Verdict::Closed => push_closed(&mut out, &media, lines),
        }
    }
    out
}

/// A group without the media descriptions that are switched off; no group of none.
fn push_group(out: &mut Sdp, line: &str, value: &str, gone: &[&str]) {
    let mut words = value.split_ascii_whitespace();
    let semantics = words.next().unwrap_or_default();
    let left: Vec<&str> = words.clone().filter(|mid| !gone.contains(mid)).collect();
    if left.len() == words.count() {
        out.push(line);
    } else if !left.is_empty() {
        out.push_fmt(format_args!("a=group:{semantics} {}", left.join(" ")));
    }
}

fn push_left<'a>(
    out: &mut Sdp,
    media: &MediaView<'_>,
    mut lines: impl Iterator<Item = &'a str>,
    formats: &[&str],
) {
    if let Some(line) = lines.next() {
        let before = &line[..line.len() - media.rest().len()];
        let (protocol, formats) = (media.protocol(), formats.join(" "));
        out.push_fmt(format_args!("{before}{protocol} {formats}"));
    }
    push_attributes(out, lines, formats);
}

fn push_closed<'a>(out: &mut Sdp, media: &MediaView<'_>, lines: impl Iterator<Item = &'a str>) {
    let first: Vec<&str> = media.formats().take(1).collect();
    let (kind, protocol) = (media.kind(), media.protocol());
    match first.first() {
        Some(format) => out.push_fmt(format_args!("m={kind} 0 {protocol} {format}")),
        None => out.push_fmt(format_args!("m={kind} 0 {protocol}")),
    }
    let open = |line: &&str| {
        let name = attribute(line).map(|(name, _)| name);
        !name.is_some_and(|n| n.eq_ignore_ascii_case("bundle-only"))
    };
    push_attributes(out, lines.skip(1).filter(open), &first);
}

/// Every line but those about other payload types than these.
fn push_attributes<'a>(out: &mut Sdp, lines: impl Iterator<Item = &'a str>, formats: &[&str]) {
    let types = formats.iter().filter_map(|format| payload_type_of(format));
    let types = types.fold(0_u128, |types, pt| types | 1 << pt);
    let stays = |format: &str| payload_type_of(format).is_some_and(|pt| types & (1 << pt) != 0);
    for line in lines {
        if attribute(line).and_then(subject).is_none_or(stays) {
            out.push(line);
        }
    }
}

/// The payload type that an attribute speaks of; nothing for one that speaks of all or of none.
fn subject<'a>((name, value): (&str, &'a str)) -> Option<&'a str> {
    ["rtpmap", "fmtp", "rtcp-fb", "imageattr"]
        .iter()
        .any(|n| n.eq_ignore_ascii_case(name))
        .then(|| value.split_ascii_whitespace().next().unwrap_or(""))
        .filter(|payload_type| *payload_type != "*")
}

#[cfg(test)]
mod tests;
