//! Which codecs cross (RFC 3264 §6.1).

use super::Sdp;

/// Keeps of every RTP media description only the codecs that `keep` accepts (encoding name, without
/// case, given in lower case), with their rtpmap, fmtp and rtcp-fb lines; order is not changed. A media
/// description left with nothing but telephone-event, comfort noise or nothing keeps its formats and gets
/// port 0. Returns how many media descriptions are left with a port.
pub fn keep_codecs(_sdp: &mut Sdp, _keep: &dyn Fn(&str) -> bool) -> usize {
    unimplemented!()
}
