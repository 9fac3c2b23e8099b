//! The files of the repository, read once.

use crate::mask::mask;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// One text file.
pub(crate) struct File {
    /// Relative to the root of the repository, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// Of a Rust file: the text with comments blank and literals filled; empty otherwise.
    pub(crate) code: String,
}

impl File {
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The load generator is a program of its own that was taken in whole; it is held to clippy and
    /// rustfmt, not to the rules for the SBC.
    pub(crate) fn is_callgen(&self) -> bool {
        self.path.starts_with("tests/load/callgen/")
    }

    /// `path:line` of a byte position.
    pub(crate) fn place(&self, at: usize) -> String {
        let line = self.text[..at].matches('\n').count() + 1;
        format!("{}:{line}", self.path)
    }
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every text file under the root, sorted by path; build output and `.git` are left out.
pub(crate) fn files() -> &'static [File] {
    static FILES: OnceLock<Vec<File>> = OnceLock::new();
    FILES.get_or_init(|| {
        let mut files = Vec::new();
        walk(root(), &mut files);
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files
    })
}

/// The Rust files that the rules for the SBC hold for.
pub(crate) fn rust() -> impl Iterator<Item = &'static File> {
    files()
        .iter()
        .filter(|file| file.is_rust() && !file.is_callgen())
}

pub(crate) fn read(path: &str) -> &'static str {
    match files().iter().find(|file| file.path == path) {
        Some(file) => &file.text,
        None => panic!("{path} is missing"),
    }
}

fn walk(folder: &Path, files: &mut Vec<File>) {
    let entries = folder
        .read_dir()
        .expect("a folder of the repository can be listed");
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    for path in paths {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy())
            .unwrap_or_default();
        if name == ".git" {
            continue;
        }
        if path.is_dir() {
            // Cargo marks each target folder, wherever it was told to put it.
            if name != "target" && !path.join("CACHEDIR.TAG").exists() {
                walk(&path, files);
            }
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            let relative = path
                .strip_prefix(root())
                .expect("the walk began at the root");
            let path = relative.to_string_lossy().replace('\\', "/");
            let code = if path.ends_with(".rs") {
                mask(&text)
            } else {
                String::new()
            };
            files.push(File { path, text, code });
        }
    }
}
