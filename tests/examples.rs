//! Every YAML that a reader meets outside of the reference loads with the program's own modules.
//! (The pages of `docs/configuration` are held to the same by the crate `policies`, with a table of
//! every key.)

use policies::{Compiled, Loaded};
use std::path::{Path, PathBuf};
use std::process::Command;

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
fn the_cases_of_every_recipe_pass() {
    let folder = tempfile::tempdir().expect("a folder of its own can be made");
    let mut recipes = 0;
    for path in examples() {
        let text = std::fs::read_to_string(&path).expect("an example can be read");
        if !text.contains("\ntests:\n") {
            continue;
        }
        let run = Command::new(env!("CARGO_BIN_EXE_sbc"))
            .args(["test", "--config"])
            .arg(&path)
            .current_dir(folder.path())
            .output()
            .expect("sbc runs");
        let said = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success(), "{}\n{said}", path.display());
        recipes += 1;
    }
    assert!(recipes >= 10, "{recipes} recipes with cases");
}

/// Pages whose blocks another test plays: pieces of configurations, good and bad ones.
const ELSEWHERE: [&str; 2] = ["docs/configuration", "docs/semantics.md"];

/// Every page of Markdown for readers, by its path from the root.
fn pages() -> Vec<PathBuf> {
    let mut folders = vec![root().join("docs"), root().join("examples")];
    let mut pages: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md", "SECURITY.md"]
        .map(PathBuf::from)
        .into();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "md") {
                pages.push(path.strip_prefix(root()).expect("inside").to_owned());
            }
        }
    }
    pages
}

/// The YAML blocks of a page.
fn blocks(page: &str) -> Vec<&str> {
    let fences = page.split("```yaml\n").skip(1);
    fences
        .map(|block| block.split("```").next().unwrap_or_default())
        .collect()
}

#[test]
fn every_configuration_on_a_page_loads() {
    let scratch = tempfile::tempdir().expect("a folder of its own can be made");
    let mut found = 0;
    for path in pages() {
        if ELSEWHERE.iter().any(|prefix| path.starts_with(prefix)) {
            continue;
        }
        let page = std::fs::read_to_string(root().join(&path)).expect("a page can be read");
        let yaml = blocks(&page);
        let fences = page.matches("```y").count();
        assert_eq!(
            yaml.len(),
            fences,
            "{}: another kind of YAML",
            path.display()
        );
        for text in yaml {
            compiled(&path.display().to_string(), text, scratch.path());
            found += 1;
        }
    }
    assert!(found > 10, "{found} configurations");
}

#[test]
fn every_recipe_shows_its_file_and_stands_in_the_list() {
    let folder = root().join("docs/recipes");
    let list = std::fs::read_to_string(folder.join("README.md")).expect("a list of recipes");
    let mut recipes = 0;
    for path in pages()
        .iter()
        .filter(|path| path.starts_with("docs/recipes"))
    {
        let name = path.file_stem().expect("a name").to_string_lossy();
        if name == "README" {
            continue;
        }
        let page = std::fs::read_to_string(root().join(path)).expect("a page can be read");
        let file = root().join(format!("examples/{name}.yaml"));
        let file = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(blocks(&page), [file], "{}", path.display());
        assert!(
            list.contains(&format!("({name}.md)")),
            "{name} is not listed"
        );
        for part in ["\n## Try it\n", "\n## What to look at\n"] {
            assert!(
                page.contains(part),
                "{}: no \"{}\"",
                path.display(),
                part.trim()
            );
        }
        recipes += 1;
    }
    assert!(recipes >= 10, "{recipes} recipes");
}
