//! From objects as they were found to what the rules know. There is no other way to those facts: a rule that is tested with one
//! fires for users as well.

use super::facts::{ClusterFacts, Lookup, ScalerFacts, SecretFacts, ServiceFacts, Templates};
use crate::api::{AlertProvider, Canary, CanaryPolicy, labels};
use crate::object::text;
use crate::plan::Defaults;
use crate::plan::enrolment::generate::{crowded, has_route};
use crate::routing::{self, Names, RouteKind, registry};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What was found of the cluster, as it was found. The default found nothing, so single objects are judged only.
#[derive(Debug, Clone, Default)]
pub struct ClusterView<'a> {
    /// The Canary that is judged, if it is one.
    pub canary: Option<&'a Canary>,
    /// Canaries of its namespace (for templates and providers: of all); it may be among them.
    pub canaries: Vec<Arc<Canary>>,
    /// The MetricTemplates that it names, as far as they are there; `None` where they are not known.
    pub metric_templates: Option<Templates>,
    /// Every AlertProvider; `None` where they are not known.
    pub alert_providers: Option<Vec<Arc<AlertProvider>>>,
    /// The target of the Canary.
    pub target: Lookup<Value>,
    /// Services of its namespace.
    pub services: &'a [Value],
    /// Routes of its namespace, of every kind that carries traffic for any provider.
    pub routes: &'a [Value],
    /// Autoscalers of its namespace.
    pub scalers: Option<Vec<ScalerFacts>>,
    /// API kinds the cluster serves, such as `gateway.networking.k8s.io/v1/HTTPRoute`.
    pub served: Option<BTreeSet<String>>,
    /// The policy in force for its namespace.
    pub policy: Option<Arc<CanaryPolicy>>,
    /// Who asks, if that user may *not* get the Secret that the object refers to.
    pub denied_to: Option<String>,
    /// What the command line decides.
    pub defaults: Defaults,
}

impl ClusterFacts {
    /// What rules need to know of what was found.
    pub fn of(view: ClusterView<'_>) -> Self {
        let around = view.canary.map(|canary| around(canary, &view)).unwrap_or_default();
        Self {
            canaries: view.canaries,
            metric_templates: view.metric_templates,
            alert_providers: view.alert_providers.map(|all| usable(&all)),
            target: view.target,
            scalers: view.scalers,
            served: view.served,
            policy: view.policy,
            secret: SecretFacts {
                denied_to: view.denied_to,
            },
            default_provider: view.defaults.provider,
            selector_labels: view.defaults.selector_labels,
            no_cross_namespace_refs: view.defaults.no_cross_namespace_refs,
            cluster_domain: view.defaults.cluster_domain,
            ..around
        }
    }
}

/// What the namespace of `canary` tells of it.
fn around(canary: &Canary, view: &ClusterView<'_>) -> ClusterFacts {
    let provider = canary.provider(&view.defaults.provider);
    ClusterFacts {
        services: view.services.iter().map(|found| service(found, canary)).collect(),
        user_route: has_route(canary, provider, view.routes),
        made: made(canary, provider, view.routes),
        crowded: crowded(canary, provider, view.routes),
        unmirrored: gateway(canary, view.routes, |kind, route| kind.unmirrored(route)),
        copying_all: gateway(canary, view.routes, |kind, route| kind.copying_all(route)),
        ..ClusterFacts::default()
    }
}

// The kinds of the routes by which users come to it and that nobody wrote.
fn made(canary: &Canary, provider: &str, routes: &[Value]) -> BTreeSet<String> {
    let names = Names::new(canary.service_name());
    let carries = |route: &&Value| registry::carries_by(provider, route) && routing::is_made(route);
    let made = routes.iter().filter(carries);
    let leading = made.filter(|route| routing::refers_to(route, &names));
    leading.map(|route| text(route, "/kind").to_owned()).collect()
}

// The controller uses none of those that are being deleted.
fn usable(providers: &[Arc<AlertProvider>]) -> BTreeSet<(String, String)> {
    let stays = |meta: &&ObjectMeta| meta.deletion_timestamp.is_none();
    let named = |meta: &ObjectMeta| {
        let namespace = meta.namespace.clone().unwrap_or_default();
        (namespace, meta.name.clone().unwrap_or_default())
    };
    let all = providers.iter().map(|provider| &provider.metadata);
    all.filter(stays).map(named).collect()
}

/// The parents of a route whose controllers are known for something, with their names.
type Known = for<'a> fn(&'static dyn RouteKind, &'a Value) -> Vec<(&'a Value, &'a str)>;

/// What routes on the same gateway tell of it: the controller that answered for them, if it is one of those that are `known`.
fn gateway(canary: &Canary, routes: &[Value], known: Known) -> Option<String> {
    let names = Names::new(canary.service_name());
    let gateways = canary.spec.service.as_ref().and_then(|s| s.gateway_refs.as_deref());
    let shared = |parent: &Value| {
        gateways.unwrap_or_default().iter().any(|gateway| {
            let own = canary.namespace_name();
            let (name, namespace) = (gateway.name.as_str(), gateway.namespace.as_deref().unwrap_or(own));
            parent.get("name").and_then(Value::as_str) == Some(name)
                && parent.get("namespace").and_then(Value::as_str).unwrap_or(own) == namespace
        })
    };
    let mut on_it = routes.iter().flat_map(|route| {
        let all = routing::refers_to(route, &names);
        let parents = routing::kind_of(route).map(|kind| known(kind, route));
        parents
            .into_iter()
            .flatten()
            .filter(move |(parent, _)| all || shared(parent))
    });
    on_it.next().map(|(_, controller)| controller.to_owned())
}

fn service(found: &Value, canary: &Canary) -> ServiceFacts {
    let generated = found
        .pointer("/metadata/labels")
        .is_some_and(|all| all.get(labels::GENERATED).is_some());
    let owners = found.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    let owned = owners.into_iter().flatten().any(|owner| {
        owner.get("kind").and_then(Value::as_str) == Some("Canary")
            && owner.get("name").and_then(Value::as_str) == canary.metadata.name.as_deref()
    });
    // Once the pair serves, its apex is in our hands, whoever made it.
    let held = canary
        .status
        .as_ref()
        .is_some_and(|status| status.phase != Default::default());
    ServiceFacts {
        name: text(found, "/metadata/name").to_owned(),
        ours: generated || owned || held,
    }
}
