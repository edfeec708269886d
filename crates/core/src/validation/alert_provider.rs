//! Rules of an AlertProvider.

use super::facts::ClusterFacts;
use super::report::{Findings, Report, quoted};
use super::values::{size, templates, urls};
use crate::api::AlertProvider;
use crate::api::alert_provider::AlertProviderSpec;

/// Judges a new or changed AlertProvider.
pub fn alert_provider(new: &AlertProvider, old: Option<&AlertProvider>, facts: &ClusterFacts) -> Findings {
    if new.metadata.deletion_timestamp.is_some() {
        return Findings::default();
    }
    judged(&new.spec, facts).ratchet(old.map(|old| judged(&old.spec, facts)))
}

fn judged(spec: &AlertProviderSpec, facts: &ClusterFacts) -> Report {
    if let Some(excess) = size::excess("AlertProvider", spec) {
        return excess;
    }
    let mut report = Report::default();
    if !AlertProviderSpec::TYPES.contains(&spec.kind.as_str()) {
        report.unsupported(
            "spec.type",
            &spec.kind,
            format!("supported values: {}", quoted(AlertProviderSpec::TYPES)),
        );
    }
    match (&spec.address, &spec.secret_ref) {
        (Some(_), Some(_)) => report.invalid("spec", "address, secretRef", "set exactly one of address and secretRef"),
        (None, None) => report.required("spec", "set exactly one of address and secretRef"),
        _ => {}
    }
    address(&mut report, "spec.address", spec.address.as_deref());
    address(&mut report, "spec.proxy", spec.proxy.as_deref());
    secret(&mut report, spec, facts);
    if spec.kind == "pagerduty" && spec.secret_ref.is_none() {
        report.required(
            "spec.secretRef",
            "a Secret with the keys address and token, PagerDuty's routing key",
        );
    }
    if matches!(spec.kind.as_str(), "msteams" | "gchat" | "pagerduty" | "webhook") {
        for (name, value) in [("channel", &spec.channel), ("username", &spec.username)] {
            if value.is_some() {
                report.warn(
                    format!("spec.{name}"),
                    format!("ignored by {}: the receiver decides", spec.kind),
                );
            }
        }
    }
    if let Some(template) = &spec.message_template
        && let Err(problem) = templates::inspect(template, &[])
    {
        report.invalid("spec.messageTemplate", template, problem);
    }
    report
}

fn address(report: &mut Report, field: &str, text: Option<&str>) {
    let Some(text) = text else { return };
    // Hooks carry their token in the address, so it is never repeated.
    let Some(url) = urls::parse(text) else {
        let why = "absolute http:// or https:// URL without credentials and fragment";
        return report.invalid(field, "...", why);
    };
    urls::check_egress(report, field, &url);
    if !url.secure && field == "spec.address" {
        report.warn(field, "over http, hook tokens travel in clear; use https");
    }
}

fn secret(report: &mut Report, spec: &AlertProviderSpec, facts: &ClusterFacts) {
    const FIELD: &str = "spec.secretRef";
    let Some(reference) = &spec.secret_ref else {
        return;
    };
    if let Some(user) = &facts.secret.denied_to {
        report.forbidden(FIELD, format!("user {user:?} cannot get secrets/{}", reference.name));
    }
}
