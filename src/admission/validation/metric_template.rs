//! Rows M1 to M12: a MetricTemplate.

mod query;
mod secret;

use super::findings::Findings;
use super::names::is_token;
use super::report::{Report, quoted};
use super::world::World;
use super::{size, urls};
use crate::api::MetricTemplate;
use crate::api::metric_template::MetricProvider;

const TYPE: &str = "spec.provider.type";
const ADDRESS: &str = "spec.provider.address";
/// Providers without a well-known address of their own.
const NEED_ADDRESS: [&str; 6] = ["prometheus", "influxdb", "graphite", "dynatrace", "splunk", "web"];

/// Judges a new or changed MetricTemplate.
pub fn metric_template(new: &MetricTemplate, old: Option<&MetricTemplate>, world: &World) -> Findings {
    if new.metadata.deletion_timestamp.is_some() {
        return Findings::default();
    }
    judged(new, world).ratchet(old.map(|old| judged(old, world)))
}

fn judged(template: &MetricTemplate, world: &World) -> Report {
    if let Some(excess) = size::excess("MetricTemplate", &template.spec) {
        return excess;
    }
    let mut report = Report::default();
    let provider = &template.spec.provider;
    if !MetricProvider::TYPES.contains(&provider.kind.as_str()) {
        report.unsupported(
            TYPE,
            &provider.kind,
            format!("supported values: {}", quoted(MetricProvider::TYPES)),
        );
    }
    address(&mut report, provider, world);
    if provider.kind == "cloudwatch" && provider.region.as_deref().unwrap_or_default().is_empty() {
        report.required("spec.provider.region", "AWS region, e.g. eu-west-1");
    }
    if provider.kind == "web" && provider.json_path.as_deref().unwrap_or_default().is_empty() {
        report.required(
            "spec.provider.jsonPath",
            "where the number stands in the answer, e.g. {.data.value}",
        );
    }
    secret::check(&mut report, provider, &world.secret);
    headers(&mut report, provider);
    if provider.insecure_skip_verify == Some(true) {
        report.warn(
            "spec.provider.insecureSkipVerify",
            "anyone on the path can forge the metrics that gate releases",
        );
    }
    query::check(&mut report, provider, &template.spec.query);
    report
}

fn address(report: &mut Report, provider: &MetricProvider, world: &World) {
    let kind = provider.kind.as_str();
    let Some(address) = provider.address.as_deref().filter(|address| !address.is_empty()) else {
        if NEED_ADDRESS.contains(&kind) {
            report.required(
                ADDRESS,
                format!("URL of the {kind} API, e.g. http://{kind}.monitoring:9090"),
            );
        }
        return;
    };
    if kind == "externalmetrics" && provider.secret_ref.is_none() {
        report.forbidden(
            ADDRESS,
            "would send the controller's own token there; add a secretRef or remove it",
        );
    }
    if kind == "splunk" && (address.starts_with("ws://") || address.starts_with("wss://")) {
        return; // SignalFlow is a web socket
    }
    let Some(url) = urls::check(
        report,
        ADDRESS,
        address,
        "http://prometheus.monitoring:9090; credentials belong in secretRef",
    ) else {
        return;
    };
    if kind != "externalmetrics" {
        urls::check_egress(report, ADDRESS, &url, world.allow_local_urls);
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
