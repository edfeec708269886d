//! Who hears of an order.

use super::*;
use crate::{
    controller::queue::distinct::distinct,
    telemetry::{Metrics, StatusEncoding, server::router},
    testing::ApiServer,
};
use axum::body::Body;
use http_body_util::BodyExt;
use serde_json::json;
use std::time::Duration;
use tower::ServiceExt;

const LEAVE: &str = "/api/v1/namespaces/mine/configmaps/coalmine-leave";

async fn readyz(readiness: &Readiness) -> String {
    let router = router(Metrics::new("0", "", StatusEncoding::default()), readiness.clone());
    let request = http::Request::get("/readyz").body(Body::empty()).unwrap();
    let answer = router.oneshot(request).await.unwrap();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn of_an_order_the_wiring_and_whoever_probes_hear_and_of_its_end_too() {
    let server = ApiServer::default();
    let (standing, known) = watch::channel(Standing::default());
    let ((teller, tellings), readiness) = (distinct(), Readiness::default());
    let tasks = follow(server.client(), "mine".to_owned(), standing, teller, readiness.clone());
    let settled = async || tokio::time::sleep(Duration::from_millis(1)).await;
    settled().await;
    drop(tellings.take());
    assert_eq!(readyz(&readiness).await, "OK");

    // Without the role of an installation, whoever writes it orders it.
    let order = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "coalmine-leave", "namespace": "mine"},
        "data": {"namespaces": "web"},
    });
    server.put(LEAVE, order);
    settled().await;
    assert!(known.borrow().leaves("web"));
    assert_eq!(tellings.take(), [ClusterChange::Orders]);
    assert_eq!(readyz(&readiness).await, "OK\ncontroller: gives back the apps of web");

    server.take(LEAVE);
    settled().await;
    assert_eq!(tellings.take(), [ClusterChange::Orders]);
    assert_eq!(readyz(&readiness).await, "OK");
    assert!(tasks.iter().all(|task| !task.is_finished()), "they follow for ever");
}
