//! `/v1/trunks`.

use super::{Site, YAML};
use sbc_core::Instant;
use sbc_core::quota::Way;

#[tokio::test]
async fn each_trunk_is_shown_with_its_limits_and_what_is_counted() {
    let limited = YAML.replace(
        "    realm: outside\n",
        "    realm: outside\n    limits: { calls: 2 }\n",
    );
    let site = Site::of(&format!("{limited}limits: {{ cps: 9 }}\n"), None).await;
    let policy = site.admin.endpoint.policy();
    let carrier = &policy.quotas().trunks[0].quota;
    let take = |way| carrier.take(Instant::default(), way);
    let (first, second) = (take(Way::In).unwrap(), take(Way::Out).unwrap());
    assert!(take(Way::In).is_err(), "two calls at a time");
    let page = site.get("/v1/trunks").await.json();
    assert_eq!(
        page["limits"],
        serde_json::json!({ "calls": null, "cps": 9 })
    );
    let [carrier, pbx] = page["trunks"].as_array().unwrap().as_slice() else {
        panic!("{page}");
    };
    assert_eq!(
        (&carrier["name"], &pbx["name"]),
        (&"carrier".into(), &"pbx".into())
    );
    assert_eq!(
        (&carrier["realm"], &carrier["limits"]["calls"]),
        (&"outside".into(), &2.into())
    );
    assert_eq!(carrier["targets"][1]["priority"], 2);
    assert_eq!(carrier["targets"][0]["uri"], "sip:127.1.0.2");
    let counted = [
        "calls_in",
        "calls_out",
        "attempts_in",
        "attempts_out",
        "refused_calls",
    ];
    assert_eq!(
        counted.map(|key| carrier[key].as_u64().unwrap()),
        [1, 1, 2, 1, 1]
    );
    assert_eq!(pbx["attempts_in"], 0);
    drop((first, second));
    let page = site.get("/v1/trunks").await.json();
    assert_eq!(page["trunks"][0]["calls_in"], 0);
}
