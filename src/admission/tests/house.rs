//! The webhook with caches filled by hand, asked over its router.

use super::super::metrics::Metrics;
use super::super::server::http::respond;
use super::super::server::{Limits, Shared};
use super::super::webhook::{AdmissionWebhook, Effects};
use crate::admission::bootstrap::paths::{KnownPaths, Paths};
use crate::admission::effects::generate::{Generator, Rights};
use crate::admission::facts::{Caches, Feeds, View};
use crate::api::entry::Entry;
use crate::api::labels;
use crate::plan::{Defaults, Selector};
use crate::testing::ApiServer;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use kube::runtime::watcher::Event;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) const CONTROLLER: &str = "system:serviceaccount:coalmine-system:coalmine-controller";

pub(super) struct House {
    pub feeds: Feeds,
    pub shared: Arc<Shared<Arc<AdmissionWebhook>>>,
    pub paths: Paths,
}

pub(super) fn read<K: DeserializeOwned>(value: Value) -> Event<K> {
    Event::Apply(serde_json::from_value(value).unwrap())
}

impl House {
    /// An opted-in namespace `web` and a policy.
    pub fn new() -> Self {
        let mut house = Self::unfilled();
        house.feeds.mark_filled();
        house.feeds.namespaces.apply_watcher_event(&read(json!({
            "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
            "metadata": {"name": "web", "labels": {labels::ENABLED: "true"}}})));
        house.feeds.policies.apply_watcher_event(&read(json!({
        "apiVersion": "coalmine.dev/v1alpha1", "kind": "CanaryPolicy", "metadata": {"name": "default"},
        "spec": {
            "gatewayRefs": [{"name": "gateway", "namespace": "infra"}],
            "hostnameTemplate": "{{ name }}.{{ namespace }}.test",
            "analysis": {"interval": "10s", "threshold": 3, "stepWeights": [20, 50]},
        }})));
        let now = jiff::Timestamp::now();
        house.feeds.lease.apply_watcher_event(&read(json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": "l", "namespace": "coalmine-system"},
            "spec": {"holderIdentity": "one", "renewTime": format!("{now:.6}")}})));
        house
    }

    /// With an API server behind it.
    pub fn with(fake: &ApiServer) -> Self {
        let mut house = Self::new();
        let generator = Generator::new(fake.client());
        let effects = Some(Effects {
            generator,
            rights: Rights::new(fake.client()),
        });
        let shared = Arc::get_mut(&mut house.shared).unwrap();
        if let Some(webhook) = Arc::get_mut(&mut shared.reviewer) {
            webhook.effects = effects;
        }
        house
    }

    pub fn unfilled() -> Self {
        let (caches, feeds) = Caches::new();
        let defaults = Defaults {
            provider: "gatewayapi:v1".into(),
            selector_labels: Selector::default_keys(),
            ..Defaults::default()
        };
        let view = View {
            caches,
            ours: vec![CONTROLLER.into()],
            defaults,
        };
        let webhook = Arc::new(AdmissionWebhook {
            view,
            effects: None,
            metrics: Metrics::default(),
        });
        let paths = Paths::random().unwrap();
        Self {
            feeds,
            shared: Arc::new(Shared::new(
                webhook,
                Arc::new(KnownPaths::of(paths.clone())),
                Limits::default(),
            )),
            paths,
        }
    }

    pub fn canary(&mut self, phase: &str) {
        self.feeds.canaries.apply_watcher_event(&read(json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
            "metadata": {"name": "shop", "namespace": "web", "labels": {labels::GENERATED: "true"}},
            "spec": {
                "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
                "service": {"port": 80},
            },
            "status": {"phase": phase}})));
    }

    pub fn target(&mut self, state: &str) {
        self.feeds.targets.apply_watcher_event(&read(json!({
            "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
            "metadata": {"name": "shop", "namespace": "web", "labels": {labels::MANAGED: "true", labels::STATE: state}}})));
    }

    pub async fn ask(&self, entry: Entry, request: Value) -> (u16, Value) {
        let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request});
        let request = http::Request::post(self.paths.path(entry)).header("content-type", "application/json");
        let request = request.body(Full::new(Bytes::from(review.to_string()))).unwrap();
        let place = self.shared.guests.admit([127, 0, 0, 1].into());
        let answer = respond(&self.shared, &place, request).await;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let value: Value = serde_json::from_slice(&body).unwrap_or_default();
        (status, value["response"].clone())
    }
}
