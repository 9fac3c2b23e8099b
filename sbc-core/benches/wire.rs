//! What a message costs: an INVITE of 25 headers and a description, as a carrier sends it.
//!
//! `cargo bench -p sbc-core`. rsip stands beside ours in the same run: its parser makes typed
//! headers of all lines, ours an index of them and checks the five that every layer reads.

mod invite;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use invite::{INVITE, edited};
use sbc_core::sip::{Framed, Framer, Message, StatusCode};
use std::hint::black_box;

fn sound() -> Message {
    let message = Message::parse_datagram(Bytes::from_static(INVITE.as_bytes()));
    let message = message.expect("an INVITE");
    assert_eq!(message.defects(), []);
    assert_eq!(message.headers().count(), 25);
    message
}

fn parse(c: &mut Criterion) {
    let wire = Bytes::from_static(INVITE.as_bytes());
    c.bench_function("parse/sbc", |b| {
        b.iter(|| Message::parse_datagram(black_box(wire.clone())));
    });
    c.bench_function("parse/sbc, from a stream", |b| {
        let mut framer = Framer::new();
        b.iter(|| {
            framer.push(black_box(&wire));
            match framer.next() {
                Ok(Some(Framed::Message(message))) => message,
                other => panic!("{other:?}"),
            }
        });
    });
    c.bench_function("parse/rsip", |b| {
        b.iter(|| rsip::SipMessage::try_from(black_box(INVITE)));
    });
}

fn write(c: &mut Criterion) {
    let message = sound();
    let changed = edited(&message);
    c.bench_function("write/sbc, untouched", |b| {
        b.iter(|| black_box(&message).to_bytes());
    });
    c.bench_function("write/sbc, six edits made before", |b| {
        b.iter(|| black_box(&changed).to_bytes());
    });
    c.bench_function("write/sbc, a copy, six edits and the writing", |b| {
        b.iter(|| edited(black_box(&message)).to_bytes());
    });
    let theirs = rsip::SipMessage::try_from(INVITE).expect("rsip reads it");
    c.bench_function("write/rsip", |b| {
        b.iter_batched(|| theirs.clone(), Vec::<u8>::from, BatchSize::SmallInput);
    });
}

fn reply(c: &mut Criterion) {
    let message = sound();
    c.bench_function("reply/sbc", |b| {
        b.iter(|| {
            let request = black_box(&message);
            Message::reply_to(request, StatusCode::of(180), "", Some("tag"))
        });
    });
}

criterion_group!(benches, parse, write, reply);
criterion_main!(benches);
