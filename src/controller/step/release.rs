//! Whose step it is, and by what record of it.

use crate::controller::{
    context::Context,
    queue::Key,
    status::{self, exposition},
};
use crate::{analysis::State, api::Canary};
use jiff::Timestamp;
use std::sync::Arc;

/// A Canary in one step.
pub struct Release {
    /// Its key.
    pub key: Key,
    /// The Canary, as its policy completes it.
    pub canary: Arc<Canary>,
    /// What its status records.
    pub recorded: State,
    /// Whether its app is to be given back.
    pub leaving: bool,
    /// When the step began, as a status would keep it.
    pub now: Timestamp,
}

impl Release {
    /// That of a Canary, from now on.
    pub fn of(context: &Context, key: &Key, canary: Arc<Canary>) -> Self {
        let now = as_stored(Timestamp::now());
        let default_provider = &context.options.defaults.provider;
        let canary = context.cluster.completed(canary, default_provider);
        let recorded = status::state(&canary, now);
        exposition::show_first(context, &canary, &recorded);
        Self {
            key: key.clone(),
            leaving: is_leaving(&canary) || context.options.leaves(&key.0),
            canary,
            recorded,
            now,
        }
    }
}

/// Whether it is being deleted.
pub fn is_leaving(canary: &Canary) -> bool {
    canary.metadata.deletion_timestamp.is_some()
}

// The status keeps microseconds: an instant that is recorded and one that is compared with it must be the same, or a
// question would be asked twice.
fn as_stored(instant: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(instant.as_microsecond()).unwrap_or(instant)
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

    #[test]
    fn an_instant_survives_the_status() {
        let instant = as_stored("2026-11-26T05:27:28.953582417Z".parse().unwrap());
        let stored = serde_json::to_value(MicroTime(instant)).unwrap();
        let read: MicroTime = serde_json::from_value(stored).unwrap();
        assert_eq!(read.0, instant);
    }
}
