//! Deployments around which not everything is known, because a kind of objects cannot be listed. What is not known is not
//! absent: no Canary is made, or changed, by it.

use super::tell;
use crate::controller::{
    context::Context,
    queue::passes::Scope,
    watch::informers::cache::{Kind, Unlisted},
};
use crate::object::{label, text};
use crate::{
    api::{CanaryPolicy, labels},
    routing::Provider,
};
use serde_json::Value;
use std::time::Duration;

/// How long a new app may be held for what cannot be listed; then it serves by itself.
const HELD_AT_MOST: Duration = Duration::from_secs(120);

/// Says of each app that is held why its Canary is not made, once it lasts that a kind cannot be listed which every pair
/// needs.
pub fn tell_all(context: &Context, namespace: &str) {
    let cluster = &context.cluster;
    let mut all = cluster.cache.unlisted(namespace).into_iter();
    let Some(unlisted) = all.find(|unlisted| !unlisted.kind.is_for_some()) else {
        return;
    };
    let left = unlisted.until_told();
    if !left.is_zero() {
        return context.queues.passes.send_in(left, namespace, Scope::All);
    }
    let held = |target: &Value| label(target, labels::MANAGED).is_some();
    for target in cluster.cache.list(Kind::Deployment, namespace).filter(held) {
        if cluster
            .canaries_for(namespace, text(&target, "/metadata/name"))
            .is_empty()
        {
            tell(context, &target, &waits(&unlisted), None);
        }
    }
}

/// What a Canary would be made by as its policy says, and cannot be listed: the routes that it reads, and autoscalers.
pub fn around(context: &Context, namespace: &str, policy: &CanaryPolicy) -> Option<Unlisted> {
    let named = policy.spec.provider.as_deref().and_then(Provider::parse);
    let read = named.unwrap_or(Provider::STANDARD).reading();
    let counts = |kind: Kind| match kind {
        Kind::Route(resource) => read.writes_kind(resource),
        _ => true,
    };
    let mut all = context.cluster.cache.unlisted(namespace).into_iter();
    all.find(|unlisted| counts(unlisted.kind))
}

/// Says of a Deployment without a Canary that it waits. Answers whether it goes on doing so: one that is held does not wait
/// for ever.
pub fn goes_on_waiting(context: &Context, target: &Value, unlisted: &Unlisted) -> bool {
    let left = HELD_AT_MOST.saturating_sub(unlisted.since.elapsed());
    let held = label(target, labels::MANAGED).is_some();
    if held && left.is_zero() {
        return false;
    }
    if held {
        let scope = Scope::one(text(target, "/metadata/name"));
        context
            .queues
            .passes
            .send_in(left, text(target, "/metadata/namespace"), scope);
    }
    tell(context, target, &waits(unlisted), None);
    true
}

fn waits(unlisted: &Unlisted) -> String {
    format!("Not released as a canary yet: {unlisted}")
}
