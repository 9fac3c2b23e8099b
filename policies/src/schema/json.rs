//! The configuration as JSON Schema (2020-12), for editors: made from [`KEYS`], as the loader's
//! error texts and the documentation are.
//!
//! What the loader takes, the schema takes. What it refuses beyond unknown keys, types and the
//! shape of values (names that refer to nothing, addresses that are taken), only the loader tells.

use super::keys::{KEYS, Key};
use sbc_core::ports::{ParamKey, Registry};
use serde_json::{Map, Value, json};

/// Of these keys one must be there, with those that stand behind it in its list.
const ONE_OF: &[(&str, &[&[&str]])] = &[
    ("listeners.*", &[&["udp"], &["tcp"]]),
    ("routes[]", &[&["to"], &["reject"]]),
    ("profiles.*.headers[]", RULES),
    ("profiles.*.reply_headers[]", RULES),
    ("maps.*", &[&["table"], &["file"], &["regex"]]),
];
const RULES: &[&[&str]] = &[
    &["set", "to"],
    &["add", "to"],
    &["remove"],
    &["replace", "match", "with"],
];

/// Maps that may be left empty.
const EMPTY: [&str; 10] = [
    "listeners",
    "realms",
    "realms.*",
    "trunks",
    "recorders",
    "profiles",
    "profiles.*",
    "control",
    "maps",
    "routes[].to[].request-uri",
];

/// Items of lists that may be a scalar besides a map.
const ITEMS: [(&str, &str); 2] = [("routes[].to", "name"), ("trunks.*.targets", "SIP URI")];

const NAME: &str = "^[A-Za-z0-9_.-]+$";

/// The schema of a configuration whose modules and apps are those of the registry.
#[must_use]
pub fn json_schema(registry: &dyn Registry) -> Value {
    let mut root = object(registry, "");
    let fields = "^(method|source\\.ip|source\\.port|listener|realm|trunk\\.name|target\\.name\
                  |status|(ruri|from|to|contact)(\\.(user|host|port|scheme|display|uri\
                  |params\\..+))?|header\\[.+\\])$";
    let condition = json!({ "$ref": "#/$defs/condition" });
    root.insert(
        "$schema".into(),
        "https://json-schema.org/draft/2020-12/schema".into(),
    );
    root.insert("title".into(), "Configuration of sbc".into());
    root.insert(
        "$defs".into(),
        json!({ "condition": {
            "type": "object",
            "description": "fields with regular expressions, all of which must be found",
            "properties": {
                "not": condition,
                "any": { "type": "array", "minItems": 1, "items": condition },
                "expr": scalar_text(),
            },
            "patternProperties": { fields: scalar_text() },
            "additionalProperties": false,
        } }),
    );
    Value::Object(root)
}

/// The keys right below a path, with their last names.
fn below(path: &str) -> impl Iterator<Item = (&'static str, &'static Key)> {
    KEYS.iter().filter(|key| key.built).filter_map(move |key| {
        let (parent, name) = key.path.rsplit_once('.').unwrap_or(("", key.path));
        (parent == path).then_some((name, key))
    })
}

/// A map with the keys of the table below a path.
fn object(registry: &dyn Registry, path: &str) -> Map<String, Value> {
    let mut map = Map::new();
    let nullable = EMPTY.contains(&path);
    let kind = if nullable {
        json!(["object", "null"])
    } else {
        json!("object")
    };
    map.insert("type".into(), kind);
    map.insert("additionalProperties".into(), false.into());
    let choice = ONE_OF.iter().find(|(at, _)| *at == path).map(|(_, of)| *of);
    let conditional = |name: &str| choice.is_some_and(|of| of.iter().any(|c| c.contains(&name)));
    let mut required = Vec::new();
    let mut properties = Map::new();
    for (name, key) in below(path) {
        if key.default.is_empty() && !conditional(name) {
            required.push(name);
        }
        properties.insert(name.into(), property(registry, key));
    }
    map.insert("properties".into(), properties.into());
    if !required.is_empty() {
        map.insert("required".into(), json!(required));
    }
    if let Some(choice) = choice {
        // What an item of the table needs may not be built yet.
        let is_built = |names: &&&[&str]| {
            names
                .iter()
                .all(|name| below(path).any(|(other, _)| other == *name))
        };
        let options = choice.iter().filter(is_built);
        let options: Vec<_> = options.map(|names| json!({ "required": names })).collect();
        map.insert("oneOf".into(), options.into());
    }
    map
}

/// A key with its type, documentation and default.
fn property(registry: &dyn Registry, key: &Key) -> Value {
    let mut value = match value(registry, key) {
        Value::Object(map) => map,
        other => return other,
    };
    let shape = Value::Object(value.clone());
    let default = typed(&shape, key.default);
    let mut doc = key.doc.to_owned();
    match default {
        Some(default) => {
            value.insert("default".into(), default);
        }
        None if !matches!(key.default, "" | "none" | "see its keys") => {
            doc.push_str(&format!(" (default: {})", key.default));
        }
        None => {}
    }
    value.insert("description".into(), doc.into());
    Value::Object(value)
}

/// A default as a value, where it is one of the type.
fn typed(shape: &Value, default: &str) -> Option<Value> {
    match shape["type"].as_str()? {
        "integer" => default.parse::<u64>().ok().map(Value::from),
        "boolean" => default.parse::<bool>().ok().map(Value::from),
        "string" => {
            let words = shape["enum"].as_array();
            let is_word = words.is_some_and(|words| words.iter().any(|w| w == default));
            let pattern = shape["pattern"]
                .as_str()
                .filter(|p| *p == DURATION || *p == PORTS);
            let fits =
                pattern.is_some_and(|p| regex::Regex::new(p).is_ok_and(|p| p.is_match(default)));
            (is_word || fits).then(|| default.into())
        }
        _ => None,
    }
}

fn value(registry: &dyn Registry, key: &Key) -> Value {
    let path = key.path;
    if key.kind == "list of modules" {
        return json!({ "type": "array", "items": { "anyOf": uses(registry) } });
    }
    if path == "control" {
        return sections(registry);
    }
    if key.kind == "name of an app" {
        return json!({ "type": "string", "enum": registry.app_names() });
    }
    if key.kind.starts_with("list") {
        return list(registry, key);
    }
    let named = format!("{path}.*");
    let is_named = || {
        KEYS.iter()
            .any(|k| k.path.starts_with(&format!("{named}.")))
    };
    if key.kind == "map" && is_named() {
        return json!({
            "type": ["object", "null"],
            "propertyNames": { "pattern": NAME },
            "additionalProperties": object(registry, &named),
        });
    }
    let has_keys = below(path).next().is_some();
    match scalar(key.kind) {
        Some(shape) if has_keys => json!({ "anyOf": [shape, object(registry, path)] }),
        Some(shape) => shape,
        None => Value::Object(object(registry, path)),
    }
}

fn list(registry: &dyn Registry, key: &Key) -> Value {
    let items = format!("{}[]", key.path);
    let map = below(&items)
        .next()
        .map(|_| Value::Object(object(registry, &items)));
    let of = key.kind.strip_prefix("list of ").unwrap_or_default();
    let word = ITEMS
        .iter()
        .find(|(path, _)| *path == key.path)
        .map(|(_, kind)| *kind);
    let item = word.or_else(|| item(of)).and_then(scalar);
    let shapes: Vec<Value> = item.into_iter().chain(map).collect();
    match shapes.as_slice() {
        [] => json!({ "type": "array" }),
        [one] => json!({ "type": "array", "items": one }),
        several => json!({ "type": "array", "items": { "anyOf": several } }),
    }
}

/// The type of an item, where the kind is a list of several.
fn item(of: &str) -> Option<&'static str> {
    let kind = match of {
        "paths" => "path",
        "addresses or ranges" => "address or range",
        "SIP URIs" => "SIP URI",
        "names of recorders" => "name",
        "status codes and classes" => "status code or class",
        "codecs" => "text",
        "header names, or their starts and `*`" => "header name, or its start and `*`",
        _ => return None,
    };
    Some(kind)
}

const DURATION: &str = "^[0-9]+(ms|s|m|h|d)$";
const PORTS: &str = "^[0-9]{1,5} *- *[0-9]{1,5}$";
const ADDRESS: &str = "^\\[?[0-9A-Fa-f.:]+\\]?$";
const WITH_PORT: &str = "^([0-9.]+|\\[[0-9A-Fa-f.:]+\\]):[0-9]{1,5}$";

fn text(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern })
}

/// Text that YAML may take for something else: the expression `100` is a number there.
fn scalar_text() -> Value {
    json!({ "type": ["string", "number", "boolean"] })
}

/// The shape of a scalar; nothing for a map.
fn scalar(kind: &str) -> Option<Value> {
    if let Some(one) = kind.strip_suffix(", or a list") {
        let one = scalar(one)?;
        return Some(json!({ "anyOf": [one, { "type": "array", "items": one }] }));
    }
    let shape = match kind {
        "map" => return None,
        "condition" => json!({ "$ref": "#/$defs/condition" }),
        "number" => json!({ "type": "integer", "minimum": 0 }),
        "true or false" => json!({ "type": "boolean" }),
        "duration" => text(DURATION),
        "range of ports" => text(PORTS),
        "address" => text(ADDRESS),
        "address with port" => text(WITH_PORT),
        "address, with or without port" => {
            json!({ "type": "string", "anyOf": [{ "pattern": ADDRESS }, { "pattern": WITH_PORT }] })
        }
        "address or range" => text("^\\[?[0-9A-Fa-f.:]+\\]?(/[0-9]{1,3})?$"),
        "SIP URI" => text("^sip:[^ ]+$"),
        "status code" | "status code, or map" => {
            json!({ "type": "integer", "minimum": 300, "maximum": 699 })
        }
        "status code or class" => json!({ "anyOf": [
            { "type": "integer", "minimum": 400, "maximum": 699 },
            { "type": "string", "pattern": "^[4-6]([0-9][0-9]|xx)$" },
        ] }),
        "`never` or a number of bytes" => json!({ "anyOf": [
            { "type": "string", "enum": ["never"] },
            { "type": "integer", "minimum": 500, "maximum": 65_535 },
        ] }),
        "header name" => text("^[A-Za-z0-9.!%_+`'~-]+$"),
        "header name, or its start and `*`" => text("^[A-Za-z0-9.!%_+`'~-]+\\*?$"),
        "path" => json!({ "type": "string", "minLength": 1 }),
        "text"
        | "template"
        | "regular expression"
        | "template with groups"
        | "text with groups"
        | "text, or /regular expression/" => scalar_text(),
        "map of texts" => json!({ "type": "object", "additionalProperties": scalar_text() }),
        "map of status codes" => translations(),
        "URI" | "URI, or one with display name" | "trunk, `request-uri` or `{ app: NAME }`" => {
            json!({ "type": "string", "minLength": 1 })
        }
        "headers by name" => json!({ "type": "object", "additionalProperties": scalar_text() }),
        "text, /regular expression/ or nothing, by name" => json!({
            "type": "object",
            "additionalProperties": { "type": ["string", "number", "boolean", "null"] },
        }),
        crate::secret::KIND => secret(),
        kind if kind.starts_with("name") => {
            json!({ "type": ["string", "integer"], "pattern": NAME })
        }
        kind => return words(kind),
    };
    Some(shape)
}

/// Status codes of replies, and what is told instead.
fn translations() -> Value {
    const CODE: &str = "10[1-9]|1[1-9][0-9]|[3-6][0-9][0-9]";
    json!({
        "type": "object",
        "propertyNames": { "pattern": format!("^({CODE}|[13-6](xx|XX))$") },
        "additionalProperties": { "anyOf": [
            { "type": "integer", "minimum": 101, "maximum": 699 },
            { "type": "string", "pattern": format!("^({CODE})( .*)?$") },
        ] },
    })
}

fn secret() -> Value {
    let reference = |key: &str| {
        json!({
            "type": "object",
            "properties": { key: { "type": "string" } },
            "required": [key],
            "additionalProperties": false,
        })
    };
    json!({ "anyOf": [{ "type": "string" }, reference("env"), reference("file")] })
}

/// One of several words: `error, warn or info`.
fn words(kind: &str) -> Option<Value> {
    let words: Vec<&str> = kind
        .split(", ")
        .flat_map(|part| part.split(" or "))
        .collect();
    let is_word = |word: &&str| word.bytes().all(|b| b.is_ascii_lowercase());
    let all = words.len() > 1 && words.iter().all(is_word);
    all.then(|| json!({ "type": "string", "enum": words }))
}

/// The parameters of a module in one of its two places.
fn params(registry: &dyn Registry, module: &str, shared: bool, used: bool) -> Value {
    let Some(keys) = registry.module_keys(module) else {
        let properties = json!({ "use": { "const": module } });
        return if used {
            json!({ "type": "object", "required": ["use"], "properties": properties })
        } else {
            json!({ "type": ["object", "null"] })
        };
    };
    let keys: Vec<ParamKey> = keys
        .iter()
        .copied()
        .filter(|k| k.shared == shared)
        .collect();
    let mut map = inner(&keys, "");
    if used {
        map["properties"]["use"] = json!({ "const": module, "description": "the module" });
        let required = map["required"].as_array_mut();
        match required {
            Some(names) => names.push("use".into()),
            None => map["required"] = json!(["use"]),
        }
    }
    map
}

/// A map with the parameters right below a path.
fn inner(keys: &[ParamKey], path: &str) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for key in keys {
        let (parent, name) = key.path.rsplit_once('.').unwrap_or(("", key.path));
        if parent != path || name.ends_with(']') {
            continue;
        }
        if key.required {
            required.push(name);
        }
        let items = format!("{}[]", key.path);
        let has_items = keys
            .iter()
            .any(|k| k.path.starts_with(&format!("{items}.")));
        let mut shape = if has_items {
            json!({ "type": "array", "items": inner(keys, &items) })
        } else {
            scalar(key.kind).unwrap_or_else(|| json!({}))
        };
        shape["description"] = key.doc.into();
        properties.insert(name.into(), shape);
    }
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn uses(registry: &dyn Registry) -> Vec<Value> {
    let names = registry.module_names();
    names
        .iter()
        .map(|name| params(registry, name, false, true))
        .collect()
}

fn sections(registry: &dyn Registry) -> Value {
    let names = registry.module_names();
    let section = |name: &&'static str| ((*name).to_owned(), params(registry, name, true, false));
    let properties: Map<String, Value> = names.iter().map(section).collect();
    json!({
        "type": ["object", "null"],
        "properties": properties,
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_the_table_has_a_shape() {
        for key in KEYS.iter().filter(|key| key.built) {
            let has_keys = KEYS.iter().any(|k| {
                let rest = k.path.strip_prefix(key.path);
                rest.is_some_and(|rest| rest.starts_with(['.', '[']))
            });
            let of = key.kind.strip_prefix("list of ");
            let known = match of {
                Some("modules" | "rules" | "cases") => true,
                Some(of) => item(of).is_some_and(|kind| scalar(kind).is_some()),
                None => scalar(key.kind).is_some() || has_keys || key.path == "control",
            };
            assert!(
                known,
                "{}: `{}` has no shape in scalar() or item()",
                key.path, key.kind
            );
        }
    }
}
