//! What becomes of a Canary whose target is missing: its Deployment is deleted, or was never there.
//!
//! A generated Canary goes after a while, one that leaves gives back what it can, and one that has no pair says what it misses.
//! Any other stays, and primary serves on. Its run, if the target is deleted in the middle of one, is ended by the stage that it
//! is in: see "no target" in the table of [`crate::analysis`].

use super::{finish, sweep};
use crate::controller::{
    context::Context,
    difference::left_behind,
    effects::apply::write::WriteFailure,
    observe::gather::{followers, selector},
    status::{record, trouble},
    watch::pair::live::Live,
};
use crate::{
    api::{Canary, canary::status::conditions::Trouble},
    plan::{Blueprint, Selector},
};
use jiff::Timestamp;
use serde_json::json;
use std::time::Duration;

/// What becomes of it.
pub enum Absence {
    /// Nothing more is to be done now.
    Over(Option<Duration>),
    /// There is a pair, which is to serve on; what to say of it, and when to look again.
    Lasts(Trouble, Option<Duration>),
}

/// Does what is to be done for a Canary without a target.
///
/// # Errors
/// Those of the API server.
pub async fn without_target(
    context: &Context,
    canary: &Canary,
    (blueprint, live): (&Blueprint, &mut Live),
    leaving: bool,
    now: Timestamp,
) -> Result<Absence, kube::Error> {
    if leaving {
        give_back(context, canary, blueprint, live).await?;
        finish::release(&context.effects.client, canary).await?;
        return Ok(Absence::Over(None));
    }
    let mut again = None;
    if canary.is_generated() {
        again = sweep::sweep(context, canary, now).await?;
        if again.is_none() || !sweep::is_known(canary) {
            return Ok(Absence::Over(again));
        }
    } else if !sweep::is_known(canary) {
        return record::target_missing(context, canary, now).await.map(Absence::Over);
    }
    Ok(Absence::Lasts(trouble::missing(canary), again))
}

// Of the user's Services, which outlive the pair, each selects again what its author means: the next app of that name is
// perhaps none of ours.
async fn give_back(
    context: &Context,
    canary: &Canary,
    blueprint: &Blueprint,
    live: &mut Live,
) -> Result<(), kube::Error> {
    let keys = &context.options.defaults.selector_labels;
    // Where primary is gone too, its Service knows it still.
    let half = live
        .primary_service
        .as_ref()
        .and_then(|half| half.pointer("/spec/selector"));
    let like = half.map(|labels| json!({"spec": {"selector": {"matchLabels": labels}}}));
    let found = selector(live, blueprint, keys).or_else(|_| Selector::of_pair(None, like.as_ref(), keys));
    let Ok(selector) = found else { return Ok(()) };
    let cache = &context.cluster.cache;
    followers(cache, canary.namespace_name(), blueprint, live, &selector);
    for write in left_behind(live, blueprint, &selector) {
        match write.perform(&context.effects.client).await {
            // Nobody's deletion waits for what is never let through.
            Err(error) if WriteFailure::of(&error) == WriteFailure::Refused => {
                tracing::warn!(canary = canary.full_name(), %error, "a Service or route could not be given back");
            }
            other => drop(other?),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
