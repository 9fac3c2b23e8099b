//! sbc
fn main() {}
