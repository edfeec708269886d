//! `spec.targetRef`.

use super::Subject;
use crate::api::Canary;
use crate::routing::OwnRoute;
use crate::validation::facts::Lookup;
use crate::validation::report::{Report, quoted};
use crate::validation::values::names::{MAX_BASE, is_subdomain};
use kube_core::ResourceExt;
use serde_json::Value;

const KINDS: [&str; 3] = ["Deployment", "DaemonSet", "Service"];
const FIELD: &str = "spec.targetRef";
const NAME: &str = "spec.targetRef.name";

pub(super) fn check(report: &mut Report, subject: &Subject) {
    let target = &subject.canary.spec.target_ref;
    if !KINDS.contains(&target.kind.as_str()) {
        let why = format!("supported values: {}", quoted(KINDS));
        report.unsupported("spec.targetRef.kind", &target.kind, why);
    }
    api_version(report, &target.kind, &target.api_version);
    name(report, subject, &target.name);
    sharing(report, subject);
    match &subject.facts.target {
        Lookup::Unknown => {}
        Lookup::Absent => {
            report.warn(
                FIELD,
                format!(
                    "{} {:?} not found yet; nothing happens until it exists",
                    target.kind, target.name
                ),
            );
        }
        Lookup::Found(object) => selector(report, subject, object),
    }
}

fn api_version(report: &mut Report, kind: &str, version: &str) {
    const FIELD: &str = "spec.targetRef.apiVersion";
    match kind {
        "Deployment" | "DaemonSet" if version != "apps/v1" => {
            report.warn(
                FIELD,
                format!("{version:?} is gone or no {kind} group, only the kind is read; use apps/v1"),
            );
        }
        "Service" if version != "v1" && OwnRoute::named(version, kind).is_none() => {
            let own = OwnRoute::all().map(|own| own.resource());
            let own = own.filter(|known| known.kind == kind).map(|known| known.api_version());
            let all = [String::from("v1")].into_iter().chain(own);
            report.unsupported(
                FIELD,
                version,
                format!("supported values for kind Service: {}", quoted(all)),
            );
        }
        _ => {}
    }
}

fn name(report: &mut Report, subject: &Subject, name: &str) {
    if name.is_empty() {
        return report.required(NAME, "name of the workload in this namespace");
    }
    if !is_subdomain(name) {
        return report.invalid(
            NAME,
            name,
            "no object can have this name; use lower-case letters, digits and \"-\"",
        );
    }
    if name.len() > MAX_BASE {
        let why = format!("\"{name}-primary\" must fit a label value of 63; rename the workload");
        report.too_long(NAME, MAX_BASE, why);
    }
    let Some(base) = name.strip_suffix("-primary").or_else(|| name.strip_suffix("-canary")) else {
        return;
    };
    let why = format!("would generate {name}-primary; target the original workload");
    if subject.others().any(|other| other.target_name() == base) {
        report.invalid(NAME, name, why);
    } else {
        report.warn(NAME, why);
    }
}

/// Two Canaries of one target fight over it; those a policy generated yield. The group does not tell two targets apart: Knative
/// makes a core Service of the same name for each Service of its own, and whoever mistypes `apiVersion` means the same app.
fn sharing(report: &mut Report, subject: &Subject) {
    if subject.canary.was_generated() {
        return;
    }
    let target = &subject.canary.spec.target_ref;
    let same = |other: &&Canary| {
        let alike = other.spec.target_ref.kind == target.kind && other.target_name() == target.name;
        alike && !other.was_generated()
    };
    if let Some(other) = subject.others().find(same) {
        let other = other.name_any();
        let why = format!("already the target of canary {other:?}; two would fight over weights; delete one");
        report.duplicate(FIELD, &target.name, why);
    }
}

/// Selectors cannot be changed later, so one without a label we may rewrite is refused now.
fn selector(report: &mut Report, subject: &Subject, object: &Value) {
    if object.get("kind").and_then(Value::as_str) == Some("Service") {
        return;
    }
    let labels = object.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    let known = subject.facts.selector_labels();
    if labels.is_none_or(|labels| !known.iter().any(|key| labels.contains_key(*key))) {
        let name = subject.canary.target_name();
        let why = format!(
            "its selector has none of {}, so {name}-primary could not be told apart; selectors are immutable: \
             recreate it with matchLabels.app={name} or add its label to --selector-labels",
            quoted(known)
        );
        report.invalid(FIELD, name, why);
    }
}
