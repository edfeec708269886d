//! Who hears of which change: what a watch tells is a reason for steps, for passes, or for other watches.

use super::cluster_change::{ChangeReceiver, ClusterChange};
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
        concerned::governed,
        informers::cache::{Change, Kind},
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

/// Changes that are heard one right after the other; then others that share the thread have their turn.
const AT_ONCE: usize = 64;

type Labels = Option<BTreeMap<String, String>>;

// What is to be done once for all changes that were taken together.
#[derive(Default)]
struct Due {
    // Other namespaces or kinds may be watched from now on.
    follow: bool,
    // Other kinds are: a namespace may be complete without any of them being listed.
    kinds: bool,
    // Namespaces have other labels, by which policies there may have a say over apps of others, or none any more.
    labels: bool,
    // Whom many templates concern is looked for once.
    templates: HashSet<Key>,
}

/// The wiring, and what it has heard.
pub struct Wiring {
    context: Arc<Context>,
    watches: Watches,
    // The namespaces there are, and whether they opted in.
    known: HashMap<String, bool>,
    // The labels of each, and its policy.
    said: HashMap<String, Option<(Labels, Option<String>)>>,
    due: Due,
}

impl Wiring {
    /// A wiring that has heard nothing.
    pub fn new(context: Arc<Context>, watches: Watches) -> Self {
        Self {
            context,
            watches,
            known: HashMap::new(),
            said: HashMap::new(),
            due: Due::default(),
        }
    }

    /// Passes on what is sent until nothing is any more.
    pub async fn run(mut self, mut receiver: ChangeReceiver, mut changed: Receiver<Change>) {
        self.follow();
        loop {
            tokio::select! {
                Some(()) = receiver.woken() => self.hear_all(receiver.take()).await,
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

    async fn hear_all(&mut self, all: impl IntoIterator<Item = ClusterChange>) {
        for (heard, change) in all.into_iter().enumerate() {
            if heard % AT_ONCE == AT_ONCE - 1 {
                tokio::task::yield_now().await;
            }
            self.guarded(|wiring| wiring.hear(change));
        }
        self.settle();
    }

    // What follows from all that was heard. Whoever is to be looked at by other watches comes after them.
    fn settle(&mut self) {
        let due = std::mem::take(&mut self.due);
        if due.follow {
            self.guarded(Self::follow);
        }
        if due.kinds {
            self.guarded(|wiring| wiring.pass_watched());
        }
        if due.labels {
            self.guarded(|wiring| wiring.pass_waiting_anywhere(Around::NetworkPolicy));
        }
        if !due.templates.is_empty() {
            self.guarded(|wiring| wiring.hear_of_templates(&due.templates));
        }
    }

    fn hear(&mut self, change: ClusterChange) {
        match change {
            ClusterChange::Canary(key) => self.hear_of_a_canary(key),
            ClusterChange::Namespace(namespace) => self.hear_of_a_namespace(&namespace),
            ClusterChange::Policy(policy) => {
                let all = self.known.keys();
                all.for_each(|namespace| self.look_at_governed(&policy, namespace));
            }
            ClusterChange::Template(template) => {
                self.due.templates.insert(template);
            }
            ClusterChange::Claim(namespace) => self.hear_of_a_claim(&namespace),
            ClusterChange::NetworkPolicy(namespace) => self.hear_of_a_network_policy(namespace.as_deref()),
            ClusterChange::Elsewhere(namespace) => {
                if self.known.get(&namespace) == Some(&true) {
                    self.pass(&namespace, Scope::All);
                }
            }
            ClusterChange::Kinds => (self.due.follow, self.due.kinds) = (true, true),
            ClusterChange::Orders => {
                self.step_all();
                self.known.keys().for_each(|namespace| self.pass(namespace, Scope::All));
            }
        }
    }

    fn hear_of(&mut self, change: &Change) {
        let context = &self.context;
        if let Some(scope) = enrol::scope(context, change) {
            self.pass(&change.namespace, scope);
        }
        namespaces::tell(&context.cluster, &context.queues.steps, change);
        // What is followed only for what was held there is let go of with it.
        let ours = self.known.get(&change.namespace) == Some(&true);
        let workload = matches!(change.kind, Kind::Deployment | Kind::DaemonSet);
        if workload && !ours && context.cluster.canaries_of(&change.namespace).is_empty() {
            self.follow();
        }
    }

    fn hear_of_a_canary(&mut self, key: Key) {
        let canary = self.context.cluster.canary(&key);
        self.context.cluster.index.learn(&key, canary.as_deref());
        self.due.follow |= canary.is_none() || !self.watches.has(&key.0);
        // A deleted Canary no longer says which Deployment it had, so look at all of the namespace.
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
        self.due.follow |= before != Some(enabled);
        // Its policy, and what NetworkPolicies know it by.
        let found = self.context.cluster.namespaces.get(&ObjectRef::new(namespace));
        let policy = |all: &BTreeMap<String, String>| all.get(labels::POLICY).cloned();
        let says = found.as_ref().map(|found| {
            let metadata = &found.metadata;
            (metadata.labels.clone(), metadata.annotations.as_ref().and_then(policy))
        });
        let other = self.said.insert(namespace.to_owned(), says.clone()) != Some(says);
        self.due.labels |= other;
        if before != Some(enabled) || other && enabled {
            self.pass(namespace, Scope::All);
            self.step_all_of(namespace);
        }
        // Whoever waits for pods there waits for nothing any more.
        if self.context.cluster.terminating(namespace) {
            self.step_all_of(namespace);
        }
        if found.is_none() {
            self.due.follow |= self.watches.has(namespace);
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
            None => self.pass_waiting_anywhere(Around::NetworkPolicy),
        }
    }

    fn pass_waiting_anywhere(&self, around: Around) {
        let all = self.known.keys();
        all.for_each(|namespace| self.pass_waiting(around, namespace));
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

    fn pass_watched(&self) {
        let watched = self.known.keys().filter(|namespace| self.watches.has(namespace));
        watched.for_each(|namespace| self.pass(namespace, Scope::All));
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
