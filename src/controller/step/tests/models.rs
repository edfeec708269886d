//! What is looked up for its settings: as seldom as may be, and never what a Canary may not name.

use super::super::{models::models, *};
use crate::{
    controller::{context::fake, watch::live::Live},
    plan::Blueprint,
    routing::{Names, Provider},
    testing::ApiServer,
};
use serde_json::{Value, json};

const THEIRS: &str = "/apis/gloo.solo.io/v1/namespaces/gloo-system/upstreams/shop-web-80";

fn key() -> Key {
    ("shop".to_owned(), "web".to_owned())
}

// A pair whose users come by a RouteTable that names an Upstream of Gloo's.
fn pair() -> (Live, Blueprint) {
    let to = json!({"upstream": {"name": "shop-web-80", "namespace": "gloo-system"}});
    let route = json!({
        "apiVersion": "gateway.solo.io/v1", "kind": "RouteTable", "metadata": {"name": "front", "namespace": "shop"},
        "spec": {"routes": [{"routeAction": {"single": to}}]},
    });
    let live = Live {
        routes: vec![route],
        ..Live::default()
    };
    let blueprint = Blueprint {
        names: Some(Names::new("web")),
        provider: Provider::parse("gloo").unwrap(),
        ..Blueprint::sample()
    };
    (live, blueprint)
}

fn theirs() -> Value {
    json!({
        "apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": {"name": "shop-web-80", "namespace": "gloo-system"},
        "spec": {"useHttp2": true},
    })
}

#[tokio::test(start_paused = true)]
async fn one_of_a_namespace_that_nobody_works_in_is_read_once_in_a_while() {
    let server = ApiServer::default();
    server.put(THEIRS, theirs());
    let (context, _told) = fake::with(server.client());
    let (live, blueprint) = pair();
    for _ in 0..3 {
        let found = models(&context, &key(), (&live, &blueprint)).await.unwrap();
        let specs: Vec<&Value> = found.values().map(|model| &model["spec"]).collect();
        assert_eq!(specs, [&json!({"useHttp2": true})]);
    }
    assert_eq!(server.requests_for(THEIRS), 1);
    server.take(THEIRS);
    tokio::time::advance(Duration::from_secs(31)).await;
    assert!(models(&context, &key(), (&live, &blueprint)).await.unwrap().is_empty());
    assert_eq!(server.requests_for(THEIRS), 2);
    // Nothing is kept of what is asked for no more.
    models(&context, &key(), (&Live::default(), &blueprint)).await.unwrap();
    assert!(context.memory.of(&key(), |canary| canary.models.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn one_of_a_namespace_that_is_worked_in_is_known() {
    let server = ApiServer::default();
    server.put(THEIRS, theirs());
    let (context, _told) = fake::with(server.client());
    fake::follow(&context, &server, "gloo-system").await;
    let (live, blueprint) = pair();
    assert_eq!(models(&context, &key(), (&live, &blueprint)).await.unwrap().len(), 1);
    assert_eq!(server.requests_for(THEIRS), 0);
}
