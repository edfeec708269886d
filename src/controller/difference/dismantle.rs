//! The end of a pair.

use super::Pair;
use crate::{
    api::labels,
    controller::{
        cache::Kind,
        configs::kind_of,
        live::{label, text},
        write::Write,
    },
    plan::{Workload, daemon_set, overrides::Record, template},
};
use serde_json::{Map, Value, json};

impl Pair<'_> {
    // The target serves by itself: what we made goes, what we wrote on the user's objects is taken off.
    pub(super) fn dismantle(&self, writes: &mut Vec<Write>) {
        if let Some(target) = &self.live.target {
            if let Some(author) = template::authored(target).filter(|_| Record::of(target).is_some()) {
                writes.push(self.rewritten(target, &author, &Map::new()));
            }
            let all = target
                .pointer("/metadata/labels")
                .and_then(Value::as_object)
                .into_iter()
                .flatten();
            let ours: Map<String, Value> = all
                .filter(|(key, _)| key.starts_with(labels::PREFIX) && *key != labels::POLICY)
                .map(|(key, _)| (key.clone(), Value::Null))
                .collect();
            if !ours.is_empty() {
                let mut body = json!({"metadata": {"labels": ours}});
                if label(target, labels::HELD).is_some()
                    && let Some(members) = body.as_object_mut()
                {
                    let spec = match self.blueprint.workload {
                        Workload::DaemonSet => daemon_set::released(target).unwrap_or_default(),
                        Workload::Deployment | Workload::Service => json!({"paused": null}),
                    };
                    members.insert("spec".to_owned(), spec);
                }
                writes.push(Write::Merge {
                    kind: self.kind(),
                    namespace: self.blueprint.namespace.clone(),
                    name: self.blueprint.target.clone(),
                    body,
                });
            }
        }
        let gone = [
            (self.kind(), &self.live.primary),
            (Kind::Service, &self.live.primary_service),
            (Kind::Service, &self.live.canary_service),
        ];
        let copies = self
            .live
            .configs
            .all()
            .filter(|(config, _)| config.original().is_some());
        let copies = copies.map(|(config, object)| (kind_of(config.kind), Some(object)));
        let halves = gone.into_iter().map(|(kind, object)| (kind, object.as_ref()));
        writes.extend(self.live.history.iter().map(|entry| self.forgotten(entry)));
        for (kind, object) in halves.chain(copies) {
            let Some(object) = object.filter(|object| self.is_ours(object)) else {
                continue;
            };
            writes.push(Write::Delete {
                kind,
                namespace: self.blueprint.namespace.clone(),
                name: text(object, "/metadata/name").to_owned(),
                uid: text(object, "/metadata/uid").to_owned(),
            });
        }
    }
}
