//! What the rules may know of the cluster.

use crate::api::{Canary, CanaryPolicy, MetricTemplate};
use crate::routing::Provider;
use kube_core::ResourceExt;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Labels that may tell the pods of a workload apart, unless `--selector-labels` says otherwise.
const SELECTOR_LABELS: [&str; 3] = ["app", "name", "app.kubernetes.io/name"];

/// The result of looking for one object.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Lookup<T> {
    /// Nobody looked, or could not; rules about it stay silent.
    #[default]
    Unknown,
    /// It does not exist.
    Absent,
    /// This is it.
    Found(T),
}

impl<T> Lookup<T> {
    /// The object, if found.
    pub fn found(&self) -> Option<&T> {
        match self {
            Self::Found(value) => Some(value),
            _ => None,
        }
    }
}

/// A Service of the Canary's namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceFacts {
    /// Name of the Service.
    pub name: String,
    /// Whether we generated it, or already hold it for this Canary.
    pub ours: bool,
}

/// A HorizontalPodAutoscaler or ScaledObject of the Canary's namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScalerFacts {
    /// HorizontalPodAutoscaler or ScaledObject.
    pub kind: String,
    /// Name of the autoscaler.
    pub name: String,
    /// Kind of the workload it scales.
    pub target_kind: String,
    /// Name of the workload it scales.
    pub target_name: String,
}

/// The Secret a MetricTemplate or AlertProvider refers to. What is in it the webhook may not read; the controller tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SecretFacts {
    /// Who asks, if that user may *not* get the Secret.
    pub denied_to: Option<String>,
}

/// MetricTemplates by namespace and name.
#[derive(Clone, Debug, Default)]
pub struct Templates(BTreeMap<String, BTreeMap<String, Arc<MetricTemplate>>>);

impl Templates {
    fn get(&self, namespace: &str, name: &str) -> Option<&MetricTemplate> {
        self.0.get(namespace)?.get(name).map(AsRef::as_ref)
    }
}

impl FromIterator<Arc<MetricTemplate>> for Templates {
    fn from_iter<T: IntoIterator<Item = Arc<MetricTemplate>>>(all: T) -> Self {
        let mut templates = Self::default();
        for template in all {
            let namespace = templates.0.entry(template.namespace().unwrap_or_default());
            namespace.or_default().insert(template.name_any(), template);
        }
        templates
    }
}

/// Everything cross-object rules need, of what was found ([`ClusterFacts::of`]). The default knows nothing and so judges single
/// objects only.
#[derive(Clone, Debug, Default)]
pub struct ClusterFacts {
    /// Canaries of the namespace (for templates and providers: of all); the one judged may be among them.
    pub(crate) canaries: Vec<Arc<Canary>>,
    /// The MetricTemplates that the Canary names, as far as they are there.
    pub(crate) metric_templates: Option<Templates>,
    /// `(namespace, name)` of every AlertProvider a Canary may name.
    pub(crate) alert_providers: Option<BTreeSet<(String, String)>>,
    /// The target of the Canary.
    pub(crate) target: Lookup<Value>,
    /// Services of the namespace.
    pub(crate) services: Vec<ServiceFacts>,
    /// Autoscalers of the namespace.
    pub(crate) scalers: Option<Vec<ScalerFacts>>,
    /// API kinds the cluster serves, such as `gateway.networking.k8s.io/v1/HTTPRoute`.
    pub(crate) served: Option<BTreeSet<String>>,
    /// Whether the user has a route of their own for the apex Service, so none need be generated.
    pub(crate) user_route: bool,
    /// The kinds of the routes that were made for the Canary, by Flagger perhaps, and lead to its app.
    pub(crate) made: BTreeSet<String>,
    /// Why the user's own route has no room for what the analysis adds to it.
    pub(crate) crowded: Option<String>,
    /// The controller of the Canary's gateway, when it is known to have no RequestMirror filter.
    pub(crate) unmirrored: Option<String>,
    /// The same, when it is known to copy every request, whatever share is asked for.
    pub(crate) copying_all: Option<String>,
    /// The policy in force for the namespace.
    pub(crate) policy: Option<Arc<CanaryPolicy>>,
    /// The Secret a template or provider refers to.
    pub(crate) secret: SecretFacts,
    /// Routing provider where a Canary names none; empty means `kubernetes`.
    pub(crate) default_provider: String,
    /// Labels that may tell pods apart; empty means Flagger's `app`, `name`, `app.kubernetes.io/name`.
    pub(crate) selector_labels: Vec<String>,
    /// `--no-cross-namespace-refs`.
    pub(crate) no_cross_namespace_refs: bool,
    /// The domain of the cluster; `cluster.local` when empty.
    pub(crate) cluster_domain: String,
}

impl ClusterFacts {
    /// Routing provider where a Canary names none.
    pub(super) fn default_provider(&self) -> &str {
        if self.default_provider.is_empty() {
            Provider::FALLBACK.as_str()
        } else {
            &self.default_provider
        }
    }

    /// Labels that may tell pods apart.
    pub(super) fn selector_labels(&self) -> Vec<&str> {
        if self.selector_labels.is_empty() {
            return SELECTOR_LABELS.to_vec();
        }
        self.selector_labels.iter().map(String::as_str).collect()
    }

    /// The MetricTemplate, `None` also when templates are unknown.
    pub(super) fn metric_template(&self, namespace: &str, name: &str) -> Option<&MetricTemplate> {
        self.metric_templates.as_ref()?.get(namespace, name)
    }

    /// The container ports of the target: name and number.
    pub(super) fn container_ports(&self) -> Vec<(Option<&str>, i64)> {
        let containers = self
            .target
            .found()
            .and_then(|t| t.pointer("/spec/template/spec/containers")?.as_array());
        let ports = containers
            .into_iter()
            .flatten()
            .filter_map(|c| c.get("ports")?.as_array())
            .flatten();
        ports
            .filter_map(|port| {
                Some((
                    port.get("name").and_then(Value::as_str),
                    port.get("containerPort")?.as_i64()?,
                ))
            })
            .collect()
    }
}
