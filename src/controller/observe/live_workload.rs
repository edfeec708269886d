//! One half of a pair, as the kind of its workload shows it: how many pods, of which revision, how far. Pure.

use super::readiness;
use crate::controller::watch::pair::live::Live;
use crate::object::{label, text};
use crate::{
    analysis::Rollout,
    api::labels,
    plan::{
        Workload,
        revision::{hash, template_of},
        workload::{revisions, template},
    },
};
use serde_json::Value;

/// The target or primary.
#[derive(Debug, Clone, Copy)]
pub struct LiveWorkload<'a> {
    /// What it is.
    pub workload: Workload,
    /// The object as the cache has it.
    pub object: &'a Value,
    /// The pair it belongs to.
    pub live: &'a Live,
}

impl<'a> LiveWorkload<'a> {
    /// How many pods are asked for; of a DaemonSet, on how many nodes (at least one while it is not kept at zero).
    pub fn replicas(&self) -> u32 {
        let number = |pointer| self.object.pointer(pointer).and_then(Value::as_u64);
        let number = |pointer| number(pointer).and_then(|n| u32::try_from(n).ok());
        match self.workload {
            Workload::Deployment => number("/spec/replicas").unwrap_or(1),
            Workload::DaemonSet if template::is_scaled_to_zero(self.object) => 0,
            Workload::DaemonSet => number("/status/desiredNumberScheduled").unwrap_or(0).max(1),
            Workload::Service | Workload::Route(_) => 1,
        }
    }

    /// Whether it has a pod, of whatever revision and however ready, or is to have none.
    pub fn has_pods(&self) -> bool {
        match self.workload {
            // Where much is to be done, a ReplicaSet's status is ahead of its Deployment's.
            Workload::Deployment => {
                let has_some = |object: &Value| count(object, "/status/replicas") > 0;
                let sets = || self.live.revisions_of(self.object).any(has_some);
                self.replicas() == 0 || has_some(self.object) || sets()
            }
            Workload::DaemonSet => {
                count(self.object, "/status/desiredNumberScheduled") == 0
                    || count(self.object, "/status/currentNumberScheduled") > 0
            }
            Workload::Service | Workload::Route(_) => true,
        }
    }

    /// Whether it keeps the pods it has although its template is another: we hold it.
    pub fn is_held(&self) -> bool {
        label(self.object, labels::HELD).is_some()
    }

    /// The revision of its template; of what is its own route the newest that was made.
    pub fn revision(&self) -> String {
        if let Some(own) = self.workload.own_route() {
            let newest = own.newest(self.object).or(own.primary(self.object));
            return newest.map(revisions::revision).unwrap_or_default();
        }
        self.live.revision(self.object).unwrap_or_default()
    }

    /// The revision whose pods run; `None` with no pods, or while two revisions run.
    pub fn active(&self) -> Option<String> {
        match self.workload {
            Workload::Deployment => match self.running_sets().as_slice() {
                [one] => self.live.revision(one),
                _ => None,
            },
            // No ControllerRevision tells of its pods: the webhook has written down what runs while it holds.
            Workload::DaemonSet if self.is_held() => {
                let held = label(self.object, labels::HELD).filter(|held| hash::is_current(held))?;
                let is_it = |stored: &&Value| self.hashes_to(stored, held);
                let stored = self.live.revisions_of(self.object).find(is_it);
                stored.map_or_else(|| Some(held.to_owned()), |stored| self.live.revision(stored))
            }
            Workload::DaemonSet => {
                let updated = self.replicas() > 0 && readiness::daemon_set(self.object, 0).is_ready();
                updated.then(|| self.revision())
            }
            Workload::Service => Some(self.revision()),
            Workload::Route(own) => own.ready(self.object).map(revisions::revision),
        }
    }

    /// The rollout of its template, or of the running one while it is held. `threshold` in percent.
    pub fn rollout(&self, threshold: u32) -> Rollout {
        match self.workload {
            Workload::Deployment => match (self.is_held(), self.running_sets().as_slice()) {
                (true, [one]) => readiness::replica_set(one, threshold),
                (true, _) => Rollout::Waiting(String::from("two revisions run")),
                _ => readiness::rollout(self.object, threshold),
            },
            Workload::DaemonSet if template::is_scaled_to_zero(self.object) => Rollout::Ready,
            Workload::DaemonSet if self.is_held() => readiness::held_daemon_set(self.object, threshold),
            Workload::DaemonSet => readiness::daemon_set(self.object, threshold),
            Workload::Service => Rollout::Ready,
            Workload::Route(own) => own.unready(self.object).map_or(Rollout::Ready, Rollout::Waiting),
        }
    }

    /// Ready endpoints of `service` that are pods of `revision`.
    ///
    /// A slice may lag and still show pods of the revision before. The pods of a Deployment's revision are told by
    /// their ReplicaSet; those of a DaemonSet are replaced one for one, and its rollout counts them.
    pub fn endpoints(&self, service: &str, revision: Option<&str>) -> u32 {
        let owner = match self.workload {
            Workload::Deployment => self.set_of(revision),
            Workload::DaemonSet => Some(text(self.object, "/metadata/name")),
            Workload::Service | Workload::Route(_) => None,
        };
        owner.map_or(0, |owner| self.live.endpoints(service, owner))
    }

    fn running_sets(&self) -> Vec<&'a Value> {
        let has_pods = |set: &&Value| count(set, "/spec/replicas").max(count(set, "/status/replicas")) > 0;
        self.live.revisions_of(self.object).filter(has_pods).collect()
    }

    /// The name of the ReplicaSet of a revision. One revision may have several sets, for other nodes each time: the one
    /// with pods, or the one of this template.
    pub fn set_of(&self, revision: Option<&str>) -> Option<&'a str> {
        let hash = template_of(revision?);
        let is_it = |set: &&Value| self.hashes_to(set, hash);
        let name = |set: &'a Value| set.pointer("/metadata/name").and_then(Value::as_str);
        let running = self.running_sets().into_iter().filter(is_it);
        running
            .chain(self.live.revisions_of(self.object).filter(is_it))
            .find_map(name)
    }

    fn hashes_to(&self, stored: &Value, hash: &str) -> bool {
        self.live.authored(stored).is_some_and(|one| one.hash == hash)
    }
}

fn count(object: &Value, pointer: &str) -> u64 {
    object.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}
