//! `/v1/drain`.

use super::{Site, json_request, request};
use axum::http::header::CONTENT_TYPE;

#[tokio::test]
async fn a_drain_takes_the_configured_grace_unless_one_is_given() {
    let site = Site::with_calls(2).await;
    let told = site.ask(request("POST", "/v1/drain", "")).await;
    assert_eq!(told.status, 202);
    let told = told.json();
    assert_eq!(
        (&told["grace_ms"], &told["calls"]),
        (&30_000.into(), &2.into())
    );
    assert_eq!(told["already"], false);
    assert_eq!(
        site.get("/readyz").await.status,
        503,
        "when it is answered it drains"
    );
    let other = Site::new().await;
    let request = json_request("POST", "/v1/drain", r#"{"grace":"2h"}"#);
    let told = other.ask(request).await;
    assert_eq!(
        (told.status.as_u16(), told.json()["grace_ms"].clone()),
        (202, 7_200_000.into())
    );
}

#[tokio::test]
async fn a_second_drain_says_that_it_drains_already_and_changes_nothing() {
    let site = Site::new().await;
    let first = site.ask(request("POST", "/v1/drain", "")).await.json();
    let again = site
        .ask(json_request("POST", "/v1/drain", r#"{"grace":"1s"}"#))
        .await;
    assert_eq!(again.status, 200);
    let again = again.json();
    assert_eq!(again["already"], true);
    assert_eq!(
        (&again["until"], &again["grace_ms"]),
        (&first["until"], &first["grace_ms"])
    );
}

#[tokio::test]
async fn a_body_that_is_not_as_it_must_be_drains_nothing() {
    let site = Site::new().await;
    let long = format!(r#"{{"grace":"{}"}}"#, "1".repeat(5_000));
    let long: &'static str = Box::leak(long.into_boxed_str());
    for (body, status) in [
        (r#"{"grace":"soon"}"#, 400),
        (r#"{"grace":30}"#, 400),
        (r#"{"grace":"-1s"}"#, 400),
        (r#"{"grace":"169h"}"#, 400),
        (r#"{"grace":"30s","force":true}"#, 400),
        (r#"{"grace":"30s""#, 400),
        (long, 413),
    ] {
        let reply = site.ask(json_request("POST", "/v1/drain", body)).await;
        assert_eq!(reply.status, status, "{body:.60}: {}", reply.text);
        assert!(reply.json()["error"].is_string());
    }
    let mut form = request("POST", "/v1/drain", "grace=1s");
    assert_eq!(site.ask(form).await.status, 415);
    form = request("POST", "/v1/drain", r#"{"grace":"1s"}"#);
    let text = "text/plain".parse().unwrap();
    form.headers_mut().insert(CONTENT_TYPE, text);
    assert_eq!(site.ask(form).await.status, 415);
    assert_eq!(site.get("/readyz").await.status, 200);
}
