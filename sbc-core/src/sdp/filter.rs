//! Which codecs cross (RFC 3264 §6.1).

use super::media::payload_type_of;
use super::session::attribute;
use super::{MediaView, Sdp};

/// Keeps of every RTP media description only the codecs that `keep` accepts (encoding name, without
/// case, given in lower case), with their rtpmap, fmtp and rtcp-fb lines; order is not changed. A
/// media description left with nothing but telephone-event, comfort noise or nothing keeps its
/// formats and gets port 0. Returns how many media descriptions are left with a port.
///
/// A retransmission stream goes with the codec it repeats (`apt=` of `rtx`, RFC 4588 §8.1). Formats
/// that are no payload types cannot be judged and do not cross.
pub fn keep_codecs(sdp: &mut Sdp, keep: &dyn Fn(&str) -> bool) -> usize {
    let mut out = Sdp::with_capacity(sdp.size());
    sdp.session_block().for_each(|line| out.push(line));
    let mut open = 0;
    for (index, media) in sdp.medias().enumerate() {
        let lines = sdp.media_block(index);
        if media.port() == 0 || !media.is_rtp() {
            open += usize::from(media.port() != 0);
            lines.for_each(|line| out.push(line));
            continue;
        }
        match kept_types(&media, keep) {
            Some(kept) => {
                open += 1;
                push_kept(&mut out, &media, lines, kept);
            }
            None => push_refused(&mut out, &media, lines),
        }
    }
    *sdp = out;
    open
}

/// The payload types that stay, as a bit set; nothing where no codec is left that can carry the
/// medium.
fn kept_types(media: &MediaView<'_>, keep: &dyn Fn(&str) -> bool) -> Option<u128> {
    let mut kept = 0_u128;
    let mut carries = false;
    let mut repeats = Vec::new();
    for codec in media.codecs() {
        let name = codec.name.to_ascii_lowercase();
        if !keep(&name) {
            continue;
        }
        if name == "rtx" {
            repeats.push(codec);
            continue;
        }
        kept |= 1 << codec.payload_type;
        carries |= !matches!(&*name, "telephone-event" | "cn");
    }
    for codec in repeats {
        let repeated = codec
            .fmtp
            .as_deref()
            .and_then(|fmtp| fmtp.split(';').find_map(|p| p.trim().strip_prefix("apt=")))
            .and_then(payload_type_of);
        if repeated.is_some_and(|pt| kept & (1 << pt) != 0) {
            kept |= 1 << codec.payload_type;
        }
    }
    carries.then_some(kept)
}

fn push_kept<'a>(
    out: &mut Sdp,
    media: &MediaView<'_>,
    lines: impl Iterator<Item = &'a str>,
    kept: u128,
) {
    let is_kept = |format: &str| payload_type_of(format).is_some_and(|pt| kept & (1 << pt) != 0);
    for (n, line) in lines.enumerate() {
        if n == 0 && !media.formats().all(is_kept) {
            let before = &line[..line.len() - media.rest().len()];
            let formats: Vec<_> = media.formats().filter(|f| is_kept(f)).collect();
            let (protocol, formats) = (media.protocol(), formats.join(" "));
            out.push_fmt(format_args!("{before}{protocol} {formats}"));
        } else if attribute(line).and_then(subject).is_none_or(is_kept) {
            out.push(line);
        }
    }
}

fn push_refused<'a>(out: &mut Sdp, media: &MediaView<'_>, lines: impl Iterator<Item = &'a str>) {
    out.push_fmt(format_args!("m={} 0 {}", media.kind(), media.rest()));
    lines.skip(1).for_each(|line| out.push(line));
}

/// The payload type that an attribute speaks of; nothing for one that speaks of all or of none.
fn subject<'a>((name, value): (&str, &'a str)) -> Option<&'a str> {
    ["rtpmap", "fmtp", "rtcp-fb"]
        .iter()
        .any(|n| n.eq_ignore_ascii_case(name))
        .then(|| value.split_ascii_whitespace().next().unwrap_or(""))
        .filter(|payload_type| *payload_type != "*")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n\
        m=audio 4000 RTP/AVP 0 8 96 101\r\n\
        a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:96 opus/48000/2\r\n\
        a=fmtp:96 useinbandfec=1\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:* ccm fir\r\n\
        a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendrecv\r\n\
        m=video 5000/2 RTP/AVP 97 98 99\r\n\
        a=rtpmap:97 H264/90000\r\na=rtpmap:98 VP8/90000\r\n\
        a=rtpmap:99 rtx/90000\r\na=fmtp:99 x=1; apt=98\r\n\
        m=image 6000 udptl t38\r\n";

    fn filtered(keep: &[&str]) -> (usize, String) {
        let mut sdp = Sdp::parse(OFFER.as_bytes()).unwrap();
        let open = keep_codecs(&mut sdp, &|name| keep.contains(&name));
        (open, String::from_utf8(sdp.to_bytes()).unwrap())
    }

    #[test]
    fn only_the_kept_codecs_cross_with_what_belongs_to_them() {
        let (open, text) = filtered(&["pcma", "telephone-event", "h264", "rtx"]);
        assert_eq!(open, 3);
        assert_eq!(
            text,
            "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n\
             m=audio 4000 RTP/AVP 8 101\r\n\
             a=rtpmap:8 PCMA/8000\r\na=rtcp-fb:* ccm fir\r\n\
             a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendrecv\r\n\
             m=video 5000/2 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n\
             m=image 6000 udptl t38\r\n"
        );
    }

    #[test]
    fn a_retransmission_stream_stays_beside_its_codec() {
        let (_, text) = filtered(&["pcmu", "vp8", "rtx"]);
        assert!(text.contains("m=video 5000/2 RTP/AVP 98 99\r\n"));
        assert!(text.contains("a=fmtp:99 x=1; apt=98\r\n"));
    }

    #[test]
    fn where_all_is_kept_nothing_changes() {
        let all = [
            "pcmu",
            "pcma",
            "opus",
            "telephone-event",
            "h264",
            "vp8",
            "rtx",
        ];
        assert_eq!(filtered(&all), (3, OFFER.to_owned()));
    }

    #[test]
    fn a_medium_without_a_codec_to_carry_it_is_refused_as_it_stands() {
        let (open, text) = filtered(&["telephone-event", "cn"]);
        assert_eq!(open, 1, "the image is not RTP and is not judged");
        assert!(text.contains("m=audio 0 RTP/AVP 0 8 96 101\r\na=rtpmap:0 PCMU/8000\r\n"));
        assert!(text.contains("m=video 0 RTP/AVP 97 98 99\r\n"));
        assert!(text.contains("m=image 6000 udptl t38\r\n"));
    }

    #[test]
    fn comfort_noise_and_digits_alone_carry_no_call() {
        let offer = b"v=0\nm=audio 4 RTP/AVP 0 13 101\na=rtpmap:101 telephone-event/8000\n";
        let mut sdp = Sdp::parse(offer).unwrap();
        assert_eq!(keep_codecs(&mut sdp, &|name| name != "pcmu"), 0);
        assert_eq!(sdp.media(0).port(), 0);
    }

    #[test]
    fn a_static_type_without_mapping_is_known_by_its_name() {
        let mut sdp = Sdp::parse(b"v=0\nm=audio 4 RTP/AVP 0 18\na=fmtp:18 annexb=no\n").unwrap();
        assert_eq!(keep_codecs(&mut sdp, &|name| name == "g729"), 1);
        let text = String::from_utf8(sdp.to_bytes()).unwrap();
        assert_eq!(
            text,
            "v=0\r\nm=audio 4 RTP/AVP 18\r\na=fmtp:18 annexb=no\r\n"
        );
    }
}
