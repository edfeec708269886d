//! What is read off a target: its kind, the labels that select its pods, and its pod template as its author wrote it.

pub mod daemon_set;
pub mod overrides;
pub mod revisions;
pub mod selector;
pub mod service;
pub mod template;

use crate::api::Canary;
use crate::routing::OwnRoute;

/// Kind of a target (`spec.targetRef.kind`). Whoever needs to know one from another asks what it is like, by the questions
/// below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Workload {
    /// Deployment of `apps/v1`.
    #[default]
    Deployment,
    /// apps/v1 DaemonSet: as many pods as nodes, and none while a node selector keeps them away.
    DaemonSet,
    /// A core Service: no pods at all, only its copies.
    Service,
    /// One that is its own route: somebody else makes its revisions and runs them.
    Route(OwnRoute),
}

impl Workload {
    /// The kinds that Kubernetes itself has.
    const BUILT_IN: [Self; 3] = [Self::Deployment, Self::DaemonSet, Self::Service];

    /// What a Canary has as its target; `None` for a kind that is none.
    pub fn of(canary: &Canary) -> Option<Self> {
        let target = &canary.spec.target_ref;
        let own = OwnRoute::named(&target.api_version, &target.kind);
        own.map(Self::Route).or_else(|| Self::parse(&target.kind))
    }

    /// The kind that the API server calls so, in whatever version; `None` for one that no target is of.
    pub fn served(group: &str, kind: &str) -> Option<Self> {
        let own = OwnRoute::served(group, kind).map(Self::Route);
        own.or_else(|| Self::parse(kind).filter(|known| known.group() == group))
    }

    /// The kind of that name among Kubernetes' own.
    pub fn parse(kind: &str) -> Option<Self> {
        Self::BUILT_IN.into_iter().find(|workload| workload.kind() == kind)
    }

    /// Its API group; empty for the core group.
    pub fn group(self) -> &'static str {
        match self {
            Self::Deployment | Self::DaemonSet => "apps",
            Self::Service => "",
            Self::Route(own) => own.resource().group,
        }
    }

    /// Name of the kind, as manifests have it.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::DaemonSet => "DaemonSet",
            Self::Service => "Service",
            Self::Route(own) => own.resource().kind,
        }
    }

    /// Whether it has a pod template and pods that come and go as we say: then primary is made of its template, and users call
    /// Services that select the pods of both. Of any other, the pods are somebody else's and the target is what users call.
    pub fn rolls(self) -> bool {
        matches!(self, Self::Deployment | Self::DaemonSet)
    }

    /// Whether we say how many pods it has; a DaemonSet's number is that of its nodes.
    pub fn is_counted(self) -> bool {
        self == Self::Deployment
    }

    /// Whether both its halves are copies of it, named after it and without pods of their own.
    pub fn is_copied(self) -> bool {
        self == Self::Service
    }

    /// Which kind of routes it is, where it is its own: then it holds both halves itself, as revisions that have names, and
    /// nothing is made beside it.
    pub fn own_route(self) -> Option<OwnRoute> {
        match self {
            Self::Route(own) => Some(own),
            Self::Deployment | Self::DaemonSet | Self::Service => None,
        }
    }

    /// Whether primary is an object beside it, of its kind.
    pub fn has_primary_beside(self) -> bool {
        self.own_route().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn canary(api_version: &str, kind: &str) -> Canary {
        let target = json!({"apiVersion": api_version, "kind": kind, "name": "web"});
        serde_json::from_value(json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "web"},
            "spec": {"targetRef": target},
        }))
        .unwrap()
    }

    #[test]
    fn what_a_target_is_of_says_its_group_and_no_version() {
        let knative = Workload::served("serving.knative.dev", "Service");
        assert_eq!(Workload::of(&canary("serving.knative.dev/v1", "Service")), knative);
        assert_eq!(Workload::of(&canary("serving.knative.dev/v1beta1", "Service")), knative);
        assert_eq!(Workload::of(&canary("v1", "Service")), Some(Workload::Service));
        assert_eq!(Workload::served("", "Service"), Some(Workload::Service));
        assert_ne!(knative, Some(Workload::Service));
        assert_eq!(Workload::served("networking.example.com", "Service"), None);
        // Flagger reads the kind alone of these, so theirs is the group whatever a Canary says.
        for version in ["apps/v1", "extensions/v1beta1"] {
            let read = Workload::of(&canary(version, "Deployment"));
            assert_eq!(read, Workload::served("apps", "Deployment"));
        }
        assert_eq!(Workload::served("", "Deployment"), None);
    }
}
