//! Which network policies of the namespace, and which objects of other tools, miss primary of a pair that is built, told when
//! it begins to matter.

use crate::controller::{context::Context, queue::key};
use crate::{
    analysis::{Stage, State},
    api::Canary,
    messages::Severity,
    plan::{Selector, enrolment::reach},
};
use serde_json::Value;
use std::sync::Arc;

/// Says what misses primary: when a pair has been built, and when a release begins. It is looked for then, not watched.
pub fn advise(context: &Arc<Context>, canary: &Canary, about: (&Value, &Selector), before: &State, after: &State) {
    let built = before.stage == Stage::Building && after.stage != Stage::Building;
    let begun = before.stage == Stage::Rest && after.stage == Stage::Scaling;
    if !built && !begun {
        return;
    }
    let (context, canary) = (context.clone(), canary.clone());
    let (target, selector) = (about.0.clone(), about.1.clone());
    tokio::spawn(async move {
        let look = async {
            let found = context
                .memory
                .looks
                .look(&context.effects.client, canary.namespace_name())
                .await;
            let Some(found) = found.get() else { return };
            for missed in reach::missed(&target, &selector, &found.policies, &found.others) {
                context
                    .effects
                    .events
                    .record(&canary, Severity::Warning, missed.to_string());
            }
        };
        // Advice that cannot be given is not missed.
        let _ = context
            .caught(&key(&canary), "looking for what misses primary", look)
            .await;
    });
}

#[cfg(test)]
mod tests;
