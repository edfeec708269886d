use super::*;
use crate::{
    api::labels,
    controller::context::fake::{self, settled},
    testing::ApiServer,
};
use serde_json::{Value, json};
use tokio::sync::mpsc::{Receiver, channel};

const SERVICE: &str = "/api/v1/namespaces/shop/services/a";

fn watches(server: &ApiServer, context: &fake::Fake, configs: bool) -> (Watches, Receiver<Change>) {
    let (changes, changed) = channel(1000);
    let to = (server.client(), context.effects.metrics.clone());
    (
        Watches::new(to, context.cluster.cache.clone(), changes, configs),
        changed,
    )
}

fn watched(server: &ApiServer, namespace: &str) -> usize {
    let within = format!("/namespaces/{namespace}/");
    let log = server.log.lock();
    log.iter()
        .filter(|line| line.starts_with("WATCH ") && line.contains(&within))
        .count()
}

fn service(port: u16) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": "shop"}, "spec": {"port": port}})
}

#[tokio::test(start_paused = true)]
async fn who_opted_in_and_who_holds_a_canary_is_followed_and_nobody_else() {
    let server = ApiServer::default();
    let (context, _told) = fake::with(server.client());
    let (mut watches, _changed) = watches(&server, &context, true);
    fake::enable(&context, "shop");
    fake::namespace(&context, "plain", &json!({}));
    fake::namespace(&context, "left", &json!({labels::ENABLED: "false"}));
    let _ = watches.follow(&context.cluster);
    settled().await;
    let kinds = context.cluster.served.kinds().len();
    assert_eq!(watched(&server, "shop"), kinds);
    assert!(context.cluster.cache.complete("shop") && watches.has("shop"));
    for other in ["plain", "left"] {
        assert_eq!((watched(&server, other), watches.has(other)), (0, false), "{other}");
    }
    let canary = json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "c", "namespace": "plain"},
        "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "c"}},
    });
    fake::learn(&context, canary);
    let _ = watches.follow(&context.cluster);
    settled().await;
    assert_eq!(watched(&server, "plain"), kinds);
    assert_eq!(watched(&server, "shop"), kinds, "what runs is not begun again");
}

#[tokio::test(start_paused = true)]
async fn who_opts_out_is_neither_followed_nor_remembered() {
    let server = ApiServer::default();
    server.put(SERVICE, service(1));
    let (context, _told) = fake::with(server.client());
    let (mut watches, mut changed) = watches(&server, &context, true);
    fake::enable(&context, "shop");
    let _ = watches.follow(&context.cluster);
    settled().await;
    assert!(context.cluster.cache.has(Kind::Service, "shop", "a"));
    fake::namespace(&context, "shop", &json!({}));
    assert_eq!(watches.follow(&context.cluster), ["shop"]);
    assert!(!context.cluster.cache.has(Kind::Service, "shop", "a") && !watches.has("shop"));
    settled().await;
    while changed.try_recv().is_ok() {}
    server.put(SERVICE, service(2));
    settled().await;
    assert!(changed.try_recv().is_err() && !context.cluster.cache.has(Kind::Service, "shop", "a"));

    fake::enable(&context, "shop");
    let _ = watches.follow(&context.cluster);
    settled().await;
    assert_eq!(
        context.cluster.cache.get(Kind::Service, "shop", "a").unwrap()["spec"]["port"],
        2
    );
}

#[tokio::test(start_paused = true)]
async fn who_opts_out_is_followed_while_an_app_there_is_held() {
    const APP: &str = "/apis/apps/v1/namespaces/shop/deployments/web";
    let server = ApiServer::default();
    let held = json!({labels::MANAGED: "true"});
    server.put(
        APP,
        json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop", "labels": held}, "spec": {"replicas": 0}}),
    );
    let (context, _told) = fake::with(server.client());
    let (mut watches, _changed) = watches(&server, &context, true);
    fake::enable(&context, "shop");
    let _ = watches.follow(&context.cluster);
    settled().await;
    fake::namespace(&context, "shop", &json!({}));
    assert!(watches.follow(&context.cluster).is_empty());
    assert!(context.cluster.cache.has(Kind::Deployment, "shop", "web"));
    server.edit(APP, |app| app["metadata"]["labels"] = json!({}));
    settled().await;
    assert_eq!(watches.follow(&context.cluster), ["shop"]);
}

#[tokio::test(start_paused = true)]
async fn configs_that_are_not_tracked_are_not_even_asked_for() {
    let server = ApiServer::default();
    let (context, _told) = fake::with(server.client());
    let (mut watches, _changed) = watches(&server, &context, false);
    fake::enable(&context, "shop");
    let _ = watches.follow(&context.cluster);
    settled().await;
    assert!(context.cluster.cache.complete("shop"));
    let log = server.log.lock();
    assert!(
        !log.iter()
            .any(|line| line.contains("/configmaps") || line.contains("/secrets")),
        "{log:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_change_asks_those_it_concerns_and_the_end_of_a_list_everybody_there() {
    let (context, _told) = fake::context();
    let (web, other) = (fake::add(&context, "web"), fake::add(&context, "other"));
    let told = |object: Value| {
        let change = Change {
            kind: Kind::Deployment,
            namespace: "shop".to_owned(),
            object,
            before: None,
        };
        tell(&context.cluster, &context.queues.steps, &change);
        fake::asked(&context)
    };
    assert_eq!(
        told(json!({"metadata": {"name": "web", "namespace": "shop"}})),
        std::slice::from_ref(&web)
    );
    assert_eq!(
        told(json!({"metadata": {"name": "web-primary", "namespace": "shop"}})),
        std::slice::from_ref(&web)
    );
    assert_eq!(told(json!({"metadata": {"name": "nobodys", "namespace": "shop"}})), []);
    let mut all = told(Value::Null);
    all.sort();
    assert_eq!(all, [other, web]);
}
