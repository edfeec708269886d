//! A scale of either half, through the webhook: what is noted for the app.

use super::house::{self, House};
use super::{patch, request};
use crate::api::entry::Entry;
use crate::api::labels;
use crate::testing::ApiServer;
use serde_json::{Value, json};

const CANARY: &str = "/apis/flagger.app/v1beta1/namespaces/web/canaries/shop";

fn house(fake: &ApiServer, phase: &str, state: &str) -> House {
    let mut house = House::with(fake);
    house.canary(phase);
    house.target(state);
    fake.objects.lock().insert(
        CANARY.to_owned(),
        json!({"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "shop", "namespace": "web"}}),
    );
    house
}

fn scale(name: &str, was: i64, wanted: i64) -> Value {
    let of = |replicas: i64| json!({"spec": {"replicas": replicas}});
    let mut scale = request("Scale", "UPDATE", of(was), of(wanted));
    scale["subResource"] = json!("scale");
    scale["name"] = json!(name);
    scale
}

fn noted(fake: &ApiServer) -> Option<String> {
    let stored = fake.objects.lock().get(CANARY).cloned()?;
    Some(
        stored["metadata"]["annotations"]
            .get(labels::REPLICAS)?
            .as_str()?
            .to_owned(),
    )
}

#[tokio::test]
async fn everything_is_scaled_to_zero_and_back() {
    let fake = ApiServer::default();
    let house = house(&fake, "Succeeded", "rest");
    for (name, was, wanted, held) in [
        ("shop", 0, 0, false),
        ("shop-primary", 2, 0, false),
        ("shop", 0, 2, true),
        ("shop-primary", 0, 2, false),
    ] {
        let (_, response) = house.ask(Entry::ScaleDeployments, scale(name, was, wanted)).await;
        assert_eq!(response["allowed"], json!(true), "{name} to {wanted}: {response}");
        assert_eq!(noted(&fake), Some(wanted.to_string()), "{name} to {wanted}");
        assert_eq!(response.get("patch").is_some(), held, "{name} to {wanted}");
        if held {
            assert_eq!(
                patch(&response)[0],
                json!({"op": "add", "path": "/spec/replicas", "value": 0})
            );
        }
    }
}

#[tokio::test]
async fn a_dry_run_notes_nothing_and_what_cannot_be_noted_is_refused() {
    let fake = ApiServer::default();
    let house = house(&fake, "Succeeded", "rest");
    let mut dry_run = scale("shop", 0, 4);
    dry_run["dryRun"] = json!(true);
    let (_, response) = house.ask(Entry::ScaleDeployments, dry_run).await;
    assert_eq!((&response["allowed"], noted(&fake)), (&json!(true), None));
    fake.objects.lock().clear();
    let (_, response) = house.ask(Entry::ScaleDeployments, scale("shop", 0, 4)).await;
    assert_eq!(
        (&response["allowed"], &response["status"]["code"]),
        (&json!(false), &json!(403))
    );
    let message = response["status"]["message"].as_str().unwrap();
    assert!(message.contains("kubectl patch deployment shop -n web"), "{message}");
}

#[tokio::test]
async fn more_pods_of_what_serves_are_stored_also_where_they_cannot_be_noted() {
    let fake = ApiServer::default();
    let house = house(&fake, "Initializing", "hot");
    fake.objects.lock().clear();
    for (wanted, allowed) in [(4, true), (1, false)] {
        let (_, response) = house.ask(Entry::ScaleDeployments, scale("shop", 2, wanted)).await;
        assert_eq!(response["allowed"], json!(allowed), "{wanted} {response}");
    }
}

#[tokio::test]
async fn a_write_of_the_whole_primary_that_scales_it_means_the_app_too() {
    let fake = ApiServer::default();
    let house = house(&fake, "Succeeded", "rest");
    let primary = |replicas: i64| {
        json!({"metadata": {"name": "shop-primary", "namespace": "web", "ownerReferences": [
            {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "shop", "uid": "u", "controller": true}]},
            "spec": {"replicas": replicas, "template": {"spec": {"containers": []}}}})
    };
    let mut request = request("Deployment", "UPDATE", primary(2), primary(0));
    request["name"] = json!("shop-primary");
    let (_, response) = house.ask(Entry::FollowDeployments, request).await;
    assert_eq!(
        (&response["allowed"], noted(&fake)),
        (&json!(true), Some("0".to_owned()))
    );
}

#[tokio::test]
async fn a_scale_that_no_controller_will_carry_out_for_now_says_so() {
    let fake = ApiServer::default();
    let mut house = house(&fake, "Succeeded", "rest");
    house.feeds.lease.apply_watcher_event(&house::read(json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "l", "namespace": "coalmine-system"},
        "spec": {"holderIdentity": "one", "renewTime": "2026-01-01T00:00:00.000000Z"}})));
    let (_, response) = house.ask(Entry::ScaleDeployments, scale("shop", 0, 5)).await;
    assert_eq!(
        (&response["allowed"], noted(&fake)),
        (&json!(true), Some("5".to_owned()))
    );
    let said = response["warnings"][0].as_str().unwrap();
    assert!(
        said.contains("5 replicas are noted, but the controller is away"),
        "{said}"
    );
    assert!(
        said.contains("kubectl scale deployment shop-primary -n web --replicas=5"),
        "{said}"
    );
}

#[tokio::test]
async fn what_the_version_before_registered_is_heard_and_allowed_whatever_is_known() {
    let fake = ApiServer::default();
    let denied = json!({"metadata": {"name": "shop", "labels": {labels::MANAGED: "true", labels::STATE: "rest"}}});
    let deleted = request("Scale", "DELETE", denied, Value::Null);
    for house in [House::unfilled(), house(&fake, "Succeeded", "rest")] {
        for review in [scale("shop", 0, 5), scale("shop-primary", 3, 0), deleted.clone()] {
            let (status, response) = house.ask(Entry::ValidateDeployments, review).await;
            assert_eq!((status, &response["allowed"]), (200, &json!(true)), "{response}");
            assert_eq!((response.get("patch"), noted(&fake)), (None, None));
        }
    }
}
