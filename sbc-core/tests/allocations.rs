//! How often a message asks for memory. Times are measured by the benches, and differ from machine
//! to machine; these numbers do not.

#[path = "../benches/invite/mod.rs"]
mod invite;

use allocation_counter::measure;
use bytes::Bytes;
use invite::{INVITE, edited};
use sbc_core::sip::{Message, ParseError};
use std::hint::black_box;

/// Allocations of `work`, of which nothing is left when it ends.
fn allocations<T>(work: impl FnOnce() -> T) -> u64 {
    let counted = measure(|| drop(black_box(work())));
    assert_eq!(counted.bytes_current, 0);
    counted.count_total
}

fn read() -> Result<Message, ParseError> {
    Message::parse_datagram(Bytes::from_static(INVITE.as_bytes()))
}

#[test]
fn an_invite_of_25_headers_takes_two_allocations_to_read() {
    let message = read().expect("an INVITE");
    assert_eq!(message.defects(), []);
    assert_eq!(message.headers().count(), 25);
    // The index, and the name of the header that is in no RFC.
    assert_eq!(allocations(read), 2);
}

#[test]
fn a_message_takes_one_allocation_to_write() {
    let message = read().expect("an INVITE");
    let changed = edited(&message);
    assert_eq!(allocations(|| message.to_bytes()), 1);
    assert_eq!(allocations(|| changed.to_bytes()), 1);
}

#[test]
fn a_copy_six_edits_and_the_writing_take_four_allocations() {
    let message = read().expect("an INVITE");
    // The index, the name, the text of all edits, and what is written.
    assert_eq!(allocations(|| edited(&message).to_bytes()), 4);
}
