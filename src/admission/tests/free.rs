//! What nobody may be kept from: finalizers, labels and annotations of our own kinds, and whatever is being deleted.

use super::*;

/// Each kind with a spec that is refused.
fn bad() -> Vec<Value> {
    let of = |api: &str, kind: &str, spec: Value| {
        let metadata = json!({"name": "shop", "namespace": "web", "finalizers": ["coalmine.dev/lossless-exit"]});
        json!({"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec})
    };
    let flagger = "flagger.app/v1beta1";
    vec![
        of(flagger, "Canary", json!({"targetRef": 7})),
        of(flagger, "MetricTemplate", json!({"provider": []})),
        of(flagger, "AlertProvider", json!({"type": {}})),
        of("coalmine.dev/v1alpha1", "CanaryPolicy", json!({"analysis": "none"})),
    ]
}

async fn update(house: &House, old: &Value, new: &Value) -> (u16, Value) {
    let kind = old["kind"].as_str().unwrap();
    let mut update = request(kind, "UPDATE", old.clone(), new.clone());
    update["kind"]["group"] = json!(old["apiVersion"].as_str().unwrap().split('/').next().unwrap());
    let (status, response) = house.ask(Entry::ValidateCanaries, update).await;
    (status, response["allowed"].clone())
}

#[tokio::test]
async fn metadata_is_written_whatever_is_known_and_whatever_the_spec_says() {
    for house in [House::new(), House::unfilled()] {
        for old in bad() {
            let mut freed = old.clone();
            freed["metadata"]["finalizers"] = Value::Null;
            let mut noted = old.clone();
            noted["metadata"]["annotations"] = json!({"coalmine.dev/policy": "no-such-policy", "team": "red"});
            noted["metadata"]["labels"] = json!({labels::GENERATED: "true"});
            for new in [freed, noted] {
                assert_eq!(update(&house, &old, &new).await, (200, json!(true)), "{new}");
            }
        }
    }
}

#[tokio::test]
async fn another_spec_is_judged_until_its_object_is_being_deleted() {
    let house = House::new();
    for old in bad() {
        let mut new = old.clone();
        new["spec"]["more"] = json!(1);
        if old["kind"] == "CanaryPolicy" {
            new["spec"] = json!({"analysis": "some"});
        }
        assert_eq!(update(&house, &old, &new).await.0, 500, "read and judged: {new}");
        new["metadata"]["deletionTimestamp"] = json!("2026-11-23T10:00:00Z");
        assert_eq!(update(&house, &old, &new).await, (200, json!(true)), "{new}");
    }
}

#[tokio::test]
async fn where_apps_are_given_back_none_is_taken_in() {
    use crate::orders::{Installed, Leave, Standing};
    for (leave, taken_in) in [
        (Leave::Nobody.with(None), false),
        (Leave::Nobody.with(Some("web")), false),
        (Leave::Nobody.with(Some("shop")), true),
    ] {
        let mut standing = Standing::of(Installed::Absent);
        standing.told_to_leave(Some(&k8s_openapi::api::core::v1::ConfigMap {
            data: Some(standing.order(&leave).into()),
            ..Default::default()
        }));
        let house = House::new();
        house.feeds.standing.send_replace(standing);
        let create = request("Deployment", "CREATE", Value::Null, deployment(3));
        let (status, response) = house.ask(Entry::MutateDeployments, create).await;
        assert_eq!(status, 200);
        assert_eq!(response["patch"].is_string(), taken_in, "{leave:?}: {response}");
        let warned = response["warnings"].to_string();
        assert_eq!(warned.contains("told to leave"), !taken_in, "{warned}");
    }
}

#[tokio::test]
async fn before_the_caches_are_filled_only_what_the_request_says_is_held() {
    let house = House::unfilled();
    let create = request("Deployment", "CREATE", Value::Null, deployment(3));
    assert_eq!(house.ask(Entry::MutateDeployments, create).await.0, 500);
    let mut old = deployment(0);
    old["metadata"]["labels"] = json!({labels::MANAGED: "true", labels::STATE: "rest", labels::DESIRED_REPLICAS: "3"});
    let (status, response) = house
        .ask(
            Entry::MutateDeployments,
            request("Deployment", "UPDATE", old, deployment(3)),
        )
        .await;
    assert_eq!(status, 200);
    assert!(
        patch(&response)
            .as_array()
            .unwrap()
            .contains(&json!({"op": "add", "path": "/spec/replicas", "value": 0}))
    );
    assert_eq!(
        house
            .ask(
                Entry::ValidateCanaries,
                request("Canary", "CREATE", Value::Null, json!({}))
            )
            .await
            .0,
        500
    );
}
