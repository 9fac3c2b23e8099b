//! Reads every byte that leaves an SBC: nothing of another side may be in it, and it must keep the
//! rules that a peer could hold against us.
//!
//! | what leaves | rule | RFC 3261 |
//! |---|---|---|
//! | anything | parses without defects; a request has Max-Forwards | §8.1.1, §7.3 |
//! | anything | no address, host, port of media, tag, Call-ID, branch, User-Agent of another side | |
//! | request | a new branch for each transaction, the same bytes when repeated | §8.1.1.7, §17.1.1.2 |
//! | request | CSeq grows within a dialog; ACK and CANCEL have that of their INVITE | §12.2.1.1 |
//! | CANCEL | after a provisional response, to an INVITE of ours | §9.1 |
//! | BYE | as caller: after our ACK; as callee: after the ACK, or 32 s without one | §15 |
//! | response | Via, From, Call-ID and CSeq of a request that came | §8.2.6.2 |
//! | response | no other after a final one; a final one repeats byte for byte | §17.2.1 |
//! | response | To tag from 101 on; Contact in the 2xx to an INVITE | §8.2.6.2, §12.1.1 |

use crate::net::{Listener, Network, RealmId};
use crate::sdp::Sdp;
use crate::sip::{HeaderName, Host, Message, Method};
use crate::time::Instant;
use crate::transport::Flow;
use bytes::Bytes;
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Whose a word is.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Owner {
    /// Everybody's on this side.
    Realm(RealmId),
    /// One dialog's.
    Dialog(Box<str>),
}

/// A request that came and may be answered.
#[derive(Debug)]
struct Asked {
    vias: Vec<String>,
    from: String,
    cseq: String,
    /// It came without To tag.
    begins: bool,
    final_answer: Option<Bytes>,
}

/// A request that left.
#[derive(Debug)]
struct Told {
    bytes: Bytes,
    provisional: bool,
}

/// One dialog of ours, by Call-ID and our tag.
#[derive(Debug, Default)]
struct Dialog {
    /// Highest CSeq of ours, by the peer's tag; empty before there is one.
    cseqs: HashMap<String, u32>,
    /// To tags of 2xx that came and wait for our ACK.
    owes_ack: Vec<String>,
    /// When our 2xx left, until its ACK came.
    unacked_since: Option<Instant>,
}

/// The scanner of one SBC.
#[derive(Debug)]
pub(super) struct Scanner {
    words: HashMap<Box<str>, Owner>,
    /// Addresses of IPv6, which are more than a word.
    addresses: HashMap<Box<str>, RealmId>,
    asked: HashMap<(String, String), Asked>,
    told: HashMap<(String, String), Told>,
    dialogs: HashMap<(Box<str>, Box<str>), Dialog>,
    /// Requests that nobody has, by Call-ID, method and number: each may be sent once more.
    unsent: HashSet<(String, String, u32)>,
    faults: Vec<String>,
    network: Arc<Network>,
    /// A Call-ID may cross, as it is; a host may stand in it.
    ids_cross: bool,
}

impl Scanner {
    pub(super) fn new(network: &Arc<Network>, ids_cross: bool) -> Self {
        let (mut words, mut addresses) = (HashMap::new(), HashMap::new());
        for listener in &network.listeners {
            let ip = listener.advertise.ip().to_string();
            if listener.advertise.is_ipv6() {
                addresses.insert(ip.into(), listener.realm);
            } else {
                words.insert(ip.into(), Owner::Realm(listener.realm));
            }
        }
        Self {
            words,
            addresses,
            asked: HashMap::new(),
            told: HashMap::new(),
            dialogs: HashMap::new(),
            unsent: HashSet::new(),
            faults: Vec::new(),
            network: Arc::clone(network),
            ids_cross,
        }
    }

    pub(super) fn faults(&self) -> &[String] {
        &self.faults
    }

    fn fault(&mut self, now: Instant, why: &str, bytes: &Bytes) {
        let at = Duration::from_nanos(now.as_nanos());
        self.faults.push(format!(
            "at {at:?}: {why}\n{}",
            String::from_utf8_lossy(bytes)
        ));
    }

    /// Learns what belongs to the side that a message came from.
    pub(super) fn on_received(&mut self, realm: RealmId, from: SocketAddr, message: &Message) {
        self.learn_side(realm, from, message);
        self.learn_dialog(realm, message);
        let (Some(call_id), Some(branch), Some(method)) =
            (message.call_id(), message.branch(), message.method())
        else {
            return;
        };
        let key = (branch.to_owned(), method.as_str().to_owned());
        let our_tag = if message.is_request() {
            message.to_tag()
        } else {
            message.from_tag()
        };
        let dialog = self.dialogs.entry(dialog_of(call_id, our_tag)).or_default();
        match message.status() {
            Some(status) => {
                let Some(told) = self.told.get_mut(&key) else {
                    return;
                };
                told.provisional |= status.is_provisional();
                if let (Some(tag), Some(cseq)) = (message.to_tag(), message.cseq()) {
                    // The INVITE of this dialog; another one may have left meanwhile.
                    dialog.cseqs.entry(tag.into()).or_insert(cseq.number);
                }
                if *method == Method::Invite && status.is_success() {
                    let tag = message.to_tag().unwrap_or_default().to_owned();
                    if !dialog.owes_ack.contains(&tag) {
                        dialog.owes_ack.push(tag);
                    }
                }
            }
            None if *method == Method::Ack => dialog.unacked_since = None,
            None => {
                let asked = Asked {
                    vias: vias(message),
                    from: message.header(&HeaderName::From).unwrap_or_default().into(),
                    cseq: message.header(&HeaderName::CSeq).unwrap_or_default().into(),
                    begins: message.to_tag().is_none(),
                    final_answer: None,
                };
                self.asked.entry(key).or_insert(asked);
            }
        }
    }

    fn learn_side(&mut self, realm: RealmId, from: SocketAddr, message: &Message) {
        let mut hosts = vec![from.ip().to_string()];
        let host = |host: &Host| match host {
            Host::Ip(ip) => ip.to_string(),
            Host::Name(name) => name.to_string(),
        };
        hosts.extend(message.via().map(|via| host(&via.host)));
        let contact = message.contact().and_then(|c| c.uri.host);
        hosts.extend(contact.map(|h| host(&h)));
        if message.is_request() {
            let caller = message.from().ok().and_then(|f| f.uri.host);
            hosts.extend(caller.map(|h| host(&h)));
        }
        for name in [HeaderName::UserAgent, HeaderName::Server] {
            hosts.extend(message.header(&name).map(ToOwned::to_owned));
        }
        if let Some(sdp) = message.sdp().and_then(|sdp| Sdp::parse(&sdp).ok()) {
            hosts.extend(sdp.connection().map(|ip| ip.to_string()));
            hosts.extend((0..sdp.media_count()).map(|n| sdp.media(n).port().to_string()));
        }
        for word in hosts {
            if word.parse::<Ipv6Addr>().is_ok() {
                self.addresses.entry(word.into()).or_insert(realm);
            } else if word.len() > 3 && !self.is_ours(&word) {
                self.words.entry(word.into()).or_insert(Owner::Realm(realm));
            }
        }
    }

    fn is_ours(&self, word: &str) -> bool {
        let ours = |l: &Listener| word.parse::<IpAddr>() == Ok(l.advertise.ip());
        let media = |port: u16| (20_000..30_000).contains(&port);
        self.network.listeners.iter().any(ours) || word.parse().is_ok_and(media)
    }

    /// Call-ID, tags and branches that the peer made.
    fn learn_dialog(&mut self, realm: RealmId, message: &Message) {
        let Some(call_id) = message.call_id() else {
            return;
        };
        let theirs = if message.is_request() {
            [message.from_tag(), message.branch()]
        } else {
            [message.to_tag(), None]
        };
        let (id, host) = call_id.split_once('@').unwrap_or((call_id, ""));
        for word in theirs.into_iter().flatten().chain([id]) {
            self.words
                .entry(word.into())
                .or_insert_with(|| Owner::Dialog(call_id.into()));
        }
        if !host.is_empty() {
            // The name of a host belongs to its whole side.
            self.words.entry(host.into()).or_insert(Owner::Realm(realm));
        }
    }

    /// Judges what leaves.
    /// Something was not sent after all.
    pub(super) fn on_unsent(&mut self, bytes: &Bytes) {
        let Ok(message) = Message::parse_datagram(bytes.clone()) else {
            return;
        };
        if message.is_request() {
            self.unsent.extend(request_key(&message));
        }
    }

    pub(super) fn on_sent(
        &mut self,
        now: Instant,
        listener: &Listener,
        flow: &Flow,
        bytes: &Bytes,
    ) {
        if listener.transport != flow.transport {
            self.fault(now, "leaves by a listener of another transport", bytes);
        }
        let message = match Message::parse_datagram(bytes.clone()) {
            Ok(message) => message,
            Err(error) => return self.fault(now, &format!("does not parse: {error}"), bytes),
        };
        if !message.defects().is_empty() {
            self.fault(now, &format!("has defects: {:?}", message.defects()), bytes);
        }
        self.look_for_strange_words(now, listener.realm, &message, bytes);
        if message.is_request() {
            self.judge_request(now, &message, bytes);
        } else {
            self.judge_response(now, &message, bytes);
        }
    }

    fn look_for_strange_words(
        &mut self,
        now: Instant,
        realm: RealmId,
        message: &Message,
        bytes: &Bytes,
    ) {
        let call_id = message.call_id().unwrap_or_default();
        let mut text = said(message, bytes);
        if self.ids_cross && !call_id.is_empty() {
            text = text.replace(call_id, "");
        }
        let mut strange = Vec::new();
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "-._".contains(c)));
        for word in words.map(|word| word.trim_end_matches('.')) {
            let leaked = match self.words.get(word) {
                Some(Owner::Realm(owner)) => *owner != realm,
                Some(Owner::Dialog(owner)) => **owner != *call_id,
                None => false,
            };
            if leaked && !strange.contains(&word) {
                strange.push(word);
            }
        }
        let others = self.addresses.iter().filter(|(_, owner)| **owner != realm);
        strange.extend(others.map(|(a, _)| &**a).filter(|a| text.contains(a)));
        if !strange.is_empty() {
            self.fault(now, &format!("shows {strange:?} of another side"), bytes);
        }
    }

    fn judge_request(&mut self, now: Instant, message: &Message, bytes: &Bytes) {
        let (Some(method), Some(branch), Some(cseq), Some(call_id)) = (
            message.method(),
            message.branch(),
            message.cseq(),
            message.call_id(),
        ) else {
            return;
        };
        if message.max_forwards().is_none() {
            self.fault(now, "has no Max-Forwards", bytes);
        }
        if vias(message).len() != 1 {
            self.fault(now, "has not one Via", bytes);
        }
        let key = (branch.to_owned(), method.as_str().to_owned());
        if *method == Method::Ack {
            let tag = message.to_tag().unwrap_or_default();
            let ours = dialog_of(call_id, message.from_tag());
            let dialog = self.dialogs.entry(ours).or_default();
            dialog.owes_ack.retain(|owed| owed != tag);
        }
        if let Some(told) = self.told.get(&key) {
            if told.bytes != *bytes {
                self.fault(now, "is another request in a known transaction", bytes);
            }
            return;
        }
        self.judge_new_request(now, message, bytes, cseq.number, call_id);
        let told = Told {
            bytes: bytes.clone(),
            provisional: false,
        };
        self.told.insert(key, told);
    }

    fn judge_new_request(
        &mut self,
        now: Instant,
        message: &Message,
        bytes: &Bytes,
        cseq: u32,
        call_id: &str,
    ) {
        let branch = message.branch().unwrap_or_default().to_owned();
        let invite = self.told.get(&(branch, "INVITE".to_owned()));
        let (has_invite, rang) = (invite.is_some(), invite.is_some_and(|i| i.provisional));
        let to_tag = message.to_tag().unwrap_or_default().to_owned();
        let again = request_key(message).is_some_and(|key| self.unsent.remove(&key));
        let ours = dialog_of(call_id, message.from_tag());
        let dialog = self.dialogs.entry(ours).or_default();
        let mut why = None;
        match message.method() {
            Some(Method::Ack) => {}
            Some(Method::Cancel) if !has_invite => why = Some("cancels nothing"),
            Some(Method::Cancel) if !rang => why = Some("cancels before a provisional response"),
            Some(Method::Cancel) => {}
            method => {
                let of = |tag: &str| dialog.cseqs.get(tag).copied();
                // A caller's INVITE that is said again when its call is over begins another one,
                // with the same ids where those cross.
                let begins_again = self.ids_cross && to_tag.is_empty();
                let last = of(&to_tag).or_else(|| of("")).unwrap_or(0);
                if cseq <= last && !again && !begins_again {
                    why = Some("has a CSeq that did not grow");
                }
                dialog.cseqs.insert(to_tag.clone(), cseq);
                let bye = method == Some(&Method::Bye);
                let patience = Duration::from_secs(32);
                if bye && dialog.owes_ack.contains(&to_tag) {
                    why = Some("overtakes our ACK");
                }
                if bye
                    && dialog
                        .unacked_since
                        .is_some_and(|at| now.since(at) < patience)
                {
                    why = Some("comes before the ACK of our 2xx");
                }
                if method == Some(&Method::Invite) && message.contact().is_none() {
                    why = Some("has no Contact");
                }
            }
        }
        if let Some(why) = why {
            self.fault(now, why, bytes);
        }
    }

    fn judge_response(&mut self, now: Instant, message: &Message, bytes: &Bytes) {
        let (Some(status), Some(branch), Some(method)) =
            (message.status(), message.branch(), message.method())
        else {
            return;
        };
        let key = (branch.to_owned(), method.as_str().to_owned());
        let Some(asked) = self.asked.get_mut(&key) else {
            return self.fault(now, "answers nothing that came", bytes);
        };
        let mut why = None;
        if asked.vias != vias(message) {
            why = Some("has other Vias than its request");
        }
        let same = |name: &HeaderName, was: &str| message.header(name) == Some(was);
        if !same(&HeaderName::From, &asked.from) || !same(&HeaderName::CSeq, &asked.cseq) {
            why = Some("has another From or CSeq than its request");
        }
        let first_final = status.is_final() && asked.final_answer.is_none();
        if first_final {
            asked.final_answer = Some(bytes.clone());
        }
        if asked
            .final_answer
            .as_ref()
            .is_some_and(|sent| sent != bytes)
        {
            why = Some("follows another final response");
        }
        if status.code() > 100 && message.to_tag().is_none() {
            why = Some("has no To tag");
        }
        if message.reason().is_empty() {
            why = Some("has no reason phrase");
        }
        if *method == Method::Invite && status.is_success() {
            if message.contact().is_none() {
                why = Some("has no Contact");
            }
            let call_id = message.call_id().unwrap_or_default();
            let ours = dialog_of(call_id, message.to_tag());
            let dialog = self.dialogs.entry(ours).or_default();
            if first_final && asked.begins {
                dialog.unacked_since = Some(now);
            }
        }
        if let Some(why) = why {
            self.fault(now, why, bytes);
        }
    }
}

fn dialog_of(call_id: &str, our_tag: Option<&str>) -> (Box<str>, Box<str>) {
    (call_id.into(), our_tag.unwrap_or_default().into())
}

/// What a message says to its peer; of a recording's INVITE without the metadata, which names both
/// sides to the recorder (RFC 7865).
fn said(message: &Message, bytes: &Bytes) -> String {
    let content_type = message.header(&HeaderName::ContentType).unwrap_or_default();
    if !content_type.starts_with("multipart/") {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let head = bytes.len().saturating_sub(message.body().len());
    let sdp = message.sdp().unwrap_or_default();
    let parts = [&bytes[..head], &sdp];
    parts.map(String::from_utf8_lossy).concat()
}

/// Via values without what the receiver noted on them.
fn vias(message: &Message) -> Vec<String> {
    message
        .header_values(&HeaderName::Via)
        .map(|via| {
            let kept = via.split(';').filter(|param| {
                let name = param.split('=').next().unwrap_or_default().trim();
                !name.eq_ignore_ascii_case("rport") && !name.eq_ignore_ascii_case("received")
            });
            kept.collect::<Vec<_>>().join(";")
        })
        .collect()
}

fn request_key(message: &Message) -> Option<(String, String, u32)> {
    let cseq = message.cseq()?;
    let method = cseq.method.as_str().to_owned();
    Some((message.call_id()?.to_owned(), method, cseq.number))
}
