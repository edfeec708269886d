//! Finalizers in an API server.

use super::super::*;
use crate::{
    controller::context::fake::{self, Fake},
    testing::ApiServer,
};

const CANARY: &str = "/apis/flagger.app/v1beta1/namespaces/web/canaries/shop";
const TARGET: &str = "/apis/apps/v1/namespaces/web/deployments/shop";

fn stored(server: &ApiServer, metadata: Value, spec: Value) -> Canary {
    let mut object = json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "shop", "namespace": "web"},
        "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}},
    });
    json_patch::merge(&mut object["metadata"], &metadata);
    json_patch::merge(&mut object["spec"], &spec);
    serde_json::from_value(server.put(CANARY, object)).unwrap()
}

fn house() -> (ApiServer, Fake) {
    let server = ApiServer::default();
    let (context, _told) = fake::with(server.client());
    fake::enable(&context, "web");
    (server, context)
}

fn finalizers(server: &ApiServer) -> Value {
    server.get(CANARY).unwrap()["metadata"]["finalizers"].clone()
}

#[tokio::test]
async fn a_canary_gets_its_finalizer_once_beside_those_of_others() {
    let (server, context) = house();
    let canary = stored(&server, json!({"finalizers": ["x.dev/y"]}), json!({}));
    assert!(!released_at_once(&context, &canary).await.unwrap());
    assert_eq!(finalizers(&server), json!(["x.dev/y", labels::FINALIZER]));
    let seen: Canary = serde_json::from_value(server.get(CANARY).unwrap()).unwrap();
    server.log.lock().clear();
    assert!(!released_at_once(&context, &seen).await.unwrap());
    assert_eq!(server.writes(), Vec::<String>::new());
    // By an older look the finalizers of others could be lost.
    let error = released_at_once(&context, &canary).await.unwrap_err();
    assert!(matches!(error, kube::Error::Api(status) if status.code == 409));
}

#[tokio::test]
async fn one_that_goes_loses_ours_and_flaggers_and_waits_for_others() {
    let (server, context) = house();
    let all = json!([labels::FINALIZER, "x.dev/y", labels::FLAGGER_FINALIZER]);
    let metadata = json!({"finalizers": all, "deletionTimestamp": "2026-11-23T10:00:00Z"});
    let canary = stored(&server, metadata, json!({}));
    assert!(
        !released_at_once(&context, &canary).await.unwrap(),
        "its pair is given back first"
    );
    assert_eq!(server.writes(), Vec::<String>::new());
    release(&context.effects.client, &canary).await.unwrap();
    assert_eq!(finalizers(&server), json!(["x.dev/y"]));
    server.take(CANARY);
    release(&context.effects.client, &canary).await.unwrap();
}

#[tokio::test]
async fn without_a_way_back_it_goes_at_once_and_takes_along_what_would_stay() {
    let (server, context) = house();
    let metadata = json!({"finalizers": [labels::FINALIZER], "deletionTimestamp": "2026-11-23T10:00:00Z"});
    let canary = stored(&server, metadata, json!({"revertOnDeletion": false}));
    let uid = canary.metadata.uid.clone().unwrap();
    let service = |name: &str, owner: &str| {
        let owners = json!([{"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "shop", "uid": owner}]);
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "web", "ownerReferences": owners}})
    };
    let path = |name: &str| format!("/api/v1/namespaces/web/services/{name}");
    for (name, owner) in [("shop-canary", uid.as_str()), ("theirs", "somebody else's")] {
        let object = server.put(&path(name), service(name, owner));
        context
            .cluster
            .cache
            .put(Kind::Service, "web", name.to_owned(), &object);
    }
    let held = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "shop", "namespace": "web", "labels": {labels::HELD: "v1-a"}}, "spec": {"paused": true},
    });
    let target = server.put(TARGET, held);
    context
        .cluster
        .cache
        .put(Kind::Deployment, "web", "shop".to_owned(), &target);
    assert!(released_at_once(&context, &canary).await.unwrap());
    assert_eq!(server.get(&path("shop-canary")), None);
    assert!(server.get(&path("theirs")).is_some());
    let target = server.get(TARGET).unwrap();
    assert_eq!(
        (
            target["spec"].get("paused"),
            target["metadata"]["labels"].get(labels::HELD)
        ),
        (None, None)
    );
    assert_eq!(server.get(CANARY), None, "nobody holds it any more");
    let last = server.writes().pop();
    assert_eq!(
        last,
        Some(format!("PATCH {CANARY}")),
        "it would not be told of what fails after that"
    );
}
