//! The revisions that were promoted, remembered by ControllerRevisions that the Canary owns.
//!
//! A Deployment's own ReplicaSets are no memory to build on: `revisionHistoryLimit: 0` keeps none, and those of a target
//! that is deleted and made again belong to the one before. What serves must be known as long as it serves.

use super::{
    Blueprint,
    configs::{Reference, short_sha},
};
use crate::api::labels;
use serde_json::{Value, json};
use std::{cmp::Reverse, collections::BTreeMap};

/// How many are kept.
pub const KEPT: usize = 10;
/// Annotation of an entry: the text of its revision.
const REVISION: &str = "coalmine.dev/revision";
/// Longest name of an object.
const MAX_NAME: usize = 253;

/// What one entry remembers.
#[derive(Debug, Clone, PartialEq)]
pub struct Promoted<'a> {
    /// Its text, see [`crate::plan::revision`].
    pub revision: &'a str,
    /// The target's template as its author wrote it.
    pub template: &'a Value,
    /// What its pods read, with checksums.
    pub configs: &'a BTreeMap<Reference, String>,
}

/// Name of the entry of a revision; the same revision has the same one, so nothing is remembered twice.
///
/// What comes before the last dash is primary's name, as in the names of ReplicaSets: by that an object is found to
/// concern a Canary.
pub fn name(primary: &str, revision: &str) -> String {
    let hash = short_sha(revision);
    let room = MAX_NAME - hash.len() - 1;
    let cut: String = primary.chars().take(room).collect();
    format!("{cut}-{hash}")
}

/// The entry of `of`; `number` orders it among the others.
pub fn entry(of: &Promoted<'_>, number: i64, blueprint: &Blueprint) -> Value {
    let configs: BTreeMap<String, &String> = of.configs.iter().map(|(config, sum)| (config.key(), sum)).collect();
    json!({
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": name(&blueprint.primary_name(), of.revision),
            "namespace": blueprint.namespace,
            "labels": {labels::MANAGED_BY: labels::MANAGED_BY_FLAGGER, labels::PROMOTED: labels::TRUE},
            "annotations": {REVISION: of.revision},
            "ownerReferences": blueprint.owner_references(),
        },
        "data": {"spec": {"template": of.template}, "revision": of.revision, "configs": configs},
        "revision": number,
    })
}

/// The revision an entry remembers, by its own word; whoever makes pods of its template hashes that first.
pub fn revision_of(entry: &Value) -> Option<&str> {
    entry.pointer("/data/revision")?.as_str()
}

/// An entry's place in the order.
pub fn number(entry: &Value) -> i64 {
    entry.get("revision").and_then(Value::as_i64).unwrap_or(0)
}

/// The number of the next entry.
pub fn next(entries: &[Value]) -> i64 {
    entries.iter().map(number).max().unwrap_or(0).saturating_add(1)
}

/// The entries that are kept no longer, when one more is about to be made if `more`: the oldest, and none of `needed`.
pub fn outlived<'a>(entries: &'a [Value], needed: &[&str], more: bool) -> Vec<&'a Value> {
    let mut newest: Vec<&Value> = entries.iter().collect();
    newest.sort_by_key(|entry| Reverse(number(entry)));
    let is_needed = |entry: &&Value| revision_of(entry).is_some_and(|revision| needed.contains(&revision));
    let (kept, others): (Vec<&Value>, Vec<&Value>) = newest.into_iter().partition(is_needed);
    let room = KEPT.saturating_sub(kept.len() + usize::from(more));
    others.into_iter().skip(room).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{revision::hash::template_hash, workload::template};

    fn made_of(image: &str) -> Value {
        json!({"spec": {"containers": [{"name": "web", "image": image}]}})
    }

    fn of(image: &str, number: i64) -> Value {
        let template = made_of(image);
        let promoted = Promoted {
            revision: &template_hash(&template),
            template: &template,
            configs: &BTreeMap::new(),
        };
        entry(&promoted, number, &Blueprint::sample())
    }

    #[test]
    fn an_entry_remembers_the_template_and_is_owned_without_blocking_its_owner() {
        let entry = of("web:1", 3);
        assert_eq!(revision_of(&entry), Some(template_hash(&made_of("web:1")).as_str()));
        assert_eq!(template::authored(&entry), Some(made_of("web:1")));
        assert_eq!(entry["metadata"]["ownerReferences"][0]["blockOwnerDeletion"], false);
        assert_eq!(entry["metadata"]["labels"]["coalmine.dev/promoted"], "true");
        assert_eq!(revision_of(&json!({})), None);
    }

    #[test]
    fn names_are_the_revisions_and_fit() {
        let one = name("web-primary", "v1-a+c1");
        assert_eq!(one, name("web-primary", "v1-a+c1"));
        assert_ne!(one, name("web-primary", "v1-a+c2"));
        assert_eq!(one.rsplit_once('-').unwrap().0, "web-primary");
        assert_eq!(name(&"x".repeat(300), "v1-a").len(), MAX_NAME);
    }

    #[test]
    fn the_oldest_go_and_what_serves_never() {
        let entries: Vec<Value> = (1..=12).map(|n| of(&format!("web:{n}"), n)).collect();
        let numbers = |needed: &[&str], more| {
            let mut all: Vec<i64> = outlived(&entries, needed, more).into_iter().map(number).collect();
            all.sort_unstable();
            all
        };
        let first = template_hash(&made_of("web:1"));
        assert_eq!(numbers(&[], false), [1, 2]);
        assert_eq!(numbers(&[], true), [1, 2, 3]);
        assert_eq!(numbers(&[first.as_str()], false), [2, 3]);
        assert_eq!(next(&entries), 13);
        assert_eq!(next(&[]), 1);
    }
}
