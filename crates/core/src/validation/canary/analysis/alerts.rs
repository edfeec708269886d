//! `spec.analysis.alerts`.

use super::{JudgedAnalysis, template_ref};
use crate::validation::report::Report;

pub(super) fn check(report: &mut Report, judged: &JudgedAnalysis) {
    for (index, alert) in judged.analysis.alerts.iter().flatten().enumerate() {
        let field = format!("{}[{index}].providerRef", judged.field("alerts"));
        let name = &alert.provider_ref.name;
        if name.is_empty() {
            report.required(format!("{field}.name"), "name of an AlertProvider");
            continue;
        }
        let Some(own) = judged.namespace else {
            template_ref::of_policy(report, &field, &alert.provider_ref, judged.facts);
            continue;
        };
        let namespace = alert.provider_ref.namespace_or(own);
        if let Err(why) = alert
            .provider_ref
            .namespace_within(own, judged.facts.no_cross_namespace_refs)
        {
            let why = format!("can't access alert provider {name}.{namespace}, {why}");
            report.forbidden(format!("{field}.namespace"), why);
            continue;
        }
        let known = |known: &std::collections::BTreeSet<(String, String)>| {
            known.contains(&(namespace.to_owned(), name.clone()))
        };
        if judged
            .facts
            .alert_providers
            .as_ref()
            .is_some_and(|providers| !known(providers))
        {
            report.warn(
                field,
                format!("AlertProvider {name:?} not found yet; alerts are dropped until it exists"),
            );
        }
    }
}
