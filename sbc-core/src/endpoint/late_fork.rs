//! A 2xx of a fork that nobody waits for any more: its call is over, or never heard of it. It gets
//! its ACK and a BYE all the same (RFC 3261 §13.2.2.4), each time it comes and each time the same
//! bytes; nothing is kept of it.
//!
//! A BYE that is lost is sent again only where the ACK is lost too: forks that were heard of before
//! the answer are not left to this, their leg waits for them (see `ua::leg`).

use crate::dialog::{Dialog, DialogIds};
use crate::sip::{HeaderName, InvalidValue, Message, Method, NameAddr, StatusCode, Uri};
use crate::transport::{Flow, Transmit};

/// Whether the response is a 2xx to an INVITE of another dialog than the one that `ack` confirmed.
pub(super) fn is_of_another(response: &Message, ack: &Transmit) -> bool {
    response.method() == Some(&Method::Invite)
        && response.status().is_some_and(StatusCode::is_success)
        && Message::parse_datagram(ack.bytes.clone())
            .is_ok_and(|ack| ack.to_tag() != response.to_tag())
}

/// ACK and BYE in the dialog of a 2xx, by the way that it came. `branch` makes branches that are
/// the same for the same method. Nothing: it has no readable Via, From, To, Contact or CSeq.
pub(super) fn release(
    response: &Message,
    flow: Flow,
    branch: impl Fn(&Method) -> String,
) -> Option<[Transmit; 2]> {
    let via = response.via()?;
    let port = via.port.map_or(String::new(), |port| format!(":{port}"));
    let sent_by = format!("SIP/2.0/{} {}{port}", flow.transport.via(), via.host);
    let dialog = dialog_of(response)?;
    let cseq = response.cseq()?.number;
    let build = |method: Method, cseq| {
        let via = format!("{sent_by};branch={};rport", branch(&method));
        let mut request = dialog.request_numbered(method, cseq)?;
        request.push_front(HeaderName::Via, &via)?;
        Ok::<_, InvalidValue>(Transmit::new(flow, request.to_bytes()))
    };
    let ack = build(Method::Ack, cseq).ok()?;
    let bye = build(Method::Bye, cseq.checked_add(1)?).ok()?;
    Some([ack, bye])
}

fn dialog_of(response: &Message) -> Option<Dialog> {
    let (from, to): (NameAddr, NameAddr) = (response.from().ok()?, response.to().ok()?);
    let target: Uri = response.contact()?.uri;
    let ids = DialogIds {
        call_id: response.call_id()?.into(),
        local_tag: response.from_tag()?.into(),
        cseq: response.cseq()?.number.max(1),
    };
    let dialog = Dialog::outgoing(&ids, &from, &to, &target);
    Some(dialog.established(response))
}
