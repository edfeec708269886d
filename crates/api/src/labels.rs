//! Labels, annotations and other agreed names on objects of the cluster.

/// Prefix of every label and annotation of our own.
pub const PREFIX: &str = "coalmine.dev/";
/// Namespace label that opts in (`"true"`); Deployment annotation that opts out (`"false"`, where the policy allows it).
pub const ENABLED: &str = "coalmine.dev/enabled";
/// Label on a target whose replicas we hold (`"true"`).
pub const MANAGED: &str = "coalmine.dev/managed";
/// Label on a target: the replica count its author wants, while `spec.replicas` is held.
pub const DESIRED_REPLICAS: &str = "coalmine.dev/desired-replicas";
/// Annotation on a Canary: how many replicas a scale asked for, until the controller has noted it on the target.
pub const REPLICAS: &str = "coalmine.dev/replicas";
/// Label on a target: see [`TargetState`].
pub const STATE: &str = "coalmine.dev/state";
/// Label on a target that *we* paused (`"true"`); a user's own `paused: true` is never undone.
pub const HELD: &str = "coalmine.dev/held";
/// Label on a target: hash of the template the webhook last admitted.
pub const REVISION: &str = "coalmine.dev/revision";
/// Label on a target: see [`ReleaseState`].
pub const RELEASE: &str = "coalmine.dev/release";
/// Annotation on a target: who sent the template that is stored, see [`RequestedBy`](crate::requested_by::RequestedBy).
pub const REQUESTED_BY: &str = "coalmine.dev/requested-by";
/// Annotation on a target: that its Canary is told of the stored template too, and how; see
/// [`Announce`](crate::policy::Announce).
pub const ANNOUNCE: &str = "coalmine.dev/announce";
/// Annotation on a Knative Service: what its author has in `spec.traffic`, as JSON, while that is held.
pub const TRAFFIC: &str = "coalmine.dev/traffic";
/// Annotation on Services and routes that we made: the keys of the labels and annotations that their Canary gives them, as JSON,
/// so that those go when the Canary does not say them any more.
pub const METADATA: &str = "coalmine.dev/metadata";
/// Label on objects we made ourselves (`"true"`); the first foreign write makes them the user's.
pub const GENERATED: &str = "coalmine.dev/generated";
/// Label on a ControllerRevision: it remembers a revision that was promoted (`"true"`).
pub const PROMOTED: &str = "coalmine.dev/promoted";
/// Label on a Deployment whose author may not have a Canary made (`"true"`), or of whom that could not be asked in time
/// ([`UNASKED`]): it stays a plain one.
pub const DENIED: &str = "coalmine.dev/denied";
/// Label on a namespace whose NetworkPolicies are ignored for apps of other namespaces, with the value [`IGNORED`].
pub const NETWORK_POLICIES: &str = "coalmine.dev/network-policies";
/// The value of [`NETWORK_POLICIES`] where they are ignored.
pub const IGNORED: &str = "ignored";
/// The value of [`DENIED`] where it is not known whether its author may have a Canary made.
pub const UNASKED: &str = "unasked";
/// Annotation on a generated Canary: uid of the Deployment it was generated for.
pub const TARGET_UID: &str = "coalmine.dev/target-uid";
/// Annotation on a Canary: analyse and report, route and promote nothing (`"true"`); the same as `spec.dryRun`.
pub const DRY_RUN: &str = "coalmine.dev/dry-run";
/// Annotation on a namespace or Deployment: name of the `CanaryPolicy` to use.
pub const POLICY: &str = "coalmine.dev/policy";
/// Labels that a target gets from us, and that nobody owns but us. They go with us.
pub const OF_TARGETS: [&str; 8] = [
    MANAGED,
    DESIRED_REPLICAS,
    STATE,
    HELD,
    REVISION,
    RELEASE,
    GENERATED,
    DENIED,
];
/// The one field manager of all our writes.
pub const FIELD_MANAGER: &str = "coalmine";
/// Finalizer that keeps a Canary until traffic has left in an orderly way.
pub const FINALIZER: &str = "coalmine.dev/lossless-exit";

/// Flagger's finalizer (`revertOnDeletion`), taken over on adoption.
pub const FLAGGER_FINALIZER: &str = "finalizer.flagger.app";
/// What the annotations of Flagger's begin with.
pub const FLAGGER_PREFIX: &str = "flagger.app/";
/// Where Flagger keeps the spec of an author's route that it has replaced.
pub const ORIGINAL_CONFIGURATION: &str = "flagger.kubernetes.io/original-configuration";
/// Where client-side `kubectl apply` keeps the manifest it was given last.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Annotation on a Canary: promote the current revision now (`"true"`), consumed once.
pub const SKIP_ANALYSIS: &str = "flagger.app/skip-analysis";
/// Annotation on a Canary: run the analysis again (`"true"`), consumed once.
pub const RESET: &str = "flagger.app/reset";
/// Annotation on a Knative Service: name of the revision that serves everybody but for the canary's share.
pub const PRIMARY_REVISION: &str = "flagger.app/primary-revision";
/// Annotation on a ConfigMap or Secret: `"disabled"` leaves it out of config tracking.
pub const CONFIG_TRACKING: &str = "flagger.app/config-tracking";
/// Pod annotation on the primary that changes with each promotion.
pub const FLAGGER_ID: &str = "flagger-id";
/// Standard label on everything we generate; its value is [`MANAGED_BY_FLAGGER`].
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Value of [`MANAGED_BY`] on generated objects, so documented selectors keep working.
pub const MANAGED_BY_FLAGGER: &str = "flagger";
/// Value of switches kept as labels or annotations.
pub const TRUE: &str = "true";

/// What a target's pods do now; the value of the label [`STATE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TargetState {
    /// A new app: the target rests at zero while the primary is first built from it.
    Cold,
    /// The target's own pods serve everyone; the primary is being built.
    Hot,
    /// Both sides run and the target receives canary traffic.
    Serving,
    /// The primary serves everyone, the target is at zero.
    Rest,
}

impl TargetState {
    /// Every state, for tables and tests.
    pub const ALL: [Self; 4] = [Self::Cold, Self::Hot, Self::Serving, Self::Rest];

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Hot => "hot",
            Self::Serving => "serving",
            Self::Rest => "rest",
        }
    }

    /// Whether the target's pods carry traffic.
    pub fn serves(self) -> bool {
        matches!(self, Self::Hot | Self::Serving)
    }

    /// Reads a label value; `None` for anything else.
    pub fn parse(value: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == value)
    }

    /// What the label of a target says.
    pub fn of(target: &serde_json::Value) -> Option<Self> {
        let label = target.get("metadata")?.get("labels")?.get(STATE)?;
        label.as_str().and_then(Self::parse)
    }
}

impl std::fmt::Display for TargetState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How far the release of the template is that a target has; the value of the label [`RELEASE`].
///
/// The webhook sets it to pending in the write that brings the template, so `kubectl apply` followed by `kubectl wait
/// --for=jsonpath='{.metadata.labels.coalmine\.dev/release}'=succeeded` never answers for the template before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReleaseState {
    /// It is stored, and nothing has been done with it yet.
    Pending,
    /// Its run is under way.
    Running,
    /// It serves everybody.
    Succeeded,
    /// It was rolled back.
    Failed,
}

impl ReleaseState {
    /// Every value, for tables and tests.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Running, Self::Succeeded, Self::Failed];

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }

    /// Reads a label value; `None` for anything else.
    pub fn parse(value: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|release| release.as_str() == value)
    }

    /// Whether something is still to be done.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Running)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_survives_its_label() {
        for state in TargetState::ALL {
            assert_eq!(TargetState::parse(state.as_str()), Some(state));
        }
        assert_eq!(TargetState::parse("Serving"), None);
        for release in ReleaseState::ALL {
            assert_eq!(ReleaseState::parse(release.as_str()), Some(release));
        }
    }

    #[test]
    fn every_key_of_ours_has_the_prefix() {
        for key in [
            ENABLED,
            MANAGED,
            DESIRED_REPLICAS,
            REPLICAS,
            STATE,
            HELD,
            REVISION,
            RELEASE,
            REQUESTED_BY,
            ANNOUNCE,
            METADATA,
            GENERATED,
            PROMOTED,
            DENIED,
            NETWORK_POLICIES,
            TARGET_UID,
            POLICY,
            DRY_RUN,
            FINALIZER,
        ] {
            assert!(key.starts_with(PREFIX), "{key}");
        }
    }
}
