//! The kinds of objects that are watched in a namespace we work in.

use crate::{
    api::Canary,
    plan::{ScalerKind, Workload},
    requests::{pages::PAGE, resource},
    routing::{self, Provider, registry},
};
use kube::{core::ApiResource, runtime::watcher};
use serde_json::Value;

/// The kinds that are watched in a namespace we work in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// apps/v1 Deployment: targets and primaries.
    Deployment,
    /// apps/v1 ReplicaSet: the revisions of both.
    ReplicaSet,
    /// apps/v1 DaemonSet: targets and primaries too.
    DaemonSet,
    /// apps/v1 StatefulSet: never released, but one may stand behind a Service of those that are.
    StatefulSet,
    /// apps/v1 ControllerRevision: the revisions of DaemonSets.
    ControllerRevision,
    /// Service of the API version `v1`.
    Service,
    /// discovery.k8s.io/v1 EndpointSlice: what data planes route to.
    EndpointSlice,
    /// A kind that is written for some provider, where the cluster has it.
    Route(routing::Resource),
    /// v1 ConfigMap: those that pods read, and primary's copies. Kept without data.
    ConfigMap,
    /// v1 Secret: the same.
    Secret,
    /// autoscaling/v2 HorizontalPodAutoscaler: the user's and primary's.
    HorizontalPodAutoscaler,
    /// policy/v1 PodDisruptionBudget: the user's and primary's.
    PodDisruptionBudget,
    /// keda.sh/v1alpha1 ScaledObject, where KEDA is installed.
    ScaledObject,
}

impl Kind {
    /// Whether a pair can be made where objects of that kind may not be read, by a role of before, say: primaries share
    /// Secrets with their targets, and have no budgets of their own; most routes are read since their provider is built.
    pub fn is_dispensable(self) -> bool {
        match self {
            Self::Secret | Self::StatefulSet | Self::PodDisruptionBudget => true,
            Self::Route(_) => !self.is_first_route(),
            _ => false,
        }
    }

    /// Whether only some Canaries need to know its objects: those whose provider writes them, or that name one.
    pub fn is_for_some(self) -> bool {
        matches!(self, Self::Route(_) | Self::ScaledObject)
    }

    /// Whether nothing can be concluded for `canary` while its objects are not known.
    pub fn is_needed_by(self, canary: &Canary, default_provider: &str) -> bool {
        match self {
            Self::Route(resource) => {
                let provider = Provider::parse(canary.provider(default_provider));
                provider.is_some_and(|provider| provider.writes_kind(resource))
                    || Workload::of(canary).map(Self::of) == Some(self)
            }
            Self::ScaledObject => {
                let named = canary.spec.autoscaler_ref.as_ref();
                named.is_some_and(|named| ScalerKind::parse(&named.kind) == Some(ScalerKind::ScaledObject))
            }
            _ => true,
        }
    }

    /// Whether it is the kind of routes that every role lets us read, whatever its version.
    pub fn is_first_route(self) -> bool {
        let first = Provider::STANDARD.kinds().first();
        first.is_some_and(|kind| Self::Route(kind.resource()) == self)
    }

    // Those that every cluster has, besides routes.
    const BUILT_IN: [Self; 11] = [
        Self::Deployment,
        Self::ReplicaSet,
        Self::DaemonSet,
        Self::StatefulSet,
        Self::ControllerRevision,
        Self::Service,
        Self::EndpointSlice,
        Self::ConfigMap,
        Self::Secret,
        Self::HorizontalPodAutoscaler,
        Self::PodDisruptionBudget,
    ];

    /// The kinds that carry traffic for any provider, and those of what stands beside them.
    pub fn routes() -> impl Iterator<Item = Self> {
        registry::written().map(|kind| Self::Route(kind.resource()))
    }

    /// Those that every cluster has.
    pub fn built_in() -> impl Iterator<Item = Self> {
        let routes = Self::routes().filter(|kind| kind.definition().is_none());
        Self::BUILT_IN.into_iter().chain(routes)
    }

    /// Those that exist only where somebody installed their definitions.
    pub fn optional() -> impl Iterator<Item = Self> {
        let routes = Self::routes().filter(|kind| kind.definition().is_some());
        routes.chain([Self::ScaledObject])
    }

    /// The kind of a route that a provider reads, or of what stands beside one; `None` for any other object.
    pub fn of_route(route: &Value) -> Option<Self> {
        routing::written_of(route).map(|kind| Self::Route(kind.resource()))
    }

    /// Name of its CustomResourceDefinition; `None` where every cluster has it.
    pub fn definition(self) -> Option<String> {
        match self {
            Self::Route(route) => route.definition(),
            Self::ScaledObject => Some("scaledobjects.keda.sh".to_owned()),
            _ => None,
        }
    }

    /// What a target of that kind and its primary are.
    pub fn of(workload: Workload) -> Self {
        match workload {
            Workload::Deployment => Self::Deployment,
            Workload::DaemonSet => Self::DaemonSet,
            Workload::Service => Self::Service,
            Workload::Route(own) => Self::Route(own.resource()),
        }
    }

    /// Its API resource.
    pub fn resource(self) -> ApiResource {
        let (group, version, kind, plural) = match self {
            Self::Deployment => ("apps", "v1", "Deployment", "deployments"),
            Self::ReplicaSet => ("apps", "v1", "ReplicaSet", "replicasets"),
            Self::DaemonSet => ("apps", "v1", "DaemonSet", "daemonsets"),
            Self::StatefulSet => ("apps", "v1", "StatefulSet", "statefulsets"),
            Self::ControllerRevision => ("apps", "v1", "ControllerRevision", "controllerrevisions"),
            Self::Service => ("", "v1", "Service", "services"),
            Self::EndpointSlice => ("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices"),
            Self::Route(route) => (route.group, route.version, route.kind, route.plural),
            Self::ConfigMap => ("", "v1", "ConfigMap", "configmaps"),
            Self::Secret => ("", "v1", "Secret", "secrets"),
            Self::HorizontalPodAutoscaler => (
                "autoscaling",
                "v2",
                "HorizontalPodAutoscaler",
                "horizontalpodautoscalers",
            ),
            Self::PodDisruptionBudget => ("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"),
            Self::ScaledObject => ("keda.sh", "v1alpha1", "ScaledObject", "scaledobjects"),
        };
        resource((group, version, kind), plural)
    }

    /// The kind of an autoscaler; `None` for any other object.
    pub fn of_scaler(object: &Value) -> Option<Self> {
        let kind = object.get("kind").and_then(Value::as_str)?;
        [Self::HorizontalPodAutoscaler, Self::ScaledObject]
            .into_iter()
            .find(|known| known.resource().kind == kind)
    }

    /// Whether its status and version change with every look at the metrics, or at the pods; nobody here reads either.
    pub fn changes_by_itself(self) -> bool {
        matches!(
            self,
            Self::HorizontalPodAutoscaler | Self::ScaledObject | Self::PodDisruptionBudget
        )
    }
}

impl From<ScalerKind> for Kind {
    fn from(kind: ScalerKind) -> Self {
        match kind {
            ScalerKind::Hpa => Self::HorizontalPodAutoscaler,
            ScalerKind::ScaledObject => Self::ScaledObject,
        }
    }
}

impl Kind {
    /// Whether it holds data of users that is not to be kept.
    pub fn is_config(self) -> bool {
        matches!(self, Self::ConfigMap | Self::Secret)
    }

    /// Which objects of it are watched.
    pub fn selection(self) -> watcher::Config {
        let paged = watcher::Config::default().page_size(PAGE);
        match self {
            // Of no interest, and many: releases of Helm, tokens.
            Self::Secret => paged.fields("type!=helm.sh/release.v1,type!=kubernetes.io/service-account-token"),
            _ => paged,
        }
    }
}
