//! What a Canary says of its pair, resolved.

use super::{Workload, marks::MANAGED_BY_HELM, scaler::Autoscaler};
use crate::api::labels;
use crate::routing::{Exposure, Names, Provider};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The Canary that owns what we make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Name of the Canary.
    pub name: String,
    /// Its uid; children never carry an owner whose uid is not stored yet.
    pub uid: Option<String>,
}

/// The port of the pair's Services (`spec.service`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// `spec.service.port`, the port that callers use.
    pub port: u16,
    /// Its name; Flagger's default is `http`.
    pub name: String,
    /// `targetPort`: a number or a container port's name.
    pub target_port: Value,
    /// `appProtocol`.
    pub app_protocol: Option<String>,
}

/// Labels and annotations of one generated object (`spec.service.{apex,primary,canary}`).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Metadata {
    /// Labels by key.
    pub labels: Map<String, Value>,
    /// Annotations by key.
    pub annotations: Map<String, Value>,
}

/// Everything a pair's objects are made from, besides the target itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Blueprint {
    /// Namespace of all of them.
    pub namespace: String,
    /// The Canary that owns all of them.
    pub owner: Owner,
    /// Name of the target.
    pub target: String,
    /// Uid of the target, once it is stored and seen.
    pub target_uid: Option<String>,
    /// Kind of the target.
    pub workload: Workload,
    /// Fields of canary pods only, as [`super::workload::overrides::fields`] has them.
    pub overrides: Map<String, Value>,
    /// The Services' names; `None` for a worker, which has no Services.
    pub names: Option<Names>,
    /// Whether a Canary's author chose the apex by name: then it may have pointed at other pods before.
    pub apex_is_chosen: bool,
    /// How traffic moves.
    pub provider: Provider,
    /// The Services' first port.
    pub port: Option<Port>,
    /// Whether we chose that port (of a generated Canary): where a revision does not have it, another is chosen.
    pub port_is_ours: bool,
    /// `spec.service.portDiscovery`.
    pub port_discovery: bool,
    /// `spec.service.headless`.
    pub headless: bool,
    /// `spec.service.trafficDistribution`.
    pub traffic_distribution: Option<String>,
    /// `spec.service.apex`.
    pub apex: Metadata,
    /// `spec.service.primary`.
    pub primary: Metadata,
    /// `spec.service.canary`.
    pub canary: Metadata,
    /// The route to generate where the user has none, at rest; `None` when nothing is published.
    pub route: Option<Value>,
    /// The same in the kind that the provider makes for most apps, where `route` is of another: one that was made so stays in use.
    pub plain_route: Option<Value>,
    /// Those of its hosts that are Services of other namespaces, each with whose it is: no new route is made for one.
    pub alien_hosts: BTreeMap<String, String>,
    /// Name of the user's route, where the provider is told which it moves.
    pub named_route: Option<String>,
    /// `spec.autoscalerRef`; `None` when primary has the target's own number of replicas.
    pub autoscaler: Option<Autoscaler>,
    /// Whom the canary is shown to besides shares, with the cookies of the run.
    pub exposure: Exposure,
    /// `--include-label-prefix`: labels of the target copied to primary; `*` is all.
    pub include_label_prefixes: Vec<String>,
    /// The marks of the Helm release that brought the target.
    pub helm: Map<String, Value>,
}

impl Blueprint {
    /// Name of primary, of the target's kind.
    pub fn primary_name(&self) -> String {
        format!("{}-primary", self.target)
    }

    /// Whether `route`, which somebody wrote, carries this pair's traffic by its kind and name.
    pub fn carries_by(&self, route: &Value) -> bool {
        let name = route.pointer("/metadata/name").and_then(Value::as_str);
        let named = self.named_route.as_deref();
        self.provider.carries_by(route) && named.is_none_or(|named| Some(named) == name)
    }

    /// Whether nobody asked for the Service and the route that users call yet: a policy gave them names that the app's
    /// author may be about to use. They are made when somebody can answer, and not before.
    pub fn names_by_policy(&self) -> bool {
        self.port_is_ours
    }

    /// Marks what is generated under a name that others may use, in their `labels` and `annotations`.
    pub fn mark(&self, marked: &mut Map<String, Value>, annotations: &mut Map<String, Value>) {
        let by = if self.helm.is_empty() {
            labels::MANAGED_BY_FLAGGER
        } else {
            MANAGED_BY_HELM
        };
        marked.insert(labels::MANAGED_BY.to_owned(), json!(by));
        marked.insert(labels::GENERATED.to_owned(), json!(labels::TRUE));
        annotations.extend(self.helm.clone());
    }

    /// The controller reference to the Canary, as a list; empty while its uid is unknown.
    ///
    /// It does not block the owner's deletion: a foreground deletion takes what blocks it away first, and primary and its
    /// Services would be gone before the target serves again.
    pub fn owner_references(&self) -> Value {
        match &self.owner.uid {
            Some(uid) => json!([{
                "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": self.owner.name, "uid": uid,
                "controller": true, "blockOwnerDeletion": false,
            }]),
            None => json!([]),
        }
    }
}

impl Blueprint {
    /// The owners of what serves production: the Canary, and the target beside it. Foreground deletion of a Canary, which
    /// is how Argo CD prunes, takes at once what has no other owner, long before the target serves again; this way it is
    /// taken by us, when it does.
    pub fn owners_of_a_half(&self) -> Value {
        let mut owners = self.owner_references();
        let target = self.target_uid.as_ref().filter(|_| self.workload.rolls());
        if let (Some(all), Some(uid), true) = (owners.as_array_mut(), target, self.owner.uid.is_some()) {
            all.push(json!({
                "apiVersion": "apps/v1", "kind": self.workload.kind(), "name": self.target, "uid": uid,
                "controller": false, "blockOwnerDeletion": false,
            }));
        }
        owners
    }
}

impl Blueprint {
    /// The worker `web` in `shop`, for tests (the program's too) that say only what they are about.
    pub fn sample() -> Self {
        Self {
            namespace: "shop".into(),
            owner: Owner {
                name: "web".into(),
                uid: Some("u-1".into()),
            },
            target: "web".into(),
            target_uid: None,
            workload: Workload::Deployment,
            overrides: Map::new(),
            names: None,
            apex_is_chosen: false,
            provider: Provider::FALLBACK,
            port: None,
            port_is_ours: false,
            port_discovery: false,
            headless: false,
            traffic_distribution: None,
            apex: Metadata::default(),
            primary: Metadata::default(),
            canary: Metadata::default(),
            route: None,
            plain_route: None,
            alien_hosts: BTreeMap::new(),
            named_route: None,
            autoscaler: None,
            exposure: Exposure::default(),
            include_label_prefixes: Vec::new(),
            helm: Map::new(),
        }
    }
}
