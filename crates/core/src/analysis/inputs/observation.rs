//! What is seen of a Canary's pair, reduced to what decisions need.

use super::questions::Answer;
use crate::{
    api::{canary::Phase, labels::TargetState},
    metrics::Verdict,
    routing::Traffic,
};
use jiff::Timestamp;

/// How far a Deployment's rollout is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rollout {
    /// All updated replicas that the ready threshold asks for are available, none of an older revision is left.
    Ready,
    /// Not yet; the text completes Flagger's "waiting for rollout to finish: …".
    Waiting(String),
    /// It will not become ready by waiting; the text says why.
    Failed(String),
}

impl Rollout {
    /// Whether it is ready.
    pub fn is_ready(&self) -> bool {
        matches!(self, Self::Ready)
    }
}

/// The user's workload, the canary half.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// `spec.replicas`.
    pub replicas: u32,
    /// The label `coalmine.dev/desired-replicas`, else `spec.replicas` when that is not 0, else what primary has; where
    /// primary has an autoscaler, what that gives it now.
    pub wanted: u32,
    /// The number of pods is not ours to say: a DaemonSet's, one for each node.
    pub fixed: bool,
    /// `spec.paused`.
    pub paused: bool,
    /// The label `coalmine.dev/held`: we paused it.
    pub held: bool,
    /// The label `coalmine.dev/state`.
    pub state: Option<TargetState>,
    /// Revision of `spec.template` and the configs it names, see [`crate::plan::revision`].
    pub revision: String,
    /// Configs that `spec.template` cannot do without and that do not exist, for people.
    pub missing: Option<String>,
    /// Why no pod of `spec.template` may run beside primary, for people.
    pub apart: Option<String>,
    /// Revision whose pods run; `None` with no pods, or while two revisions run.
    pub active: Option<String>,
    /// The rollout of `spec.template`, or of the running one while held.
    pub rollout: Rollout,
    /// Ready endpoints that belong to pods of the running revision; `None` when no Service routes to it.
    pub endpoints: Option<u32>,
    /// Why pods do not start (image, crash, scheduling), when it was looked up.
    pub trouble: Option<String>,
    /// The revisions that can be made again: from stored ReplicaSets or the template itself, with the configs of now.
    pub known: Vec<String>,
    /// The template carries no overrides for canary pods: each field is what its author wrote.
    pub plain: bool,
    /// It can be given the template of another revision again; a core Service has none.
    pub restorable: bool,
    /// The template has what the Canary wants of canary pods.
    pub overridden: bool,
    /// The template did not pass the admission webhook: its label `coalmine.dev/revision` is another's, or missing.
    pub bypassed: bool,
}

impl Target {
    /// Whether the target's own pods are the ones that serve while the pair is built.
    ///
    /// The label decides where the webhook has set it. Without it (no webhook, or a Canary made anew) running pods decide.
    pub(in crate::analysis) fn is_hot(&self) -> bool {
        match self.state {
            Some(TargetState::Cold) => false,
            // One that is put to sleep serves nobody.
            Some(TargetState::Hot | TargetState::Serving | TargetState::Rest) | None => self.replicas > 0,
        }
    }
}

/// `NAME-primary`.
#[derive(Debug, Clone, PartialEq)]
pub struct Primary {
    /// `spec.replicas`.
    pub replicas: u32,
    /// The number of pods is not ours to say.
    pub fixed: bool,
    /// Revision of the target it was made from.
    pub revision: Option<String>,
    /// Its template is not what our last write made it: somebody else changed it.
    pub edited: bool,
    /// How far the pods of its template are.
    pub rollout: Rollout,
    /// A pod of it exists, of whatever revision and however ready; or none is to.
    pub has_pods: bool,
    /// Ready endpoints of its running revision; `None` when no Service routes to it.
    pub endpoints: Option<u32>,
}

/// A primary that Flagger made, and that goes on serving what it serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inherited {
    /// The revision of the target it was made from.
    pub revision: String,
    /// How Flagger left the Canary.
    pub phase: Phase,
}

/// Primary's autoscaler, which decides how many pods it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scaler {
    /// The most it gives.
    pub max: u32,
}

/// A finished check.
#[derive(Debug, Clone, PartialEq)]
pub struct Checks {
    /// The due time of the check it answers; an answer to another is stale.
    pub due: Timestamp,
    /// The worst of what was found out.
    pub verdict: Verdict,
}

/// The annotations `flagger.app/skip-analysis` and `flagger.app/reset`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Commands {
    /// Promote the revision without (more) checks.
    pub skip: bool,
    /// Analyse the revision from the start.
    pub reset: bool,
}

impl Commands {
    /// Whether there is one.
    pub fn any(self) -> bool {
        self.skip || self.reset
    }
}

/// Everything a step looks at.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The target; `None` when it does not exist.
    pub target: Option<Target>,
    /// Primary; `None` when it does not exist.
    pub primary: Option<Primary>,
    /// What Flagger left; `None` once primary says by which revision of ours it is known.
    pub inherited: Option<Inherited>,
    /// Primary's autoscaler; `None` when the user has none for this pair, or it does not exist.
    pub scaler: Option<Scaler>,
    /// Whom the apex Service selects; `None` when the pair has no Services, or it selects neither.
    pub apex: Option<crate::plan::ApexSide>,
    /// What the live route does; `None` when it is missing or disagrees with itself.
    pub traffic: Option<Traffic>,
    /// Whether a route carries weights for this pair.
    pub routed: bool,
    /// What of the pair the API server refuses, or what of somebody else stands in its way; for people.
    pub refused: Option<String>,
    /// Why a route of the pair does not carry what it is asked to, or cannot be asked; for people.
    pub route_trouble: Option<String>,
    /// A gateway has not taken up the routes as they are.
    pub pending: bool,
    /// Whether the admission webhook holds changes of the target: its namespace is opted in.
    pub webhook: bool,
    /// Whether every route can copy requests; one that cannot would lose them instead.
    pub mirrors: bool,
    /// Whether no route shows the canary to anybody in the Canary's A/B test: what both ask of requests contradicts each other, or
    /// they have no word for the test.
    pub tests_nobody: bool,
    /// Why nobody comes by the routes, whatever they say, when it was looked up; for people.
    pub bypassed: Option<String>,
    /// Whether the pair has Services at all; a worker without ports has none.
    pub served: bool,
    /// Whether any route still names `-primary` or `-canary`.
    pub split: bool,
    /// Whether any leads users to them: it may name them and give them nothing.
    pub led: bool,
    /// A route does not name every Service of a pair whose halves are there, where data planes hear of routes and of Services
    /// apart.
    pub unnamed: bool,
    /// The revision primary served last, by the recorded state: what a deleted primary is made from again.
    pub promoted: Option<String>,
    /// The answer to the check asked last.
    pub checks: Option<Checks>,
    /// What hooks answered, newest per type.
    pub answers: Vec<Answer>,
    /// Another one for each change of the Canary's spec or annotations: closed gates are asked again at once.
    pub edition: String,
    /// What the Canary's annotations ask for.
    pub commands: Commands,
}

impl Observation {
    /// Whether no user of an app at rest is answered, who is meant to be.
    pub fn leaves_users_alone(&self) -> bool {
        let silent = |primary: &Primary| primary.replicas > 0 && primary.endpoints == Some(0);
        self.primary.as_ref().is_some_and(silent) || self.route_trouble.is_some()
    }

    /// Whether primary has a pod, ready or not; one that is to have none lacks none.
    pub(in crate::analysis) fn primary_has_pods(&self) -> bool {
        self.primary.as_ref().is_some_and(|primary| primary.has_pods)
    }
}
