//! What was generated for a Deployment that is not there.
//!
//! The webhook generates before the API server stores: quota, a second validator or a name that exists may refuse the
//! request afterwards. Such a Canary has nothing to act on, and goes once no admitted request can be on its way any more.
//! One whose Deployment was there and was deleted outlives it by a grace, for those who delete and create to change a
//! selector. One that somebody wrote by hand stays, and primary with it.

use crate::analysis::instants::after;
use crate::api::{Canary, canary::ON_ITS_WAY, labels};
use crate::controller::{
    context::Context,
    queue::key,
    watch::{cluster::Cluster, informers::cache::Kind},
};
use crate::object::text;
use jiff::Timestamp;
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, Preconditions},
    core::DynamicObject,
};
use serde_json::Value;
use std::time::Duration;

/// The cache says that there is no target and the store says that there is: its event is on the way.
const CACHE_LAG: Duration = Duration::from_secs(1);

/// Whether a step has ever seen a target of it.
pub fn is_known(canary: &Canary) -> bool {
    let stage = canary.status.as_ref().and_then(|status| status.run.as_ref());
    stage.is_some_and(|run| !run.stage.is_empty())
}

/// Whether `target` is not the Deployment that `canary` was generated for: that one was refused because this one exists,
/// or is a change of this one that was refused while nothing else enrols it (`adopts`: the policy does).
pub fn is_anothers(canary: &Canary, target: &Value, adopts: bool) -> bool {
    if !canary.is_generated() || is_known(canary) {
        return false;
    }
    let Some(expected) = canary.annotations().get(labels::TARGET_UID) else {
        return false;
    };
    let admitted = target
        .pointer("/metadata/labels")
        .is_some_and(|all| all.get(labels::MANAGED).is_some());
    if text(target, "/metadata/uid") != expected {
        let made = text(target, "/metadata/creationTimestamp").parse::<Timestamp>().ok();
        // Both are whole seconds: of two made in one second, only what the webhook has let in can be the later one.
        return made
            .zip(canary.creation_timestamp())
            .is_some_and(|(made, generated)| made < generated.0 || made == generated.0 && !admitted);
    }
    !admitted && !adopts
}

/// Deletes the generated `canary` when its time has come; answers when to look again.
pub async fn sweep(context: &Context, canary: &Canary, now: Timestamp) -> Result<Option<Duration>, kube::Error> {
    let due = due(context, canary, now);
    if now < due {
        return Ok(Some(Duration::try_from(due.duration_since(now)).unwrap_or_default()));
    }
    let (cluster, client) = (&context.cluster, &context.effects.client);
    let resource = Kind::Deployment.resource();
    let namespace = canary.namespace_name();
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    let live = api.get_opt(canary.target_name()).await?;
    let live = live.and_then(|target| serde_json::to_value(target).ok());
    if live.is_some_and(|target| !is_anothers(canary, &target, adopts(cluster, namespace, &target))) {
        return Ok(Some(CACHE_LAG));
    }
    tracing::info!(canary = canary.full_name(), "its Deployment is not there; taken back");
    delete(client, canary).await?;
    Ok(None)
}

fn due(context: &Context, canary: &Canary, now: Timestamp) -> Timestamp {
    if !is_known(canary) {
        return canary.creation_timestamp().map_or(now, |made| made.0 + ON_ITS_WAY);
    }
    let missed = context
        .memory
        .of(&key(canary), |canary| *canary.missed.get_or_insert(now));
    let policy = context.cluster.policy_of(canary, None);
    let grace = policy.map_or(Duration::from_secs(30), |policy| policy.spec.deletion_grace());
    after(missed, grace)
}

/// Whether the policy takes over a Deployment that it finds.
pub fn adopts(cluster: &Cluster, namespace: &str, target: &Value) -> bool {
    let named = target
        .pointer("/metadata/annotations")
        .and_then(|all| all.get(labels::POLICY))
        .and_then(Value::as_str);
    cluster
        .policy(namespace, named)
        .is_some_and(|policy| policy.spec.adopts_existing())
}

/// Deletes this very Canary, not a namesake.
pub async fn delete(client: &Client, canary: &Canary) -> Result<(), kube::Error> {
    let api = Api::<Canary>::namespaced(client.clone(), canary.namespace_name());
    let params = DeleteParams::default().preconditions(Preconditions {
        uid: canary.metadata.uid.clone(),
        resource_version: None,
    });
    match api.delete(&canary.name_any(), &params).await {
        Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => Ok(()),
        other => other.map(drop),
    }
}

#[cfg(test)]
mod tests;
