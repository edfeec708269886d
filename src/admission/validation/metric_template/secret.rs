//! Rows M6 and M8: credentials of a provider.

use crate::admission::validation::report::Report;
use crate::admission::validation::world::SecretFacts;
use crate::api::metric_template::MetricProvider;

const FIELD: &str = "spec.provider.secretRef";

/// Keys the Secret of a provider must have: any of these sets.
fn keys(kind: &str) -> &'static [&'static [&'static str]] {
    match kind {
        "prometheus" => &[&["token"], &["username", "password"]],
        "datadog" => &[&["datadog_api_key", "datadog_application_key"]],
        "newrelic" => &[&["newrelic_account_id", "newrelic_query_key"]],
        "dynatrace" => &[&["dynatrace_token"]],
        "splunk" => &[&["sf_token_key"]],
        "graphite" => &[&["username", "password"]],
        "influxdb" => &[&["token", "org"]],
        "stackdriver" => &[&["project"]],
        _ => &[],
    }
}

/// Whether a provider cannot be asked without credentials.
fn is_needed(kind: &str) -> bool {
    matches!(kind, "datadog" | "newrelic" | "dynatrace" | "splunk")
}

pub(super) fn check(report: &mut Report, provider: &MetricProvider, secret: &SecretFacts) {
    let sets = keys(&provider.kind);
    let list = || {
        sets.iter()
            .map(|set| set.join(" and "))
            .collect::<Vec<_>>()
            .join(", or ")
    };
    let Some(reference) = &provider.secret_ref else {
        if is_needed(&provider.kind) {
            report.required(
                FIELD,
                format!("{} asks for credentials; keys needed: {}", provider.kind, list()),
            );
        }
        return;
    };
    if let Some(user) = &secret.denied_to {
        report.forbidden(FIELD, format!("user {user:?} cannot get secrets/{}", reference.name));
    }
}
