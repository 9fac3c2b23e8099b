//! The pages of the API: each is told once, with what serves it and what it takes and gives. The
//! router and `/openapi.json` (OpenAPI 3.1) are made of the same list.

use super::Admin;
use super::problem::Problem;
use axum::Router;
use axum::routing::MethodRouter;
use serde_json::{Map, Value, json};

/// One method of one path.
pub(crate) struct Page {
    pub(crate) path: &'static str,
    /// In small letters, as OpenAPI wants it.
    pub(crate) method: &'static str,
    pub(crate) serves: MethodRouter<Admin>,
    pub(crate) about: About,
}

/// What a page takes and gives.
pub(crate) struct About {
    /// A name for clients made of the document.
    pub(crate) id: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) parameters: Vec<Value>,
    /// The schema of a JSON body that may be given.
    pub(crate) body: Option<Value>,
    pub(crate) answers: Vec<Answer>,
}

/// A status that a page may answer with.
pub(crate) struct Answer {
    status: u16,
    about: &'static str,
    content: Option<(&'static str, Value)>,
}

impl Answer {
    /// With a JSON body.
    pub(crate) fn json(status: u16, about: &'static str, schema: Value) -> Self {
        Self::of(status, about, "application/json", schema)
    }

    /// With another body.
    pub(crate) fn of(
        status: u16,
        about: &'static str,
        media_type: &'static str,
        schema: Value,
    ) -> Self {
        let content = Some((media_type, schema));
        Self {
            status,
            about,
            content,
        }
    }

    /// An error.
    pub(crate) fn problem(status: u16, about: &'static str) -> Self {
        Self::json(
            status,
            about,
            json!({ "$ref": "#/components/schemas/Problem" }),
        )
    }

    fn document(&self) -> Value {
        let mut answer = json!({ "description": self.about });
        if let Some((media_type, schema)) = &self.content {
            answer["content"] = json!({ *media_type: { "schema": schema } });
        }
        answer
    }
}

impl About {
    fn document(&self) -> Value {
        let mut answers: Map<_, _> = self
            .answers
            .iter()
            .map(|answer| (answer.status.to_string(), answer.document()))
            .collect();
        for (status, name) in GUARD {
            let answer = json!({ "$ref": format!("#/components/responses/{name}") });
            answers.entry(status.to_string()).or_insert(answer);
        }
        let mut document = json!({
            "operationId": self.id,
            "summary": self.summary,
            "responses": answers,
        });
        if !self.parameters.is_empty() {
            document["parameters"] = self.parameters.clone().into();
        }
        if let Some(schema) = &self.body {
            let content = json!({ "application/json": { "schema": schema } });
            document["requestBody"] = json!({ "required": false, "content": content });
        }
        document
    }
}

/// What any page may answer before it is asked: the responses of the document with these names.
const GUARD: [(u16, &str); 4] = [
    (400, "BadRequest"),
    (401, "Unauthorized"),
    (403, "Forbidden"),
    (421, "Misdirected"),
];

/// The router of these pages.
pub(super) fn router(pages: Vec<Page>) -> Router<Admin> {
    pages.into_iter().fold(Router::new(), |router, page| {
        router.route(page.path, page.serves)
    })
}

/// The document of these pages.
pub(super) fn document(pages: &[Page]) -> Value {
    let mut paths = Map::new();
    for page in pages {
        let path = paths.entry(page.path).or_insert_with(|| json!({}));
        path[page.method] = page.about.document();
    }
    let problem = |about| Answer::problem(0, about).document();
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": "sbc",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The calls of a Session Border Controller, and what is done to them.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        // A token is asked for where `observe.token` is configured.
        "security": [{ "token": [] }, {}],
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": { "Problem": Problem::schema() },
            "responses": {
                "BadRequest": problem("The request is not as it must be"),
                "Unauthorized": problem("No token, or a wrong one"),
                "Forbidden": problem("The request comes from a page of another site"),
                "Misdirected": problem("The Host header names somebody else"),
            },
        },
    })
}

/// A parameter in the path.
pub(crate) fn in_path(name: &str, about: &str) -> Value {
    parameter("path", name, about, &json!({ "type": "string" }))
}

/// A parameter behind the question mark, which may be left out.
pub(crate) fn in_query(name: &str, about: &str, schema: &Value) -> Value {
    parameter("query", name, about, schema)
}

fn parameter(place: &str, name: &str, about: &str, schema: &Value) -> Value {
    let required = place == "path";
    json!({
        "name": name, "in": place, "description": about, "required": required, "schema": schema,
    })
}

/// An object that has these keys and no other; each is always there.
pub(crate) fn object<const N: usize>(keys: [(&str, Value); N]) -> Value {
    let required: Vec<_> = keys.iter().map(|(name, _)| *name).collect();
    let properties: Map<_, _> = keys
        .iter()
        .map(|(name, schema)| ((*name).to_owned(), schema.clone()))
        .collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// A text.
pub(crate) fn text(about: &str) -> Value {
    json!({ "type": "string", "description": about })
}

/// One of these texts.
pub(crate) fn word(words: &[&str], about: &str) -> Value {
    json!({ "type": "string", "enum": words, "description": about })
}

/// True or false.
pub(crate) fn flag(about: &str) -> Value {
    json!({ "type": "boolean", "description": about })
}

/// A number from 0 on.
pub(crate) fn number(about: &str) -> Value {
    json!({ "type": "integer", "minimum": 0, "description": about })
}

/// A moment, as RFC 3339 writes it.
pub(crate) fn time(about: &str) -> Value {
    json!({ "type": "string", "format": "date-time", "description": about })
}

/// A list.
pub(crate) fn list(about: &str, of: &Value) -> Value {
    json!({ "type": "array", "items": of, "description": about })
}

/// The same, or null.
pub(crate) fn or_null(mut schema: Value) -> Value {
    let only = schema["type"].take();
    schema["type"] = json!([only, "null"]);
    schema
}
