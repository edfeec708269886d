//! What the caches say of a target: why it is one half of a pair, where its Canary stands, and what its policy wants.

use crate::api::policy::{Announce, OnNewRevision};
use serde_json::{Map, Value};

/// What is known about the target when the request arrives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetFacts {
    /// User names of our own service accounts.
    pub ours: Vec<String>,
    /// Why this Deployment is one half of a pair, or is not.
    pub enrolment: Enrolment,
    /// The controller's Lease was renewed less than 15 s ago; decided by the caller, who has a clock.
    pub controller_alive: bool,
    /// Fields of canary pods only that the Canary wants; `None` when that is not known.
    pub overrides: Option<Map<String, Value>>,
    /// What the policy makes of a second revision during a run.
    pub on_new_revision: OnNewRevision,
    /// When the Canary is told of a template, by the policy.
    pub announce: Announce,
}

impl TargetFacts {
    /// Why the pair cannot be built as things are.
    pub(super) fn unbuilt(&self) -> Option<&str> {
        match &self.enrolment {
            Enrolment::Canary(canary) => canary.unbuilt.as_deref(),
            _ => None,
        }
    }
}

/// Why a Deployment is one half of a pair, or is not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Enrolment {
    /// Nothing targets it and no policy would: it is a plain Deployment. The reason is worth a warning if it is there.
    #[default]
    No,
    /// Not enrolled although a policy applies; says why.
    Refused(String),
    /// Not enrolled because whoever sends it may not make a Canary; says so.
    Denied(String),
    /// Not enrolled as long as it is not known whether whoever sends it may make a Canary; says so.
    Unasked(String),
    /// No Canary yet, but the policy of this name renders one.
    Policy(String),
    /// A Canary targets it.
    Canary(CanarySummary),
}

/// What the hold wants to know of the Canary.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CanarySummary {
    /// The Canary's name.
    pub name: String,
    /// Where its run stands.
    pub stage: CoarseStage,
    /// Hash of the template that serves production.
    pub promoted: Option<String>,
    /// Hash of the template that failed last, while the Canary is Failed.
    pub failed: Option<String>,
    /// Whether these revisions read ConfigMaps or Secrets, which may have changed since.
    pub reads_configs: bool,
    /// `spec.suspend`.
    pub suspended: bool,
    /// Why its pair cannot be built as things are: nothing is held meanwhile.
    pub unbuilt: Option<String>,
}

/// Where a Canary's run stands, as coarse as the webhook needs it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CoarseStage {
    /// The pair is still being built: primary does not serve yet.
    #[default]
    Building,
    /// Primary serves, nothing runs.
    Rest,
    /// A run waits for confirm-rollout: nothing has started.
    Waiting,
    /// A run is in progress, or waits for confirm-promotion.
    Running,
    /// The verified revision is being promoted, which goes on to its end.
    Promoting,
    /// Primary serves; the last run failed.
    Failed,
    /// The Canary is being taken down.
    Leaving,
}
