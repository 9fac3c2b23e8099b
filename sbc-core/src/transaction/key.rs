//! How a request is matched to the server transaction that an earlier one began (RFC 3261 §17.2.3).

use crate::sip::{HeaderName, Host, Message};

/// What later messages of a transaction have in common with the request that began it. The method
/// is compared beside it: CANCEL and ACK carry the key of their INVITE.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Key {
    /// A branch with the magic cookie, and the sent-by of the topmost Via.
    Branch {
        branch: Box<str>,
        host: Host,
        port: Option<u16>,
    },
    /// For clients of RFC 2543, whose branches tell nothing.
    Headers {
        uri: Box<str>,
        from_tag: Option<Box<str>>,
        to_tag: Option<Box<str>>,
        call_id: Option<Box<str>>,
        cseq: Option<u32>,
        via: Option<Box<str>>,
    },
}

impl Key {
    pub(super) fn of(request: &Message) -> Self {
        if let Some(via) = request.via()
            && let Some(branch) = via.branch().filter(|b| has_cookie(b))
        {
            return Self::Branch {
                branch: branch.into(),
                host: via.host,
                port: via.port,
            };
        }
        Self::Headers {
            uri: request.request_uri().into(),
            from_tag: request.from_tag().map(Box::from),
            to_tag: request.to_tag().map(Box::from),
            call_id: request.call_id().map(Box::from),
            cseq: request.cseq().map(|c| c.number),
            via: top_via(request).map(Box::from),
        }
    }

    /// The branch where it alone tells transactions apart.
    pub(super) fn branch(&self) -> Option<&str> {
        match self {
            Self::Branch { branch, .. } => Some(branch),
            Self::Headers { .. } => None,
        }
    }

    /// Whether `request` is the same request again, or the CANCEL of it.
    pub(super) fn is_of(&self, request: &Message) -> bool {
        match self {
            Self::Branch { .. } => self.has_branch_of(request),
            Self::Headers { to_tag, .. } => {
                self.has_headers_of(request) && to_tag.as_deref() == request.to_tag()
            }
        }
    }

    /// Whether `ack` acknowledges a refusal of the INVITE, which was sent with `response_tag` in
    /// To.
    pub(super) fn is_of_ack(&self, ack: &Message, response_tag: Option<&str>) -> bool {
        match self {
            Self::Branch { .. } => self.has_branch_of(ack),
            Self::Headers { .. } => self.has_headers_of(ack) && response_tag == ack.to_tag(),
        }
    }

    fn has_branch_of(&self, request: &Message) -> bool {
        let Self::Branch { branch, host, port } = self else {
            return false;
        };
        request
            .via()
            .is_some_and(|v| v.branch() == Some(branch) && v.host == *host && v.port == *port)
    }

    /// All but the tag of To.
    fn has_headers_of(&self, request: &Message) -> bool {
        let Self::Headers {
            uri,
            from_tag,
            call_id,
            cseq,
            via,
            ..
        } = self
        else {
            return false;
        };
        **uri == *request.request_uri()
            && from_tag.as_deref() == request.from_tag()
            && call_id.as_deref() == request.call_id()
            && *cseq == request.cseq().map(|c| c.number)
            && via.as_deref() == top_via(request)
    }
}

/// The magic cookie with something behind it; the cookie alone tells nothing (RFC 4475 §3.2.1).
fn has_cookie(branch: &str) -> bool {
    const COOKIE: &str = "z9hG4bK";
    branch.len() > COOKIE.len()
        && branch
            .get(..COOKIE.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(COOKIE))
}

pub(super) fn top_via(message: &Message) -> Option<&str> {
    message.header_values(&HeaderName::Via).next()
}
