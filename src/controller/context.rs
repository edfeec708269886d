//! What every step shares, by who owns it. A function that needs only one part of it is given that part.

pub mod memory;
mod resolver;

use super::{
    queue::{
        self, Key,
        passes::Passes,
        tasks::{caught, internal_error},
    },
    watch::cluster::Cluster,
};
use crate::{
    messages::Severity,
    orders::Standing,
    outbound::alerts::{self, Receiver},
    outbound::hooks::Caller,
    outbound::{Clients, Egress},
    plan::{Defaults, enrolment::Around},
    telemetry::{Metrics, Recorder},
};
use kube::Client;
use memory::Memory;
use std::{collections::BTreeSet, future::Future, sync::Arc};
use tokio::sync::watch;

/// Shared by all steps.
pub struct Context {
    /// What is known of the cluster, by watches.
    pub cluster: Cluster,
    /// What an admin decided.
    pub options: Options,
    /// The ways out.
    pub effects: Effects,
    /// What is to be done next.
    pub queues: Queues,
    /// What is remembered between steps, and lost with the process.
    pub memory: Arc<Memory>,
}

/// What an admin decided: by flags, and by orders that may change while we work.
pub struct Options {
    /// What was ordered.
    pub standing: watch::Receiver<Standing>,
    /// What flags decide for Canaries.
    pub defaults: Defaults,
    /// `--enable-config-tracking`.
    pub track_configs: bool,
    /// Who is alerted.
    pub alerts: AlertSettings,
    /// Who hears events of Canaries without event hooks; empty for nobody.
    pub event_webhook: String,
    /// Where URLs of users must not lead.
    pub egress: Egress,
}

/// What flags say of alerts.
#[derive(Debug, Clone, Default)]
pub struct AlertSettings {
    /// Hears everything about Canaries that name no AlertProvider.
    pub global: Option<Receiver>,
    /// `-cluster-name`.
    pub cluster: String,
}

/// How others are reached, and how they are told.
pub struct Effects {
    /// The API server.
    pub client: Client,
    /// HTTP clients, of metric providers, hooks and alerts.
    pub http: Arc<Clients>,
    /// What calls hooks.
    pub caller: Caller,
    /// What posts alerts.
    pub alerts: alerts::Sender,
    /// Where Events are recorded.
    pub events: Recorder,
    /// The metrics that Prometheus reads of us.
    pub metrics: Metrics,
}

/// Where more work is asked for.
pub struct Queues {
    /// Steps of Canaries.
    pub steps: queue::Sender,
    /// Passes over Deployments.
    pub passes: Passes,
}

impl Options {
    /// Whether the apps of the namespace are to be given back, whatever its label says.
    pub fn leaves(&self, namespace: &str) -> bool {
        self.standing.borrow().leaves(namespace)
    }
}

impl Context {
    /// Whether Deployments of the namespace are taken in.
    pub fn enrols(&self, namespace: &str) -> bool {
        self.cluster.enabled(namespace) && !self.options.leaves(namespace)
    }

    /// The Deployments there that may be let in, or are to be left alone, once something around them changes.
    pub fn waiting_for(&self, around: Around, namespace: &str) -> BTreeSet<String> {
        let mut waiting = self.memory.deployments.waiting_for(around, namespace);
        waiting.extend(self.cluster.building(namespace));
        waiting
    }

    /// Forgets a Canary that is gone, and ends what is under way for it.
    pub fn forget(&self, key: &Key) {
        let left = self.cluster.index.count(&key.0);
        self.memory.forget(key, (&self.effects.metrics, left));
    }

    /// Does `work` for a Canary. A panic in it is told as an event of that Canary, and is nobody else's.
    ///
    /// # Errors
    /// What a panic said, as a text for people.
    pub async fn caught<T>(&self, key: &Key, what: &str, work: impl Future<Output = T>) -> Result<T, String> {
        caught(work).await.map_err(|why| {
            internal_error(&self.effects.metrics, what, &format!("{}.{}", key.1, key.0), &why);
            let message = format!("Internal error in {what}: {why}. It is tried again; please report it");
            if let Some(canary) = self.cluster.canary(key) {
                self.effects.events.record(&*canary, Severity::Error, &message);
            }
            message
        })
    }
}

#[cfg(test)]
pub mod fake;
