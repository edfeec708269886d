//! Metadata of the generated Services.

use crate::api::canary::{CanaryService, Metadata};
use crate::validation::canary::Subject;
use crate::validation::report::Report;
use crate::validation::values::names::{is_label_value, is_qualified};
use serde_json::Value;
use std::collections::BTreeMap;

const KEY: &str = "no valid key; write name or example.com/name, with at most 63 letters, digits, \"-\", \"_\", \".\"";

pub(super) fn check(report: &mut Report, subject: &Subject, service: &CanaryService) {
    let selector = selector_key(subject);
    let places = [
        ("apex", &service.apex),
        ("primary", &service.primary),
        ("canary", &service.canary),
    ];
    for (place, metadata) in places.iter().filter_map(|(place, m)| m.as_ref().map(|m| (place, m))) {
        let field = format!("spec.service.{place}");
        keys(report, &format!("{field}.labels"), &metadata.labels);
        keys(report, &format!("{field}.annotations"), &metadata.annotations);
        for (key, value) in metadata
            .labels
            .iter()
            .flatten()
            .filter(|(_, value)| !is_label_value(value))
        {
            let why = "no label value; use at most 63 letters, digits, \"-\", \"_\", \".\"";
            report.invalid(format!("{field}.labels[{key}]"), value, why);
        }
        if let Some(key) =
            selector.filter(|key| metadata.labels.as_ref().is_some_and(|labels| labels.contains_key(*key)))
        {
            report.warn(
                format!("{field}.labels"),
                format!("{key:?} is set by the controller; yours is overwritten"),
            );
        }
        unmanaged(report, &field, service, metadata);
    }
}

/// The label that tells the two sides apart: the first known one of the target's selector.
fn selector_key<'a>(subject: &Subject<'a>) -> Option<&'a str> {
    let target = subject.facts.target.found()?;
    let labels = target
        .pointer("/spec/selector/matchLabels")
        .and_then(Value::as_object)?;
    subject
        .facts
        .selector_labels()
        .into_iter()
        .find(|key| labels.contains_key(*key))
}

fn keys(report: &mut Report, field: &str, map: &Option<BTreeMap<String, String>>) {
    for key in map
        .iter()
        .flatten()
        .map(|(key, _)| key)
        .filter(|key| !is_qualified(key))
    {
        report.invalid(field, key, KEY);
    }
}

/// A key cannot be both ours to set and others' to keep.
fn unmanaged(report: &mut Report, field: &str, service: &CanaryService, metadata: &Metadata) {
    let Some(kept) = &service.unmanaged_metadata else {
        return;
    };
    for (kind, list, map) in [
        ("labels", &kept.labels, &metadata.labels),
        ("annotations", &kept.annotations, &metadata.annotations),
    ] {
        for key in list
            .iter()
            .flatten()
            .filter(|key| map.as_ref().is_some_and(|map| map.contains_key(*key)))
        {
            report.warn(
                format!("{field}.{kind}"),
                format!("{key:?} is listed as unmanaged, too; it is written all the same"),
            );
        }
    }
}
