//! The index of a message: where each header stands, and what was found in the headers that every
//! layer reads. Filled once when the message is made, kept true by edits.

use super::headers::NameId;
use super::message::Message;
use super::name_addr::NameAddrParts;
use super::via::ViaParts;
use super::{Defect, HeaderName, Method, StatusCode, text};
use smallvec::SmallVec;

/// A piece of text. Offsets below the length of the base buffer lie there, others in the overlay.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Span {
    pub(super) at: u32,
    pub(super) len: u32,
}

impl Span {
    /// # Panics
    /// Beyond 4 GiB, which the limits on messages keep far away.
    #[inline]
    pub(super) fn new(at: usize, len: usize) -> Self {
        let (Ok(at), Ok(len)) = (u32::try_from(at), u32::try_from(len)) else {
            too_far();
        };
        Self { at, len }
    }

    pub(super) const fn end(self) -> u32 {
        self.at + self.len
    }

    /// The span of `part`, a piece of `whole`, whose span this is.
    fn within(self, whole: &str, part: &str) -> Self {
        let offset = part.as_ptr() as usize - whole.as_ptr() as usize;
        Self::new(self.at as usize + offset, part.len())
    }
}

#[cold]
fn too_far() -> ! {
    panic!("a message is far below 4 GiB");
}

/// One header line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) name: NameId,
    /// The name as it came; empty where it prints in its long form.
    pub(super) written: Span,
    pub(super) value: Span,
    /// In the base buffer it stands as `name: value` and CRLF, exactly as it would be printed.
    pub(super) verbatim: bool,
}

/// The first line.
#[derive(Clone, Debug)]
pub(super) enum Start {
    Request { method: Method, uri: Span },
    Response { status: StatusCode, reason: Span },
}

/// What was found in the five headers that every message has.
#[derive(Clone, Debug, Default)]
pub(super) struct Core {
    pub(super) branch: Option<Span>,
    pub(super) call_id: Option<Span>,
    pub(super) from_tag: Option<Span>,
    pub(super) to_tag: Option<Span>,
    pub(super) cseq: Option<(u32, Method)>,
}

/// The five, in the order in which defects name them.
pub(super) const FIVE: [NameId; 5] = [
    NameId::VIA,
    NameId::FROM,
    NameId::TO,
    NameId::CALL_ID,
    NameId::CSEQ,
];

/// Names that are in no RFC, as the slots of a message number them. One of them costs nothing but
/// its letters.
pub(super) type Others = SmallVec<[HeaderName; 1]>;

/// What is wrong with a message. One place, because a message whose Via is taken away and set anew
/// lacks it in between.
pub(super) type Defects = SmallVec<[Defect; 1]>;

/// What lines are looked for: those of a known name, or of another.
#[derive(Clone, Copy)]
pub(super) enum Wanted<'n> {
    Known(NameId),
    Other(&'n str),
}

impl<'n> Wanted<'n> {
    #[inline]
    pub(super) fn new(name: &'n HeaderName) -> Self {
        name.id()
            .map_or_else(|| Self::Other(name.as_str()), Self::Known)
    }

    /// Whether `slot` of a message with these names is one of the lines.
    #[inline]
    pub(super) fn is(self, slot: &Slot, others: &Others) -> bool {
        match self {
            Self::Known(id) => slot.name == id,
            Self::Other(text) => is_other(slot, others, text),
        }
    }
}

fn is_other(slot: &Slot, others: &Others, text: &str) -> bool {
    let place = slot.name.resolve().err();
    place.is_some_and(|place| others[place].as_str().eq_ignore_ascii_case(text))
}

impl Message {
    /// The name of a line.
    pub(super) fn name(&self, slot: &Slot) -> &HeaderName {
        slot.name
            .resolve()
            .unwrap_or_else(|place| &self.others[place])
    }

    pub(super) fn bytes(&self, span: Span) -> &[u8] {
        let (at, len) = (span.at as usize, span.len as usize);
        match at.checked_sub(self.base.len()) {
            Some(at) => &self.extra[at..at + len],
            None => &self.base[at..at + len],
        }
    }

    pub(super) fn text(&self, span: Span) -> Option<&str> {
        std::str::from_utf8(self.bytes(span)).ok()
    }

    pub(super) fn slots_of<'a, 'n>(
        &'a self,
        name: &'n HeaderName,
    ) -> impl Iterator<Item = &'a Slot> + use<'a, 'n> {
        let wanted = Wanted::new(name);
        self.slots
            .iter()
            .filter(move |slot| wanted.is(slot, &self.others))
    }

    /// The lines of a known name.
    pub(super) fn lines_of(&self, name: NameId) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(move |slot| slot.name == name)
    }

    pub(super) fn first(&self, name: NameId) -> Option<Span> {
        let slot = self.slots.iter().find(|slot| slot.name == name)?;
        Some(slot.value)
    }

    pub(super) fn accuse(&mut self, defect: Defect) {
        if !self.defects.contains(&defect) {
            self.defects.push(defect);
        }
    }

    /// Reads what is cached of the lines of this name again and judges them anew.
    pub(super) fn refresh(&mut self, name: &HeaderName) {
        self.defects.retain(|defect| match defect {
            Defect::Missing(n) | Defect::Twice(n) | Defect::Malformed(n) | Defect::NotUtf8(n) => {
                n != name
            }
            Defect::ContentLength => *name != HeaderName::ContentLength,
            Defect::CSeqMethod => *name != HeaderName::CSeq,
            _ => true,
        });
        let mut first = None;
        let (mut twice, mut utf8) = (false, true);
        let wanted = Wanted::new(name);
        for slot in &self.slots {
            if !wanted.is(slot, &self.others) {
                continue;
            }
            let value = self.bytes(slot.value);
            twice |= *first.get_or_insert(value) != value;
            utf8 &= std::str::from_utf8(value).is_ok();
        }
        if twice && name.single().is_some() {
            self.accuse(Defect::Twice(name.clone()));
        }
        if !utf8 {
            self.accuse(Defect::NotUtf8(name.clone()));
        }
        if let Some(name) = name.id() {
            self.read_core(name);
        }
    }

    /// Reads one of the five, or the Contacts of a request; nothing for others.
    pub(super) fn read_core(&mut self, name: NameId) {
        let sound = match name {
            NameId::VIA => self.read_via(),
            NameId::FROM => {
                let tag = self.read_party(name);
                self.core.from_tag = tag.flatten();
                tag.is_some()
            }
            NameId::TO => {
                let tag = self.read_party(name);
                self.core.to_tag = tag.flatten();
                tag.is_some()
            }
            NameId::CALL_ID => {
                self.core.call_id = self.first(name).filter(|id| {
                    let id = self.bytes(*id);
                    !id.is_empty() && id.iter().all(|b| *b > b' ' && *b != 0x7f)
                });
                self.core.call_id.is_some()
            }
            NameId::CSEQ => self.read_cseq(),
            NameId::CONTACT => !self.is_request() || self.contacts_are_sound(),
            _ => true,
        };
        if !sound && let Ok(header) = name.resolve() {
            self.accuse(match self.first(name) {
                Some(_) => Defect::Malformed(header.clone()),
                None => Defect::Missing(header.clone()),
            });
        }
    }

    fn read_via(&mut self) -> bool {
        let mut branch = None;
        let mut sound = true;
        let mut count = 0_usize;
        for slot in self.lines_of(NameId::VIA) {
            let Some(line) = self.text(slot.value) else {
                sound = false;
                count += 1;
                continue;
            };
            for value in text::list(line) {
                match ViaParts::scan(value) {
                    Ok(via) if count == 0 => {
                        branch = via.branch.map(|branch| slot.value.within(line, branch));
                    }
                    Ok(_) => {}
                    Err(_) => sound = false,
                }
                count += 1;
            }
        }
        self.core.branch = branch;
        self.vias = count;
        sound && count > 0
    }

    /// The tag of a From or To that is sound; nothing where it is missing or broken.
    fn read_party(&self, name: NameId) -> Option<Option<Span>> {
        let span = self.first(name)?;
        let value = self.text(span)?;
        let parts = NameAddrParts::scan(value).ok()?;
        Some(parts.tag.map(|tag| span.within(value, tag)))
    }

    fn read_cseq(&mut self) -> bool {
        let value = self.first(NameId::CSEQ).and_then(|span| self.text(span));
        self.core.cseq = value.and_then(|value| {
            let (number, method) = text::split_blank(value)?;
            // §8.1.1.5: below 2^31.
            let number = text::number(number).filter(|n| *n < 1 << 31)?;
            let method = text::trim(method);
            text::is_token(method.as_bytes()).then(|| (number, Method::parse(method)))
        });
        let Some((_, ours)) = &self.core.cseq else {
            return false;
        };
        if let Start::Request { method, .. } = &self.start
            && method != ours
        {
            self.accuse(Defect::CSeqMethod);
        }
        true
    }

    fn contacts_are_sound(&self) -> bool {
        self.lines_of(NameId::CONTACT).all(|slot| {
            self.text(slot.value).is_some_and(|line| {
                line == "*" || text::list(line).all(|value| NameAddrParts::scan(value).is_ok())
            })
        })
    }
}
