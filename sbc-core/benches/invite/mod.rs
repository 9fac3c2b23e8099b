//! The message that the benches time and the test of allocations counts.

use sbc_core::sip::{HeaderName, Message};

/// An INVITE of 25 headers and a description, as a carrier sends it.
pub(crate) const INVITE: &str = "INVITE sip:+4930123456@sbc.example.com;user=phone SIP/2.0\r\n\
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-524287-1---4c5d6e7f80910213;rport\r\n\
Via: SIP/2.0/TCP 198.51.100.77:5060;branch=z9hG4bK77ef4c2312983.1;received=198.51.100.77\r\n\
Max-Forwards: 68\r\n\
Record-Route: <sip:192.0.2.10;lr;ftag=as58f4201b>\r\n\
Record-Route: <sip:198.51.100.77;transport=tcp;lr>\r\n\
From: \"Alice Adams\" <sip:+4940987654@carrier.example.com;user=phone>;tag=as58f4201b\r\n\
To: <sip:+4930123456@sbc.example.com;user=phone>\r\n\
Call-ID: 3c2bf0a17f8d4a1e9c55e1f2b3a49d10@192.0.2.10\r\n\
CSeq: 102 INVITE\r\n\
Contact: <sip:+4940987654@192.0.2.10:5060;transport=udp>\r\n\
User-Agent: Carrier Softswitch 9.4.1\r\n\
Date: Mon, 05 Jan 2026 10:00:00 GMT\r\n\
Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, SUBSCRIBE, NOTIFY, INFO, PUBLISH, UPDATE\r\n\
Supported: replaces, timer, path, 100rel\r\n\
Session-Expires: 1800;refresher=uac\r\n\
Min-SE: 90\r\n\
P-Asserted-Identity: \"Alice Adams\" <sip:+4940987654@carrier.example.com;user=phone>\r\n\
Privacy: none\r\n\
P-Charging-Vector: icid-value=\"AyretyU0dm+6O2IrT5tAFrbHLso=023551024\";orig-ioi=carrier\r\n\
P-Access-Network-Info: IEEE-EUTRAN;eutran-cell-id-3gpp=\"26201\"\r\n\
Accept: application/sdp, application/dtmf-relay\r\n\
History-Info: <sip:+4930111111@carrier.example.com>;index=1\r\n\
X-Carrier-Trace: 5f0d7a9c-6a0b-4a43-9d53-0b8a9e3f1c22\r\n\
Content-Type: application/sdp\r\n\
Content-Length: 294\r\n\
\r\n\
v=0\r\n\
o=root 1821 1821 IN IP4 192.0.2.10\r\n\
s=session\r\n\
c=IN IP4 192.0.2.10\r\n\
t=0 0\r\n\
m=audio 17424 RTP/AVP 8 0 18 101\r\n\
a=rtpmap:8 PCMA/8000\r\n\
a=rtpmap:0 PCMU/8000\r\n\
a=rtpmap:18 G729/8000\r\n\
a=fmtp:18 annexb=no\r\n\
a=rtpmap:101 telephone-event/8000\r\n\
a=fmtp:101 0-16\r\n\
a=ptime:20\r\n\
a=maxptime:150\r\n\
a=sendrecv\r\n";

/// What an SBC changes of a request that crosses it: two names go, four lines are set.
pub(crate) fn edited(message: &Message) -> Message {
    let mut message = message.clone();
    message.remove(&HeaderName::Via);
    message.remove(&HeaderName::RecordRoute);
    let mut set = |name, value| message.set(name, value).expect("a value");
    set(HeaderName::Via, "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1");
    set(HeaderName::From, "<sip:+4940987654@10.0.0.1>;tag=b2bua");
    set(HeaderName::CallId, "c2tn3lkq4mzx7abcdefgh234");
    set(HeaderName::Contact, "<sip:10.0.0.1:5060>");
    message
}
