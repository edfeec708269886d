//! Writes occurrences to the API server, one after the other.

use super::aggregate::{Aggregate, Write};
use super::{COMPONENT, Occurrence, Queue};
use crate::telemetry::exposition::Metrics;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Longest time for one write.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Before the one other attempt after a failure.
const PAUSE: Duration = Duration::from_secs(1);
/// For what still waits at shutdown.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// The only reader of a recorder's queue.
pub struct Writer {
    client: Client,
    queue: Queue,
    metrics: Metrics,
    aggregate: Aggregate,
}

impl Writer {
    /// A writer; does nothing before [`Writer::run`].
    pub fn new(client: Client, queue: Queue, metrics: Metrics) -> Self {
        Self {
            client,
            queue,
            metrics,
            aggregate: Aggregate::default(),
        }
    }

    /// Writes until `shutdown`, and then for a moment what still waits.
    pub async fn run(mut self, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                occurrence = self.queue.recv() => match occurrence {
                    Some(occurrence) => self.write(&occurrence).await,
                    None => return,
                },
                () = shutdown.cancelled() => break,
                () = due(self.aggregate.next_due()) => self.catch_up().await,
            }
        }
        let rest = async {
            self.catch_up().await;
            while let Ok(occurrence) = self.queue.try_recv() {
                self.write(&occurrence).await;
            }
        };
        let _ = tokio::time::timeout(LAST_WORDS, rest).await;
    }

    async fn write(&mut self, occurrence: &Occurrence) {
        for last in [false, true] {
            let error = match self.attempt(occurrence).await {
                Ok(()) => return,
                Err(error) => error,
            };
            self.aggregate.forget(occurrence);
            if last || refused(&error) {
                tracing::debug!("event {:?} not written: {error}", occurrence.message);
                self.metrics.event_dropped();
                return;
            }
            // A repeated Event that is gone is written anew at once.
            if !is(&error, 404) {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    // What the Events of those that say too much show is brought up to date. What cannot be written is the next one's.
    async fn catch_up(&mut self) {
        while let Some(write) = self.aggregate.overdue(Timestamp::now()) {
            if let Err(error) = self.within_time(&write).await {
                tracing::debug!("event not brought up to date: {error}");
                self.metrics.event_dropped();
            }
        }
    }

    async fn attempt(&mut self, occurrence: &Occurrence) -> Result<(), kube::Error> {
        let write = self.aggregate.next(occurrence, Timestamp::now());
        self.within_time(&write).await
    }

    async fn within_time(&self, write: &Write) -> Result<(), kube::Error> {
        let request = send(&self.client, write);
        match tokio::time::timeout(TIMEOUT, request).await {
            Ok(result) => result,
            Err(_) => Err(kube::Error::Service("no answer in time".into())),
        }
    }
}

async fn due(at: Option<Timestamp>) {
    match at {
        Some(at) => {
            let wait = at.duration_since(Timestamp::now());
            tokio::time::sleep(Duration::try_from(wait).unwrap_or_default()).await;
        }
        None => std::future::pending().await,
    }
}

async fn send(client: &Client, write: &Write) -> Result<(), kube::Error> {
    match write {
        Write::Create(event) => {
            let namespace = event.metadata.namespace.as_deref().unwrap_or_default();
            let api: Api<Event> = Api::namespaced(client.clone(), namespace);
            let parameters = PostParams {
                field_manager: Some(COMPONENT.to_owned()),
                ..PostParams::default()
            };
            api.create(&parameters, event).await.map(drop)
        }
        Write::Repeat {
            namespace,
            name,
            count,
            last,
            message,
        } => {
            let api: Api<Event> = Api::namespaced(client.clone(), namespace);
            let last = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(*last);
            let mut patch = serde_json::json!({ "count": count, "lastTimestamp": last });
            if let Some(message) = message {
                json_patch::merge(&mut patch, &serde_json::json!({ "message": message }));
            }
            api.patch_metadata(name, &PatchParams::default(), &Patch::Merge(&patch))
                .await
                .map(drop)
        }
        Write::Nothing => Ok(()),
    }
}

/// Refusals that another attempt cannot help: no right, a namespace on its way out, an invalid object.
fn refused(error: &kube::Error) -> bool {
    [400, 403, 422].into_iter().any(|code| is(error, code))
}

fn is(error: &kube::Error, code: u16) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == code)
}

#[cfg(test)]
mod tests;
