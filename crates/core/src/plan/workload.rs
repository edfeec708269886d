//! What is read off a target: its kind, the labels that select its pods, and its pod template as its author wrote it.

pub mod daemon_set;
pub mod overrides;
pub mod selector;
pub mod template;

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
}

impl Workload {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Deployment, Self::DaemonSet, Self::Service];

    /// The kind of that name.
    pub fn parse(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|workload| workload.kind() == kind)
    }

    /// Its name.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::DaemonSet => "DaemonSet",
            Self::Service => "Service",
        }
    }

    /// Whether we say how many pods it has; a DaemonSet's number is that of its nodes.
    pub fn is_counted(self) -> bool {
        self == Self::Deployment
    }
}
