//! `docs/http.md` is held to what is answered, by the document that the answers are held to.

use super::Site;
use super::schema::breaches;
use crate::events::What;
use serde_json::Value;

const PAGE: &str = include_str!("../../../docs/http.md");

#[tokio::test]
async fn every_example_on_the_page_is_an_answer_that_the_document_tells_of() {
    let document = Site::new().await.get("/openapi.json").await.json();
    let mut found = 0;
    for example in PAGE.split("<!-- ").skip(1) {
        let (place, rest) = example.split_once(" -->").expect("a mark has an end");
        let [method, path, status] = *place.split(' ').collect::<Vec<_>>() else {
            panic!("{place}: method, path and status");
        };
        let json = rest
            .strip_prefix("\n```json\n")
            .expect("an example behind its mark");
        let json = json.split("```").next().unwrap_or_default();
        let value: Value = serde_json::from_str(json).unwrap_or_else(|e| panic!("{place}: {e}"));
        let operation = &document["paths"][path][method.to_lowercase()];
        let schema = &operation["responses"][status]["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{place}: nothing tells of it");
        assert_eq!(breaches(&document, schema, &value), [""; 0], "{place}");
        found += 1;
    }
    assert_eq!(
        found,
        PAGE.matches("```json").count(),
        "each example has its mark"
    );
    assert!(found >= 4);
}

#[tokio::test]
async fn the_page_names_every_path_and_every_event() {
    let document = Site::new().await.get("/openapi.json").await.json();
    for path in document["paths"].as_object().unwrap().keys() {
        assert!(PAGE.contains(path), "{path}");
    }
    let table = PAGE
        .split("| event | data |")
        .nth(1)
        .expect("a table of events");
    for name in What::NAMES {
        assert!(table.contains(&format!("`{name}`")), "{name}");
    }
}
