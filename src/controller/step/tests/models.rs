//! What is looked up for its settings: as seldom as may be, and never what a Canary may not name.

use super::super::{
    models::{look_again, models},
    *,
};
use crate::{
    controller::{context::fake, watch::pair::live::Live},
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
    let again = || context.memory.of(&key(), |canary| look_again(canary));
    assert_eq!(again(), None, "at rest nobody asks");
    server.take(THEIRS);
    tokio::time::advance(Duration::from_secs(31)).await;
    assert!(models(&context, &key(), (&live, &blueprint)).await.unwrap().is_empty());
    assert_eq!(server.requests_for(THEIRS), 2);
    assert_eq!(
        again(),
        Some(Duration::from_secs(30)),
        "nothing would tell that it has come"
    );
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

#[tokio::test(start_paused = true)]
async fn what_may_not_be_read_is_missing_and_what_cannot_be_read_is_as_it_was() {
    let server = ApiServer::default();
    server.put(THEIRS, theirs());
    let (context, _told) = fake::with(server.client());
    let (live, blueprint) = pair();
    let get = format!("GET {THEIRS}");
    server.fail(&get, 500, 1);
    assert!(
        models(&context, &key(), (&live, &blueprint)).await.is_err(),
        "nothing is known"
    );
    assert_eq!(models(&context, &key(), (&live, &blueprint)).await.unwrap().len(), 1);
    tokio::time::advance(Duration::from_secs(31)).await;
    server.fail(&get, 500, 1);
    assert_eq!(models(&context, &key(), (&live, &blueprint)).await.unwrap().len(), 1);
    server.fail(&get, 403, 1);
    assert!(models(&context, &key(), (&live, &blueprint)).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_route_that_names_very_many_does_not_have_all_of_them_looked_up() {
    let server = ApiServer::default();
    let (context, _told) = fake::with(server.client());
    let (mut live, blueprint) = pair();
    let to = |port: u16| {
        let upstream = json!({"name": format!("shop-web-{port}"), "namespace": "gloo-system"});
        json!({"routeAction": {"single": {"upstream": upstream}}})
    };
    live.routes[0]["spec"]["routes"] = (1..=1000).map(to).collect();
    models(&context, &key(), (&live, &blueprint)).await.unwrap();
    assert_eq!(context.memory.of(&key(), |canary| canary.models.len()), 16);
}

#[tokio::test(start_paused = true)]
async fn what_no_object_is_called_is_not_asked_for() {
    let server = ApiServer::default();
    let (context, _told) = fake::with(server.client());
    let (theirs, beyond) = ("gloo-system/upstreams/theirs?", "../../gloo-system/upstreams/theirs");
    for (namespace, name) in [(theirs, "shop-web-80"), ("shop", beyond)] {
        let (mut live, mut blueprint) = pair();
        live.routes[0]["spec"]["routes"][0]["routeAction"]["single"]["upstream"]["namespace"] = json!(namespace);
        blueprint.exposure.model = Some((namespace.to_owned(), name.to_owned()));
        blueprint.route = Some(json!({
            "apiVersion": "gateway.solo.io/v1", "kind": "RouteTable", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"routes": [{"routeAction": {"single": {"upstream": {"name": "shop-web-primaryupstream-80"}}}}]},
        }));
        assert!(models(&context, &key(), (&live, &blueprint)).await.unwrap().is_empty());
    }
    let asked = server.log.lock().clone();
    let only = |line: &String| line == "GET /apis/gloo.solo.io/v1/namespaces/shop/upstreams/shop-web-80";
    assert!(asked.iter().all(only), "{asked:?}");
}
