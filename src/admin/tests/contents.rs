//! `/openapi.json`: complete, and true.

use super::schema::breaches;
use super::{Reply, Site, request};
use axum::http::StatusCode;
use serde_json::Value;

/// Methods that a router of ours may have.
const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];

/// Whether the answer is as the document says that this page answers.
fn judge(document: &Value, method: &str, path: &str, reply: &Reply) -> Vec<String> {
    let status = reply.status.as_u16();
    let place = format!("{method} {path} {status}");
    let mut answer = &document["paths"][path][method]["responses"][status.to_string()];
    if let Some(reference) = answer["$ref"].as_str() {
        answer = document.pointer(&reference[1..]).unwrap_or(&Value::Null);
    }
    if answer.is_null() {
        return vec![format!("{place}: nothing tells of it: {}", reply.text)];
    }
    let media_type = reply
        .headers
        .get("content-type")
        .map(|t| t.to_str().unwrap());
    let Some(content) = answer["content"].as_object() else {
        let empty = media_type.is_none() && reply.text.is_empty();
        return if empty {
            Vec::new()
        } else {
            vec![format!("{place}: has a body")]
        };
    };
    let Some(told) = media_type.and_then(|media_type| content.get(media_type)) else {
        return vec![format!("{place}: nothing tells of {media_type:?}")];
    };
    let value = if media_type == Some("application/json") {
        reply.json()
    } else {
        reply.text.clone().into()
    };
    let found = breaches(document, &told["schema"], &value);
    found
        .into_iter()
        .map(|breach| format!("{place}: {breach}"))
        .collect()
}

/// Asks and judges; with which status it was answered.
async fn judged(site: &Site, document: &Value, method: &str, page: (&str, &str)) -> StatusCode {
    let (template, path) = page;
    let reply = site.ask(request(&method.to_uppercase(), path, "")).await;
    let found = judge(document, method, template, &reply);
    assert!(found.is_empty(), "{}", found.join("\n"));
    reply.status
}

#[tokio::test]
async fn the_router_has_the_pages_that_the_document_tells_of_and_no_other() {
    let site = Site::new().await;
    let document = site.get("/openapi.json").await.json();
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() >= 5, "{paths:?}");
    for (path, told) in paths {
        for method in METHODS {
            let path = path.replace("{id}", "x");
            // Without its body: that of the stream of events does not end.
            let response = site.raw(request(&method.to_uppercase(), &path, "")).await;
            let is_there = response.status() != StatusCode::METHOD_NOT_ALLOWED;
            assert_eq!(is_there, told.get(method).is_some(), "{method} {path}");
            if is_there {
                continue;
            }
            let reply = Reply::of(response).await;
            let allowed = reply.headers["allow"].to_str().unwrap().to_lowercase();
            let is_allowed = |method: &&str| allowed.split(',').any(|m| *m.trim() == **method);
            let told: Vec<_> = METHODS
                .into_iter()
                .filter(|m| told.get(m).is_some())
                .collect();
            let found: Vec<_> = METHODS.into_iter().filter(is_allowed).collect();
            assert_eq!(found, told, "Allow of {path}");
            assert!(reply.json()["error"].is_string());
        }
    }
    let absent = site.get("/v1/nothing").await;
    assert_eq!(absent.status, StatusCode::NOT_FOUND);
    assert!(absent.json()["error"].is_string());
}

#[tokio::test]
async fn every_answer_is_as_the_document_says() {
    let site = Site::with_calls(3).await;
    site.end(2);
    let document = site.get("/openapi.json").await.json();
    let calls = "/v1/calls";
    let call = "/v1/calls/{id}";
    for (method, page, status) in [
        ("get", (calls, "/v1/calls"), 200),
        ("get", (calls, "/v1/calls?limit=1"), 200),
        ("get", (calls, "/v1/calls?limit=0"), 400),
        ("get", (calls, "/v1/calls?limit=1001"), 400),
        ("get", (calls, "/v1/calls?limit=many"), 400),
        ("get", (calls, "/v1/calls?state=gone"), 400),
        ("get", (calls, "/v1/calls?colour=red"), 400),
        ("get", (calls, "/v1/calls?state=ended"), 200),
        ("get", (call, "/v1/calls/call-1"), 200),
        ("get", (call, "/v1/calls/call-2"), 200),
        ("get", (call, "/v1/calls/nobody"), 404),
        ("get", (call, "/v1/calls/%ff"), 400),
        ("delete", (call, "/v1/calls/call-2"), 404),
        ("delete", (call, "/v1/calls/nobody"), 404),
        // The table knows of it, the endpoint takes nothing for it.
        ("delete", (call, "/v1/calls/call-1"), 503),
        ("post", ("/v1/reload", "/v1/reload"), 500),
        ("get", ("/v1/config", "/v1/config"), 200),
        ("get", ("/v1/events", "/v1/events?type=x"), 400),
        ("get", ("/v1/trunks", "/v1/trunks"), 200),
        ("get", ("/healthz", "/healthz"), 200),
        ("get", ("/readyz", "/readyz"), 200),
        ("get", ("/openapi.json", "/openapi.json"), 200),
    ] {
        let found = judged(&site, &document, method, page).await;
        assert_eq!(found.as_u16(), status, "{method} {page:?}");
    }
    for status in [202, 200] {
        let found = judged(&site, &document, "post", ("/v1/drain", "/v1/drain")).await;
        assert_eq!(found.as_u16(), status);
    }
    let ready = judged(&site, &document, "get", ("/readyz", "/readyz")).await;
    assert_eq!(ready.as_u16(), 503);
}

#[tokio::test]
async fn each_operation_has_a_name_of_its_own_and_its_parameters() {
    let document = Site::new().await.get("/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.1");
    let mut names = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            names.push(operation["operationId"].as_str().unwrap().to_owned());
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let in_path = parameters
                .filter(|parameter| parameter["in"] == "path")
                .count();
            assert_eq!(in_path, path.matches('{').count(), "{method} {path}");
            assert!(operation["summary"].is_string(), "{method} {path}");
        }
    }
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count, "{names:?}");
}
