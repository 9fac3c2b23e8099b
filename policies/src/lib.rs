//! Policy: from a YAML file to the engine that decides about calls.
//!
//! ```text
//! text --tree--> Node --decode--> Config --compile--> Engine
//!       positions     visitors            names, registry
//! ```
//!
//! All stages collect what is wrong instead of stopping at it, so that a file shows every error in
//! one run, each with line, column and path ([`Errors`]). The keys of the file are those of
//! [`schema::KEYS`]; one that a later version has is an error and never silently accepted.

mod compile;
mod condition;
mod decode;
mod diff;
mod engine;
pub mod explain;
mod facts;
mod header;
mod include;
mod limits;
mod load;
mod maps;
mod pattern;
mod problem;
pub mod schema;
mod secret;
mod syntax;
mod template;
mod tree;
mod value;
mod visit;

pub use compile::Compiled;
pub use diff::{Change, Document};
pub use engine::Engine;
pub use facts::{Field, Part, Party, UnknownField};
pub use load::Loaded;
pub use problem::{Errors, Problem};
pub use template::{Expression, Template, TemplateError};
pub use tree::Position;
