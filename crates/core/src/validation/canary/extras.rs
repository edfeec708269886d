//! Our additions: `canaryAnalysis` in both places, and `dryRun`.

use super::{Subject, analysis};
use crate::api::canary::{CanaryAnalysisExtras, PodOverrides};
use crate::validation::report::Report;
use crate::validation::values::names::{is_label_value, is_qualified, is_subdomain};

pub(super) fn check(report: &mut Report, subject: &Subject) {
    let spec = &subject.canary.spec;
    let inner = subject.canary.analysis().canary_analysis.as_ref();
    let places = [
        ("spec.canaryAnalysis", spec.canary_analysis.as_ref()),
        ("spec.analysis.canaryAnalysis", inner),
    ];
    for (field, extras) in places
        .into_iter()
        .filter_map(|(field, extras)| extras.map(|e| (field, e)))
    {
        mirroring(report, subject, field, extras);
        if let Some(overrides) = &extras.template_variables {
            pods(report, &format!("{field}.templateVariables"), overrides);
        }
    }
    if subject.canary.dry_run() {
        report.warn(
            "spec.dryRun",
            "revisions are analysed, but no routing is changed and nothing is promoted",
        );
    }
}

fn mirroring(report: &mut Report, subject: &Subject, field: &str, extras: &CanaryAnalysisExtras) {
    let values = [
        ("stepWeightPromotion", extras.step_weight_promotion),
        ("maxMirrorWeight", extras.max_mirror_weight),
    ];
    for (name, value) in values.into_iter().filter_map(|(name, value)| value.map(|v| (name, v))) {
        let field = format!("{field}.{name}");
        if !analysis::is_percentage(value) {
            report.invalid(field, value, "must be a whole percentage between 1 and 100");
        } else if !subject.canary.analysis().mirrored() {
            report.warn(field, "ignored until analysis.mirror: true");
        }
    }
}

fn pods(report: &mut Report, field: &str, overrides: &PodOverrides) {
    for (key, value) in overrides.node_selector.iter().flatten() {
        if !is_qualified(key) || !is_label_value(value) {
            let why = "no node label; canary pods would never be scheduled; write example.com/name: value";
            report.invalid(format!("{field}.nodeSelector[{key}]"), value, why);
        }
    }
    if let Err(error) = overrides.affinity() {
        report.invalid(
            format!("{field}.affinity"),
            "...",
            format!("no affinity of a pod: {error}"),
        );
    }
    if let Some(class) = overrides
        .priority_class_name
        .as_deref()
        .filter(|class| !is_subdomain(class))
    {
        let why = "no PriorityClass can have this name; canary pods would be refused";
        report.invalid(format!("{field}.priorityClassName"), class, why);
    }
}
