//! siprec.
