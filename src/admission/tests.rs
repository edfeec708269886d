//! Whole reviews through the router, with caches filled by hand: request bytes in, answer bytes out.

mod apart;
mod decisions;
mod facts;
mod found;
mod free;
mod fronts;
mod governed;
mod house;
mod opt_in;
mod pointing;
mod primaries;
mod scales;
mod unasked;

use crate::api::entry::Entry;
use crate::api::labels;
use crate::testing::ApiServer;
use base64::Engine as _;
use house::{CONTROLLER, House};
use serde_json::{Value, json};

fn request(kind: &str, operation: &str, old: Value, new: Value) -> Value {
    json!({
        "uid": "u-1", "kind": {"group": "apps", "version": "v1", "kind": kind}, "name": "shop", "namespace": "web",
        "operation": operation, "userInfo": {"username": "ann"}, "object": new, "oldObject": old,
    })
}

fn primary(image: &str) -> Value {
    let mut object = deployment(2);
    object["metadata"] = json!({"name": "shop-primary", "namespace": "web", "ownerReferences": [{
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "shop", "uid": "c-1", "controller": true}]});
    object["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
    object
}

fn deployment(replicas: i64) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "shop", "namespace": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "shop"}},
            "template": {
                "metadata": {"labels": {"app": "shop"}},
                "spec": {"containers": [{"name": "shop", "image": "shop:1", "ports": [{"containerPort": 9898}]}]},
            },
        },
    })
}

fn patch(response: &Value) -> Value {
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(response["patch"].as_str().unwrap())
        .unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn patched(sent: &Value, response: &Value) -> Value {
    let mut stored = sent.clone();
    let patch: json_patch::Patch = serde_json::from_value(patch(response)).unwrap();
    json_patch::patch(&mut stored, &patch).unwrap();
    stored
}

#[tokio::test]
async fn a_plain_deployment_in_a_labelled_namespace_is_made_the_canary_half() {
    let house = House::new();
    let (status, response) = house
        .ask(
            Entry::MutateDeployments,
            request("Deployment", "CREATE", Value::Null, deployment(3)),
        )
        .await;
    assert_eq!(
        (status, &response["allowed"], &response["patchType"]),
        (200, &json!(true), &json!("JSONPatch"))
    );
    assert_eq!(
        patch(&response),
        json!([
            {"op": "add", "path": "/metadata/labels", "value": {
                labels::DESIRED_REPLICAS: "3", labels::MANAGED: "true", labels::STATE: "cold",
                labels::REVISION: crate::plan::revision::hash::template_hash(&deployment(3)["spec"]["template"]),
                labels::RELEASE: "pending",
            }},
            {"op": "add", "path": "/metadata/annotations", "value": {labels::REQUESTED_BY: "ann"}},
            {"op": "add", "path": "/spec/replicas", "value": 0},
        ])
    );
    assert_eq!(response["auditAnnotations"], json!({"decision": "cold"}));
}

#[tokio::test]
async fn a_dry_run_shows_the_plan_in_short_lines() {
    let house = House::new();
    let mut create = request("Deployment", "CREATE", Value::Null, admitted());
    create["dryRun"] = json!(true);
    let (_, response) = house.ask(Entry::FollowDeployments, create).await;
    let warnings: Vec<&str> = response["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|w| w.as_str().unwrap())
        .collect();
    assert_eq!(
        warnings,
        [
            "coalmine plan: creates Canary shop (provider gatewayapi:v1)",
            "coalmine plan: creates Services shop, shop-primary, shop-canary",
            "coalmine plan: creates HTTPRoute shop for shop.web.test",
            "coalmine plan: creates Deployment shop-primary, which serves; shop rests at 0",
            "coalmine plan: later revisions: traffic 20% 50%, one check every 10s",
            "coalmine plan: later revisions: 3 failed checks roll back; at best 26s from ready to promoted",
            "coalmine: shop: Coalmine will create Service and HTTPRoute shop unless you apply your own. Later `kubectl \
             apply` or Helm takes them over; `create`/`expose` need another name (--name)",
        ]
    );
}

#[tokio::test]
async fn what_cannot_be_paired_is_left_alone_and_says_why() {
    let house = House::new();
    let mut object = deployment(3);
    object["spec"]["selector"]["matchLabels"] = json!({"tier": "web"});
    object["spec"]["template"]["metadata"]["labels"] = json!({"tier": "web"});
    let (_, response) = house
        .ask(
            Entry::MutateDeployments,
            request("Deployment", "CREATE", Value::Null, object),
        )
        .await;
    assert_eq!(response.get("patch"), None);
    assert!(
        response["warnings"][0]
            .as_str()
            .unwrap()
            .contains("is not released as a canary")
    );
}

#[tokio::test]
async fn an_apex_and_a_route_are_held_once_the_pair_serves() {
    let mut house = House::new();
    house.canary("Succeeded");
    let service = |app: &str| json!({"metadata": {"name": "shop"}, "spec": {"selector": {"app": app}}});
    let (_, response) = house
        .ask(
            Entry::HoldServices,
            request("Service", "UPDATE", service("shop-primary"), service("shop")),
        )
        .await;
    assert_eq!(
        patch(&response)[0],
        json!({"op": "add", "path": "/spec/selector", "value": {"app": "shop-primary"}})
    );
    let route = |refs: Value| json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "r"}, "spec": {"rules": [{"backendRefs": refs}]}});
    let live = route(json!([
        {"name": "shop-primary", "port": 80, "weight": 70}, {"name": "shop-canary", "port": 80, "weight": 30}]));
    let sent = route(json!([{"name": "shop", "port": 80}]));
    let (_, response) = house
        .ask(Entry::HoldRoutes, request("HTTPRoute", "UPDATE", live, sent))
        .await;
    let refs = &patch(&response)[0]["value"][0]["backendRefs"];
    let weights: Vec<i64> = refs
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["weight"].as_i64().unwrap())
        .collect();
    assert_eq!(weights, [70, 30]);
}

#[tokio::test]
async fn our_controllers_writes_pass() {
    let mut house = House::new();
    house.canary("Progressing");
    let mut write = request("Deployment", "UPDATE", deployment(0), deployment(3));
    write["userInfo"]["username"] = json!(CONTROLLER);
    let (_, response) = house.ask(Entry::MutateDeployments, write).await;
    assert_eq!((&response["allowed"], response.get("patch")), (&json!(true), None));
}

#[tokio::test]
async fn primary_itself_is_a_plain_deployment() {
    let mut house = House::new();
    house.canary("Succeeded");
    let mut edit = request("Deployment", "UPDATE", deployment(3), deployment(5));
    edit["name"] = json!("shop-primary");
    for side in ["object", "oldObject"] {
        edit[side]["metadata"]["name"] = json!("shop-primary");
    }
    let (_, response) = house.ask(Entry::MutateDeployments, edit).await;
    assert_eq!((&response["allowed"], response.get("patch")), (&json!(true), None));
}

#[tokio::test]
async fn an_invalid_canary_is_refused_with_every_cause_and_the_probe_is_refused() {
    let house = House::new();
    let canary = json!({
    "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "shop", "namespace": "web"},
    "spec": {
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
        "service": {"port": 0},
        "analysis": {"interval": "soon", "threshold": 3, "stepWeights": [50, 20]},
    }});
    let mut create = request("Canary", "CREATE", Value::Null, canary);
    create["kind"]["group"] = json!("flagger.app");
    let (status, response) = house.ask(Entry::ValidateCanaries, create).await;
    assert_eq!((status, &response["status"]["code"]), (200, &json!(422)));
    let causes = response["status"]["details"]["causes"].as_array().unwrap();
    assert!(causes.len() >= 3, "{causes:?}");
    let probe = serde_json::to_value(coalmine_core::validation::known_bad_policy()).unwrap();
    let (_, response) = house
        .ask(
            Entry::ValidateCanaries,
            request("CanaryPolicy", "CREATE", Value::Null, probe),
        )
        .await;
    assert_eq!(
        (&response["allowed"], &response["status"]["code"]),
        (&json!(false), &json!(422))
    );
}

fn admitted() -> Value {
    let mut object = deployment(0);
    object["metadata"]["labels"] =
        json!({labels::MANAGED: "true", labels::STATE: "cold", labels::DESIRED_REPLICAS: "3"});
    object
}

#[tokio::test]
async fn an_admitted_deployment_has_its_objects_when_the_answer_is_sent() {
    let fake = ApiServer {
        allowed: Some(true),
        ..ApiServer::default()
    };
    let create = request("Deployment", "CREATE", Value::Null, admitted());
    let (_, response) = House::with(&fake).ask(Entry::FollowDeployments, create).await;
    assert_eq!(response["allowed"], json!(true));
    let warnings = response["warnings"].as_array().unwrap();
    assert!(
        warnings.len() == 1 && warnings[0].as_str().unwrap().contains("unless you apply your own"),
        "{warnings:?}"
    );
    // What users call has a name that its author may be about to use.
    assert_eq!(fake.objects.lock().len(), 3);
}

#[tokio::test]
async fn a_dry_run_writes_nothing() {
    let fake = ApiServer {
        allowed: Some(true),
        ..ApiServer::default()
    };
    let house = House::with(&fake);
    for operation in ["CREATE", "UPDATE"] {
        let old = if operation == "UPDATE" {
            deployment(3)
        } else {
            Value::Null
        };
        let mut review = request("Deployment", operation, old, admitted());
        review["dryRun"] = json!(true);
        for entry in [Entry::MutateDeployments, Entry::FollowDeployments] {
            house.ask(entry, review.clone()).await;
        }
    }
    assert_eq!(fake.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn who_may_not_make_canaries_may_not_make_them_by_way_of_us() {
    let fake = ApiServer {
        allowed: Some(false),
        ..ApiServer::default()
    };
    let house = House::with(&fake);
    for (operation, old) in [("CREATE", Value::Null), ("UPDATE", deployment(3))] {
        let mut sent = deployment(3);
        sent["spec"]["template"]["spec"]["containers"][0]["image"] = json!("shop:2");
        let review = request("Deployment", operation, old, sent.clone());
        let (_, response) = house.ask(Entry::MutateDeployments, review).await;
        assert_eq!(response["allowed"], json!(true));
        assert_eq!(
            response["warnings"],
            json!(["deployment/shop is not released as a canary: \"ann\" may not create canaries.flagger.app in web"])
        );
        let stored = patched(&sent, &response);
        assert_eq!(stored["spec"], sent["spec"], "a plain Deployment");
        assert_eq!(stored["metadata"]["labels"], json!({labels::DENIED: "true"}));
        let review = request("Deployment", operation, Value::Null, stored);
        let (_, response) = house.ask(Entry::FollowDeployments, review).await;
        assert_eq!(
            (&response["allowed"], &response["warnings"]),
            (&json!(true), &Value::Null)
        );
    }
    assert_eq!(fake.objects.lock().len(), 0);
}

#[tokio::test]
async fn a_later_write_by_somebody_who_may_enrols_it() {
    let fake = ApiServer {
        allowed: Some(true),
        ..ApiServer::default()
    };
    let mut denied = deployment(3);
    denied["metadata"]["labels"] = json!({labels::DENIED: "true"});
    let review = request("Deployment", "UPDATE", denied, deployment(3));
    let (_, response) = House::with(&fake).ask(Entry::MutateDeployments, review).await;
    let stored = patched(&deployment(3), &response);
    assert_eq!(stored["metadata"]["labels"][labels::MANAGED], "true");
    assert!(stored["metadata"]["labels"].get(labels::DENIED).is_none());
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_does_not_answer_never_refuses_a_deployment() {
    let slow = ApiServer {
        delay: std::time::Duration::from_secs(9),
        ..ApiServer::default()
    };
    for fake in [ApiServer::default(), slow] {
        let create = request("Deployment", "CREATE", Value::Null, admitted());
        let (status, response) = House::with(&fake).ask(Entry::FollowDeployments, create).await;
        assert_eq!((status, &response["allowed"]), (200, &json!(true)));
        let warnings = response["warnings"].to_string();
        assert!(warnings.contains("the controller makes the Canary"), "{warnings}");
    }
}

#[tokio::test]
async fn a_canary_is_judged_with_its_target_or_a_line_that_there_is_none() {
    let fake = ApiServer::default();
    let house = House::with(&fake);
    let canary = json!({
    "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "shop", "namespace": "web"},
    "spec": {
        "provider": "kubernetes",
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
        "service": {"port": 80},
        "analysis": {"interval": "10s", "threshold": 3, "iterations": 5},
    }});
    let mut create = request("Canary", "CREATE", Value::Null, canary);
    create["kind"] = json!({"group": "flagger.app", "version": "v1beta1", "kind": "Canary"});
    let (_, response) = house.ask(Entry::ValidateCanaries, create).await;
    assert_eq!(response["allowed"], json!(true), "{response}");
    let warnings = response["warnings"].to_string();
    assert!(
        warnings.contains("spec.targetRef") && warnings.contains("not found yet"),
        "{warnings}"
    );
}
