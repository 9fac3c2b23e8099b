//! Conversions to and from the session model of the `sdp-rs` crate (feature `sdp-rs`), for code
//! that was written on it.
//!
//! sdp-rs 0.2 has two defects that matter. It drops every media description when a `c=` line stands
//! behind an `a=` line: such a description gives an error here instead of a shorter session. And it
//! prints the channels of an `a=rtpmap` behind a blank (`opus/48000 2`): coming back, the blank is
//! a slash again.

use super::{Sdp, SdpError};
use ::sdp_rs::SessionDescription;

/// Why a description has no form in the other model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConversionError {
    /// sdp-rs does not read it.
    #[error("sdp-rs cannot read the description: {0}")]
    SdpRs(::sdp_rs::Error),
    /// sdp-rs reads it and loses media descriptions.
    #[error("sdp-rs keeps {kept} of {of} media descriptions")]
    Lossy {
        /// How many it kept.
        kept: usize,
        /// How many there are.
        of: usize,
    },
    /// What sdp-rs prints is no description.
    #[error(transparent)]
    Sdp(#[from] SdpError),
}

impl TryFrom<&Sdp> for SessionDescription {
    type Error = ConversionError;

    fn try_from(sdp: &Sdp) -> Result<Self, ConversionError> {
        let text = String::from_utf8_lossy(&sdp.to_bytes()).into_owned();
        let session = Self::try_from(text.as_str()).map_err(ConversionError::SdpRs)?;
        let (kept, of) = (session.media_descriptions.len(), sdp.media_count());
        if kept != of {
            return Err(ConversionError::Lossy { kept, of });
        }
        Ok(session)
    }
}

impl TryFrom<&SessionDescription> for Sdp {
    type Error = ConversionError;

    fn try_from(session: &SessionDescription) -> Result<Self, ConversionError> {
        let mut text = String::new();
        for line in session.to_string().lines() {
            match line
                .strip_prefix("a=rtpmap:")
                .map(|map| map.rsplit_once(' '))
            {
                // `96 opus/48000 2`: what stands behind the rate are the channels.
                Some(Some((map, channels))) if map.contains('/') => {
                    text.push_str("a=rtpmap:");
                    text.push_str(map);
                    text.push('/');
                    text.push_str(channels);
                }
                _ => text.push_str(line),
            }
            text.push_str("\r\n");
        }
        Ok(Self::parse(text.as_bytes())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n";

    fn sdp(media: &str) -> Sdp {
        Sdp::parse(format!("{HEAD}{media}").as_bytes()).expect("a description")
    }

    #[test]
    fn a_description_goes_there_and_comes_back_with_its_channels() {
        let ours = sdp("m=audio 4000 RTP/AVP 96 0\r\na=rtpmap:96 opus/48000/2\r\na=sendonly\r\n");
        let theirs = SessionDescription::try_from(&ours).expect("sdp-rs reads it");
        assert_eq!(theirs.media_descriptions.len(), 1);
        let back = Sdp::try_from(&theirs).expect("a description");
        assert_eq!(back.media(0).codecs(), ours.media(0).codecs());
        assert_eq!(back.media(0).direction(), ours.media(0).direction());
    }

    #[test]
    fn a_description_that_would_lose_its_media_is_an_error() {
        let text = HEAD.replace("c=IN", "a=tool:x\r\nc=IN");
        let text = format!("{text}m=audio 4000 RTP/AVP 0\r\n");
        let ours = Sdp::parse(text.as_bytes()).expect("a description");
        assert_eq!(ours.media_count(), 1);
        assert!(SessionDescription::try_from(&ours).is_err());
    }
}
