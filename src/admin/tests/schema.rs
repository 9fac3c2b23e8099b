//! A judge of JSON against the schemas that our document is written in: of JSON Schema 2020-12 only
//! what stands there. A keyword that it does not know is an error, so that none goes unjudged.

use serde_json::Value;

/// What is wrong with `value` where `schema` holds, each with its place. `document` is where
/// references lead.
pub(super) fn breaches(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    judge(document, schema, value, "$", &mut found);
    found
}

fn judge(document: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let Some(schema) = schema.as_object() else {
        found.push(format!("{at}: {schema} is no schema"));
        return;
    };
    for (keyword, rule) in schema {
        match keyword.as_str() {
            "description" => {}
            "$ref" => match resolve(document, rule) {
                Some(schema) => judge(document, schema, value, at, found),
                None => found.push(format!("{at}: {rule} leads nowhere")),
            },
            "type" => {
                let one = std::slice::from_ref(rule);
                let types = rule.as_array().map_or(one, Vec::as_slice);
                if !types.iter().any(|name| is(name, value)) {
                    found.push(format!("{at}: {value} is not {rule}"));
                }
            }
            "enum" => {
                let words = rule.as_array().map_or(&[][..], Vec::as_slice);
                if !value.is_null() && !words.contains(value) {
                    found.push(format!("{at}: {value} is none of {rule}"));
                }
            }
            "minimum" => {
                if value.as_f64() < rule.as_f64() && value.is_number() {
                    found.push(format!("{at}: {value} is below {rule}"));
                }
            }
            "format" => {
                let is_time = |text: &str| text.len() >= 20 && text.as_bytes()[10] == b'T';
                if rule != "date-time" || value.as_str().is_some_and(|text| !is_time(text)) {
                    found.push(format!("{at}: {value} is no {rule}"));
                }
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    judge(document, rule, item, &format!("{at}[{index}]"), found);
                }
            }
            "properties" => {
                for (name, rule) in rule.as_object().into_iter().flatten() {
                    if let Some(value) = value.get(name) {
                        judge(document, rule, value, &format!("{at}.{name}"), found);
                    }
                }
            }
            "required" => {
                for name in rule.as_array().into_iter().flatten() {
                    let name = name.as_str().unwrap_or_default();
                    if value.is_object() && value.get(name).is_none() {
                        found.push(format!("{at}: {name} is missing"));
                    }
                }
            }
            "additionalProperties" => {
                let known = &schema["properties"];
                for (name, _) in value.as_object().into_iter().flatten() {
                    if *rule == Value::Bool(false) && known.get(name).is_none() {
                        found.push(format!("{at}: nothing tells of {name}"));
                    }
                }
            }
            other => found.push(format!("{at}: the judge does not know {other}")),
        }
    }
}

fn resolve<'a>(document: &'a Value, reference: &Value) -> Option<&'a Value> {
    document.pointer(reference.as_str()?.strip_prefix('#')?)
}

fn is(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap_or_default() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => false,
    }
}

#[test]
fn the_judge_finds_what_is_wrong() {
    use super::super::openapi::{list, number, object, or_null, text, time, word};
    use serde_json::json;
    let schema = object([
        ("a", text("")),
        ("b", or_null(number(""))),
        ("c", list("", &word(&["x", "y"], ""))),
        ("d", time("")),
    ]);
    let judged = |value| breaches(&Value::Null, &schema, &value).len();
    let good = json!({ "a": "", "b": null, "c": ["x"], "d": "2026-11-21T08:00:00Z" });
    assert_eq!(judged(good.clone()), 0);
    for (key, wrong) in [
        ("a", json!(1)),
        ("b", json!(-1)),
        ("b", json!("1")),
        ("c", json!(["x", "z"])),
        ("c", json!({})),
        ("d", json!("today")),
        ("e", json!(0)),
    ] {
        let mut value = good.clone();
        value[key] = wrong;
        assert_eq!(judged(value.clone()), 1, "{value}");
    }
    assert_eq!(judged(json!({})), 4, "each key is missing");
    assert_eq!(
        breaches(&Value::Null, &json!({ "pattern": "x" }), &good).len(),
        1
    );
}
