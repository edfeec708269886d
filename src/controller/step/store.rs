//! What was decided goes into the Canary's status, with what it has to say of its troubles.

use super::{decide::Decided, snapshot::Snapshot, turn::Turn};
use crate::controller::{
    context::Context,
    status::{record::Recorded, trouble},
    watch::cluster::Cluster,
};
use crate::{analysis::Observation, plan::workload::template};
use coalmine_core::metrics::registry;
use jiff::Timestamp;
use kube::runtime::reflector::ObjectRef;
use std::sync::Arc;

/// Stores it, and says what happened. Answers when an announcement is to be looked at again.
///
/// # Errors
/// Those of the API server: a Canary that changed meanwhile is looked at anew.
pub async fn store(
    context: &Arc<Context>,
    turn: &Turn,
    pair: &Snapshot,
    seen: &Observation,
    decided: &Decided,
) -> Result<Option<Timestamp>, kube::Error> {
    let canary = &turn.canary;
    let evidence = trouble::Evidence {
        canary,
        state: &decided.outcome.state,
        seen,
        conflicts: &decided.conflicts,
        absence: pair.absence.as_ref().map(|(trouble, _)| trouble.clone()),
        refusal: context.memory.of(&turn.key, |canary| canary.failures.refusal()),
        lasting: context.memory.of(&turn.key, |canary| canary.failures.passing.lasting()),
        now: turn.now,
    };
    let recorded = Recorded {
        live: &pair.live,
        before: &pair.state,
        outcome: &decided.outcome,
        revision: seen.target.as_ref().map(|target| target.revision.as_str()),
        template: pair.live.target.as_ref().and_then(template::revision),
        trouble: trouble::first(evidence, |namespace, name| unbuilt(&context.cluster, namespace, name)),
        now: turn.now,
    };
    let stored = recorded.store(context, canary).await;
    context.memory.of(&turn.key, |canary| match &stored {
        Ok(_) => canary.failures.was_recorded(),
        Err(_) => canary.failures.was_doing(String::from("record its status")),
    });
    stored
}

// The type of a template's store, if that is one which cannot be asked yet.
fn unbuilt(cluster: &Cluster, namespace: &str, name: &str) -> Option<String> {
    let template = cluster.templates.get(&ObjectRef::new(name).within(namespace))?;
    registry::unbuilt(&template.spec.provider).map(str::to_owned)
}
