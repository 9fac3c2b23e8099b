//! The JSON Schema takes what the loader takes, and refuses nearly all of what it refuses for an
//! unknown key, a wrong type or the shape of a value.

mod fake;
mod mutate;

use mutate::Kind;
use policies::Loaded;
use policies::schema::{KEYS, json_schema};
use regex::Regex;
use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A text as an editor sees it: what looks like a number is one. Nothing where it is no YAML.
fn yaml(text: &str) -> Option<Value> {
    enum Open {
        List(Vec<Value>),
        Map(Map<String, Value>, Option<String>),
    }
    let mut stack: Vec<Open> = Vec::new();
    let mut root = None;
    for event in Parser::new_from_str(text) {
        let value = match event.ok()?.0 {
            Event::Scalar(text, ScalarStyle::Plain, ..) => plain(&text),
            Event::Scalar(text, ..) => Value::from(&*text),
            Event::SequenceStart(..) => {
                stack.push(Open::List(Vec::new()));
                continue;
            }
            Event::MappingStart(..) => {
                stack.push(Open::Map(Map::new(), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match stack.pop()? {
                Open::List(items) => Value::Array(items),
                Open::Map(map, _) => Value::Object(map),
            },
            Event::Alias(_) => return None,
            _ => continue,
        };
        match stack.last_mut() {
            None => root = Some(value),
            Some(Open::List(items)) => items.push(value),
            Some(Open::Map(map, key)) => match key.take() {
                Some(key) => {
                    map.insert(key, value);
                }
                None => {
                    *key = Some(
                        value
                            .as_str()
                            .map_or_else(|| value.to_string(), str::to_owned),
                    )
                }
            },
        }
    }
    Some(root.unwrap_or_else(|| Value::Object(Map::new())))
}

fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        text => {
            let int = text.parse::<i64>().map(Value::from);
            int.or_else(|_| text.parse::<f64>().map(Value::from))
                .unwrap_or_else(|_| text.into())
        }
    }
}

/// As much of a validator as the schema needs; anything else in a schema fails the test.
struct Validator {
    root: Value,
    /// Patterns, each compiled once.
    patterns: RefCell<HashMap<String, Regex>>,
}

impl Validator {
    fn of_fake() -> Self {
        let root = json_schema(&fake::Fake::default());
        Self {
            root,
            patterns: RefCell::default(),
        }
    }

    fn is_found(&self, pattern: &str, text: &str) -> bool {
        let mut patterns = self.patterns.borrow_mut();
        let compiled = patterns.entry(pattern.to_owned());
        let compiled = compiled.or_insert_with(|| Regex::new(pattern).expect("a pattern"));
        compiled.is_match(text)
    }

    /// Why a text is refused; nothing where it is taken.
    fn refuses(&self, text: &str) -> Option<String> {
        match yaml(text) {
            None => Some("no YAML".to_owned()),
            Some(value) => self.check(&self.root, &value, "").err(),
        }
    }

    fn check(&self, schema: &Value, value: &Value, path: &str) -> Result<(), String> {
        let rules = schema.as_object().expect("a schema is a map");
        let fits = |s: &Value| self.check(s, value, path).is_ok();
        for (rule, of) in rules {
            let holds = match rule.as_str() {
                "$schema" | "$defs" | "title" | "description" | "default" => true,
                "$ref" => {
                    let name = of.as_str().and_then(|r| r.strip_prefix("#/$defs/"));
                    let target = &self.root["$defs"][name.expect("a reference to a definition")];
                    self.check(target, value, path)?;
                    true
                }
                "type" => match of {
                    Value::Array(types) => types.iter().any(|t| is_of(value, t)),
                    one => is_of(value, one),
                },
                "enum" => of.as_array().expect("a list").contains(value),
                "const" => of == value,
                "minimum" => value.as_f64().is_none_or(|v| Some(v) >= of.as_f64()),
                "maximum" => value.as_f64().is_none_or(|v| Some(v) <= of.as_f64()),
                "minLength" => value.as_str().is_none_or(|v| v.len() as u64 >= number(of)),
                "minItems" => value
                    .as_array()
                    .is_none_or(|v| v.len() as u64 >= number(of)),
                "pattern" => {
                    let pattern = of.as_str().expect("a pattern");
                    value.as_str().is_none_or(|v| self.is_found(pattern, v))
                }
                "anyOf" => of.as_array().expect("a list").iter().any(fits),
                "oneOf" => {
                    of.as_array()
                        .expect("a list")
                        .iter()
                        .filter(|s| fits(s))
                        .count()
                        == 1
                }
                "required" => {
                    let names = of.as_array().expect("a list");
                    let has = |name: &Value| value.get(name.as_str().expect("a name")).is_some();
                    !value.is_object() || names.iter().all(has)
                }
                "items" => {
                    for (n, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(of, item, &format!("{path}[{n}]"))?;
                    }
                    true
                }
                "propertyNames" => {
                    for name in value.as_object().into_iter().flat_map(Map::keys) {
                        self.check(of, &Value::from(name.as_str()), path)?;
                    }
                    true
                }
                "properties" | "patternProperties" | "additionalProperties" => true,
                other => panic!("the validator does not know {other}"),
            };
            if !holds {
                return Err(format!("{path}: {value} is not {rule} {of}"));
            }
        }
        for (name, inner) in value.as_object().into_iter().flatten() {
            self.property(schema, name, inner, path)?;
        }
        Ok(())
    }

    fn property(
        &self,
        schema: &Value,
        name: &str,
        value: &Value,
        path: &str,
    ) -> Result<(), String> {
        let path = format!("{path}.{name}");
        if let Some(own) = schema["properties"].get(name) {
            return self.check(own, value, &path);
        }
        let patterns = schema["patternProperties"].as_object();
        let mut patterns = patterns.into_iter().flatten();
        let is_of = |pattern: &str| self.is_found(pattern, name);
        if let Some((_, own)) = patterns.find(|(pattern, _)| is_of(pattern)) {
            return self.check(own, value, &path);
        }
        match schema.get("additionalProperties") {
            None | Some(Value::Bool(true)) => Ok(()),
            Some(Value::Bool(false)) => Err(format!("{path} is unknown")),
            Some(own) => self.check(own, value, &path),
        }
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

fn is_of(value: &Value, kind: &Value) -> bool {
    match kind.as_str().expect("a type") {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is no type"),
    }
}

fn table(path: &str) -> Option<(&'static str, bool)> {
    let key = KEYS.iter().find(|key| key.path == path)?;
    Some((key.kind, key.default.is_empty() && key.built))
}

fn files(folder: &Path, ending: &str, all: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, ending, all);
        } else if path.extension().is_some_and(|e| e == ending) {
            all.push(path);
        }
    }
}

#[test]
fn every_example_and_every_block_of_the_pages_is_valid() {
    let schema = Validator::of_fake();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (mut examples, mut pages) = (Vec::new(), Vec::new());
    files(&root.join("examples"), "yaml", &mut examples);
    files(&root.join("docs/configuration"), "md", &mut pages);
    let mut seen = 0;
    let mut check = |name: &Path, text: &str| {
        seen += 1;
        let refused = schema.refuses(text);
        assert_eq!(refused, None, "{}\n{text}", name.display());
    };
    for path in &examples {
        check(path, &std::fs::read_to_string(path).expect("a text"));
    }
    for path in &pages {
        let page = std::fs::read_to_string(path).expect("a text");
        for block in page.split("```yaml\n").skip(1) {
            let (block, _) = block.split_once("```").expect("a block has an end");
            check(path, block);
        }
    }
    check(Path::new("full.yaml"), mutate::FULL);
    assert!(seen >= 20, "{seen}");
}

#[test]
fn what_the_loader_refuses_for_a_key_or_a_type_the_schema_refuses_nearly_always() {
    let schema = Validator::of_fake();
    let registry = fake::Fake::default();
    for (kind, least) in [
        (Kind::Key, 100),
        (Kind::Type, 97),
        (Kind::Missing, 90),
        (Kind::Value, 80),
    ] {
        let mistakes = mutate::all(&table);
        let of_kind = mistakes.iter().filter(|m| m.kind == kind);
        let (mut all, mut refused, mut passed) = (0, 0, Vec::new());
        for mistake in of_kind {
            let text = mistake.text();
            let loaded = Loaded::from_text("full.yaml", &text).and_then(|l| l.compile(&registry));
            if loaded.is_ok() {
                continue;
            }
            all += 1;
            if schema.refuses(&text).is_some() {
                refused += 1;
            } else {
                passed.push(mistake.what.as_str());
            }
        }
        println!("{kind:?}: {refused} of {all}; not {passed:?}");
        assert!(
            refused * 100 >= all * least,
            "{kind:?}: {refused} of {all}; not {passed:?}"
        );
    }
}

#[test]
fn every_key_has_its_documentation_and_its_default() {
    let schema = json_schema(&fake::Fake::default());
    let trust = &schema["properties"]["realms"]["additionalProperties"]["properties"]["trust"];
    assert_eq!(trust["default"], "none");
    assert_eq!(trust["enum"], serde_json::json!(["none", "full"]));
    assert_eq!(schema["properties"]["drain"]["default"], "30s");
    let text = schema.to_string();
    for key in KEYS
        .iter()
        .filter(|key| key.built && key.path != "profiles.*.control[].use")
    {
        let doc = serde_json::to_string(key.doc).expect("JSON");
        assert!(
            text.contains(doc.trim_matches('"')),
            "{} has no documentation",
            key.path
        );
    }
    // What is not built is not offered.
    assert!(!text.contains("\"certificates\""));
}
