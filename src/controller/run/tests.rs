use super::*;
use crate::{
    api::labels,
    telemetry::{Metrics, Readiness, Recorder, StatusEncoding},
    testing::ApiServer,
};
use serde_json::{Value, json};
use std::time::Duration;

const NAMESPACE: &str = "/api/v1/namespaces/web";
const CANARY: &str = "/apis/flagger.app/v1beta1/namespaces/web/canaries/shop";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/web/deployments";
const SERVICES: &str = "/api/v1/namespaces/web/services";

pub fn telemetry() -> Telemetry {
    let metrics = Metrics::new("0", "", StatusEncoding::Coalmine);
    Telemetry {
        events: Recorder::new(metrics.clone()).0,
        metrics,
        readiness: Readiness::default(),
    }
}

pub fn settings() -> ControllerSettings {
    ControllerSettings {
        defaults: Defaults {
            provider: "gatewayapi:v1".into(),
            selector_labels: crate::plan::Selector::default_keys(),
            ..Defaults::default()
        },
        only: None,
        track_configs: true,
        event_webhook: String::new(),
        alerts: AlertSettings::default(),
        egress: Egress::default(),
        election: lease::ElectionSettings::new("coalmine", Some("pod")),
        namespace: "coalmine".into(),
    }
}

/// A cluster with one app in a namespace that nobody has opted in, and a controller that works in it.
struct House {
    server: ApiServer,
    shutdown: CancellationToken,
    running: JoinHandle<anyhow::Result<()>>,
}

impl House {
    fn new() -> Self {
        let server = ApiServer::default();
        server.put(
            NAMESPACE,
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "web"}}),
        );
        server.put(
            "/apis/coalmine.dev/v1alpha1/canarypolicies/default",
            json!({
                "apiVersion": "coalmine.dev/v1alpha1", "kind": "CanaryPolicy", "metadata": {"name": "default"},
                "spec": {"settleSeconds": 0, "drainSeconds": 0},
            }),
        );
        server.start_app("web", "shop");
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(run(server.client(), settings(), telemetry(), shutdown.clone()));
        Self {
            server,
            shutdown,
            running,
        }
    }

    fn label(&self, labels: &Value) {
        self.server
            .edit(NAMESPACE, |namespace| namespace["metadata"]["labels"] = labels.clone());
    }

    /// The cluster runs what it is asked to, until `done` or for five minutes.
    async fn until(&self, done: impl Fn(&ApiServer) -> bool) {
        self.within(300, done).await;
    }

    async fn within(&self, seconds: u64, done: impl Fn(&ApiServer) -> bool) {
        for _ in 0..seconds {
            tokio::time::sleep(Duration::from_secs(1)).await;
            for deployment in self.server.under(DEPLOYMENTS) {
                self.server.run("web", deployment["metadata"]["name"].as_str().unwrap());
            }
            if done(&self.server) {
                return;
            }
        }
        let log = self.server.writes();
        panic!("{:#?} {log:#?}", self.server.get(CANARY));
    }

    fn lease(&self) -> String {
        format!(
            "/apis/coordination.k8s.io/v1/namespaces/coalmine/leases/{}",
            lease::NAME
        )
    }
}

fn initialized(server: &ApiServer) -> bool {
    server
        .get(CANARY)
        .is_some_and(|canary| canary["status"]["phase"] == "Initialized")
}

#[tokio::test(start_paused = true)]
async fn a_label_makes_a_pair_of_an_app_and_without_it_the_app_serves_by_itself_again() {
    let house = House::new();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(house.server.under(SERVICES).is_empty(), "nobody opted in");
    house.label(&json!({labels::ENABLED: "true"}));
    house.until(initialized).await;
    house
        .until(|server| server.get(&format!("{DEPLOYMENTS}/shop")).unwrap()["spec"]["replicas"] == 0)
        .await;
    let primary = house.server.get(&format!("{DEPLOYMENTS}/shop-primary")).unwrap();
    assert_eq!(primary["spec"]["replicas"], 2);
    let apex = house.server.get(&format!("{SERVICES}/shop")).unwrap();
    assert_eq!(apex["spec"]["selector"], json!({"app": "shop-primary"}));

    // At rest nothing is asked but to renew the lease.
    tokio::time::sleep(Duration::from_secs(10)).await;
    house.server.log.lock().clear();
    tokio::time::sleep(Duration::from_secs(120)).await;
    let lease = house.lease();
    let others: Vec<String> = house
        .server
        .log
        .lock()
        .iter()
        .filter(|line| !line.ends_with(&lease))
        .cloned()
        .collect();
    assert_eq!(others, Vec::<String>::new());

    house.label(&json!({}));
    house.until(|server| server.get(CANARY).is_none()).await;
    let target = house.server.get(&format!("{DEPLOYMENTS}/shop")).unwrap();
    assert_eq!(target["spec"]["replicas"], 2);
    assert_eq!(target["metadata"]["labels"].get(labels::MANAGED), None);
    house.shutdown.cancel();
    house.running.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn nothing_is_done_before_the_lease_is_had_and_it_is_given_back_at_the_end() {
    let house = House::new();
    house.server.log.lock().clear();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let lease = house.lease();
    assert_eq!(
        house.server.writes().first(),
        Some(&format!(
            "POST {}",
            lease.trim_end_matches(&format!("/{}", lease::NAME))
        ))
    );
    assert_ne!(house.server.get(&lease).unwrap()["spec"]["holderIdentity"], "");
    house.shutdown.cancel();
    house.running.await.unwrap().unwrap();
    assert_eq!(house.server.get(&lease).unwrap()["spec"]["holderIdentity"], "");
}

#[tokio::test(start_paused = true)]
async fn whoever_loses_the_lease_ends_and_writes_nothing_more() {
    let house = House::new();
    house.label(&json!({labels::ENABLED: "true"}));
    house.until(initialized).await;
    house.server.edit(&house.lease(), |lease| {
        lease["spec"]["holderIdentity"] = json!("another_1")
    });
    let ended = tokio::time::timeout(Duration::from_secs(30), house.running)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(ended.unwrap_err().to_string(), "Leadership lost");
    house.server.log.lock().clear();
    house.server.edit(&format!("{DEPLOYMENTS}/shop"), |target| {
        target["spec"]["template"]["spec"]["containers"][0]["image"] = json!("shop:2");
    });
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(house.server.writes(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_namespace_whose_canaries_are_never_answered_for_keeps_no_other_from_being_enrolled() {
    let house = House::new();
    let mail = json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "mail", "labels": {labels::ENABLED: "true"}},
    });
    let canaries = |namespace: &str| format!("/apis/flagger.app/v1beta1/namespaces/{namespace}/canaries");
    let never = Duration::from_secs(24 * 3600);
    let hangs = format!("POST {}", canaries("web"));
    house.server.delays.lock().insert(hangs, never);
    house.label(&json!({labels::ENABLED: "true"}));
    tokio::time::sleep(Duration::from_secs(5)).await;
    house.server.start_app("mail", "post");
    house.server.put("/api/v1/namespaces/mail", mail);
    house
        .within(30, |server| !server.under(&canaries("mail")).is_empty())
        .await;
    house.server.delays.lock().clear();
    house.within(900, initialized).await;
}
