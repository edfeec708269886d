//! What is read off a target: its kind, the labels that select its pods, and its pod template as its author wrote it.

pub mod daemon_set;
pub mod knative;
pub mod overrides;
pub mod selector;
pub mod service;
pub mod template;

use crate::api::Canary;

/// Kind of a target (`spec.targetRef.kind`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Workload {
    /// apps/v1 Deployment.
    #[default]
    Deployment,
    /// apps/v1 DaemonSet: as many pods as nodes, and none while a node selector keeps them away.
    DaemonSet,
    /// A core Service: no pods at all, only its copies.
    Service,
    /// A Knative Service: Knative makes its revisions and runs them.
    KnativeService,
}

impl Workload {
    /// Kubernetes' own.
    const BUILT_IN: [Self; 3] = [Self::Deployment, Self::DaemonSet, Self::Service];

    /// What a Canary has as its target; `None` for a kind that is none.
    pub fn of(canary: &Canary) -> Option<Self> {
        if canary.targets_knative() {
            return Some(Self::KnativeService);
        }
        Self::parse(&canary.spec.target_ref.kind)
    }

    /// The kind of that name among Kubernetes' own.
    pub fn parse(kind: &str) -> Option<Self> {
        Self::BUILT_IN.into_iter().find(|workload| workload.kind() == kind)
    }

    /// Its name.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::DaemonSet => "DaemonSet",
            Self::Service | Self::KnativeService => "Service",
        }
    }

    /// Whether it has pods that come and go as we say, and a primary beside it.
    pub fn rolls(self) -> bool {
        matches!(self, Self::Deployment | Self::DaemonSet)
    }

    /// Whether we say how many pods it has; a DaemonSet's number is that of its nodes.
    pub fn is_counted(self) -> bool {
        self == Self::Deployment
    }
}
