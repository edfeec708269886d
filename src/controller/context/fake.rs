//! A context for tests: caches that are filled by hand, and an API server that knows nothing.

use super::{Context, Key};
use crate::{
    api::Canary,
    controller::queue,
    hooks::Caller,
    outbound::{Clients, Egress},
    plan::Defaults,
    telemetry::{Metrics, Recorder, StatusEncoding, events::Queue},
};
use http::{Request, Response};
use kube::{
    Client,
    client::Body,
    runtime::{
        reflector::{Store, store::Writer},
        watcher::Event,
    },
};
use serde_json::json;
use std::{cell::RefCell, ops::Deref, sync::Arc};

/// The context, and what writes its Canaries.
pub struct Fake {
    context: Arc<Context>,
    canaries: RefCell<Writer<Canary>>,
}

impl Deref for Fake {
    type Target = Arc<Context>;

    fn deref(&self) -> &Arc<Context> {
        &self.context
    }
}

/// A context, and the events that are recorded.
pub fn context() -> (Fake, Queue) {
    with(client())
}

/// The same, with an API server.
pub fn with(client: Client) -> (Fake, Queue) {
    let metrics = Metrics::new("0", "", StatusEncoding::Coalmine);
    let (events, told) = Recorder::new(metrics.clone());
    let canaries = Writer::<Canary>::default();
    let http = Arc::<Clients>::default();
    let context = Context {
        standing: tokio::sync::watch::channel(Default::default()).1,
        client,
        cache: Arc::default(),
        canaries: canaries.as_reader(),
        index: Default::default(),
        policies: store(),
        templates: store(),
        claims: store(),
        network_policies: store(),
        namespaces: store(),
        served: super::Served::new(|_| store()),
        defaults: Defaults::default(),
        track_configs: true,
        events,
        metrics,
        gauges: Default::default(),
        caller: Caller::new(http.clone(), Egress::default()),
        hooks: Default::default(),
        listening: Default::default(),
        listeners: Default::default(),
        alerts: super::Alerts {
            sender: crate::alerts::Sender::new(http.clone(), Egress::default()),
            settings: Default::default(),
            lanes: Default::default(),
        },
        http,
        event_webhook: String::new(),
        egress: Egress::default(),
        queue: queue::queue().0,
        checks: Default::default(),
        written: Default::default(),
        advice: Default::default(),
        timers: Default::default(),
        objects_written: Default::default(),
        failures: Default::default(),
        unmade: Default::default(),
        passes: tokio::sync::mpsc::unbounded_channel().0,
        pod_owners: Default::default(),
        primaries: Default::default(),
        missed: Default::default(),
        just_labelled: Default::default(),
        shared: Default::default(),
        elsewhere: Default::default(),
        unenrolled: Default::default(),
    };
    let fake = Fake {
        context: Arc::new(context),
        canaries: RefCell::new(canaries),
    };
    (fake, told)
}

fn store<K>() -> Store<K>
where
    K: kube::runtime::reflector::Lookup<DynamicType: Default + Eq + std::hash::Hash + Clone> + Clone + 'static,
{
    Writer::<K>::default().as_reader()
}

// Nothing is there.
fn client() -> Client {
    let service = tower::service_fn(|_: Request<Body>| async {
        let answer = json!({"status": "Failure", "message": "", "reason": "NotFound", "code": 404});
        let body = Body::from(serde_json::to_vec(&answer).unwrap_or_default());
        Response::builder().status(404).body(body)
    });
    Client::new(service, "default")
}

/// A Canary of the namespace `shop` that is made; its hook and its AlertProvider are not there.
pub fn add(fake: &Fake, name: &str) -> Key {
    let canary = serde_json::from_value(json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
        "metadata": {"name": name, "namespace": "shop", "uid": format!("uid of {name}")},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "analysis": {
                "webhooks": [{"name": "e", "type": "event", "url": "http://127.0.0.1:9/", "metadata": {"team": name}}],
                "alerts": [{"name": "a", "severity": "info", "providerRef": {"name": "nobody"}}],
            }},
    }));
    let canary: Canary = canary.expect("a Canary");
    let key = super::key(&canary);
    fake.index.learn(&key, Some(&canary));
    fake.canaries.borrow_mut().apply_watcher_event(&Event::Apply(canary));
    key
}

/// The Canary is deleted.
pub fn remove(fake: &Fake, key: &Key) {
    let canary = fake.canary(key).expect("a Canary that was added");
    fake.index.learn(key, None);
    fake.canaries
        .borrow_mut()
        .apply_watcher_event(&Event::Delete(Canary::clone(&canary)));
}
