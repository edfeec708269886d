//! Primary's copies of ConfigMaps and Secrets. They are made with primary, never without it: what its pods read is what
//! was promoted, whatever becomes of the originals.

use crate::controller::difference::{Conflict, Pair};
use crate::object::text;
use crate::{
    controller::{
        difference::write::{Copy, Write},
        watch::pair::{
            configs::{Tracked, checksum_of},
            owners::is_owned,
        },
    },
    plan::configs::{Reference, rewritten},
};
use serde_json::Value;
use std::collections::BTreeSet;

impl Pair<'_> {
    /// The template of `revision` as primary's pods are to have it, with the copies it reads among the writes; `None`
    /// when it cannot be made, and why is among the conflicts. `again` says that it was promoted before.
    pub(in crate::controller::difference) fn with_copies(
        &self,
        revision: &str,
        again: bool,
        writes: &mut Vec<Write>,
        conflicts: &mut Vec<Conflict>,
    ) -> Option<Value> {
        let Some(template) = self.live.template(revision) else {
            conflicts.push(Conflict::LostRevision(revision.to_owned()));
            return None;
        };
        let survey = self.live.configs.survey(&template);
        // What was promoted is in the copies; the originals may say something else by now.
        let promoted = &self.live.configs.promoted;
        let wanted = if again && survey.revision != revision {
            promoted
        } else {
            &survey.tracked
        };
        if !again && survey.revision != revision {
            conflicts.push(Conflict::LostRevision(revision.to_owned()));
            return None;
        }
        if let Some(missing) = survey.missing.into_iter().next().filter(|_| !again) {
            conflicts.push(Conflict::LostConfig(missing));
            return None;
        }
        let before = conflicts.len();
        let copies = self.copies(wanted, again, conflicts);
        if conflicts.len() > before {
            return None;
        }
        if !copies.is_empty() {
            writes.push(Write::Copies(copies));
        }
        let tracked: BTreeSet<Reference> = wanted.keys().cloned().collect();
        Some(rewritten(&template, &tracked))
    }

    fn copies(&self, wanted: &Tracked, again: bool, conflicts: &mut Vec<Conflict>) -> Vec<Copy> {
        let mut copies = Vec::new();
        for (reference, checksum) in wanted {
            let live = self.live.configs.get(&reference.copy());
            if let Some(object) = live.filter(|object| !self.is_ours(object)) {
                conflicts.push(Conflict::Name(
                    reference.kind.as_str(),
                    text(object, "/metadata/name").to_owned(),
                ));
                continue;
            }
            let as_wanted =
                live.is_some_and(|object| is_owned(object, self.blueprint) && checksum_of(object) == checksum);
            // A copy that was promoted is right as it is, whoever changed it: primary reads it.
            if as_wanted || (again && live.is_some()) {
                continue;
            }
            if self.live.configs.get(reference).map(checksum_of) != Some(checksum) {
                conflicts.push(Conflict::LostConfig(reference.clone()));
                continue;
            }
            copies.push(Copy {
                of: reference.clone(),
                namespace: self.blueprint.namespace.clone(),
                checksum: checksum.clone(),
                owner: self.blueprint.owners_of_a_half(),
                existing: live.cloned(),
                label_prefixes: self.blueprint.include_label_prefixes.clone(),
            });
        }
        copies
    }
}
