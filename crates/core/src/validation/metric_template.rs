//! Rules of a MetricTemplate.

mod query;
mod secret;

use super::facts::ClusterFacts;
use super::report::{Findings, Report, quoted};
use super::values::names::is_token;
use super::values::{size, urls};
use crate::api::MetricTemplate;
use crate::api::metric_template::MetricProvider;
use crate::metrics::registry::{self, SERVER};
use crate::metrics::requirements::{Address, StoreRequirements};

const TYPE: &str = "spec.provider.type";
const ADDRESS: &str = "spec.provider.address";

/// Judges a new or changed MetricTemplate.
pub fn metric_template(new: &MetricTemplate, old: Option<&MetricTemplate>, facts: &ClusterFacts) -> Findings {
    if new.metadata.deletion_timestamp.is_some() {
        return Findings::default();
    }
    judged(new, facts).ratchet(old.map(|old| judged(old, facts)))
}

fn judged(template: &MetricTemplate, facts: &ClusterFacts) -> Report {
    if let Some(excess) = size::excess("MetricTemplate", &template.spec) {
        return excess;
    }
    let mut report = Report::default();
    let provider = &template.spec.provider;
    let store = registry::requirements(&provider.kind);
    if !MetricProvider::TYPES.contains(&provider.kind.as_str()) {
        report.unsupported(
            TYPE,
            &provider.kind,
            format!("supported values: {}", quoted(MetricProvider::TYPES)),
        );
    }
    address(&mut report, store, provider);
    for field in store.fields {
        if (field.value)(provider).unwrap_or_default().is_empty() {
            report.required(field.path, field.what);
        }
    }
    secret::check(&mut report, store, provider, &facts.secret);
    headers(&mut report, provider);
    if provider.insecure_skip_verify == Some(true) {
        report.warn(
            "spec.provider.insecureSkipVerify",
            "anyone on the path can forge the metrics that gate releases",
        );
    }
    query::check(&mut report, store, &template.spec.query);
    report
}

fn address(report: &mut Report, store: &StoreRequirements, provider: &MetricProvider) {
    let Some(address) = provider.address.as_deref().filter(|address| !address.is_empty()) else {
        if matches!(store.address, Address::Needed | Address::SocketNeeded) {
            report.required(
                ADDRESS,
                format!("URL of the {} API, e.g. {}", store.name, store.example()),
            );
        }
        return;
    };
    let of_api_server = store.address == Address::ApiServer;
    if of_api_server && provider.secret_ref.is_none() {
        report.forbidden(
            ADDRESS,
            "would send the controller's own token there; add a secretRef or remove it",
        );
    }
    let socket = address.starts_with("ws://") || address.starts_with("wss://");
    if socket && store.address == Address::SocketNeeded {
        return;
    }
    let example = format!("{}; credentials belong in secretRef", SERVER.requirements().example());
    let Some(url) = urls::check(report, ADDRESS, address, &example) else {
        return;
    };
    if !of_api_server {
        urls::check_egress(report, ADDRESS, &url);
    }
    if !url.secure && provider.secret_ref.is_some() {
        report.warn(ADDRESS, "http sends the credential in clear; use https");
    }
}

fn headers(report: &mut Report, provider: &MetricProvider) {
    for (name, values) in provider.headers.iter().flatten() {
        let field = format!("spec.provider.headers[{name}]");
        if !is_token(name) {
            report.invalid(field, name, "no header name; use letters, digits and \"-\"");
        } else if values.iter().any(|value| value.chars().any(char::is_control)) {
            report.invalid(
                field,
                "...",
                "a header value has no control characters; remove the line break",
            );
        } else if name.eq_ignore_ascii_case("host") {
            report.invalid(
                field,
                name,
                "header is set by the controller; put the host into address",
            );
        } else if name.eq_ignore_ascii_case("authorization") && provider.secret_ref.is_some() {
            report.invalid(field, name, "header is set by the controller; use secretRef alone");
        }
    }
}
