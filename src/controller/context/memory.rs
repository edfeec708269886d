//! What is remembered between steps, and lost with the process: of every Canary in one place, which goes with it, and of
//! Deployments and namespaces.

pub mod check;
pub mod definition;
pub mod deployments;
pub mod failures;
pub mod gauges;
pub mod labelled;
pub mod listening;
pub mod outbox;
pub mod passing;
pub mod primary;
pub mod questions;
pub mod repeats;
pub mod timers;
pub mod written;

use crate::{
    api::Canary,
    controller::{
        observe::{beside::Looks, bypassed::Look},
        queue::Key,
    },
    outbound::alerts::Alert,
    routing::Model,
    telemetry::Metrics,
};
use check::CheckRun;
use definition::Definition;
use deployments::Deployments;
use failures::Failures;
use gauges::Gauges;
use jiff::Timestamp;
use labelled::Labelled;
use listening::{Listening, Message};
use outbox::{Budget, Outboxes};
use parking_lot::Mutex;
use primary::Primary;
use questions::Questions;
use repeats::Repeats;
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};
use timers::Timers;
use tokio::time::Instant;
use written::Written;

/// What is remembered.
#[derive(Debug, Default)]
pub struct Memory {
    // Nothing is awaited while this is held: it is lent to closures only.
    canaries: Mutex<HashMap<Key, OfCanary>>,
    /// Bytes of events that wait, of all Canaries.
    pub waiting_events: Budget,
    /// Bytes of alerts that wait, of all Canaries.
    pub waiting_alerts: Budget,
    /// Which gauges are shown of which Canary.
    pub gauges: Gauges,
    /// The cluster's definition of Canaries.
    pub definition: Definition,
    /// Deployments without a Canary.
    pub deployments: Deployments,
    /// Namespaces that were just labelled.
    pub labelled: Labelled,
    /// What else lives in the namespaces of Canaries.
    pub looks: Looks,
}

/// What is remembered of one Canary. It goes as a whole, so nothing that is added here can stay behind.
#[derive(Debug, Default)]
pub struct OfCanary {
    /// The check that runs, or whose answer waits for its step.
    pub check: Option<CheckRun>,
    /// Hooks that are being asked, and what they answered.
    pub questions: Questions,
    /// What was written of it and of its objects.
    pub written: Written,
    /// Patches that are asked for again and again.
    pub repeats: Repeats,
    /// Errors of its steps that keep coming.
    pub failures: Failures,
    /// What need not be recorded of waits.
    pub timers: Timers,
    /// What of it is too large, if anything is, and of which edition of it that was found.
    pub excess: Option<(Option<Edition>, Option<String>)>,
    /// What its primary was made.
    pub primary: Primary,
    /// Whose pods those with long names are.
    pub pods: BTreeMap<String, String>,
    /// Since when its target is missed.
    pub missed: Option<Timestamp>,
    /// The objects that were looked up for their settings, and when; `None` is one that is not there.
    pub models: BTreeMap<Model, (Instant, Option<Value>)>,
    /// Whether its routes were passed over when that was looked for last, in the run that goes on.
    pub bypassed: Option<Look>,
    /// What was said last of Services that it cannot share.
    pub shared: Option<String>,
    /// What was said last of the guard rails that it exceeds.
    pub bounds: Option<String>,
    /// What was said last of a host for which no route is made.
    pub unrouted: Option<String>,
    /// What was said last of a gateway that takes no route of its app.
    pub shut_out: Option<String>,
    /// Its event hooks, once something was heard of it.
    pub listening: Listening,
    /// Events on their way to them.
    pub events: Outboxes<(), Message>,
    /// Alerts on their way, by provider: one that hangs holds up no other.
    pub alerts: Outboxes<String, Arc<Alert>>,
}

/// What a Canary says: another spec is another edition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edition {
    uid: String,
    generation: i64,
}

impl Edition {
    /// That of a Canary which the API server has stored.
    pub fn of(canary: &Canary) -> Option<Self> {
        Some(Self {
            uid: canary.metadata.uid.clone()?,
            generation: canary.metadata.generation?,
        })
    }
}

impl Memory {
    /// What is remembered of a Canary, lent to `look`, which must not ask the memory for anything else.
    pub fn of<T>(&self, key: &Key, look: impl FnOnce(&mut OfCanary) -> T) -> T {
        let mut all = self.canaries.lock();
        match all.get_mut(key) {
            Some(known) => look(known),
            None => look(all.entry(key.clone()).or_default()),
        }
    }

    /// The same for what ends beside the steps, perhaps after its Canary: `None` when nothing is remembered of it.
    pub fn of_known<T>(&self, key: &Key, look: impl FnOnce(&mut OfCanary) -> T) -> Option<T> {
        self.canaries.lock().get_mut(key).map(look)
    }

    /// Forgets a Canary that is gone, and ends what is under way for it. `left` are the Canaries of its namespace.
    pub fn forget(&self, key: &Key, (metrics, left): (&Metrics, usize)) {
        // Whoever adds a field says here whether it is kept by Canary.
        let Self {
            canaries,
            waiting_events: _,
            waiting_alerts: _,
            gauges,
            definition: _,
            deployments: _,
            labelled: _,
            looks,
        } = self;
        let gone = canaries.lock().remove(key);
        gone.unwrap_or_default().end();
        looks.forget();
        gauges.forget(metrics, key, left);
    }

    /// Forgets a namespace that is not worked in any more.
    pub fn forget_namespace(&self, namespace: &str) {
        let Self {
            canaries: _,
            waiting_events: _,
            waiting_alerts: _,
            gauges: _,
            definition: _,
            deployments,
            labelled,
            looks,
        } = self;
        deployments.forget_if(namespace, |_| true);
        labelled.forget(namespace);
        looks.forget();
    }
}

// Whoever works ends, at a shutdown say: what is being told is told for as long as the process lasts.
impl Drop for Memory {
    fn drop(&mut self) {
        self.canaries.get_mut().drain().for_each(|(_, canary)| canary.end());
    }
}

impl OfCanary {
    // What is being told has a while to be told to the end; what else runs ends by being dropped.
    fn end(mut self) {
        self.events.linger();
        self.alerts.linger();
    }
}

#[cfg(test)]
mod tests;
