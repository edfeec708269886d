//! A Canary that somebody wrote takes the place of one we generated for the same target: what the generated one owns is
//! handed over, then the generated one goes. Nothing is made anew, so no request is lost and no run starts.

use super::{finish, sweep::delete};
use crate::controller::{context::Context, difference::write::Write, queue::key, watch::informers::cache::Kind};
use crate::object::text;
use crate::{
    api::{Canary, canary::Phase},
    messages::Severity,
    patches,
};
use json_patch::Patch;
use kube::ResourceExt;
use serde_json::Value;
use std::sync::Arc;

/// What a Canary is to others with the same target.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    /// There is no other, or only a duplicate that the webhook refuses.
    Alone,
    /// Generated, and a hand-written one is there.
    Predecessor(Arc<Canary>),
    /// Hand-written, and this generated one still acts.
    Heir(Arc<Canary>),
}

/// The place of `canary` among `all` of its namespace.
pub fn place(canary: &Canary, all: &[Arc<Canary>]) -> Place {
    let target = &canary.spec.target_ref;
    let mut others = all.iter().filter(|other| {
        let theirs = &other.spec.target_ref;
        other.metadata.uid != canary.metadata.uid && theirs.kind == target.kind && theirs.name == target.name
    });
    if was_generated(canary) {
        let heirs = others.filter(|other| !was_generated(other) && other.metadata.deletion_timestamp.is_none());
        return heirs
            .min_by_key(|heir| heir.name_any())
            .map_or(Place::Alone, |heir| Place::Predecessor(heir.clone()));
    }
    let acting = others.find(|other| was_generated(other));
    acting.map_or(Place::Alone, |acting| Place::Heir(acting.clone()))
}

// Whether a policy made the Canary; also true of one that is being deleted.
fn was_generated(canary: &Canary) -> bool {
    let mut canary = canary.clone();
    canary.metadata.deletion_timestamp = None;
    canary.is_generated()
}

/// Whether `canary` can be left without a request in between: nothing of its own is under way.
pub fn can_go(canary: &Canary) -> bool {
    let phase = canary.status.as_ref().map(|status| status.phase).unwrap_or_default();
    phase.at_rest() || matches!(phase, Phase::Unset | Phase::Initializing)
}

/// Hands everything that `canary` owns to `heir`, then takes `canary` away. What fails is tried again by the next step.
pub async fn hand_over(context: &Context, canary: &Canary, heir: &Canary) -> Result<(), kube::Error> {
    let Some(uid) = &canary.metadata.uid else { return Ok(()) };
    let client = &context.effects.client;
    for write in Kind::built_in().chain(Kind::optional()).flat_map(|kind| {
        let all = context.cluster.cache.list(kind, canary.namespace_name());
        all.filter_map(|object| reowned(kind, &object, uid, heir))
            .collect::<Vec<_>>()
    }) {
        write.perform(client).await?;
    }
    context.queues.steps.send(key(heir));
    if canary.metadata.deletion_timestamp.is_some() {
        return finish::release(client, canary).await;
    }
    let message = format!(
        "Canary {} takes over {} from this generated one",
        heir.name_any(),
        canary.target_name()
    );
    context.effects.events.record(heir, Severity::Normal, message);
    // Its event brings the version that the finalizer is taken off by.
    delete(client, canary).await
}

/// The write that makes `object`, owned by the Canary of this uid, `heir`'s.
fn reowned(kind: Kind, object: &Value, uid: &str, heir: &Canary) -> Option<Write> {
    let owners = object.pointer("/metadata/ownerReferences")?.as_array()?;
    let at = owners
        .iter()
        .position(|owner| owner.get("uid").and_then(Value::as_str) == Some(uid))?;
    let at = at.to_string();
    let place = |field| ["metadata", "ownerReferences", &at, field];
    let operations = Patch(vec![
        patches::test(place("uid"), uid),
        patches::replace(place("name"), heir.name_any()),
        patches::replace(place("uid"), heir.metadata.uid.clone()),
    ]);
    Some(Write::Patch {
        kind,
        namespace: text(object, "/metadata/namespace").to_owned(),
        name: text(object, "/metadata/name").to_owned(),
        operations,
    })
}

#[cfg(test)]
mod tests;
