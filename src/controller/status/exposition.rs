//! What the metrics show of a Canary's state, and what runs leave in them.

use crate::controller::{context::Context, queue::key};
use crate::{
    analysis::{Stage, State},
    api::{
        Canary,
        canary::{AnalysisKind, Phase},
    },
    telemetry::exposition::{DeploymentStrategy, RunState},
};

/// The gauges of a Canary that this process has not shown yet: after a restart, one that rests has no other occasion.
pub fn show_first(context: &Context, canary: &Canary, state: &State) {
    let metrics = &context.effects.metrics;
    if context.memory.gauges.begin(metrics, &key(canary), canary.target_name()) {
        show(context, canary, state);
    }
}

fn show(context: &Context, canary: &Canary, after: &State) {
    let (target, namespace) = (canary.target_name(), canary.namespace_name());
    let state = match after.phase {
        Phase::Progressing => RunState::Running,
        Phase::Failed => RunState::Failed,
        _ => RunState::Succeeded,
    };
    let metrics = &context.effects.metrics;
    metrics.status(target, namespace, state);
    let canary_weight = i32::from(after.canary_weight());
    metrics.weights(target, namespace, 100 - canary_weight, canary_weight);
    metrics.canaries(namespace, context.cluster.index.count(namespace));
}

/// What the metrics say after a step.
pub fn publish(context: &Context, canary: &Canary, before: &State, after: &State) {
    let (target, namespace) = (canary.target_name(), canary.namespace_name());
    show(context, canary, after);
    let metrics = &context.effects.metrics;
    if after.stage == Stage::Rest && before.stage == Stage::Draining {
        metrics.succeeded(target, namespace, strategy(canary), canary.skip_analysis());
    }
    if after.stage == Stage::Rest && before.stage == Stage::RollingBack {
        metrics.failed(target, namespace, strategy(canary));
    }
}

fn strategy(canary: &Canary) -> DeploymentStrategy {
    match canary.analysis().kind() {
        AnalysisKind::Weighted => DeploymentStrategy::Canary,
        AnalysisKind::AbTest => DeploymentStrategy::AbTesting,
        AnalysisKind::BlueGreen => DeploymentStrategy::BlueGreen,
    }
}
