//! Primary: made from a revision of the target, and resized.

use super::{Conflict, Pair};
use crate::{
    analysis::{PrimaryTemplate, World},
    controller::{live::text, write::Write},
    plan::{Workload, copies, primary},
};
use serde_json::json;

impl Pair<'_> {
    pub(super) fn primary(&self, world: &World, writes: &mut Vec<Write>, conflicts: &mut Vec<Conflict>) {
        let (Some(wish), Some(target)) = (&world.primary, &self.live.target) else {
            return self.resized(world, writes);
        };
        let live = self.seen.primary.as_ref();
        let revision = match (wish, live) {
            (PrimaryTemplate::Keep, Some(_)) => return self.resized(world, writes),
            (PrimaryTemplate::Revision(hash), Some(primary)) if primary.revision.as_ref() == Some(hash) => {
                return self.resized(world, writes);
            }
            (PrimaryTemplate::Keep, None) => match self.seen.promoted.clone() {
                Some(hash) => hash,
                None => return,
            },
            (PrimaryTemplate::Revision(hash), _) => hash.clone(),
        };
        if let Some(object) = self.live.primary.as_ref().filter(|object| !self.is_ours(object)) {
            conflicts.push(Conflict::Name(
                self.blueprint.workload.kind(),
                text(object, "/metadata/name").to_owned(),
            ));
            return;
        }
        let again = *wish == PrimaryTemplate::Keep;
        let Some(template) = self.with_copies(&revision, again, writes, conflicts) else {
            return;
        };
        let replicas = world
            .primary_replicas
            .or(live.map(|p| p.replicas))
            .unwrap_or_else(|| self.wanted());
        let mut object = match self.blueprint.workload {
            Workload::Service => copies::copy(&self.blueprint.primary_name(), &template, &revision, self.blueprint),
            Workload::Deployment | Workload::DaemonSet => {
                primary(target, &template, &revision, replicas, self.selector, self.blueprint)
            }
        };
        // Its autoscaler may just have given it another number: then this is decided again.
        let version = self.live.primary.as_ref().map(|p| text(p, "/metadata/resourceVersion"));
        if let (true, Some(version), Some(metadata)) = (self.seen.scaler.is_some(), version, object.get_mut("metadata"))
        {
            metadata["resourceVersion"] = json!(version);
        }
        writes.push(Write::Apply {
            kind: self.kind(),
            object,
        });
    }

    fn wanted(&self) -> u32 {
        self.seen.target.as_ref().map_or(1, |t| t.wanted)
    }

    fn resized(&self, world: &World, writes: &mut Vec<Write>) {
        let Some(live) = &self.seen.primary else { return };
        let Some(replicas) = world.primary_replicas.filter(|r| !live.fixed && *r != live.replicas) else {
            return;
        };
        writes.push(Write::Merge {
            kind: self.kind(),
            namespace: self.blueprint.namespace.clone(),
            name: self.blueprint.primary_name(),
            body: json!({"spec": {"replicas": replicas}}),
        });
    }
}
