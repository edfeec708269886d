//! Deployments of opted-in namespaces get their Canary, and lose a generated one when the namespace opts out.
//!
//! The admission webhook does the same for what passes it; here is what it did not see: Deployments that lived in a
//! namespace when it was labelled, and those applied while it was away.

mod make;
mod outsiders;
mod scope;
mod unknown;
mod workloads;

pub use scope::scope;

use super::{free, sweep};
use crate::controller::{
    context::{Context, memory::deployments::Unenrolled},
    queue::passes::Scope,
    watch::informers::cache::Kind,
};
use crate::object::{label, text};
use crate::{
    api::{Canary, CanaryPolicy, labels},
    foreign::{SAID, cut},
    messages::Severity,
    plan::enrolment::Around,
};
use futures::{FutureExt, StreamExt, future::BoxFuture};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment};
use kube::ResourceExt;
use make::make;
use serde_json::Value;
use std::{sync::Arc, time::Duration};

/// Canaries of a pass that are made at once.
const AT_ONCE: usize = 16;
/// How long a new Deployment that passed the webhook is left to it, and to whoever applies it: its Canary is made there, and
/// one that we make in between fails a `kubectl apply` that has looked for its author's own and is about to create it. An
/// instant of creation is up to a second older than it was.
const IN_ONE_APPLY: SignedDuration = SignedDuration::from_secs(2);

/// Brings the Canaries of a namespace in line with its Deployments.
pub async fn enrol(context: &Arc<Context>, namespace: &str, scope: &Scope) {
    let cluster = &context.cluster;
    if cluster.terminating(namespace) {
        return;
    }
    if !cluster.cache.complete(namespace) {
        return unknown::tell_all(context, namespace);
    }
    if !context.enrols(namespace) {
        return give_back(context, namespace, scope).await;
    }
    forget_gone(context, namespace, scope);
    let targets = targets(context, namespace, scope);
    let now = Timestamp::now();
    let mut lacking: Vec<_> = targets
        .iter()
        .filter_map(|target| Some((target, lacks(context, namespace, target)?)))
        .collect();
    lacking.retain(|(target, known)| known.is_some() || !waits(context, namespace, target, now));
    if lacking.is_empty() {
        return;
    }
    let mut made: Vec<BoxFuture<'_, ()>> = Vec::with_capacity(lacking.len());
    for (target, known) in &lacking {
        made.push(make(context, namespace, target, known.as_deref()).boxed());
    }
    futures::stream::iter(made)
        .buffer_unordered(AT_ONCE)
        .collect::<()>()
        .await;
}

// Nobody has opted in: no generated Canary stays, and nothing is held for one.
async fn give_back(context: &Context, namespace: &str, scope: &Scope) {
    let cluster = &context.cluster;
    context.memory.deployments.left(namespace);
    let canaries = match scope {
        Scope::All => cluster.canaries_of(namespace),
        Scope::Some(names) => names
            .iter()
            .flat_map(|name| cluster.canaries_for(namespace, name))
            .collect(),
    };
    for canary in canaries.iter().filter(|canary| canary.is_generated()) {
        leave(context, canary).await;
    }
    for (kind, target) in free::unclaimed(cluster, namespace) {
        let_go(context, namespace, kind, &target).await;
    }
}

// Nobody speaks for it, so what fails is tried again.
async fn let_go(context: &Context, namespace: &str, kind: Kind, target: &Value) {
    let deployments = &context.memory.deployments;
    let key = (namespace.to_owned(), text(target, "/metadata/name").to_owned());
    if deployments.rests(&key) {
        return;
    }
    let Err(error) = free::one(&context.effects.client, kind, target).await else {
        deployments.went_well(&key);
        return;
    };
    let (pause, new) = deployments.failed(&key, &error.to_string());
    context.queues.passes.send_in(pause, namespace, Scope::one(&key.1));
    let why = free::still_held(target, &error);
    if new {
        let why = format!("Not released as a canary any more, since nobody opted in. {why}");
        record(context, kind, target, &why);
    }
}

fn record(context: &Context, kind: Kind, target: &Value, why: &str) {
    let events = &context.effects.events;
    if kind == Kind::DaemonSet {
        if let Ok(target) = serde_json::from_value::<DaemonSet>(target.clone()) {
            events.record(&target, Severity::Warning, why);
        }
    } else if let Ok(target) = serde_json::from_value::<Deployment>(target.clone()) {
        events.record(&target, Severity::Warning, why);
    }
}

// The Deployments that a pass is about. Of all of them, only those that lack something are held at once.
fn targets(context: &Context, namespace: &str, scope: &Scope) -> Vec<Value> {
    let cache = &context.cluster.cache;
    match scope {
        Scope::All => {
            let lack = |target: &Value| lacks(context, namespace, target).is_some();
            cache.list(Kind::Deployment, namespace).filter(lack).collect()
        }
        Scope::Some(names) => {
            let found = |name: &String| cache.get(Kind::Deployment, namespace, name);
            names.iter().filter_map(found).collect()
        }
    }
}

// Nothing is remembered of a Deployment that is gone.
fn forget_gone(context: &Context, namespace: &str, scope: &Scope) {
    let gone = |name: &str| scope.holds(name) && !context.cluster.cache.has(Kind::Deployment, namespace, name);
    context.memory.deployments.forget_if(namespace, gone);
}

// Whether the Deployment may need a Canary made, or the one it has brought in line with its policy.
fn lacks(context: &Context, namespace: &str, target: &Value) -> Option<Option<Arc<Canary>>> {
    let name = text(target, "/metadata/name");
    let mut of = context.cluster.canaries_for(namespace, name);
    of.retain(|canary| canary.target_name() == name);
    // One written by hand goes before one that was generated.
    of.sort_by_key(|canary| canary.is_generated());
    match of.into_iter().next() {
        Some(known) => follows(&known).then_some(Some(known)),
        None => wants(context, target).then_some(None),
    }
}

// A Deployment that runs already is taken over only where the policy adopts what it finds.
fn wants(context: &Context, target: &Value) -> bool {
    let namespace = target
        .pointer("/metadata/namespace")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let deleted = target.pointer("/metadata/deletionTimestamp").is_some();
    let labelled = |label: &str| {
        target
            .pointer("/metadata/labels")
            .is_some_and(|all| all.get(label).is_some())
    };
    let admitted = labelled(labels::MANAGED);
    // Whoever wrote it last may not have a Canary made.
    if labelled(labels::DENIED) && !admitted {
        return false;
    }
    let policy = context.cluster.policy(namespace, named_policy(target));
    let adopts = |policy: &CanaryPolicy| policy.spec.adopts_existing() && context.memory.labelled.is_over(namespace);
    !deleted && policy.is_some_and(|policy| admitted || adopts(&policy))
}

// Whether its apply may still be under way. It is looked at again when that is over.
fn waits(context: &Context, namespace: &str, target: &Value, now: Timestamp) -> bool {
    let made = text(target, "/metadata/creationTimestamp").parse::<Timestamp>();
    let left = made
        .map(|made| made.duration_since(now) + IN_ONE_APPLY)
        .unwrap_or_default();
    // A clock that goes far ahead of ours must not keep an app without pods for as long as that.
    if left > IN_ONE_APPLY * 2 {
        return false;
    }
    let Ok(left) = Duration::try_from(left) else {
        return false;
    };
    let waits = label(target, labels::MANAGED).is_some() && !left.is_zero();
    if waits {
        let scope = Scope::one(text(target, "/metadata/name"));
        context.queues.passes.send_in(left, namespace, scope);
    }
    waits
}

fn named_policy(target: &Value) -> Option<&str> {
    target.pointer("/metadata/annotations")?.get(labels::POLICY)?.as_str()
}

// A generated Canary follows the user's Services, routes and policy, but never while a revision is under way.
fn follows(canary: &Canary) -> bool {
    let phase = canary.status.as_ref().map(|status| status.phase).unwrap_or_default();
    canary.is_generated() && (phase.at_rest() || phase.is_building())
}

// Once per Deployment and reason, as an event on the Deployment. It is looked at again when what may lift the reason changes.
fn tell(context: &Context, target: &Value, why: &str, lifted_by: Option<Around>) {
    let Ok(target) = serde_json::from_value::<Deployment>(target.clone()) else {
        return;
    };
    let key = (target.namespace().unwrap_or_default(), target.name_any());
    let told = Unenrolled {
        uid: target.uid().unwrap_or_default(),
        why: cut(why, SAID),
        lifted_by,
    };
    if context.memory.deployments.unenrolled(key, told) {
        context.effects.events.record(&target, Severity::Warning, why);
    }
}

// By deletion: the finalizer makes it a plain Deployment again without a lost request.
async fn leave(context: &Context, canary: &Canary) {
    let key = (canary.namespace_name().to_owned(), canary.target_name().to_owned());
    if context.memory.deployments.rests(&key) {
        return;
    }
    let Err(error) = sweep::delete(&context.effects.client, canary).await else {
        context.memory.deployments.went_well(&key);
        return;
    };
    tracing::warn!(canary = canary.full_name(), %error, "a generated Canary could not be deleted");
    let (pause, new) = context.memory.deployments.failed(&key, &error.to_string());
    if new {
        let message = format!("Cannot be deleted, although nothing wants it any more: {error}");
        context.effects.events.record(canary, Severity::Warning, message);
    }
    context.queues.passes.send_in(pause, &key.0, Scope::one(&key.1));
}

#[cfg(test)]
mod tests;
