//! A webhook with filled caches, and the review it is asked about: a Deployment of 20 KiB.

use coalmine::admission::facts::{Caches, Feeds, View};
use coalmine::admission::metrics::Metrics;
use coalmine::admission::webhook::AdmissionWebhook;
use coalmine::api::labels;
use coalmine::plan::{Defaults, Selector};
use kube::runtime::watcher::Event;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::Arc;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Namespaces that opted in.
const NAMESPACES: usize = 20;
/// Canaries in each of them.
const PER_NAMESPACE: usize = 50;
/// Size of the Deployment as JSON, in bytes.
pub const SIZE: usize = 20 * 1024;

/// What flags decide, as the chart sets them.
pub fn defaults() -> Defaults {
    Defaults {
        provider: String::from("gatewayapi:v1"),
        metrics_server: String::from("http://prometheus:9090"),
        selector_labels: Selector::default_keys(),
        ..Defaults::default()
    }
}

/// A webhook that knows 1,000 Canaries in 20 namespaces; the feeds keep its caches alive. It has no API server: what it
/// would ask or write there is not measured.
pub fn webhook() -> (Arc<AdmissionWebhook>, Feeds) {
    let (caches, mut feeds) = Caches::new();
    feeds.mark_filled();
    feeds.policies.apply_watcher_event(&read(policy()));
    feeds.lease.apply_watcher_event(&read(lease()));
    for number in 0..NAMESPACES {
        let namespace = format!("team-{number}");
        feeds.namespaces.apply_watcher_event(&read(json!({
            "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
            "metadata": {"name": namespace, "labels": {labels::ENABLED: "true"}}})));
        for number in 0..PER_NAMESPACE {
            let name = format!("app-{number}");
            feeds.canaries.apply_watcher_event(&read(canary(&namespace, &name)));
            feeds.targets.apply_watcher_event(&read(json!({
                "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
                "metadata": {"name": name, "namespace": namespace,
                    "labels": {labels::MANAGED: "true", labels::STATE: "rest", labels::DESIRED_REPLICAS: "2"}}})));
        }
    }
    let view = View {
        caches,
        ours: vec![String::from(
            "system:serviceaccount:coalmine-system:coalmine-controller",
        )],
        defaults: defaults(),
    };
    let webhook = AdmissionWebhook {
        view,
        effects: None,
        metrics: Metrics::default(),
    };
    (Arc::new(webhook), feeds)
}

fn read<K: DeserializeOwned>(value: Value) -> Event<K> {
    Event::Apply(serde_json::from_value(value).expect("the object is of its kind"))
}

fn policy() -> Value {
    json!({
    "apiVersion": "coalmine.dev/v1alpha1", "kind": "CanaryPolicy", "metadata": {"name": "default"},
    "spec": {
        "gatewayRefs": [{"name": "gateway", "namespace": "gateway-system"}],
        "hostnameTemplate": "{{ name }}.{{ namespace }}.example.com",
        "analysis": {"interval": "10s", "threshold": 3, "stepWeights": [20, 50]},
    }})
}

fn lease() -> Value {
    // Fresh for as long as any measurement lasts.
    let renewed = jiff::Timestamp::now() + std::time::Duration::from_secs(3600);
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "flagger-leader-election", "namespace": "coalmine-system"},
        "spec": {"holderIdentity": "one", "renewTime": format!("{renewed:.6}")}})
}

/// A Canary at rest.
pub fn canary(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
        "metadata": {"name": name, "namespace": namespace, "uid": "c-1", "labels": {labels::GENERATED: "true"}},
        "spec": {
            "provider": "gatewayapi:v1",
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "service": {"port": 9898, "hosts": [format!("{name}.{namespace}.example.com")],
                "gatewayRefs": [{"name": "gateway", "namespace": "gateway-system"}]},
            "analysis": {"interval": "10s", "threshold": 3, "stepWeights": [20, 50]},
        },
        "status": {"phase": "Initialized"}})
}

/// An enrolled Deployment of [`SIZE`] bytes whose image has this tag, as `kubectl apply` leaves it: with the manifest it
/// was given last, and with who owns what.
pub fn deployment(tag: &str) -> Value {
    let mut env = Vec::new();
    while stored(tag, &env).to_string().len() < SIZE {
        let number = env.len();
        env.push(json!({"name": format!("SETTING_{number}"), "value": format!("the value of setting {number}")}));
    }
    stored(tag, &env)
}

fn stored(tag: &str, env: &[Value]) -> Value {
    let spec = json!({
        "replicas": 0,
        "selector": {"matchLabels": {"app": "app-1"}},
        "template": {
            "metadata": {"labels": {"app": "app-1"}},
            "spec": {"containers": [{"name": "app", "image": format!("registry.example.com/app:{tag}"),
                "ports": [{"name": "http", "containerPort": 9898}], "env": env}]},
        },
    });
    let manifest = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"annotations": {}, "name": "app-1", "namespace": "team-1"}, "spec": spec});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "app-1", "namespace": "team-1", "uid": "d-1", "generation": 3,
            "labels": {labels::MANAGED: "true", labels::STATE: "rest", labels::DESIRED_REPLICAS: "2"},
            "annotations": {labels::LAST_APPLIED: manifest.to_string()},
            "managedFields": [owned(env)]},
        "spec": spec,
    })
}

fn owned(env: &[Value]) -> Value {
    let variable = |variable: &Value| {
        let key = format!("k:{}", json!({"name": variable.get("name")}));
        (key, json!({".": {}, "f:name": {}, "f:value": {}}))
    };
    let variables: serde_json::Map<String, Value> = env.iter().map(variable).collect();
    let container = json!({".": {}, "f:name": {}, "f:image": {}, "f:env": variables});
    json!({
        "manager": "kubectl-client-side-apply", "operation": "Update", "apiVersion": "apps/v1",
        "time": "2026-11-27T00:00:00Z", "fieldsType": "FieldsV1",
        "fieldsV1": {
            "f:metadata": {"f:annotations": {".": {}, format!("f:{}", labels::LAST_APPLIED): {}}},
            "f:spec": {"f:selector": {}, "f:template": {"f:metadata": {"f:labels": {"f:app": {}}},
                "f:spec": {"f:containers": {"k:{\"name\":\"app\"}": container}}}},
        },
    })
}

/// The body of a review as the API server posts it: a user changes the image of an enrolled Deployment.
pub fn review() -> Vec<u8> {
    json!({
    "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
    "request": {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": {"group": "apps", "version": "v1", "kind": "Deployment"},
        "resource": {"group": "apps", "version": "v1", "resource": "deployments"},
        "name": "app-1", "namespace": "team-1", "operation": "UPDATE",
        "userInfo": {"username": "ann", "groups": ["system:authenticated"]},
        "object": deployment("2"), "oldObject": deployment("1"), "dryRun": false,
    }})
    .to_string()
    .into_bytes()
}
