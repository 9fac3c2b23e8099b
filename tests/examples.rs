//! Every YAML that a reader meets outside of the reference loads with the program's own modules.
//! (The pages of `docs/configuration` are held to the same by the crate `policies`, with a table of
//! every key.)

use policies::{Compiled, Loaded};
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Loads and compiles, with folders and files that the example would make put below `scratch`.
fn compiled(name: &str, text: &str, scratch: &Path) -> Compiled {
    let folder = format!("dir: {}/recordings", scratch.display());
    let text = text.replace("dir: recordings", &folder);
    Loaded::from_text(name, &text)
        .and_then(|loaded| loaded.compile(&sbc::Modules::default()))
        .unwrap_or_else(|errors| panic!("{errors}"))
}

fn examples() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join("examples")).expect("examples/ is there");
    let paths = entries.map(|entry| entry.expect("an entry can be read").path());
    let yaml = |path: &PathBuf| path.extension().is_some_and(|e| e == "yaml");
    paths.filter(yaml).collect()
}

#[test]
fn every_example_loads_without_a_warning() {
    let scratch = tempfile::tempdir().expect("a folder of its own can be made");
    let examples = examples();
    assert!(examples.len() >= 2, "{examples:?}");
    for path in examples {
        let text = std::fs::read_to_string(&path).expect("an example can be read");
        let compiled = compiled(&path.display().to_string(), &text, scratch.path());
        assert!(compiled.warnings.is_empty(), "{}", compiled.warnings[0]);
    }
}

#[test]
fn every_configuration_in_the_readme_loads() {
    let scratch = tempfile::tempdir().expect("a folder of its own can be made");
    let readme = std::fs::read_to_string(root().join("README.md")).expect("README.md is there");
    let mut found = 0;
    for block in readme.split("```yaml\n").skip(1) {
        let text = block.split("```").next().unwrap_or_default();
        compiled("README.md", text, scratch.path());
        found += 1;
    }
    assert!(found > 0, "README.md shows a configuration");
}
