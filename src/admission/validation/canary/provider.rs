//! Rows 11 to 14 and 21 to 24: `spec.provider` and what it needs.

use super::Subject;
use crate::admission::validation::providers::{is_retired, route_kind};
use crate::admission::validation::report::{Report, quoted};
use crate::admission::validation::urls;
use crate::api::crds::PROVIDERS;
use crate::metrics::registry;

const FIELD: &str = "spec.provider";

pub(super) fn check(report: &mut Report, subject: &Subject) {
    let spec = &subject.canary.spec;
    let named = spec.provider.as_deref().filter(|provider| !provider.is_empty());
    if let Some(provider) = named.filter(|provider| !PROVIDERS.contains(provider)) {
        report.unsupported(FIELD, provider, format!("supported values: {}", quoted(PROVIDERS)));
    }
    knative(report, subject, named);
    served(report, subject);
    if named.is_some_and(is_retired) {
        report.warn(FIELD, "the upstream project is retired; plan a move to gatewayapi:v1");
    }
    references(report, subject);
    upstream(report, subject);
    if let Some(url) = spec.metrics_server.as_deref().filter(|url| !url.is_empty()) {
        const FIELD: &str = "spec.metricsServer";
        if let Some(url) = urls::check(report, FIELD, url, &registry::SERVER.rules().example()) {
            urls::check_egress(report, FIELD, &url, subject.world.allow_local_urls);
        }
    }
}

/// Knative has its own traffic split: its Services and the provider come together or not at all.
fn knative(report: &mut Report, subject: &Subject, named: Option<&str>) {
    match (named == Some("knative"), subject.canary.targets_knative()) {
        (true, false) => report.invalid(FIELD, "knative", "needs a serving.knative.dev/v1 Service as target"),
        (false, true) => {
            report.invalid(
                FIELD,
                subject.provider,
                "a Knative Service can only be released by knative; set provider: knative",
            );
        }
        _ => {}
    }
}

fn served(report: &mut Report, subject: &Subject) {
    let (Some(served), Some(kind)) = (&subject.world.served, route_kind(subject.provider)) else {
        return;
    };
    if !served.contains(kind) {
        report.warn(
            FIELD,
            format!("{kind} is not served by this cluster; routes cannot be written"),
        );
    }
}

fn references(report: &mut Report, subject: &Subject) {
    let spec = &subject.canary.spec;
    let provider = subject.provider;
    match &spec.ingress_ref {
        None if matches!(provider, "nginx" | "skipper") => {
            report.required(
                "spec.ingressRef",
                format!("provider {provider} copies the Ingress that routes to the target"),
            );
        }
        Some(ingress) if ingress.api_version != "networking.k8s.io/v1" => {
            report.warn(
                "spec.ingressRef.apiVersion",
                "ignored: Ingresses are read as networking.k8s.io/v1",
            );
        }
        _ => {}
    }
    if spec.route_ref.is_none() && provider == "apisix" {
        report.required(
            "spec.routeRef",
            "provider apisix copies the ApisixRoute that routes to the target",
        );
    }
}

fn upstream(report: &mut Report, subject: &Subject) {
    let Some(upstream) = &subject.canary.spec.upstream_ref else {
        return;
    };
    if !subject.provider.starts_with("gloo") {
        report.warn("spec.upstreamRef", format!("ignored by provider {}", subject.provider));
    }
    let foreign = upstream
        .namespace
        .as_deref()
        .is_some_and(|ns| !ns.is_empty() && ns != subject.canary.namespace_name());
    if foreign && subject.world.no_cross_namespace_refs {
        let why = format!(
            "can't access gloo upstream {}, cross-namespace references are blocked",
            upstream.name
        );
        report.forbidden("spec.upstreamRef.namespace", why);
    }
}
