//! Messages: from a datagram, from a stream, and the addresses in them.

use bytes::Bytes;
use sbc_core::limits;
use sbc_core::sip::{
    Defect, Framed, Framer, HeaderName, Host, Message, NameAddr, ParseError, StartLine, StatusCode,
    Uri, Via, split_list,
};
use std::hint::black_box;
use std::net::SocketAddr;

/// A message in a datagram.
pub fn datagram(data: &[u8]) {
    if let Some(refused) = Message::of_excess(data) {
        assert!(refused.to_bytes().len() <= data.len() + "Content-Length: 0\r\n\r\n".len());
    }
    let bytes = Bytes::copy_from_slice(data);
    let Ok(message) = Message::parse_datagram(bytes) else {
        return;
    };
    read_everything(&message);
    let lead = data.iter().take_while(|b| b"\r\n".contains(b)).count();
    let printed = message.to_bytes();
    assert!(data[lead..].starts_with(&printed), "not as it came");
    assert_eq!(message.size_hint(), printed.len());
    let again = Message::parse_datagram(printed).expect("an untouched message is read again");
    assert_eq!(headers(&again), headers(&message));
    assert_eq!(again.defects(), message.defects());

    let mut stamped = message.clone();
    stamped.stamp_received(SocketAddr::from(([203, 0, 113, 9], 40_000)));
    prints_alike(&stamped);
    if message.via().is_some() {
        assert!(stamped.via().is_some(), "the way back is lost");
    }
    if message.is_request() {
        replies_alike(&message);
    }
    edits_alike(message);
}

fn replies_alike(message: &Message) {
    let reply = Message::reply_to(message, StatusCode::of(400), "Bad Request", Some("tag"));
    prints_alike(&reply);
    let via = HeaderName::Via;
    assert_eq!(
        reply.header_values(&via).count(),
        message.header_values(&via).count()
    );
    assert_eq!(reply.call_id(), message.call_id());
    if message.defects().is_empty() {
        assert!(reply.to_tag().is_some(), "a reply without tag");
    }
}

fn edits_alike(mut message: Message) {
    let value = message.header(&HeaderName::Subject).unwrap_or_default();
    // An escaped NUL may come in, in a quoted string, but not go out by our hand.
    let value = value.replace('\0', " ");
    let mut push = |name: &str, front: bool| {
        let name = HeaderName::parse(name);
        let done = if front {
            message.push_front(name, &value)
        } else {
            message.push(name, &value)
        };
        done.expect("a value of a message is a value");
    };
    push("Via", true);
    push("X-Fuzz", false);
    message.remove(&HeaderName::UserAgent);
    message.remove(&HeaderName::RecordRoute);
    message
        .set(HeaderName::Contact, "<sip:a@example.com>")
        .expect("a value");
    message
        .set_body("application/sdp", Bytes::from_static(b"v=0\r\n"))
        .expect("a type");
    prints_alike(&message);
    assert_eq!(message.body(), Bytes::from_static(b"v=0\r\n"));
    let mut copy = Message::response(StatusCode::of(200), "OK");
    message.headers().for_each(|line| copy.push_copy(line));
    prints_alike(&copy);
}

/// What is printed reads as the same headers and body. Our own edits may pass a limit.
fn prints_alike(message: &Message) {
    let printed = message.to_bytes();
    assert_eq!(message.size_hint(), printed.len());
    let again = match Message::parse_datagram(printed) {
        Ok(again) => again,
        Err(ParseError::Limit(_)) => return,
        Err(other) => panic!("what is printed cannot be read: {other}"),
    };
    assert_eq!(headers(&again), headers(message));
    assert_eq!(again.body(), message.body());
    assert_eq!(again.branch(), message.branch());
    assert_eq!(again.to_tag(), message.to_tag());
    assert_eq!(again.from_tag(), message.from_tag());
    assert_eq!(again.cseq(), message.cseq());
    assert_eq!(start(&again), start(message));
}

fn start(message: &Message) -> String {
    match message.start() {
        StartLine::Request { method, uri } => format!("{method} {uri}"),
        StartLine::Response { status, reason } => format!("{status} {reason}"),
    }
}

/// Names and values, without the length, which is printed anew.
fn headers(message: &Message) -> Vec<(String, Vec<u8>)> {
    message
        .headers()
        .filter(|line| *line.name != HeaderName::ContentLength)
        .map(|line| (line.written.to_owned(), line.raw.to_vec()))
        .collect()
}

fn read_everything(message: &Message) {
    for line in message.headers() {
        assert!(!line.written.is_empty());
        assert!(!line.raw.iter().any(|b| b"\r\n".contains(b)));
        assert!(line.raw.len() <= limits::HEADER_LINE_BYTES);
        black_box(message.header_values(line.name).count());
        black_box(message.lists(line.name, "timer"));
    }
    assert!(message.headers().count() <= limits::HEADERS);
    let missing = |name: HeaderName| {
        let defects = message.defects();
        defects.contains(&Defect::Missing(name.clone()))
            || defects.contains(&Defect::Malformed(name.clone()))
            || defects.contains(&Defect::NotUtf8(name))
    };
    assert!(message.call_id().is_some() || missing(HeaderName::CallId));
    assert!(message.cseq().is_some() || missing(HeaderName::CSeq));
    if !missing(HeaderName::From) {
        message.from().expect("a From without defect");
    }
    if !missing(HeaderName::To) {
        message.to().expect("a To without defect");
    }
    if !missing(HeaderName::Via) {
        message.via().expect("a Via without defect");
    }
    black_box((message.contact(), message.max_forwards(), message.sdp()));
    if let Ok(parts) = message.parts() {
        assert!(parts.len() <= limits::BODY_PARTS);
    }
    black_box(Uri::parse(message.request_uri()).ok());
}

/// A stream: the first byte says in which chunks it arrives.
pub fn stream(data: &[u8]) {
    let Some((first, stream)) = data.split_first() else {
        return;
    };
    let mut seed = u32::from(*first);
    let whole = cut(stream, &mut || stream.len().max(1));
    let single = cut(stream, &mut || 1);
    let chunks = cut(stream, &mut || {
        seed = seed.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        1 + (seed >> 16) as usize % 97
    });
    assert_eq!(whole, single);
    assert_eq!(whole, chunks);
}

/// The messages of a stream, and whether it had to be given up.
fn cut(mut stream: &[u8], size: &mut dyn FnMut() -> usize) -> (Vec<Vec<u8>>, bool) {
    let mut framer = Framer::new();
    let mut messages = Vec::new();
    while !stream.is_empty() {
        let (chunk, rest) = stream.split_at(size().min(stream.len()));
        stream = rest;
        framer.push(chunk);
        loop {
            match framer.next() {
                Ok(Some(Framed::Message(message))) => {
                    assert!(message.size_hint() <= limits::STREAM_MESSAGE_BYTES);
                    messages.push(message.to_bytes().to_vec());
                }
                Ok(Some(Framed::Ping | Framed::Pong)) => {}
                Ok(None) => break,
                Err(_) => {
                    if let Some(message) = framer.broken() {
                        assert!(!message.defects().is_empty());
                    }
                    return (messages, true);
                }
            }
        }
    }
    (messages, false)
}

/// Addresses, one a line.
pub fn name_addr_uri(data: &[u8]) {
    for line in String::from_utf8_lossy(data).lines() {
        // Lines of a message hold none of these.
        let line = line.replace(['\r', '\0'], " ");
        addresses(&line);
        split_list(&line).for_each(addresses);
    }
}

fn addresses(text: &str) {
    if let Ok(uri) = Uri::parse(text) {
        let printed = uri.to_string();
        let again = Uri::parse(&printed).expect("a printed URI is read");
        assert_eq!(again.to_string(), printed);
        assert!(again.same_as(&uri) && uri.same_as(&again), "{text}");
        let mut edited = uri.clone();
        edited.set_param("transport", Some("tcp"));
        edited.set_param("x", Some("a b\r\n;\"<>"));
        let read = Uri::parse(&edited.to_string());
        if uri.host.is_some() {
            let read = read.expect("an edited URI is read");
            assert_eq!(read.param("transport"), Some("tcp"), "{text}");
            edited.remove_param("x");
            assert_eq!(edited.param("x"), None);
        }
    }
    if let Ok(address) = NameAddr::parse(text) {
        let printed = address.to_string();
        assert!(!printed.contains(['\r', '\n', '\0']));
        let again = NameAddr::parse(&printed).expect("a printed address is read");
        assert_eq!(again.to_string(), printed);
        assert_eq!(again.tag(), address.tag());
        let mut edited = address;
        edited.set_param("tag", Some("new"));
        edited.set_param("x", Some("a \"b\" \\ ,;<>"));
        let again = NameAddr::parse(&edited.to_string()).expect("an edited address is read");
        assert_eq!(again.tag(), Some("new"), "{text}");
    }
    if let Ok(via) = Via::parse(text) {
        let printed = via.to_string();
        let again = Via::parse(&printed).expect("a printed Via is read");
        assert_eq!(again.branch(), via.branch());
        assert_eq!((again.host, again.port), (via.host, via.port));
    }
    if let Ok(host) = Host::parse(text) {
        assert_eq!(Host::parse(&host.to_string()), Ok(host));
    }
}
