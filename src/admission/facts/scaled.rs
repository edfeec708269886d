//! Which pair a request about a scale is about, and how it stands.

use super::{RequestFacts, stage, target_canary};
use crate::admission::mutate::scale::{Half, Known};
use crate::api::Canary;
use crate::api::labels::{self, TargetState};
use crate::plan::Workload;

/// What the caches say of the pair, one half of which the Deployment of the request is.
pub(super) fn known(facts: &RequestFacts<'_>) -> Known {
    let of = |target: &str| target_canary(facts.canaries(), Workload::Deployment, target);
    let own = facts.request().object_name();
    let primarys = own.strip_suffix("-primary").filter(|_| of(own).is_none());
    let (half, target, canary) = match primarys.and_then(|target| Some((target, of(target)?))) {
        Some((target, canary)) => (Half::Primary, target, Some(canary)),
        None => (Half::Target, own, of(own)),
    };
    let label = |name| facts.view().target_label(&facts.request().namespace, target, name);
    Known {
        half,
        target: target.to_owned(),
        state: label(labels::STATE).as_deref().and_then(TargetState::parse),
        desired: asked(canary).or_else(|| label(labels::DESIRED_REPLICAS)?.parse().ok()),
        stage: canary.map(stage),
        scaled: canary.is_some_and(|canary| canary.spec.autoscaler_ref.is_some()),
        min_replicas: canary.map_or(0, min_replicas),
        away: !facts.controller_alive(),
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
