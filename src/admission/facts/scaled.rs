//! Which pair a request about a scale is about, and how it stands.

use super::{View, stage, target_canary};
use crate::admission::mutate::scale::{Half, PairFacts};
use crate::admission::review::Request;
use crate::api::Canary;
use crate::api::labels::{self, TargetState};
use crate::plan::Workload;
use std::sync::Arc;

/// What the caches say of the pair, one half of which the Deployment of the request is. `canaries` are those of its namespace,
/// and `away` says that no controller works.
pub(super) fn known(view: &View, request: &Request, canaries: &[Arc<Canary>], away: bool) -> PairFacts {
    let of = |target: &str| target_canary(canaries, Workload::Deployment, target);
    let own = request.object_name();
    let primarys = own.strip_suffix("-primary").filter(|_| of(own).is_none());
    let (half, target, canary) = match primarys.and_then(|target| Some((target, of(target)?))) {
        Some((target, canary)) => (Half::Primary, target, Some(canary)),
        None => (Half::Target, own, of(own)),
    };
    let label = |name| view.target_label(&request.namespace, target, name);
    PairFacts {
        half,
        target: target.to_owned(),
        state: label(labels::STATE).as_deref().and_then(TargetState::parse),
        desired: asked(canary).or_else(|| label(labels::DESIRED_REPLICAS)?.parse().ok()),
        stage: canary.map(stage),
        scaled: canary.is_some_and(|canary| canary.spec.autoscaler_ref.is_some()),
        min_replicas: canary.map_or(0, min_replicas),
        away,
    }
}

// What was noted last, and is not on the target yet.
fn asked(canary: Option<&Canary>) -> Option<i64> {
    canary?
        .metadata
        .annotations
        .as_ref()?
        .get(labels::REPLICAS)?
        .parse()
        .ok()
}

/// The size the run needs of both halves.
fn min_replicas(canary: &Canary) -> i64 {
    let run = canary.status.as_ref().and_then(|status| status.run.as_ref());
    run.map_or(0, |run| i64::from(run.min_replicas))
}
