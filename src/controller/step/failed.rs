//! After a step that failed: when it is done again, what people are told, and that nothing is held meanwhile.

use super::counted;
use crate::controller::{
    context::Context, effects::apply::write::Cause, lifecycle::free, queue::Key, status, watch::cache::Kind,
};
use crate::{
    analysis::Stage,
    api::Canary,
    foreign::{SAID, cut},
    messages::Severity,
    plan::Workload,
};
use jiff::Timestamp;
use std::{sync::Arc, time::Duration};

/// What changed since it was looked at is looked at again this soon.
const STALE: Duration = Duration::from_millis(200);

/// Notes that a step of `canary` ended in `error`, and answers when to do it again.
///
/// What is refused for good is done again at once, the first time: the step knows it then, records it, and gives back what
/// it holds. Where not even that can be recorded, it is given back here.
pub async fn failed(context: &Arc<Context>, key: &Key, canary: &Canary, error: &kube::Error) -> Duration {
    counted::count(&context.effects.metrics, error);
    let (cause, memory) = (Cause::of(error), &context.memory);
    if cause == Cause::Stale && memory.of(key, |canary| canary.failures.is_stale()) {
        return STALE;
    }
    tracing::error!(canary = format!("{}.{}", key.1, key.0), %error, "step failed, trying again");
    let message = cut(&error.to_string(), SAID);
    let words = match error {
        kube::Error::Api(status) => cut(&status.message, SAID),
        _ => message.clone(),
    };
    let refused = cause != Cause::Passing;
    let (pause, new) = memory.of(key, |canary| {
        if refused {
            canary.failures.note_refusal(&message, &words)
        } else {
            canary.failures.note(&message)
        }
    });
    if new && matches!(error, kube::Error::Api(_)) {
        let text = format!("Cannot go on, the API server refuses a write: {words}");
        context.effects.events.record(canary, Severity::Warning, text);
    }
    if !refused {
        return pause;
    }
    if new {
        return STALE;
    }
    let building = status::state(canary, Timestamp::now()).stage == Stage::Building;
    if let Some(target) = context.cluster.target(canary).filter(|_| building) {
        let workload = Workload::of(canary).unwrap_or_default();
        free::held(&context.effects.client, Kind::of(workload), &target).await;
    }
    pause
}
