//! sbc
