//! `/v1/calls`: pages and filters.

use super::Site;

#[tokio::test]
async fn a_list_of_many_calls_comes_in_pages_that_are_bounded() {
    let site = Site::with_calls(2_500).await;
    let (mut seen, mut path) = (Vec::new(), "/v1/calls?limit=1000".to_owned());
    loop {
        let page = site.get(&path).await.json();
        assert_eq!(page["running"], 2_500);
        let calls = page["calls"].as_array().unwrap();
        assert!(calls.len() <= 1_000);
        seen.extend(
            calls
                .iter()
                .map(|call| call["id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/v1/calls?limit=1000&after={next}");
    }
    let all: Vec<_> = (0..2_500).map(|key| format!("call-{key}")).collect();
    assert_eq!(seen, all);
    let first = site.get("/v1/calls").await.json();
    assert_eq!(
        first["calls"].as_array().unwrap().len(),
        100,
        "where nothing is said"
    );
}

#[tokio::test]
async fn a_list_may_be_narrowed_by_trunk_and_state() {
    let site = Site::with_calls(4).await;
    site.end(3);
    let ids = async |path| {
        let page = site.get(path).await.json();
        let calls = page["calls"].as_array().unwrap().iter();
        calls
            .map(|call| call["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids("/v1/calls?trunk=carrier").await, ["call-0", "call-2"]);
    assert_eq!(ids("/v1/calls?trunk=office").await, ["call-1"]);
    assert_eq!(ids("/v1/calls?trunk=nobody").await, [""; 0]);
    assert_eq!(ids("/v1/calls?state=ended").await, ["call-3"]);
    assert_eq!(
        ids("/v1/calls?state=trying&trunk=pbx&limit=2").await,
        ["call-0", "call-1"]
    );
    assert_eq!(ids("/v1/calls?state=answered").await, [""; 0]);
}

#[tokio::test]
async fn a_call_that_ended_is_shown_with_its_end() {
    let site = Site::with_calls(1).await;
    let running = site.get("/v1/calls/call-0").await.json();
    assert_eq!(
        (&running["state"], &running["reason"]),
        (&"trying".into(), &().into())
    );
    site.end(0);
    let ended = site.get("/v1/calls/call-0").await.json();
    assert_eq!(ended["state"], "ended");
    assert_eq!(
        (&ended["reason"], &ended["ended_by"]),
        (&"hung up".into(), &"caller".into())
    );
    assert_eq!(
        (&ended["status"], &ended["from"]),
        (&200.into(), &running["from"])
    );
}
