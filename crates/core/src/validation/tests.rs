//! Every rule with manifests it accepts and manifests it refuses, as tables in `tests/*.yaml`.
//!
//! An entry changes a sound manifest by a JSON merge patch and names the exact findings. `row` is the
//! row of the rule catalogue; every row must have an entry that finds something and one that does not. `PROVIDERS` in a finding
//! stands for the names of all routing providers, of which no table keeps a list.

mod examples;
mod guides;
mod ratchet;
mod size;

use super::*;
use crate::api::{AlertProvider, Canary, CanaryPolicy, MetricTemplate, labels};
use crate::plan::Defaults;
use crate::routing::registry;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const TABLES: &[(&str, &str)] = &[
    ("target", include_str!("tests/target.yaml")),
    ("service", include_str!("tests/service.yaml")),
    ("traffic", include_str!("tests/traffic.yaml")),
    ("analysis", include_str!("tests/analysis.yaml")),
    ("checks", include_str!("tests/checks.yaml")),
    ("life", include_str!("tests/life.yaml")),
    ("policy", include_str!("tests/policy.yaml")),
    ("others", include_str!("tests/others.yaml")),
];

/// One line of a table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    row: String,
    #[serde(default)]
    canary: Option<Value>,
    #[serde(default)]
    metric_template: Option<Value>,
    #[serde(default)]
    alert_provider: Option<Value>,
    #[serde(default)]
    policy: Option<Value>,
    /// The object before the change, as a patch of the same sound manifest.
    #[serde(default)]
    old: Option<Value>,
    #[serde(default)]
    facts: Given,
    #[serde(default)]
    findings: Vec<String>,
}

/// A [`ClusterView`] in YAML; Canaries, templates and the policy are patches of sound ones.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Given {
    canaries: Vec<Value>,
    templates: Option<Vec<Value>>,
    providers: Option<Vec<(String, String)>>,
    target: Option<Value>,
    /// Names, and whether we have made them.
    services: BTreeMap<String, bool>,
    routes: Vec<Value>,
    scalers: Option<Vec<[String; 4]>>,
    served: Option<BTreeSet<String>>,
    policy: Option<Value>,
    denied_to: Option<String>,
    no_cross_namespace_refs: bool,
    default_provider: String,
}

fn merged(base: Value, patch: &Value) -> Value {
    let (Value::Object(mut base), Value::Object(patch)) = (base, patch) else {
        return patch.clone();
    };
    for (key, value) in patch {
        match value {
            Value::Null => drop(base.remove(key)),
            value => {
                let before = base.remove(key).unwrap_or(Value::Null);
                let before = if before.is_object() { before } else { json!({}) };
                base.insert(key.clone(), merged(before, value));
            }
        }
    }
    Value::Object(base)
}

fn build<T: serde::de::DeserializeOwned>(base: &str, patch: &Value) -> T {
    serde_json::from_value(merged(serde_saphyr::from_str(base).unwrap(), patch)).unwrap()
}

const CANARY: &str = include_str!("tests/sound/canary.yaml");
const TEMPLATE: &str = include_str!("tests/sound/metric-template.yaml");
const PROVIDER: &str = include_str!("tests/sound/alert-provider.yaml");
const POLICY: &str = include_str!("tests/sound/policy.yaml");

/// A sound Canary with these changes.
fn canary_with(patch: Value) -> Canary {
    build(CANARY, &patch)
}

impl Given {
    /// What rules know of it, by the way that the webhook goes as well.
    fn facts(&self, judged: Option<&Canary>) -> ClusterFacts {
        let lookup = |value: &Option<Value>| match value {
            None => Lookup::Unknown,
            Some(Value::String(_)) => Lookup::Absent,
            Some(value) => Lookup::Found(value.clone()),
        };
        let service = |(name, ours): (&String, &bool)| match ours {
            true => json!({"metadata": {"name": name, "labels": {labels::GENERATED: labels::TRUE}}}),
            false => json!({"metadata": {"name": name}}),
        };
        let scaler = |[kind, name, target_kind, target_name]: &[String; 4]| ScalerFacts {
            kind: kind.clone(),
            name: name.clone(),
            target_kind: target_kind.clone(),
            target_name: target_name.clone(),
        };
        let template = |patch: &Value| Arc::new(build::<MetricTemplate>(TEMPLATE, patch));
        let services: Vec<Value> = self.services.iter().map(service).collect();
        ClusterFacts::of(ClusterView {
            canary: judged,
            canaries: self
                .canaries
                .iter()
                .map(|patch| Arc::new(build(CANARY, patch)))
                .collect(),
            metric_templates: self.templates.as_ref().map(|list| list.iter().map(template).collect()),
            alert_providers: self.providers.as_ref().map(|list| list.iter().map(provider).collect()),
            target: lookup(&self.target),
            services: &services,
            routes: &self.routes,
            scalers: self.scalers.as_ref().map(|list| list.iter().map(scaler).collect()),
            served: self.served.clone(),
            policy: self.policy.as_ref().map(|patch| Arc::new(build(POLICY, patch))),
            denied_to: self.denied_to.clone(),
            defaults: Defaults {
                provider: self.default_provider.clone(),
                no_cross_namespace_refs: self.no_cross_namespace_refs,
                ..Defaults::default()
            },
        })
    }
}

fn provider((namespace, name): &(String, String)) -> Arc<AlertProvider> {
    let named = json!({"metadata": {"namespace": namespace, "name": name}});
    Arc::new(build(PROVIDER, &named))
}

impl Case {
    fn expected(&self) -> Vec<String> {
        let named = |finding: &String| finding.replace("PROVIDERS", &report::quoted(registry::names()));
        self.findings.iter().map(named).collect()
    }

    fn found(&self) -> Vec<String> {
        let judged = self.canary.as_ref().map(|patch| canary_with(patch.clone()));
        let facts = self.facts.facts(judged.as_ref());
        let findings = if let Some(judged) = &judged {
            let old = self.old.as_ref().map(|old| canary_with(old.clone()));
            canary(judged, old.as_ref(), &facts)
        } else if let Some(patch) = &self.metric_template {
            let old = self.old.as_ref().map(|old| build::<MetricTemplate>(TEMPLATE, old));
            metric_template(&build(TEMPLATE, patch), old.as_ref(), &facts)
        } else if let Some(patch) = &self.alert_provider {
            let old = self.old.as_ref().map(|old| build::<AlertProvider>(PROVIDER, old));
            alert_provider(&build(PROVIDER, patch), old.as_ref(), &facts)
        } else {
            let old = self.old.as_ref().map(|old| build::<CanaryPolicy>(POLICY, old));
            policy(&build(POLICY, self.policy.as_ref().unwrap()), old.as_ref(), &facts)
        };
        let reason = |cause: &Cause| cause.reason.as_str().trim_start_matches("FieldValue").to_owned();
        let causes = findings
            .causes
            .iter()
            .map(|c| format!("{} {}: {}", reason(c), c.field, c.message));
        causes
            .chain(findings.warnings.iter().map(|w| format!("Warning {w}")))
            .collect()
    }
}

fn cases() -> Vec<(String, Case)> {
    let read = |(name, text): &(&str, &str)| {
        let cases: Vec<Case> = serde_saphyr::from_str(text).unwrap_or_else(|e| panic!("{name}: {e}"));
        cases
            .into_iter()
            .enumerate()
            .map(|(i, case)| (format!("{name}[{i}] row {}", case.row), case))
            .collect::<Vec<_>>()
    };
    TABLES.iter().flat_map(read).collect()
}

#[test]
fn every_case_finds_exactly_what_its_table_says() {
    let mut wrong = 0;
    for (name, case) in cases() {
        let found = case.found();
        if found != case.expected() {
            wrong += 1;
            println!("{name}\n  found {}", serde_json::to_string(&found).unwrap());
        }
    }
    assert_eq!(wrong, 0, "cases differ, see above");
}

#[test]
fn every_rule_has_an_accepting_and_a_refusing_case() {
    let mut rows: BTreeMap<String, (bool, bool)> = BTreeMap::new();
    for (_, case) in cases() {
        let entry = rows.entry(case.row.clone()).or_default();
        if case.findings.is_empty() {
            entry.0 = true
        } else {
            entry.1 = true
        }
    }
    let lacking: Vec<_> = rows
        .iter()
        .filter(|(_, (accepts, refuses))| !accepts || !refuses)
        .collect();
    assert!(lacking.is_empty(), "{lacking:?}");
}

#[test]
fn warnings_are_short_and_printable() {
    for (name, case) in cases() {
        for warning in case.found().iter().filter_map(|found| found.strip_prefix("Warning ")) {
            assert!(warning.chars().count() <= MAX_WARNING_CHARS, "{name}: {warning}");
            assert!(
                !warning.ends_with("...") || name.contains("ratchet"),
                "{name} is cut: {warning}"
            );
        }
    }
}
