//! Edits of a message, and messages of our own: text appended to the overlay, slots repointed.

use super::headers::NameId;
use super::index::{Core, Defects, FIVE, Others, Slot, Span, Start, Wanted};
use super::message::Body;
use super::via::ViaParts;
use super::{Defect, HeaderName, HeaderRef, Host, Message, Method, StatusCode, text};
use bytes::Bytes;
use std::net::SocketAddr;

/// A header that must not go on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a header value must not hold CR, LF or NUL, and a header name must be a token")]
pub struct InvalidValue;

/// Overlay and slots that a message of ours takes without growing.
const EXTRA: usize = 1024;
/// What the first edit of a message that came takes: enough for those of a request that crosses.
const EDITS: usize = 512;
const SLOTS: usize = 24;

impl Message {
    /// A request without headers. CR, LF and NUL in `uri` become blanks; what is no token in the
    /// name of a method becomes `-`.
    #[must_use]
    pub fn request(method: Method, uri: &str) -> Self {
        let mut message = Self::empty(StatusCode::of(100), EXTRA);
        let uri = message.append_line(uri);
        let method = method.into_token();
        message.start = Start::Request { method, uri };
        message
    }

    /// A response without headers. CR, LF and NUL in `reason` become blanks.
    #[must_use]
    pub fn response(status: StatusCode, reason: &str) -> Self {
        Self::response_of(status, reason, EXTRA)
    }

    fn response_of(status: StatusCode, reason: &str, room: usize) -> Self {
        let mut message = Self::empty(status, room);
        let reason = message.append_line(reason);
        message.start = Start::Response { status, reason };
        message
    }

    fn empty(status: StatusCode, room: usize) -> Self {
        Self {
            base: Bytes::new(),
            head_len: 0,
            extra: Vec::with_capacity(room),
            start: Start::Response {
                status,
                reason: Span::default(),
            },
            slots: Vec::with_capacity(SLOTS),
            others: Others::new(),
            body: Body::Own(Bytes::new()),
            core: Core::default(),
            vias: 0,
            defects: Defects::new(),
            edited: true,
        }
    }

    /// A response to `request`: every Via, From, To (with `to_tag` where it had none), Call-ID,
    /// CSeq, copied in this order (RFC 3261 §8.2.6.2), and on a 100 the Timestamp.
    /// Via carries what RFC 3581 §4 wants if [`Message::stamp_received`] was called on the request.
    /// A header that the request lacks is lacking here too. An empty `reason` is the status's own.
    #[must_use]
    pub fn reply_to(
        request: &Self,
        status: StatusCode,
        reason: &str,
        to_tag: Option<&str>,
    ) -> Self {
        let reason = if reason.is_empty() {
            status.reason()
        } else {
            reason
        };
        let mut reply = Self::response_of(status, reason, EXTRA);
        for slot in request.lines_of(NameId::VIA) {
            reply.copy_slot(request, slot);
        }
        for name in &FIVE[1..] {
            let Some(slot) = request.lines_of(*name).next() else {
                continue;
            };
            reply.copy_slot(request, slot);
            let tag = to_tag.filter(|tag| text::is_token(tag.as_bytes()));
            if let (NameId::TO, None, Some(tag)) = (*name, request.core.to_tag, tag) {
                reply.extra.extend_from_slice(b";tag=");
                reply.extra.extend_from_slice(tag.as_bytes());
                if let Some(slot) = reply.slots.last_mut() {
                    slot.value = Span::new(
                        slot.value.at as usize,
                        slot.value.len as usize + 5 + tag.len(),
                    );
                }
            }
        }
        if status.code() == 100
            && let Some(slot) = request.slots_of(&HeaderName::Timestamp).next()
        {
            reply.copy_slot(request, slot);
        }
        for name in FIVE {
            reply.read_core(name);
        }
        reply
    }

    /// Adds a header behind all others.
    ///
    /// # Errors
    /// CR, LF or NUL in the value; a name that is no token.
    pub fn push(&mut self, name: HeaderName, value: &str) -> Result<(), InvalidValue> {
        let slot = self.slot(&name, value)?;
        self.slots.push(slot);
        self.touched(&name);
        Ok(())
    }

    /// Adds a header before all others (Via).
    ///
    /// # Errors
    /// CR, LF or NUL in the value; a name that is no token.
    pub fn push_front(&mut self, name: HeaderName, value: &str) -> Result<(), InvalidValue> {
        let slot = self.slot(&name, value)?;
        self.slots.insert(0, slot);
        self.touched(&name);
        Ok(())
    }

    /// Replaces every line of this name by one, at the place of the first; adds it where none was.
    ///
    /// # Errors
    /// CR, LF or NUL in the value; a name that is no token.
    pub fn set(&mut self, name: HeaderName, value: &str) -> Result<(), InvalidValue> {
        let mut fresh = Some(self.slot(&name, value)?);
        let (wanted, others) = (Wanted::new(&name), &self.others);
        self.slots.retain_mut(|slot| {
            if !wanted.is(slot, others) {
                return true;
            }
            let Some(fresh) = fresh.take() else {
                return false;
            };
            *slot = fresh;
            true
        });
        self.slots.extend(fresh);
        self.touched(&name);
        Ok(())
    }

    /// Gives each line of this name the value that `edit` makes of its own, in its place; nothing
    /// leaves it as it is, and an empty text removes it. Lines that are not text are left as they
    /// are.
    ///
    /// # Errors
    /// CR, LF or NUL in a value: its line, and those behind it, are left as they are.
    pub fn rewrite(
        &mut self,
        name: &HeaderName,
        mut edit: impl FnMut(&str) -> Option<String>,
    ) -> Result<(), InvalidValue> {
        let mut index = 0;
        let mut result = Ok(());
        while let Some(slot) = self.slots.get(index) {
            let is_wanted = Wanted::new(name).is(slot, &self.others);
            let value = self.text(slot.value).filter(|_| is_wanted);
            let edited = value.and_then(&mut edit);
            match edited.as_deref() {
                None => index += 1,
                Some("") => {
                    self.slots.remove(index);
                }
                Some(line) if !text::is_line(line.as_bytes()) => {
                    result = Err(InvalidValue);
                    break;
                }
                Some(line) => {
                    let value = self.append(text::trim(line).as_bytes());
                    self.slots[index].value = value;
                    self.slots[index].verbatim = false;
                    index += 1;
                }
            }
        }
        self.touched(name);
        result
    }

    /// Removes every line of this name; true if there was one.
    pub fn remove(&mut self, name: &HeaderName) -> bool {
        let before = self.slots.len();
        let (wanted, others) = (Wanted::new(name), &self.others);
        self.slots.retain(|slot| !wanted.is(slot, others));
        let removed = self.slots.len() < before;
        if removed {
            self.touched(name);
        }
        removed
    }

    /// Copies a header line of `other`, byte for byte. CR and LF, which no line of a message
    /// holds, would become blanks; a name that is no token is left out.
    pub fn push_copy(&mut self, line: HeaderRef<'_>) {
        if !text::is_token(line.written.as_bytes()) {
            return;
        }
        let name = self.note(line.name);
        let written = self.append(line.written.as_bytes());
        let value = self.append(line.raw);
        let from = value.at as usize - self.base.len();
        for byte in &mut self.extra[from..] {
            if matches!(byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
        self.slots.push(Slot {
            name,
            written,
            value,
            verbatim: false,
        });
        self.touched(line.name);
    }

    /// Sets body and Content-Type. An empty body with an empty type removes both.
    ///
    /// # Errors
    /// CR, LF or NUL in the type.
    pub fn set_body(&mut self, content_type: &str, body: Bytes) -> Result<(), InvalidValue> {
        if content_type.is_empty() {
            self.remove(&HeaderName::ContentType);
        } else {
            self.set(HeaderName::ContentType, content_type)?;
        }
        self.replace_body(body);
        Ok(())
    }

    /// Sets the body and leaves its type. Its length is printed anew, so what was wrong with the
    /// old one is gone.
    pub(super) fn replace_body(&mut self, body: Bytes) {
        self.body = Body::Own(body);
        self.remove(&HeaderName::ContentLength);
        self.touched(&HeaderName::ContentLength);
    }

    /// Notes on the topmost Via where the request came from (RFC 3261 §18.2.1, RFC 3581 §4):
    /// `received` where the host differs or `rport` was asked for, `rport` with its value where
    /// asked for. A `received` that the sender wrote itself is not believed.
    pub fn stamp_received(&mut self, source: SocketAddr) {
        let Some(stamped) = self.stamped_via(source) else {
            return;
        };
        let value = self.append(stamped.as_bytes());
        let via = |slot: &&mut Slot| slot.name == NameId::VIA;
        if let Some(slot) = self.slots.iter_mut().find(via) {
            slot.value = value;
            slot.verbatim = false;
        }
        self.touched(&HeaderName::Via);
    }

    /// The first Via line with the topmost value stamped; nothing where nothing changes.
    fn stamped_via(&self, source: SocketAddr) -> Option<String> {
        let line = self.text(self.first(NameId::VIA)?)?;
        let value = text::list(line).next()?;
        let parts = ViaParts::scan(value).ok()?;
        let ip = source.ip().to_canonical();
        let rport = text::param(parts.params, "rport").is_some();
        let same_host = Host::parse(parts.host).ok() == Some(Host::Ip(ip));

        let bare = text::without_param(parts.params, "received");
        let mut params = bare.unwrap_or_else(|| parts.params.to_owned());
        if rport {
            params = text::with_param(&params, "rport", Some(&source.port().to_string()));
        }
        if rport || !same_host {
            params = text::with_param(&params, "received", Some(&ip.to_string()));
        }
        if params == parts.params {
            return None;
        }
        let sent_by = value.split(';').next().unwrap_or(value);
        let behind = value.as_ptr() as usize - line.as_ptr() as usize + value.len();
        let glue = if params.is_empty() { "" } else { ";" };
        let rest = &line[behind..];
        Some(format!("{}{glue}{params}{rest}", text::trim(sent_by)))
    }

    /// Appends to the overlay.
    fn append(&mut self, bytes: &[u8]) -> Span {
        if self.extra.capacity() == 0 {
            self.extra.reserve(EDITS);
        }
        let at = self.base.len() + self.extra.len();
        self.extra.extend_from_slice(bytes);
        Span::new(at, bytes.len())
    }

    fn append_line(&mut self, line: &str) -> Span {
        if text::is_line(line.as_bytes()) {
            return self.append(line.as_bytes());
        }
        self.append(text::one_line(line).as_bytes())
    }

    fn slot(&mut self, name: &HeaderName, value: &str) -> Result<Slot, InvalidValue> {
        let token = match name {
            HeaderName::Other(name) => text::is_token(name.as_bytes()),
            _ => true,
        };
        if !token || !text::is_line(value.as_bytes()) {
            return Err(InvalidValue);
        }
        let written = match name {
            // A known name that the caller spells in its own way.
            HeaderName::Other(text) if name.id().is_some() => self.append(text.as_bytes()),
            _ => Span::default(),
        };
        Ok(Slot {
            name: self.note(name),
            written,
            value: self.append(text::trim(value).as_bytes()),
            verbatim: false,
        })
    }

    /// The number of a name in this message.
    fn note(&mut self, name: &HeaderName) -> NameId {
        name.id().unwrap_or_else(|| {
            self.others.push(name.clone());
            NameId::other(self.others.len() - 1)
        })
    }

    fn copy_slot(&mut self, other: &Self, slot: &Slot) {
        let name = self.note(other.name(slot));
        let written = self.append(other.bytes(slot.written));
        let value = self.append(other.bytes(slot.value));
        self.slots.push(Slot {
            name,
            written,
            value,
            verbatim: false,
        });
    }

    fn touched(&mut self, name: &HeaderName) {
        self.edited = true;
        self.refresh(name);
        if *name == HeaderName::ContentLength {
            // Printed anew, always right.
            self.defects
                .retain(|defect| *defect != Defect::ContentLength);
        }
    }
}
