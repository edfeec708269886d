//! A webhook that knows one Canary and its policy.

use super::objects::read;
use coalmine::admission::facts::{Caches, Feeds, View};
use coalmine::admission::metrics::Metrics;
use coalmine::admission::review;
use coalmine::admission::server::Reviewer as _;
use coalmine::admission::webhook::AdmissionWebhook;
use coalmine::api::entry::Entry;
use coalmine::api::labels;
use coalmine::plan::{Defaults, Selector};
use futures::FutureExt as _;
use kube::runtime::watcher::Event;
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock, Mutex};
use tokio::runtime::Runtime;

/// The webhook, what keeps its caches alive, and the clock its budgets run by.
static WEBHOOK: LazyLock<Mutex<(Arc<AdmissionWebhook>, Feeds, Runtime)>> = LazyLock::new(|| Mutex::new(webhook()));

/// What flags decide.
pub fn defaults() -> Defaults {
    Defaults {
        provider: String::from("gatewayapi:v1"),
        metrics_server: String::from("http://prometheus:9090"),
        selector_labels: Selector::default_keys(),
        ..Defaults::default()
    }
}

/// A Canary of the namespace `shop`.
pub fn canary(name: &str) -> Value {
    json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
        "metadata": {"name": name, "namespace": "shop", "uid": "c-1"},
        "spec": {
            "provider": "gatewayapi:v1",
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "service": {"port": 9898, "hosts": ["web.example.com"], "gatewayRefs": [{"name": "public", "namespace": "infra"}]},
            "analysis": {"interval": "10s", "threshold": 3, "stepWeights": [20, 50]}},
        "status": {"phase": "Initialized"}})
}

/// The Deployment `web` of the namespace `shop`.
pub fn target() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "uid": "d-1", "generation": 1},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": "web:1", "ports": [{"containerPort": 9898}]}]}}}})
}

/// The policy of every namespace.
pub fn policy() -> Value {
    json!({
        "apiVersion": "coalmine.dev/v1alpha1", "kind": "CanaryPolicy", "metadata": {"name": "default"},
        "spec": {
            "gatewayRefs": [{"name": "public", "namespace": "infra"}],
            "hostnameTemplate": "{{ name }}.{{ namespace }}.example.com",
            "guardRails": {"maxStepWeight": 20, "maxWeight": 50, "requiredMetrics": ["latency"]},
            "analysis": {"interval": "10s", "threshold": 3, "stepWeights": [20, 50]}}})
}

fn webhook() -> (Arc<AdmissionWebhook>, Feeds, Runtime) {
    let (caches, mut feeds) = Caches::new();
    feeds.mark_filled();
    feeds.policies.apply_watcher_event(&Event::Apply(read(policy())));
    let partial = |mut object: Value| {
        object["apiVersion"] = json!("meta.k8s.io/v1");
        object["kind"] = json!("PartialObjectMetadata");
        object
    };
    let namespace = json!({"metadata": {"name": "shop", "labels": {labels::ENABLED: "true"}}});
    feeds
        .namespaces
        .apply_watcher_event(&Event::Apply(read(partial(namespace))));
    feeds.canaries.apply_watcher_event(&Event::Apply(read(canary("web"))));
    let marks = json!({labels::MANAGED: "true", labels::STATE: "rest", labels::DESIRED_REPLICAS: "2"});
    let target = json!({"metadata": {"name": "web", "namespace": "shop", "labels": marks}});
    feeds.targets.apply_watcher_event(&Event::Apply(read(partial(target))));
    let view = View {
        caches,
        ours: vec![String::from("system:serviceaccount:coalmine-system:coalmine")],
        defaults: defaults(),
    };
    let webhook = AdmissionWebhook {
        view,
        effects: None,
        metrics: Metrics::default(),
    };
    let clock = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    (Arc::new(webhook), feeds, clock)
}

/// The body of a request to the webhook, at every entry.
pub fn review(data: &[u8]) {
    let Ok(request) = review::parse(data) else { return };
    let guard = WEBHOOK.lock().expect("nothing panics");
    let (webhook, _, clock) = &*guard;
    let _here = clock.enter();
    for entry in Entry::ALL {
        let Ok(verdict) = webhook.review(entry, &request) else {
            continue;
        };
        // Without an API server nothing is waited for.
        if let Some(Ok(answer)) = verdict.response().now_or_never() {
            answer.to_bytes(&request).expect("an answer is JSON");
        }
    }
}
