//! call-control.
