//! Who hears of which change: what a watch tells is a reason for steps, for passes, or for other watches.

use super::told::{Tellings, Told};
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
        governed,
        namespaces::{self, Watches},
    },
};
use crate::plan::enrolment::Around;
use kube::{ResourceExt, runtime::reflector::ObjectRef};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::mpsc::Receiver, time::Instant};

/// How long the Deployments that live in a namespace are left alone after its label: longer than `kubectl apply` takes
/// from its look whether a Canary exists to its creation.
const ADOPTION_GRACE: Duration = Duration::from_secs(1);

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
    pub async fn run(mut self, mut tellings: Tellings, mut changed: Receiver<Change>) {
        self.follow();
        loop {
            tokio::select! {
                Some(()) = tellings.woken() => self.hear_all(tellings.take()),
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

    // Templates are heard of at once: whom many of them concern is looked for once.
    fn hear_all(&mut self, all: impl IntoIterator<Item = Told>) {
        let mut templates = HashSet::new();
        for told in all {
            match told {
                Told::Template(template) => {
                    templates.insert(template);
                }
                told => self.guarded(|wiring| wiring.hear(told)),
            }
        }
        if !templates.is_empty() {
            self.guarded(|wiring| wiring.hear_of_templates(&templates));
        }
    }

    fn hear(&mut self, told: Told) {
        match told {
            Told::Canary(key) => self.hear_of_a_canary(key),
            Told::Namespace(namespace) => self.hear_of_a_namespace(&namespace),
            Told::Policy(policy) => {
                let all = self.known.keys();
                all.for_each(|namespace| self.look_at_governed(&policy, namespace));
            }
            Told::Template(template) => self.hear_of_templates(&HashSet::from([template])),
            Told::Claim(namespace) => self.hear_of_a_claim(&namespace),
            Told::NetworkPolicy(namespace) => self.hear_of_a_network_policy(namespace.as_deref()),
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

    fn hear_of_a_claim(&self, namespace: &str) {
        let (context, steps) = (&self.context, &self.context.queues.steps);
        let waiting = context.cluster.waiting_for_surroundings(namespace);
        waiting.for_each(|key| steps.send(key));
        self.pass_waiting(Around::Claim, namespace);
    }

    // No step asks for one.
    fn hear_of_a_network_policy(&self, namespace: Option<&str>) {
        self.context.cluster.network_policies.changed();
        match namespace {
            Some(namespace) => self.pass_waiting(Around::NetworkPolicy, namespace),
            None => {
                let all = self.known.keys();
                all.for_each(|namespace| self.pass_waiting(Around::NetworkPolicy, namespace));
            }
        }
    }

    // Looks again at those whom a change around them may let in, or keep out.
    fn pass_waiting(&self, around: Around, namespace: &str) {
        if self.known.get(namespace) != Some(&true) {
            return;
        }
        let waiting = Scope::Some(self.context.waiting_for(around, namespace));
        if !waiting.is_nothing() {
            self.pass(namespace, waiting);
        }
    }

    // Those whose own metrics ask one of them, and whom a policy whose metrics do may govern.
    fn hear_of_templates(&self, templates: &HashSet<Key>) {
        let cluster = &self.context.cluster;
        for canary in cluster.canaries.state() {
            if governed::asks(canary.analysis(), canary.namespace_name(), templates) {
                self.context.queues.steps.send(key(&canary));
            }
        }
        for policy in cluster.policies.state() {
            let Some(analysis) = &policy.spec.analysis else {
                continue;
            };
            let all = self.known.keys();
            let asking = all.filter(|namespace| governed::asks(analysis, namespace, templates));
            asking.for_each(|namespace| self.look_at_governed(&policy.name_any(), namespace));
        }
    }

    // Looks again at whom of a namespace the policy of that name may govern.
    fn look_at_governed(&self, policy: &str, namespace: &str) {
        let governed = governed::by(&self.context.cluster, policy, namespace);
        let steps = &self.context.queues.steps;
        governed.canaries.into_iter().for_each(|key| steps.send(key));
        if self.known.get(namespace) == Some(&true) && !governed.deployments.is_nothing() {
            self.pass(namespace, governed.deployments);
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
