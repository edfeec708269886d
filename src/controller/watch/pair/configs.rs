//! The ConfigMaps and Secrets of a pair: what is remembered of them, the revisions they are part of, and the copying.
//!
//! Data is never kept. What is watched is metadata; of those that pods name, the data is read once per version, and a
//! checksum and what must be known besides is remembered. It is read again when it is copied, and compared with the
//! checksum that was verified.

pub mod reading;

use super::authored::Authored;
use crate::controller::watch::informers::cache::{Cache, Kind, summary};
use crate::object::text;
use crate::{
    analysis::State,
    api::{Canary, canary::CanaryStatus},
    plan::{
        configs::{self, ConfigKind, Reference, references, revision_of},
        revision::{hash::template_hash, in_terms_of, same_template},
        workload::template,
    },
};
use serde_json::Value;
use std::{
    cell::LazyCell,
    collections::{BTreeMap, BTreeSet},
};

/// Member of a config that was read: its checksum.
const CHECKSUM: &str = "checksum";
/// The same: how many bytes of data it has.
const SIZE: &str = "size";

/// Checksums by reference.
pub type Tracked = BTreeMap<Reference, String>;

/// What is remembered of one that was read.
pub fn digest(object: &Value) -> Value {
    let mut digest = summary(object);
    if let Some(members) = digest.as_object_mut() {
        for member in ["type", "immutable"] {
            members.insert(member.to_owned(), object.get(member).cloned().unwrap_or_default());
        }
        members.insert(CHECKSUM.to_owned(), configs::checksum(object).into());
        members.insert(SIZE.to_owned(), configs::size(object).into());
    }
    digest
}

/// The configs that pods of a template read, of the kinds that are tracked, and primary's copies of them: as many as are
/// looked at.
pub fn named(template: &Value, kinds: &[ConfigKind]) -> Vec<Reference> {
    let of_kinds = references(template).into_keys().filter(|one| kinds.contains(&one.kind));
    of_kinds
        .take(configs::MOST)
        .flat_map(|reference| [reference.copy(), reference])
        .collect()
}

/// The cache's kind of a config.
pub fn kind_of(kind: ConfigKind) -> Kind {
    match kind {
        ConfigKind::ConfigMap => Kind::ConfigMap,
        ConfigKind::Secret => Kind::Secret,
    }
}

/// The reference of a cached kind and name; `None` for any other kind.
pub fn reference_of(kind: Kind, name: &str) -> Option<Reference> {
    let kind = ConfigKind::ALL.into_iter().find(|k| kind_of(*k) == kind)?;
    Some(Reference {
        kind,
        name: name.to_owned(),
    })
}

/// What pods of one template read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The revision they are.
    pub revision: String,
    /// The tracked ones.
    pub tracked: Tracked,
    /// Those they cannot do without and that do not exist.
    pub missing: Vec<Reference>,
    /// Those that are not tracked because they are too many, or too large together.
    pub shared: Vec<Reference>,
}

/// The configs that the templates of one pair name, and their copies, as far as they exist.
#[derive(Debug, Clone, Default)]
pub struct Configs {
    // The kinds that are tracked; none when tracking is off.
    kinds: Vec<ConfigKind>,
    objects: BTreeMap<Reference, Value>,
    /// What primary's copies were made of, by the recorded state.
    pub promoted: Tracked,
}

impl Configs {
    /// Those that `templates` name in `namespace`.
    pub fn gather<'a>(
        cache: &Cache,
        namespace: &str,
        kinds: Vec<ConfigKind>,
        templates: impl Iterator<Item = &'a Value>,
    ) -> Self {
        let named: BTreeSet<Reference> = templates.flat_map(|template| named(template, &kinds)).collect();
        let read = |reference: Reference| {
            let object = cache.read(kind_of(reference.kind), namespace, &reference.name)?;
            Some((reference, object))
        };
        let objects = named.into_iter().filter_map(read).collect();
        Self {
            kinds,
            objects,
            promoted: Tracked::new(),
        }
    }

    /// One of them.
    pub fn get(&self, reference: &Reference) -> Option<&Value> {
        self.objects.get(reference)
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = (&Reference, &Value)> {
        self.objects.iter()
    }

    /// What pods of `template` read now.
    pub fn survey(&self, template: &Value) -> Survey {
        self.survey_by((template, &template_hash(template)), |reference| self.get(reference))
    }

    /// The same of a template whose hash is known.
    pub fn survey_authored(&self, one: &Authored) -> Survey {
        self.survey_by((&one.template, &one.hash), |reference| self.get(reference))
    }

    /// What pods of `template` read that have copies of `copied` instead.
    pub fn survey_of_copies(&self, template: &Value, copied: &BTreeSet<Reference>) -> Survey {
        self.survey_by((template, &template_hash(template)), |reference| {
            let copy = copied
                .contains(reference)
                .then(|| self.get(&reference.copy()))
                .flatten();
            copy.or_else(|| self.get(reference))
        })
    }

    fn survey_by<'a>(
        &self,
        (template, hash): (&Value, &str),
        read: impl Fn(&Reference) -> Option<&'a Value>,
    ) -> Survey {
        let mut named = references(template);
        named.retain(|reference, _| self.kinds.contains(&reference.kind));
        let mut tracked = Tracked::new();
        let (mut missing, mut shared) = (Vec::new(), Vec::new());
        let mut bytes = 0_usize;
        for (number, (reference, optional)) in named.iter().enumerate() {
            if number >= configs::MOST {
                shared.push(reference.clone());
                continue;
            }
            match read(reference) {
                Some(object) if configs::is_tracked(object) => {
                    let more = bytes.saturating_add(size_of(object));
                    if more > configs::MOST_BYTES {
                        shared.push(reference.clone());
                        continue;
                    }
                    bytes = more;
                    tracked.insert(reference.clone(), checksum_of(object).to_owned());
                }
                None if !optional => missing.push(reference.clone()),
                _ => {}
            }
        }
        Survey {
            revision: revision_of(hash, &named, &tracked, &self.kinds),
            tracked,
            missing,
            shared,
        }
    }

    /// Whether pods of `target` read Secrets that we may not: they stay shared.
    pub fn shares_secrets(&self, target: Option<&Value>) -> bool {
        let blind = self.kinds.contains(&ConfigKind::ConfigMap) && !self.kinds.contains(&ConfigKind::Secret);
        let template = target.and_then(|t| t.pointer("/spec/template"));
        blind && template.is_some_and(|t| references(t).keys().any(|r| r.kind == ConfigKind::Secret))
    }

    /// The recorded state in terms of what the target is now, so that a record from before configs were tracked starts
    /// no run.
    pub fn in_terms_of_now(&self, state: &mut State, target: Option<&Value>) {
        let Some(template) = target.and_then(template::authored) else {
            return;
        };
        let now = self.survey(&template).revision;
        for recorded in [&mut state.last_applied, &mut state.last_promoted]
            .into_iter()
            .flatten()
        {
            *recorded = in_terms_of(recorded, &now);
        }
    }
}

/// The checksum of a cached config.
pub fn checksum_of(object: &Value) -> &str {
    text(object, "/checksum")
}

fn size_of(object: &Value) -> usize {
    let size = object.get(SIZE).and_then(Value::as_u64).unwrap_or_default();
    usize::try_from(size).unwrap_or(usize::MAX)
}

/// Writes into `next` what its revisions' pods read: `trackedConfigs` of the revision last applied, and what was promoted.
/// `surveys` tells the revisions there are, and is asked only when one of the two is another than before. Answers the configs
/// whose data changed with the revision.
pub fn record(old: &CanaryStatus, next: &mut CanaryStatus, surveys: impl FnOnce() -> Vec<Survey>) -> Vec<Reference> {
    let surveys = LazyCell::new(surveys);
    let run = |status: &CanaryStatus| status.run.clone().unwrap_or_default();
    let (before, mut after) = (run(old), run(next));
    let known = |revision: &Option<String>| {
        let of = surveys.iter().find(|s| Some(&s.revision) == revision.as_ref());
        of.map(|survey| keys(&survey.tracked))
    };
    if after.promoted_revision != before.promoted_revision {
        let applied = (after.promoted_revision == before.applied_revision).then(|| old.tracked_configs.clone());
        let promoted = applied.flatten().or_else(|| known(&after.promoted_revision));
        after.promoted_configs = promoted.filter(|configs| !configs.is_empty());
    }
    let mut changed = Vec::new();
    if after.applied_revision != before.applied_revision {
        let promoted = (after.applied_revision == after.promoted_revision).then(|| after.promoted_configs.clone());
        let applied = promoted.flatten().or_else(|| known(&after.applied_revision));
        next.tracked_configs = applied.filter(|configs| !configs.is_empty());
        // A revision that is only recorded in other terms (from before configs were tracked) was not edited.
        let edited = |one: &Option<String>, other: &Option<String>| matches!((one, other), (Some(one), Some(other)) if same_template(one, other) && in_terms_of(one, other) != *other);
        if edited(&before.applied_revision, &after.applied_revision) {
            changed = differing(old.tracked_configs.as_ref(), next.tracked_configs.as_ref());
        }
    }
    next.run = next.run.is_some().then_some(after);
    changed
}

fn differing(old: Option<&BTreeMap<String, String>>, new: Option<&BTreeMap<String, String>>) -> Vec<Reference> {
    let all: BTreeSet<&String> = [old, new].into_iter().flatten().flat_map(BTreeMap::keys).collect();
    let value = |of: Option<&BTreeMap<String, String>>, key: &String| of.and_then(|configs| configs.get(key)).cloned();
    all.into_iter()
        .filter(|key| value(old, key) != value(new, key))
        .filter_map(|key| Reference::parse(key))
        .collect()
}

fn keys(tracked: &Tracked) -> BTreeMap<String, String> {
    tracked
        .iter()
        .map(|(reference, sum)| (reference.key(), sum.clone()))
        .collect()
}

/// What a Canary's status says primary's copies were made of.
pub fn promoted(canary: &Canary) -> Tracked {
    let run = canary.status.as_ref().and_then(|status| status.run.as_ref());
    let configs = run.and_then(|run| run.promoted_configs.as_ref()).into_iter().flatten();
    configs
        .filter_map(|(key, sum)| Some((Reference::parse(key)?, sum.clone())))
        .collect()
}

#[cfg(test)]
impl Configs {
    /// These objects (of kind, metadata and data), as a cache that tracks both kinds has them.
    pub fn sample(objects: &[Value]) -> Self {
        let objects = objects.iter().map(|object| {
            let kind = if object["kind"] == "Secret" {
                ConfigKind::Secret
            } else {
                ConfigKind::ConfigMap
            };
            let name = text(object, "/metadata/name").to_owned();
            (Reference { kind, name }, digest(object))
        });
        Self {
            kinds: ConfigKind::ALL.to_vec(),
            objects: objects.collect(),
            promoted: Tracked::new(),
        }
    }
}

#[cfg(test)]
mod tests;
