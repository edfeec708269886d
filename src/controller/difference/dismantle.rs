//! The end of a pair.

pub(super) mod left_behind;
pub(super) mod originals;
mod owners;

use super::{Pair, patch, test_version};
use crate::object::{label, text};
use crate::{
    api::labels,
    controller::{
        difference::write::Write,
        watch::{
            informers::cache::Kind,
            pair::{
                configs::kind_of,
                owners::{is_another_canarys, is_owned, owners, unmarked},
            },
        },
    },
    patches,
    plan::{
        Workload,
        workload::{daemon_set, overrides::Record, template},
    },
};
use serde_json::{Map, Value, json};

impl Pair<'_> {
    // The target serves by itself: what we made goes, what we wrote on the user's objects is taken off.
    pub(super) fn dismantle(&self, writes: &mut Vec<Write>) {
        if let Some(target) = &self.live.target {
            if let Some(author) = template::authored(target).filter(|_| Record::of(target).is_some()) {
                writes.push(self.rewritten(target, &author, &Map::new()));
            }
            writes.extend(self.unmarked(target));
        }
        let gone = [
            (self.kind(), &self.live.primary),
            (Kind::Service, &self.live.primary_service),
            (Kind::Service, &self.live.canary_service),
        ];
        writes.extend(self.live.history.iter().map(|entry| self.forgotten(entry)));
        for (kind, object) in gone {
            if let Some(object) = object.as_ref().filter(|object| self.is_ours(object)) {
                writes.push(self.deleted(kind, object));
            }
        }
        writes.extend(self.halves_made().map(|half| self.deleted(Kind::Service, half)));
        self.dismantle_copies(writes);
    }

    // The write that takes our labels and annotations off the target, and our hold with them.
    fn unmarked(&self, target: &Value) -> Option<Write> {
        let unmarked = unmarked(target);
        if unmarked.is_empty() {
            return None;
        }
        let mut body = json!({"metadata": unmarked});
        if label(target, labels::HELD).is_some()
            && let Some(members) = body.as_object_mut()
        {
            let spec = match self.blueprint.workload == Workload::DaemonSet {
                true => daemon_set::released(target).unwrap_or_default(),
                false => json!({"paused": null}),
            };
            members.insert("spec".to_owned(), spec);
        }
        Some(Write::Merge {
            kind: self.kind(),
            namespace: self.blueprint.namespace.clone(),
            name: self.blueprint.target.clone(),
            body,
        })
    }

    // Primary's copies of configs, which the target owns too; one that serves another Canary's primary stays its.
    fn dismantle_copies(&self, writes: &mut Vec<Write>) {
        let uid = self.blueprint.owner.uid.as_deref();
        let copies = self.live.configs.all();
        for (config, object) in
            copies.filter(|(config, object)| config.original().is_some() && is_owned(object, self.blueprint))
        {
            let kind = kind_of(config.kind);
            writes.push(if is_another_canarys(object, uid) {
                self.left_to_others(kind, object)
            } else {
                self.deleted(kind, object)
            });
        }
    }

    fn left_to_others(&self, kind: Kind, object: &Value) -> Write {
        let ours = [
            self.blueprint.owner.uid.as_deref(),
            self.blueprint.target_uid.as_deref(),
        ];
        let is_ours = |owner: &&Value| ours.contains(&owner.get("uid").and_then(Value::as_str));
        let others: Vec<Value> = owners(object).filter(|owner| !is_ours(owner)).cloned().collect();
        let operations = vec![
            test_version(object),
            patches::replace(["metadata", "ownerReferences"], others),
        ];
        patch(kind, object, operations)
    }

    fn deleted(&self, kind: Kind, object: &Value) -> Write {
        Write::Delete {
            kind,
            namespace: self.blueprint.namespace.clone(),
            name: text(object, "/metadata/name").to_owned(),
            uid: text(object, "/metadata/uid").to_owned(),
        }
    }
}
