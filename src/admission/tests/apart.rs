//! What cannot be paired beside what is there: known before anything is held.

use super::*;

fn fake() -> ApiServer {
    let fake = ApiServer {
        allowed: Some(true),
        ..ApiServer::default()
    };
    let claim = |modes: Value| json!({"metadata": {"name": "c"}, "spec": {"accessModes": modes}});
    let policy = json!({"metadata": {"name": "wall", "namespace": "web"}, "spec": {"podSelector": {"matchLabels": {"app": "walled"}}}});
    let claims = "/api/v1/namespaces/web/persistentvolumeclaims";
    fake.objects.lock().extend([
        (format!("{claims}/one"), claim(json!(["ReadWriteOnce"]))),
        (format!("{claims}/many"), claim(json!(["ReadWriteMany"]))),
        (
            "/apis/networking.k8s.io/v1/networkpolicies".to_owned(),
            json!({"metadata": {}, "items": [policy]}),
        ),
        (
            "/apis/apps/v1/namespaces/web/deployments/taken-primary".to_owned(),
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "taken-primary"}}),
        ),
    ]);
    fake
}

fn named(name: &str, claim: Option<&str>) -> Value {
    let mut object = deployment(3);
    object["metadata"]["name"] = json!(name);
    object["spec"]["selector"]["matchLabels"]["app"] = json!(name);
    object["spec"]["template"]["metadata"]["labels"]["app"] = json!(name);
    if let Some(claim) = claim {
        object["spec"]["template"]["spec"]["volumes"] =
            json!([{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]);
    }
    object
}

fn about(operation: &str, old: Value, object: Value) -> Value {
    let name = object["metadata"]["name"].clone();
    let mut review = request("Deployment", operation, old, object);
    review["name"] = name;
    review
}

#[tokio::test]
async fn nothing_is_held_of_what_cannot_be_paired_and_its_author_is_told() {
    let house = House::with(&fake());
    for (object, word) in [
        (
            named("notes", Some("one")),
            Some("claim one (ReadWriteOnce)".replace("claim", "PersistentVolumeClaim")),
        ),
        (named("early", Some("none")), Some("does not exist yet".to_owned())),
        (named("walled", None), Some("NetworkPolicy \"wall\"".to_owned())),
        (named("taken", None), Some("Deployment taken-primary".to_owned())),
        (named("shared", Some("many")), None),
        (named("plain", None), None),
    ] {
        for (operation, old) in [("CREATE", Value::Null), ("UPDATE", named("x", None))] {
            let review = about(operation, old, object.clone());
            let (_, response) = house.ask(Entry::MutateDeployments, review).await;
            let name = &object["metadata"]["name"];
            assert_eq!(response["allowed"], json!(true), "{name}");
            let Some(word) = &word else {
                assert!(response.get("patch").is_some(), "{name} is enrolled: {response}");
                continue;
            };
            let said = response["warnings"].to_string();
            assert!(said.replace("\\\"", "\"").contains(word), "{name}: {said}");
            assert!(response.get("patch").is_none(), "{name}: {response}");
            // What the mutating phase left alone gets no Canary.
            let review = about(operation, Value::Null, object.clone());
            house.ask(Entry::FollowDeployments, review).await;
        }
    }
}

#[tokio::test]
async fn a_service_that_came_a_moment_before_is_seen_although_no_cache_has_it_yet() {
    let server = fake();
    let service = json!({"metadata": {"name": "edge", "namespace": "web"}, "spec": {"selector": {"app": "proxy"}}});
    server.objects.lock().insert(
        "/api/v1/namespaces/web/services".to_owned(),
        json!({"metadata": {}, "items": [service]}),
    );
    let house = House::with(&server);
    let review = about("CREATE", Value::Null, named("edge", None));
    let (_, response) = house.ask(Entry::MutateDeployments, review).await;
    let said = response["warnings"].to_string();
    assert!(said.contains("Service edge selects other pods or none"), "{said}");
    assert!(response.get("patch").is_none(), "{response}");
}

#[tokio::test]
async fn a_revision_that_may_not_run_beside_primary_is_told_of_and_stored() {
    let mut house = House::with(&fake());
    house.canary("Succeeded");
    let (mut old, mut new) = (named("shop", None), named("shop", Some("one")));
    for object in [&mut old, &mut new] {
        object["metadata"]["labels"] = json!({labels::MANAGED: "true", labels::STATE: "rest"});
    }
    let (_, response) = house.ask(Entry::MutateDeployments, about("UPDATE", old, new)).await;
    assert_eq!(response["allowed"], json!(true));
    let said = response["warnings"].to_string();
    assert!(said.contains("this revision is not released"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_is_slow_keeps_nobody_waiting_and_a_claim_that_was_not_seen_is_not_shared() {
    let slow = fake();
    let look = std::time::Duration::from_secs(9);
    slow.delays.lock().insert("GET *".to_owned(), look);
    let review = about("CREATE", Value::Null, named("shared", Some("many")));
    let (_, response) = House::with(&slow).ask(Entry::MutateDeployments, review).await;
    let said = response["warnings"].to_string();
    assert!(said.contains("could not be looked at"), "{said}");
}

#[tokio::test]
async fn a_policy_of_another_namespace_refuses_nobody_before_the_controller_has_looked_into_it() {
    let server = fake();
    let peers = json!([{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "baited"}}}]);
    let policy = json!({
        "metadata": {"name": "bait", "namespace": "team-a"},
        "spec": {"podSelector": {"matchLabels": {"app": "nobody"}}, "ingress": [{"from": peers}]},
    });
    server.objects.lock().insert(
        "/apis/networking.k8s.io/v1/networkpolicies".to_owned(),
        json!({"metadata": {}, "items": [policy]}),
    );
    let object = named("baited", None);
    let review = about("CREATE", Value::Null, object.clone());
    let (_, response) = House::with(&server).ask(Entry::MutateDeployments, review).await;
    let said = response["warnings"].to_string();
    assert!(
        said.contains("until the controller has checked this") && said.contains("team-a"),
        "{said}"
    );
    let stored = patched(&object, &response);
    assert_eq!(stored["spec"]["replicas"], 3, "it serves");
    assert_eq!(
        stored["metadata"]["labels"][labels::MANAGED],
        "true",
        "and is the controller's to enrol"
    );
}
