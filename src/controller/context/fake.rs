//! A context for tests: caches that are filled by hand, or from an API server that knows nothing but what it is given.

use super::{Context, Effects, Key, Options, Queues};
use crate::{
    api::{Canary, CanaryPolicy, labels},
    controller::{
        queue::{
            self, Queue as Steps,
            passes::{self, Asked, Scope},
        },
        watch::{
            cluster::Cluster,
            informers::{
                cache::{self, CHANGES, Kind},
                network_policies::NetworkPolicies,
                served::Served,
            },
        },
    },
    outbound::hooks::Caller,
    outbound::{Clients, Egress},
    plan::{Defaults, Selector},
    telemetry::{Metrics, Recorder, StatusEncoding, events::Queue},
    testing::ApiServer,
};
use k8s_openapi::api::{core::v1::Namespace, networking::v1::NetworkPolicy};
use kube::{
    Client,
    runtime::{
        reflector::{Store, store::Writer},
        watcher::Event,
    },
};
use serde_json::{Value, json};
use std::{cell::RefCell, ops::Deref, sync::Arc, time::Duration};
use tokio::sync::mpsc;

/// The context, what writes its stores, and what it asks for.
pub struct Fake {
    context: Arc<Context>,
    canaries: RefCell<Writer<Canary>>,
    spaces: RefCell<Writer<Namespace>>,
    rules: RefCell<Writer<CanaryPolicy>>,
    walls: RefCell<Writer<NetworkPolicy>>,
    steps: RefCell<Steps>,
    passed: RefCell<Asked>,
}

impl Deref for Fake {
    type Target = Arc<Context>;

    fn deref(&self) -> &Arc<Context> {
        &self.context
    }
}

/// A context, and the events that are recorded.
pub fn context() -> (Fake, Queue) {
    with(ApiServer::default().client())
}

/// The same, with an API server.
pub fn with(client: Client) -> (Fake, Queue) {
    let metrics = Metrics::new("0", "", StatusEncoding::Coalmine);
    let (events, told) = Recorder::new(metrics.clone());
    let (canaries, spaces, rules) = (Writer::<Canary>::default(), Writer::default(), Writer::default());
    let walls = Writer::<NetworkPolicy>::default();
    let ((queue, steps), (passes, passed)) = (queue::queue(), passes::passes());
    let http = Arc::<Clients>::default();
    let cluster = Cluster {
        cache: Arc::default(),
        canaries: canaries.as_reader(),
        index: Default::default(),
        policies: rules.as_reader(),
        templates: store(),
        claims: store(),
        network_policies: NetworkPolicies::new(walls.as_reader()),
        namespaces: spaces.as_reader(),
        served: Served::new(|_| store()),
        elsewhere: Default::default(),
    };
    let context = Context {
        cluster,
        options: options(),
        effects: Effects {
            client,
            caller: Caller::new(http.clone(), Egress::default()),
            alerts: crate::outbound::alerts::Sender::new(http.clone(), Egress::default()),
            http,
            events,
            metrics,
        },
        queues: Queues { steps: queue, passes },
        memory: Arc::default(),
    };
    let fake = Fake {
        context: Arc::new(context),
        canaries: RefCell::new(canaries),
        spaces: RefCell::new(spaces),
        rules: RefCell::new(rules),
        walls: RefCell::new(walls),
        steps: RefCell::new(steps),
        passed: RefCell::new(passed),
    };
    (fake, told)
}

fn options() -> Options {
    Options {
        standing: tokio::sync::watch::channel(Default::default()).1,
        defaults: Defaults {
            provider: "gatewayapi:v1".into(),
            selector_labels: Selector::default_keys(),
            ..Defaults::default()
        },
        track_configs: true,
        alerts: Default::default(),
        event_webhook: String::new(),
        egress: Egress::default(),
    }
}

fn store<K>() -> Store<K>
where
    K: kube::runtime::reflector::Lookup<DynamicType: Default + Eq + std::hash::Hash + Clone> + Clone + 'static,
{
    Writer::<K>::default().as_reader()
}

/// A Canary of the namespace `shop` that is made; its hook and its AlertProvider are not there.
pub fn add(fake: &Fake, name: &str) -> Key {
    let canary = json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
        "metadata": {"name": name, "namespace": "shop", "uid": format!("uid of {name}")},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "analysis": {
                "webhooks": [{"name": "e", "type": "event", "url": "http://127.0.0.1:9/", "metadata": {"team": name}}],
                "alerts": [{"name": "a", "severity": "info", "providerRef": {"name": "nobody"}}],
            }},
    });
    learn(fake, canary)
}

/// A Canary is seen as it is by now.
pub fn learn(fake: &Fake, canary: Value) -> Key {
    let canary: Canary = serde_json::from_value(canary).expect("a Canary");
    let key = queue::key(&canary);
    fake.cluster.index.learn(&key, Some(&canary));
    fake.canaries.borrow_mut().apply_watcher_event(&Event::Apply(canary));
    key
}

/// The Canary is deleted.
pub fn remove(fake: &Fake, key: &Key) {
    let canary = fake.cluster.canary(key).expect("a Canary that was added");
    fake.cluster.index.learn(key, None);
    fake.canaries
        .borrow_mut()
        .apply_watcher_event(&Event::Delete(Canary::clone(&canary)));
}

/// A namespace is seen with these labels.
pub fn namespace(fake: &Fake, name: &str, labels: &Value) {
    seen(fake, json!({"metadata": {"name": name, "labels": labels}}));
}

/// A namespace that is opted in is being deleted.
pub fn terminates(fake: &Fake, name: &str) {
    let labels = json!({labels::ENABLED: labels::TRUE});
    let deleted = "2026-11-23T10:00:00Z";
    seen(
        fake,
        json!({"metadata": {"name": name, "labels": labels, "deletionTimestamp": deleted}}),
    );
}

fn seen(fake: &Fake, namespace: Value) {
    let namespace = serde_json::from_value(namespace).expect("a Namespace");
    fake.spaces.borrow_mut().apply_watcher_event(&Event::Apply(namespace));
}

/// A namespace is opted in.
pub fn enable(fake: &Fake, name: &str) {
    namespace(fake, name, &json!({labels::ENABLED: labels::TRUE}));
}

/// The policy that governs whoever names none.
pub fn policy(fake: &Fake, spec: &Value) {
    named_policy(fake, "default", spec);
}

/// A policy of that name.
pub fn named_policy(fake: &Fake, name: &str, spec: &Value) {
    let policy = json!({
        "apiVersion": "coalmine.dev/v1alpha1", "kind": "CanaryPolicy", "metadata": {"name": name}, "spec": spec,
    });
    let policy = serde_json::from_value(policy).expect("a policy");
    fake.rules.borrow_mut().apply_watcher_event(&Event::Apply(policy));
}

/// A NetworkPolicy of whatever namespace is seen.
pub fn network_policy(fake: &Fake, policy: Value) {
    let policy = serde_json::from_value(policy).expect("a NetworkPolicy");
    fake.walls.borrow_mut().apply_watcher_event(&Event::Apply(policy));
    fake.cluster.network_policies.changed();
}

/// The Canaries that steps were asked for since, in that order.
pub fn asked(fake: &Fake) -> Vec<Key> {
    std::iter::from_fn(|| fake.steps.borrow_mut().asked()).collect()
}

/// The passes that were asked for since.
pub fn passes(fake: &Fake) -> Vec<(String, Scope)> {
    std::iter::from_fn(|| fake.passed.borrow_mut().asked()).collect()
}

/// Everything that is under way has ended, and whoever watches has heard of it; for tests that have paused the time.
pub async fn settled() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// The cache follows a namespace of the API server, with every kind that there is.
pub async fn follow(fake: &Fake, server: &ApiServer, namespace: &str) {
    let kinds = kinds();
    fake.cluster.cache.expect(namespace, &kinds);
    let (changes, mut changed) = mpsc::channel(CHANGES);
    for kind in kinds {
        let (client, cache) = (server.client(), fake.cluster.cache.clone());
        tokio::spawn(cache::watch(client, cache, kind, namespace.to_owned(), changes.clone()));
    }
    tokio::spawn(async move { while changed.recv().await.is_some() {} });
    while !fake.cluster.cache.complete(namespace) {
        settled().await;
    }
}

/// Nothing is known any more of a kind in a namespace that is followed, and every list of it fails until the server heals.
pub fn cannot_list(fake: &Fake, server: &ApiServer, namespace: &str, kind: Kind) {
    let (cache, all) = (fake.cluster.cache.clone(), kinds());
    let others: Vec<Kind> = all.iter().copied().filter(|other| *other != kind).collect();
    cache.expect(namespace, &others);
    cache.expect(namespace, &all);
    let resource = kind.resource();
    let root = if resource.group.is_empty() { "api" } else { "apis" };
    let list = format!(
        "GET /{root}/{}/namespaces/{namespace}/{}",
        resource.api_version, resource.plural
    );
    server.refuse(&list, 500, "the conversion webhook is away", ApiServer::ALWAYS);
    let (changes, _) = mpsc::channel(CHANGES);
    tokio::spawn(cache::watch(
        server.client(),
        cache,
        kind,
        namespace.to_owned(),
        changes,
    ));
}

fn kinds() -> Vec<Kind> {
    let mut kinds: Vec<Kind> = Kind::built_in().chain(Kind::routes()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// What was said since in events.
pub async fn said(told: &mut Queue) -> Vec<String> {
    let mut all = Vec::new();
    while let Ok(Some(occurrence)) = tokio::time::timeout(Duration::from_millis(1), told.recv()).await {
        all.push(occurrence.message);
    }
    all
}
