//! Which namespaces we work in: those that opted in, and those that hold a Canary. Only these are watched in full.

use super::{
    cluster::{Cluster, is_enabled},
    concerned,
    informers::cache::{self, Cache, Change, Kind},
};
use crate::controller::queue::{
    Sender as Steps, key,
    tasks::{caught, internal_error},
};
use crate::{
    api::{Canary, labels},
    object::label,
    telemetry::Metrics,
};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Client, ResourceExt, runtime::reflector::Store};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::mpsc::Sender, task::AbortHandle};

/// The watches that run, by namespace.
pub struct Watches {
    client: Client,
    cache: Arc<Cache>,
    changes: Sender<Change>,
    running: HashMap<String, HashMap<Kind, AbortHandle>>,
    configs: bool,
    metrics: Metrics,
}

/// Before a watch that ended in an internal error begins anew.
const AFTER_A_PANIC: Duration = Duration::from_secs(5);

impl Watches {
    /// No watch yet. `configs` says that ConfigMaps and Secrets are tracked; they are not even read otherwise.
    pub fn new(
        (client, metrics): (Client, Metrics),
        cache: Arc<Cache>,
        changes: Sender<Change>,
        configs: bool,
    ) -> Self {
        Self {
            client,
            cache,
            changes,
            running: HashMap::new(),
            configs,
            metrics,
        }
    }

    /// Whether a namespace is watched.
    pub fn has(&self, namespace: &str) -> bool {
        self.running.contains_key(namespace)
    }

    /// Starts the watches of namespaces that are to be worked in and stops the others. Answers which those are. A namespace
    /// goes on being worked in while something there is held: who gives that back has to see it.
    #[must_use = "what is remembered of a namespace goes with its watches"]
    pub fn follow(&mut self, cluster: &Cluster) -> Vec<String> {
        let wanted = wanted(&cluster.namespaces, &cluster.canaries);
        let gone: Vec<String> = self
            .running
            .keys()
            .filter(|ns| !wanted.contains(*ns) && !holds_any(cluster, ns))
            .cloned()
            .collect();
        for namespace in &gone {
            self.running
                .remove(namespace)
                .iter()
                .flat_map(HashMap::values)
                .for_each(AbortHandle::abort);
            self.cache.forget(namespace);
        }
        let mut kinds = cluster.served.kinds();
        kinds.retain(|kind| self.configs || !kind.is_config());
        for namespace in wanted {
            self.watch(namespace, &kinds);
        }
        gone
    }

    fn watch(&mut self, namespace: String, kinds: &[Kind]) {
        let mut running = self.running.remove(&namespace).unwrap_or_default();
        if running.len() != kinds.len() || !kinds.iter().all(|kind| running.contains_key(kind)) {
            self.cache.expect(&namespace, kinds);
            running.retain(|kind, watch| {
                let stays = kinds.contains(kind);
                if !stays {
                    watch.abort();
                }
                stays
            });
            for kind in kinds {
                running.entry(*kind).or_insert_with(|| self.start(*kind, &namespace));
            }
        }
        self.running.insert(namespace, running);
    }

    fn start(&self, kind: Kind, namespace: &str) -> AbortHandle {
        let (client, cache, changes) = (self.client.clone(), self.cache.clone(), self.changes.clone());
        let (metrics, namespace) = (self.metrics.clone(), namespace.to_owned());
        let watch = async move {
            loop {
                let watch = cache::watch(client.clone(), cache.clone(), kind, namespace.clone(), changes.clone());
                match caught(watch).await {
                    Ok(()) => return,
                    Err(why) => internal_error(&metrics, &format!("watching {kind:?}"), &namespace, &why),
                }
                tokio::time::sleep(AFTER_A_PANIC).await;
            }
        };
        tokio::spawn(watch).abort_handle()
    }
}

fn wanted(namespaces: &Store<Namespace>, canaries: &Store<Canary>) -> BTreeSet<String> {
    let enabled = namespaces
        .state()
        .into_iter()
        .filter(|ns| is_enabled(ns))
        .map(|ns| ns.name_any());
    let holding = canaries
        .state()
        .into_iter()
        .map(|canary| canary.namespace_name().to_owned());
    enabled.chain(holding).collect()
}

// A namespace of which no Canary is left may have been left while an app of it was held.
fn holds_any(cluster: &Cluster, namespace: &str) -> bool {
    let held = |kind| {
        let mut all = cluster.cache.list(kind, namespace);
        all.any(|target| label(&target, labels::MANAGED).is_some())
    };
    [Kind::Deployment, Kind::DaemonSet].into_iter().any(held)
}

/// Asks for the steps a change is a reason for.
pub fn tell(cluster: &Cluster, steps: &Steps, change: &Change) {
    let name = change
        .object
        .pointer("/metadata/name")
        .and_then(serde_json::Value::as_str);
    match name {
        Some(name) => {
            for canary in concerned::canaries(cluster, change, name) {
                steps.send((change.namespace.clone(), canary));
            }
        }
        // The end of a list: the namespace may be complete now.
        None => cluster
            .canaries_of(&change.namespace)
            .iter()
            .for_each(|canary| steps.send(key(canary))),
    }
}

#[cfg(test)]
mod tests;
