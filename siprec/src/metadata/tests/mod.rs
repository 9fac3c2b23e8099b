//! Metadata: what we write is valid, what others write is understood, what attackers write is
//! refused.

mod hostile;
mod shapes;
mod written;
