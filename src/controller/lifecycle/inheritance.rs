//! What a primary was made of by what it shows, and what Flagger left. Pure.

use crate::controller::watch::pair::{
    configs::Configs,
    live::{Live, Source},
    owners::{is_flaggers_orphan, is_owned},
};
use crate::object::text;
use crate::{
    analysis::Inherited,
    api::{Canary, canary::Phase},
    plan::{
        Blueprint, Selector,
        configs::{Reference, references, restored},
        primary::inverse,
        primary_revision,
        revision::hash::template_hash,
        workload::template,
    },
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The templates whose configs must be known before a primary can be read: its own, and the one with the originals of
/// everything that may be a copy.
pub fn readings(live: &Live) -> Vec<Value> {
    let primary = live.primary.as_ref().filter(|primary| !is_remembered(live, primary));
    let Some(template) = primary.and_then(|primary| primary.pointer("/spec/template")) else {
        return Vec::new();
    };
    let originals: BTreeSet<Reference> = references(template).keys().filter_map(Reference::original).collect();
    vec![template.clone(), restored(template, &originals)]
}

/// Whether something that is stored remembers what primary was made of, so that it need not be asked itself.
fn is_remembered(live: &Live, primary: &Value) -> bool {
    primary_revision(primary).is_some_and(|revision| live.remembers(revision).is_some())
}

/// What the live primary was made of; `None` when the history has it. `keys` are the labels that Flagger knows pods by; `recorded` are the configs that
/// the status names.
pub fn source(
    live: &Live,
    selector: &Selector,
    blueprint: &Blueprint,
    keys: &[String],
    recorded: &BTreeSet<Reference>,
) -> Option<Source> {
    if !blueprint.workload.rolls() {
        return None;
    }
    let primary = live.primary.as_ref().filter(|primary| !is_remembered(live, primary))?;
    let copied = copied(&live.configs, primary, blueprint, recorded);
    let ours = inverse::source(primary, selector, &copied)?;
    let theirs = primary_revision(primary)
        .is_none()
        .then(|| inverse::source_of_flaggers(primary, selector, (&blueprint.target, keys), &copied))
        .flatten();
    let target = live.target.as_ref().and_then(template::revision);
    let explained = |theirs: &Value| target.as_deref() == Some(template_hash(theirs).as_str());
    let template = theirs.filter(explained).unwrap_or(ours);
    let survey = live.configs.survey_of_copies(&template, &copied);
    let object = json!({"kind": blueprint.workload.kind(), "spec": {"template": template}});
    Some(Source { object, survey })
}

// A copy is owned by the Canary; where it may not be read, the status tells of it.
fn copied(
    configs: &Configs,
    primary: &Value,
    blueprint: &Blueprint,
    recorded: &BTreeSet<Reference>,
) -> BTreeSet<Reference> {
    let named = primary.pointer("/spec/template").map(references).unwrap_or_default();
    let of_copy = |copy: &Reference| {
        let original = copy.original()?;
        let is_copy = match configs.get(copy) {
            Some(object) => is_owned(object, blueprint) || recorded.contains(&original),
            None => recorded.contains(&original),
        };
        is_copy.then_some(original)
    };
    named.keys().filter_map(of_copy).collect()
}

/// The configs that a Canary's status names.
pub fn recorded(canary: &Canary) -> BTreeSet<Reference> {
    let Some(status) = &canary.status else {
        return BTreeSet::new();
    };
    let promoted = status.run.as_ref().and_then(|run| run.promoted_configs.as_ref());
    let named = [status.tracked_configs.as_ref(), promoted].into_iter().flatten();
    named
        .flat_map(|configs| configs.keys())
        .filter_map(|key| Reference::parse(key))
        .collect()
}

/// What Flagger left: a primary that is the Canary's, or nobody's with Flagger's label, and that carries no revision of
/// ours.
pub fn inherited(canary: &Canary, live: &Live, blueprint: &Blueprint) -> Option<Inherited> {
    let primary = live
        .primary
        .as_ref()
        .filter(|primary| is_flaggers(primary, blueprint))?;
    let source = live.source.as_ref()?;
    let status = canary.status.as_ref();
    let phase = status.map(|status| status.phase).unwrap_or(Phase::Unset);
    (text(primary, "/metadata/deletionTimestamp").is_empty()).then(|| Inherited {
        revision: source.survey.revision.clone(),
        phase,
    })
}

fn is_flaggers(primary: &Value, blueprint: &Blueprint) -> bool {
    primary_revision(primary).is_none() && (is_owned(primary, blueprint) || is_flaggers_orphan(primary))
}

#[cfg(test)]
mod tests;
