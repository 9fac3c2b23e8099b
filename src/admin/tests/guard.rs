//! Who may ask.

use super::{Reply, Site, YAML, request};
use axum::http::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue, ORIGIN};

const TOKEN: &str = "a-token-of-these-tests";

async fn with_token() -> Site {
    let observe = format!("observe: {{ api: \"10.0.0.10:8080\", token: {TOKEN} }}\n");
    Site::of(&format!("{YAML}{observe}"), None).await
}

/// Asks for a page with these headers; one that stands twice is there twice.
async fn ask(site: &Site, method: &str, path: &str, headers: &[(HeaderName, &str)]) -> Reply {
    let mut request = request(method, path, "");
    request.headers_mut().clear();
    for (name, value) in headers {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        request.headers_mut().append(name, value);
    }
    site.ask(request).await
}

#[tokio::test]
async fn a_name_that_a_stranger_made_lead_here_is_refused() {
    let site = Site::new().await;
    let status = async |host: &str| ask(&site, "GET", "/v1/calls", &[(HOST, host)]).await.status;
    for host in [
        "127.0.0.1:8080",
        "localhost",
        "LOCALHOST:8080",
        "[::1]:8080",
        "10.0.0.1",
    ] {
        assert_eq!(status(host).await, 200, "{host}");
    }
    for host in [
        "attacker.example:8080",
        "localhost.attacker.example",
        "127.0.0.1.attacker.example",
        "1",
        "[::1",
    ] {
        let status = status(host).await.as_u16();
        assert!(matches!(status, 400 | 421), "{host}: {status}");
    }
    for headers in [&[][..], &[(HOST, "127.0.0.1"), (HOST, "attacker.example")]] {
        assert_eq!(ask(&site, "GET", "/v1/calls", headers).await.status, 400);
    }
    // The name in the request line counts, too.
    let whole = "http://attacker.example/v1/calls";
    let refused = ask(&site, "GET", whole, &[(HOST, "127.0.0.1")]).await;
    assert_eq!(refused.status, 421);
    assert!(refused.json()["hint"].is_string());
}

#[tokio::test]
async fn a_page_of_another_site_neither_reads_nor_changes_anything() {
    let open = Site::with_calls(1).await;
    let closed = with_token().await;
    let bearer = format!("Bearer {TOKEN}");
    for site in [&open, &closed] {
        let ask = async |method, path, origin| {
            let host = (HOST, "127.0.0.1:8080");
            let headers = [host, (ORIGIN, origin), (AUTHORIZATION, &*bearer)];
            ask(site, method, path, &headers).await.status.as_u16()
        };
        for origin in [
            "http://attacker.example",
            "https://127.0.0.1:8080",
            "http://127.0.0.1:9090",
            "null",
        ] {
            assert_eq!(ask("POST", "/v1/drain", origin).await, 403, "{origin}");
            assert_eq!(
                ask("DELETE", "/v1/calls/call-0", origin).await,
                403,
                "{origin}"
            );
            assert_eq!(ask("GET", "/v1/calls", origin).await, 403, "{origin}");
        }
        assert_eq!(
            ask("GET", "/readyz", "http://127.0.0.1:8080").await,
            200,
            "it drains not"
        );
    }
}

#[tokio::test]
async fn where_there_is_a_token_every_page_but_two_wants_it() {
    let site = with_token().await;
    let mut paths = vec!["/v1/nothing".to_owned()];
    let document = ask(
        &site,
        "GET",
        "/openapi.json",
        &[(AUTHORIZATION, "Bearer x")],
    )
    .await;
    assert_eq!(document.status, 401);
    let given = [(AUTHORIZATION, &*format!("bearer  {TOKEN}"))];
    let document = ask(&site, "GET", "/openapi.json", &given).await;
    assert_eq!(document.status, 200, "by any Host");
    let document = document.json();
    paths.extend(document["paths"].as_object().unwrap().keys().cloned());
    for path in paths {
        let open = path == "/healthz" || path == "/readyz";
        for method in ["GET", "POST", "DELETE", "HEAD", "PUT"] {
            let reply = ask(&site, method, &path.replace("{id}", "x"), &[]).await;
            let is_asked = reply.status == 401;
            assert_eq!(is_asked, !open, "{method} {path}: {}", reply.status);
            assert_eq!(reply.headers.contains_key("www-authenticate"), is_asked);
        }
    }
    assert_eq!(
        ask(&site, "GET", "/readyz", &[]).await.status,
        200,
        "nothing drained it"
    );
}

#[tokio::test]
async fn only_the_very_token_opens() {
    let site = with_token().await;
    let longer = format!("Bearer {TOKEN}x");
    let shorter = format!("Bearer {}", &TOKEN[1..]);
    let basic = format!("Basic {TOKEN}");
    for given in [
        &*longer,
        &shorter,
        &basic,
        TOKEN,
        "Bearer",
        "Bearer ",
        "Bearer é",
        "",
    ] {
        let refused = ask(&site, "GET", "/v1/calls", &[(AUTHORIZATION, given)]).await;
        assert!(matches!(refused.status.as_u16(), 400 | 401), "{given}");
        assert!(!refused.text.contains(TOKEN), "{}", refused.text);
    }
    let wrong = ask(&site, "GET", "/v1/calls", &[(AUTHORIZATION, &longer)]).await;
    let challenge = wrong.headers["www-authenticate"].to_str().unwrap();
    assert_eq!(challenge, r#"Bearer realm="sbc", error="invalid_token""#);
    let right = format!("Bearer {TOKEN}");
    let twice = [(AUTHORIZATION, &*right), (AUTHORIZATION, &*right)];
    assert_eq!(
        ask(&site, "GET", "/v1/calls", &twice[..1]).await.status,
        200
    );
    assert_eq!(ask(&site, "GET", "/v1/calls", &twice).await.status, 400);
}

#[tokio::test]
async fn the_metrics_want_the_token_too() {
    let mut site = with_token().await;
    site.router = super::super::metrics(site.admin.clone());
    let right = format!("Bearer {TOKEN}");
    for (headers, status) in [(&[][..], 401), (&[(AUTHORIZATION, &*right)], 200)] {
        assert_eq!(ask(&site, "GET", "/metrics", headers).await.status, status);
    }
    let mut open = Site::new().await;
    open.router = super::super::metrics(open.admin.clone());
    let refused = ask(&open, "GET", "/metrics", &[(HOST, "attacker.example")]).await;
    assert_eq!(refused.status, 421);
}
