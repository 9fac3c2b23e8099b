//! `sbc srs`: a configuration that has nothing but the recording server.

use policies::{Errors, Loaded};
use std::net::SocketAddr;
use std::path::Path;

/// From `--listen` and `--dir`.
pub(crate) fn from_arguments(listen: SocketAddr, dir: &Path) -> Result<Loaded, Errors> {
    // JSON strings are YAML strings, whatever they hold.
    let dir = serde_json::Value::from(dir.display().to_string());
    let text = format!("version: 1\nsrs: {{ listen: \"{listen}\", dir: {dir} }}\n");
    Loaded::from_text("sbc srs --listen --dir", &text)
}

/// The `srs` section of a file.
pub(crate) fn from_config(file: &Path) -> Result<Loaded, Errors> {
    Ok(Loaded::from_path(file)?.only_srs())
}
