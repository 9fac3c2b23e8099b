//! One dialog: its ids, sequence numbers, route set and remote target (RFC 3261 §12). Pure
//! bookkeeping without timers.
//!
//! | event | state kept | RFC 3261 |
//! |---|---|---|
//! | INVITE sent | Call-ID, local tag, local CSeq | §8.1.1 |
//! | 1xx/2xx with a To tag received | remote tag, route set reversed, remote target | §12.1.2 |
//! | INVITE received, answered with a To tag | remote tag, route set, remote target, remote CSeq | §12.1.1 |
//! | request sent | local CSeq + 1 (ACK, CANCEL: that of the INVITE) | §12.2.1.1 |
//! | request sent, the first route is loose (`lr`) | Request-URI: remote target; Route: all | §12.2.1.1 |
//! | request sent, the first route is strict | Request-URI: that one; Route: the others, remote target | §12.2.1.1 |
//! | request received | CSeq must grow, else 500; target refresh | §12.2.2 |

use crate::Entropy;
use crate::sip::{HeaderName, InvalidValue, Message, Method, NameAddr, StatusCode, Uri};
use crate::sip::{new_call_id, new_tag};

/// What a peer did against the rules of a dialog.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Violation {
    /// RFC 3261 §12.2.2.
    #[error("CSeq went back from {had} to {got} (RFC 3261 §12.2.2)")]
    CseqWentBack {
        /// The highest number before.
        had: u32,
        /// The number that came.
        got: u32,
    },
}

impl Violation {
    /// The status that answers it.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::CseqWentBack { .. } => StatusCode::of(500),
        }
    }
}

/// What an INVITE of ours is known by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DialogIds {
    /// Call-ID.
    pub call_id: Box<str>,
    /// Our tag: that of From.
    pub local_tag: Box<str>,
    /// The number in CSeq, 1 to 2^31 - 1.
    pub cseq: u32,
}

impl DialogIds {
    /// New ones, that say nothing to anybody.
    #[must_use]
    pub fn random(entropy: &mut Entropy) -> Self {
        Self {
            call_id: new_call_id(entropy).into(),
            local_tag: new_tag(entropy).into(),
            cseq: 1,
        }
    }

    /// The ids of a received INVITE, for an INVITE that goes on elsewhere; `step`, from 1 on, tells
    /// those apart. The number differs from the received one, so that a host that sees both does
    /// not take them for one (RFC 3261 §8.2.2.2). Nothing: there is no tag, or no Call-ID.
    #[must_use]
    pub fn carried_on(invite: &Message, step: u32) -> Option<Self> {
        // Half of what a CSeq may be (§8.1.1.5) is left for the dialog.
        const HIGHEST: u32 = 1 << 30;
        let received = invite.cseq()?.number;
        let base = if received < HIGHEST { received } else { 0 };
        Some(Self {
            call_id: invite.call_id()?.into(),
            local_tag: invite.from_tag()?.into(),
            cseq: base + step.min(HIGHEST),
        })
    }
}

/// A dialog, early or confirmed, or one that an INVITE of ours may still create.
#[derive(Clone, Debug)]
pub struct Dialog {
    call_id: Box<str>,
    local_tag: Box<str>,
    remote_tag: Option<Box<str>>,
    /// From of our requests, with our tag.
    local: Box<str>,
    /// To of our requests, without the peer's tag.
    remote: Box<str>,
    local_cseq: u32,
    remote_cseq: Option<u32>,
    route_set: Vec<Box<str>>,
    /// The peer's Contact; before there is one, our own Request-URI.
    target: Box<str>,
}

impl Dialog {
    /// For an INVITE that we are about to send. `from` and `to` are without tags.
    #[must_use]
    pub fn outgoing(ids: &DialogIds, from: &NameAddr, to: &NameAddr, request_uri: &Uri) -> Self {
        let mut local = from.clone();
        local.set_param("tag", Some(&ids.local_tag));
        let mut remote = to.clone();
        remote.remove_param("tag");
        Self {
            call_id: ids.call_id.clone(),
            local_tag: ids.local_tag.clone(),
            remote_tag: None,
            local: local.to_string().into(),
            remote: remote.to_string().into(),
            local_cseq: ids.cseq - 1,
            remote_cseq: None,
            route_set: Vec::new(),
            target: request_uri.to_string().into(),
        }
    }

    /// For an INVITE that we received; nothing where it has no readable From, To, Call-ID or CSeq.
    #[must_use]
    pub fn incoming(invite: &Message, local_tag: &str) -> Option<Self> {
        let mut local = invite.to().ok()?;
        local.set_param("tag", Some(local_tag));
        let mut remote = invite.from().ok()?;
        let remote_tag = remote.tag().map(Into::into);
        remote.remove_param("tag");
        let route_set = invite
            .header_values(&HeaderName::RecordRoute)
            .map(Into::into)
            .collect();
        let contact = invite.contact();
        let target = contact
            .as_ref()
            .map_or(&remote.uri, |c| &c.uri)
            .to_string()
            .into();
        Some(Self {
            call_id: invite.call_id()?.into(),
            local_tag: local_tag.into(),
            remote_tag,
            local: local.to_string().into(),
            remote: remote.to_string().into(),
            local_cseq: 0,
            remote_cseq: Some(invite.cseq()?.number),
            route_set,
            target,
        })
    }

    /// The dialog that a response to our INVITE creates or confirms (§12.1.2): of one INVITE there
    /// may be several, told apart by their To tags.
    #[must_use]
    pub fn established(&self, response: &Message) -> Self {
        let mut dialog = self.clone();
        dialog.remote_tag = response.to_tag().map(Into::into);
        dialog.route_set = response
            .header_values(&HeaderName::RecordRoute)
            .map(Into::into)
            .collect();
        dialog.route_set.reverse();
        dialog.refresh_target(response);
        dialog
    }

    /// The same dialog under another tag of ours: a second early dialog towards the caller.
    #[must_use]
    pub fn with_local_tag(&self, tag: &str) -> Self {
        let mut dialog = self.clone();
        if let Ok(mut local) = NameAddr::parse(&self.local) {
            local.set_param("tag", Some(tag));
            dialog.local = local.to_string().into();
        }
        dialog.local_tag = tag.into();
        dialog
    }

    /// A target refresh: the Contact of a re-INVITE, an UPDATE or their 2xx (§12.2.1.2, §12.2.2).
    pub fn refresh_target(&mut self, message: &Message) {
        if let Some(contact) = message.contact() {
            self.target = contact.uri.to_string().into();
        }
    }

    /// Notes an in-dialog request (not ACK, not CANCEL).
    ///
    /// # Errors
    /// Where its CSeq is not higher than the last one.
    pub fn on_request(&mut self, request: &Message) -> Result<(), Violation> {
        let Some(cseq) = request.cseq() else {
            return Ok(());
        };
        match self.remote_cseq {
            Some(had) if cseq.number <= had => Err(Violation::CseqWentBack {
                had,
                got: cseq.number,
            }),
            _ => {
                self.remote_cseq = Some(cseq.number);
                Ok(())
            }
        }
    }

    /// The CSeq of the peer's last request so far, of which this dialog was told nothing: it was
    /// early.
    pub fn heard(&mut self, cseq: Option<u32>) {
        self.remote_cseq = self.remote_cseq.max(cseq);
    }

    /// A request of ours in this dialog, with the next CSeq; without Via, Contact and body.
    ///
    /// # Errors
    /// Where what the peer said cannot stand in a header: never, since the parser refuses it.
    pub fn request(&mut self, method: Method) -> Result<Message, InvalidValue> {
        self.local_cseq += 1;
        self.request_numbered(method, self.local_cseq)
    }

    /// As [`Self::request`], with a given number: for ACK and CANCEL that of their INVITE.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub fn request_numbered(&self, method: Method, cseq: u32) -> Result<Message, InvalidValue> {
        let number = format!("{cseq} {method}");
        let strict = self.strict_router();
        let target = strict.as_deref().unwrap_or(&self.target);
        let mut request = Message::request(method, target);
        for route in self.route_set.iter().skip(usize::from(strict.is_some())) {
            request.push(HeaderName::Route, route)?;
        }
        if strict.is_some() {
            request.push(HeaderName::Route, &format!("<{}>", self.target))?;
        }
        request.push(HeaderName::MaxForwards, "70")?;
        request.push(HeaderName::From, &self.local)?;
        match &self.remote_tag {
            Some(tag) => request.push(HeaderName::To, &format!("{};tag={tag}", self.remote))?,
            None => request.push(HeaderName::To, &self.remote)?,
        }
        request.push(HeaderName::CallId, &self.call_id)?;
        request.push(HeaderName::CSeq, &number)?;
        Ok(request)
    }

    /// The Request-URI where the first route is of RFC 2543: itself, without what no Request-URI
    /// may have (§12.2.1.1, §19.1.1).
    fn strict_router(&self) -> Option<String> {
        let mut uri = NameAddr::parse(self.route_set.first()?).ok()?.uri;
        if uri.param("lr").is_some() {
            return None;
        }
        uri.remove_param("method");
        uri.headers = "".into();
        Some(uri.to_string())
    }

    /// Call-ID.
    #[must_use]
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// Our tag.
    #[must_use]
    pub fn local_tag(&self) -> &str {
        &self.local_tag
    }

    /// The peer's tag, once known.
    #[must_use]
    pub fn remote_tag(&self) -> Option<&str> {
        self.remote_tag.as_deref()
    }

    /// From of our requests, with our tag: who we are to the peer.
    #[must_use]
    pub fn local(&self) -> &str {
        &self.local
    }

    /// To of our requests, without tag: who the peer is.
    #[must_use]
    pub fn remote(&self) -> &str {
        &self.remote
    }

    /// The CSeq of our last request.
    #[must_use]
    pub fn local_cseq(&self) -> u32 {
        self.local_cseq
    }

    /// Where our next request goes before names are resolved: the first route, loose or strict,
    /// else the target (§12.2.1.1, §8.1.2).
    #[must_use]
    pub fn next_hop(&self) -> Option<Uri> {
        match self.route_set.first() {
            Some(route) => NameAddr::parse(route).ok().map(|r| r.uri),
            None => Uri::parse(&self.target).ok(),
        }
    }
}
