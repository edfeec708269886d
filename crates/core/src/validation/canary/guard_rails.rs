//! The bounds a policy sets on every Canary under it.

use super::Subject;
use crate::api::Number;
use crate::api::canary::{Analysis, AnalysisKind};
use crate::api::policy::GuardRails;
use crate::plan::settings::rails;
use crate::validation::report::Report;
use kube_core::ResourceExt;
use std::collections::HashSet;

pub(super) fn check(report: &mut Report, subject: &Subject) {
    let Some(policy) = &subject.facts.policy else {
        return;
    };
    let Some(rails) = &policy.spec.guard_rails else {
        return;
    };
    if subject.canary.skip_analysis() && *rails != GuardRails::default() {
        let why = format!("policy {:?} demands an analysis; remove it", policy.name_any());
        return report.forbidden("spec.skipAnalysis", why);
    }
    if let Some(analysis) = &subject.canary.spec.analysis {
        within(report, &policy.name_any(), rails, analysis);
    }
}

/// Holds an analysis, a Canary's or the policy's own default, to the guard rails.
pub(in crate::validation) fn within(report: &mut Report, policy: &str, rails: &GuardRails, analysis: &Analysis) {
    weights(report, policy, rails, analysis);
    if let Some(least) = rails.min_interval()
        && analysis.interval.is_some()
        && analysis.interval() < least
    {
        let why = format!(
            "policy {policy:?} allows at least {} between checks",
            crate::api::GoDuration::from(least)
        );
        report.forbidden("spec.analysis.interval", why);
    }
    if let (Some(most), Some(threshold)) = (rails.max_threshold, analysis.threshold)
        && threshold > most
    {
        let why = format!("policy {policy:?} allows at most {most} failed checks, not {threshold}");
        report.forbidden("spec.analysis.threshold", why);
    }
    let measured: HashSet<&str> = analysis
        .metrics
        .iter()
        .flatten()
        .map(|metric| metric.name.as_str())
        .collect();
    for name in rails.required_metrics.iter().flatten() {
        if !measured.contains(name.as_str()) {
            report.required(
                "spec.analysis.metrics",
                format!("policy {policy:?} demands the metric {name:?}; add it"),
            );
        }
    }
}

fn weights(report: &mut Report, policy: &str, rails: &GuardRails, analysis: &Analysis) {
    if analysis.kind() != AnalysisKind::Weighted {
        return;
    }
    let listed = analysis.step_weights.is_some();
    let (step, max) = if listed {
        ("stepWeights", "stepWeights")
    } else {
        ("stepWeight", "maxWeight")
    };
    let (rise, highest) = reach(analysis);
    if let Some(most) = rails.max_step_weight.map(Number::int).filter(|most| rise > *most) {
        let why = format!("policy {policy:?} allows at most {most} % in one step, not {rise}");
        report.forbidden(format!("spec.analysis.{step}"), why);
    }
    if let Some(most) = rails.max_weight.map(Number::int).filter(|most| highest > *most) {
        let passes = !listed && highest > analysis.max_weight();
        let how = if passes { ", to which the last step goes" } else { "" };
        let why = format!("policy {policy:?} allows at most {most} % before promotion, not {highest}{how}");
        report.forbidden(format!("spec.analysis.{max}"), why);
    }
}

/// The largest step and the highest weight of an analysis, percent.
fn reach(analysis: &Analysis) -> (i32, i32) {
    if analysis.step_weights.is_none() {
        let step = analysis.step_weight();
        let last = rails::climbed(step, analysis.max_weight()).last().copied();
        return (step, last.unwrap_or(0));
    }
    let steps = analysis.step_weights();
    let before = std::iter::once(0).chain(steps.iter().copied());
    let rise = before
        .zip(&steps)
        .map(|(from, to)| to.saturating_sub(from))
        .max()
        .unwrap_or(0);
    (rise, steps.iter().copied().max().unwrap_or(0))
}
