//! The webhooks of our configurations, by the names that they have there, in paths and in metrics.

/// The places a review can be posted to; each is one webhook of the configurations we install.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Entry {
    /// The hold, and what may not be changed.
    MutateDeployments,
    /// `deployments/scale`, and the note of what it asks for: it acts, so it never fails closed.
    ScaleDeployments,
    /// The plan, the inert objects, the announcement, and what a changed scale of primary asks for: it acts as well.
    FollowDeployments,
    /// Deletions of what Canaries use.
    FollowDeletions,
    /// Our own kinds.
    ValidateCanaries,
    /// Generated Canaries that somebody writes.
    MutateCanaries,
    /// The apex keeps its selector.
    HoldServices,
    /// Routes keep their weights.
    HoldRoutes,
    /// What becomes of a namespace that is opted in, or out.
    OptIn,
    /// The scales of the version before, which may register it as one that fails closed. API servers ask here while both
    /// versions run, in an upgrade and in a rollback, so there is a token for it; we register it no more. To be taken away
    /// with the version after this one.
    ValidateDeployments,
}

impl Entry {
    /// Every entry of the webhook.
    pub const ALL: [Self; 10] = [
        Self::MutateDeployments,
        Self::ScaleDeployments,
        Self::FollowDeployments,
        Self::FollowDeletions,
        Self::ValidateCanaries,
        Self::MutateCanaries,
        Self::HoldServices,
        Self::HoldRoutes,
        Self::OptIn,
        Self::ValidateDeployments,
    ];

    /// The word in paths, webhook names and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MutateDeployments => "mutate-deployments",
            Self::ScaleDeployments => "scale-deployments",
            Self::FollowDeployments => "follow-deployments",
            Self::FollowDeletions => "follow-deletions",
            Self::ValidateCanaries => "validate-canaries",
            Self::MutateCanaries => "mutate-canaries",
            Self::HoldServices => "hold-services",
            Self::HoldRoutes => "hold-routes",
            Self::OptIn => "opt-in",
            Self::ValidateDeployments => "validate-deployments",
        }
    }

    /// The entry of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|entry| entry.as_str() == name)
    }
}
