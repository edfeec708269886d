//! Who hears of which change: what a watch tells is a reason for steps, for passes, or for other watches.

use crate::api::labels;
use crate::controller::{
    context::Context,
    lifecycle::enrol,
    queue::{
        Key, key,
        passes::Scope,
        tasks::{caught_now, internal_error},
    },
    watch::{
        cache::Change,
        namespaces::{self, Watches},
    },
};
use kube::runtime::reflector::ObjectRef;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::mpsc::{Receiver, UnboundedReceiver},
    time::Instant,
};

/// How long the Deployments that live in a namespace are left alone after its label: longer than `kubectl apply` takes
/// from its look whether a Canary exists to its creation.
const ADOPTION_GRACE: Duration = Duration::from_secs(1);

/// What a cluster-wide watch tells the wiring.
#[derive(Debug, Clone)]
pub enum Told {
    /// A Canary changed.
    Canary(Key),
    /// A namespace changed.
    Namespace(String),
    /// A policy or a template changed.
    Policy,
    /// What may keep apps of that namespace, or of any, from being paired.
    Surroundings(String),
    /// Other kinds are served.
    Kinds,
    /// An admin ordered something.
    Orders,
    /// Routes lead into this namespace otherwise than before.
    Elsewhere(String),
}

type Labels = Option<BTreeMap<String, String>>;

/// The wiring, and what it has heard.
pub struct Wiring {
    context: Arc<Context>,
    watches: Watches,
    // The namespaces there are, and whether they opted in.
    known: HashMap<String, bool>,
    // The labels of each, and its policy.
    said: HashMap<String, Option<(Labels, Option<String>)>>,
}

impl Wiring {
    /// A wiring that has heard nothing.
    pub fn new(context: Arc<Context>, watches: Watches) -> Self {
        Self {
            context,
            watches,
            known: HashMap::new(),
            said: HashMap::new(),
        }
    }

    /// Passes on what is told until nothing is any more.
    pub async fn run(mut self, mut tellings: UnboundedReceiver<Told>, mut changed: Receiver<Change>) {
        self.follow();
        loop {
            tokio::select! {
                Some(told) = tellings.recv() => self.guarded(|wiring| wiring.hear(told)),
                Some(change) = changed.recv() => self.guarded(|wiring| wiring.hear_of(&change)),
                else => return,
            }
        }
    }

    // One object that cannot be dealt with keeps nobody else's from it.
    fn guarded(&mut self, work: impl FnOnce(&mut Self)) {
        if let Err(why) = caught_now(|| work(self)) {
            internal_error(&self.context.effects.metrics, "wiring", "", &why);
        }
    }

    fn hear(&mut self, told: Told) {
        match told {
            Told::Canary(key) => self.hear_of_a_canary(key),
            Told::Namespace(namespace) => self.hear_of_a_namespace(&namespace),
            Told::Surroundings(namespace) => self.hear_of_surroundings(&namespace),
            Told::Elsewhere(namespace) => {
                if self.known.get(&namespace) == Some(&true) {
                    self.pass(&namespace, Scope::All);
                }
            }
            Told::Kinds => self.follow(),
            Told::Orders => {
                self.step_all();
                self.known.keys().for_each(|namespace| self.pass(namespace, Scope::All));
            }
            Told::Policy => {
                self.step_all();
                let enabled = self.known.iter().filter(|(_, enabled)| **enabled);
                enabled.for_each(|(namespace, _)| self.pass(namespace, Scope::All));
            }
        }
    }

    fn hear_of(&self, change: &Change) {
        let context = &self.context;
        if let Some(scope) = enrol::scope(context, change) {
            self.pass(&change.namespace, scope);
        }
        namespaces::tell(&context.cluster, &context.queues.steps, change);
    }

    fn hear_of_a_canary(&mut self, key: Key) {
        let canary = self.context.cluster.canary(&key);
        self.context.cluster.index.learn(&key, canary.as_deref());
        if canary.is_none() || !self.watches.has(&key.0) {
            self.follow();
        }
        // Whose Deployment is free again, a Canary that is gone does not tell.
        let scope = canary.map_or(Scope::All, |canary| Scope::one(canary.target_name()));
        self.pass(&key.0, scope);
        self.context.queues.steps.send(key);
    }

    fn hear_of_a_namespace(&mut self, namespace: &str) {
        let enabled = self.context.cluster.enabled(namespace);
        let before = self.known.insert(namespace.to_owned(), enabled);
        // Before the pass, which adopts at once otherwise.
        if before == Some(false) && enabled {
            self.adopt_soon(namespace);
        }
        if before != Some(enabled) {
            self.follow();
        }
        // Its policy, and what NetworkPolicies know it by.
        let found = self.context.cluster.namespaces.get(&ObjectRef::new(namespace));
        let policy = |all: &BTreeMap<String, String>| all.get(labels::POLICY).cloned();
        let says = found.as_ref().map(|found| {
            let metadata = &found.metadata;
            (metadata.labels.clone(), metadata.annotations.as_ref().and_then(policy))
        });
        let other = self.said.insert(namespace.to_owned(), says.clone()) != Some(says);
        if before != Some(enabled) || other && enabled {
            self.pass(namespace, Scope::All);
            self.step_all_of(namespace);
        }
        // Whoever waits for pods there waits for nothing any more.
        if self.context.cluster.terminating(namespace) {
            self.step_all_of(namespace);
        }
        if found.is_none() {
            self.known.remove(namespace);
            self.said.remove(namespace);
        }
    }

    fn hear_of_surroundings(&self, namespace: &str) {
        let (context, steps) = (&self.context, &self.context.queues.steps);
        context
            .cluster
            .waiting_for_surroundings(namespace)
            .for_each(|key| steps.send(key));
        let concerned = |name: &str| namespace.is_empty() || namespace == name;
        let all = self.known.iter().filter(|(name, enabled)| **enabled && concerned(name));
        for (name, _) in all.filter(|(name, _)| context.waits_for_surroundings(name)) {
            self.pass(name, Scope::All);
        }
    }

    // Watches what is to be watched by now. What is remembered of a namespace goes with its watches.
    fn follow(&mut self) {
        for gone in self.watches.follow(&self.context.cluster) {
            self.context.memory.forget_namespace(&gone);
        }
    }

    fn pass(&self, namespace: &str, scope: Scope) {
        self.context.queues.passes.send(namespace, scope);
    }

    fn step_all(&self) {
        for canary in self.context.cluster.canaries.state() {
            self.context.queues.steps.send(key(&canary));
        }
    }

    fn step_all_of(&self, namespace: &str) {
        for canary in self.context.cluster.canaries_of(namespace) {
            self.context.queues.steps.send(key(&canary));
        }
    }

    // Canaries that are applied right after the label are in their author's words: one of ours would be in their way.
    fn adopt_soon(&self, namespace: &str) {
        let until = Instant::now() + ADOPTION_GRACE;
        self.context.memory.labelled.note(namespace, until);
        let passes = &self.context.queues.passes;
        passes.send_in(ADOPTION_GRACE, namespace, Scope::All);
    }
}

#[cfg(test)]
mod tests;
