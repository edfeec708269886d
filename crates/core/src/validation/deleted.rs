//! A deletion is never refused, but who depends on it is named.

use super::facts::ClusterFacts;
use super::report::Report;
use crate::api::canary::NamespacedRef;
use crate::api::{AlertProvider, Canary, MetricTemplate};
use kube_core::ResourceExt;

/// Warnings for the deletion of a MetricTemplate.
pub fn metric_template_deleted(template: &MetricTemplate, facts: &ClusterFacts) -> Vec<String> {
    let uses = |canary: &Canary| {
        let metrics = canary.analysis().metrics.iter().flatten();
        let mut references = metrics.filter_map(|metric| metric.template_ref.as_ref());
        references.any(|reference| refers(reference, canary, template))
    };
    used_by(facts, uses, "their analyses fail")
}

/// Warnings for the deletion of an AlertProvider.
pub fn alert_provider_deleted(provider: &AlertProvider, facts: &ClusterFacts) -> Vec<String> {
    let uses = |canary: &Canary| {
        let mut alerts = canary.analysis().alerts.iter().flatten();
        alerts.any(|alert| refers(&alert.provider_ref, canary, provider))
    };
    used_by(facts, uses, "their alerts are dropped")
}

fn refers(reference: &NamespacedRef, canary: &Canary, object: &impl ResourceExt) -> bool {
    let namespace = object.namespace().unwrap_or_default();
    reference.name == object.name_any() && reference.namespace_or(canary.namespace_name()) == namespace
}

fn used_by(facts: &ClusterFacts, uses: impl Fn(&Canary) -> bool, effect: &str) -> Vec<String> {
    let users: Vec<String> = facts
        .canaries
        .iter()
        .filter(|canary| uses(canary))
        .map(|canary| canary.full_name())
        .collect();
    let mut report = Report::default();
    if !users.is_empty() {
        let shown = users.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
        let more = users.len().saturating_sub(3);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        report.warn("metadata.name", format!("used by {shown}{more}; {effect}"));
    }
    report.finish().warnings
}
