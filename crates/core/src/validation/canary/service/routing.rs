//! What routes make of ports, timeouts, gateways, hosts.

use crate::api::canary::{CanaryService, GatewayRef};
use crate::plan::settings::alien_hosts;
use crate::routing::{Provider, registry};
use crate::validation::canary::Subject;
use crate::validation::report::Report;
use crate::validation::values::distinct::repeats;
use crate::validation::values::durations;
use crate::validation::values::names::is_host;

const GATEWAYS: &str = "spec.service.gateways";
const GATEWAY_REFS: &str = "spec.service.gatewayRefs";
/// How `appProtocol` says that requests come by HTTP/2 alone.
const GRPC: [&str; 3] = ["grpc", "h2c", "kubernetes.io/h2c"];

pub(super) fn check(report: &mut Report, subject: &Subject, service: &CanaryService) {
    timeouts(report, subject, service);
    ports(report, subject, service);
    connections(report, subject, service);
    gateway_refs(report, subject, service);
    if service.gateways.as_ref().is_some_and(|gateways| !gateways.is_empty()) && !subject.obeys(GATEWAYS) {
        report.warn(GATEWAYS, format!("ignored by provider {}", subject.provider));
    }
    hosts(report, subject, service);
    room(report, subject);
    let by_address = registry::router(subject.provider).is_some_and(|router| router.needs_address());
    if service.headless == Some(true) && by_address {
        report.warn(
            "spec.service.headless",
            "clients resolve pods directly; weights may not apply",
        );
    }
}

fn timeouts(report: &mut Report, subject: &Subject, service: &CanaryService) {
    const BACKEND: &str = "spec.service.backendTimeout";
    let why = "not a duration, the route would be refused; use one such as 5s";
    let request = durations::read(report, "spec.service.timeout", service.timeout.as_deref(), why);
    let backend = durations::read(report, BACKEND, service.backend_timeout.as_deref(), why);
    if let (Some(request), Some(backend)) = (request, backend)
        && request.as_nanos() > 0 // 0 means none
        && backend > request
    {
        let why = format!("exceeds timeout {request}; Gateway API needs backendRequest <= request");
        report.invalid(BACKEND, backend, why);
    }
    if service.backend_timeout.is_some() && !subject.obeys(BACKEND) {
        report.warn(BACKEND, format!("ignored by provider {}", subject.provider));
    }
}

/// What a route that the provider makes does not carry; one of the user's own says that itself.
fn ports(report: &mut Report, subject: &Subject, service: &CanaryService) {
    let (provider, can) = (subject.provider, registry::can(subject.provider));
    if subject.facts.user_route {
        return;
    }
    let spoken = service.app_protocol.as_deref().unwrap_or_default();
    if !can.grpc && GRPC.iter().any(|known| spoken.eq_ignore_ascii_case(known)) {
        report.warn(
            "spec.service.appProtocol",
            format!("provider {provider} makes a route of HTTP/1.1, which carries no gRPC; write one of your own"),
        );
    }
    let several = service.port_discovery == Some(true) && subject.facts.container_ports().len() > 1;
    if let Some(port) = service.port().filter(|_| several && !can.several_ports) {
        report.warn(
            "spec.service.portDiscovery",
            format!("provider {provider} routes port {port} alone; callers of others meet no canary"),
        );
    }
}

/// What shapes requests, where connections are routed.
fn connections(report: &mut Report, subject: &Subject, service: &CanaryService) {
    let routed = registry::can(subject.provider).tcp && subject.obeys("spec.service.match");
    if !service.is_tcp() || !routed {
        return;
    }
    for (name, is_set) in [
        ("timeout", service.timeout.is_some()),
        ("retries", service.retries.is_some()),
        ("rewrite", service.rewrite.is_some()),
        ("headers", service.headers.is_some()),
        ("corsPolicy", service.cors_policy.is_some()),
    ] {
        if is_set {
            report.warn(
                format!("spec.service.{name}"),
                "ignored: it is about requests, and with appProtocol tcp connections are routed",
            );
        }
    }
}

fn gateway_refs(report: &mut Report, subject: &Subject, service: &CanaryService) {
    let refs = service.gateway_refs.as_deref().unwrap_or_default();
    let lacks = registry::lacks(subject.provider, &subject.canary.spec).filter(|need| need.field == GATEWAY_REFS);
    if let Some(need) = lacks.filter(|_| !subject.facts.user_route) {
        let policy = subject.facts.policy.as_ref();
        // Those of the policy are there only for hosts that somebody has named.
        let hosts = policy.is_some_and(|policy| policy.spec.gateway_refs.is_some());
        let also = if hosts {
            ", or hosts for those of the policy"
        } else {
            ""
        };
        report.required(
            GATEWAY_REFS,
            format!("provider {} {}{also}", subject.provider, need.why),
        );
    }
    listed(report, GATEWAY_REFS, refs);
}

/// Names and duplicates of a list of Gateways, here and in a policy.
pub(in crate::validation) fn listed(report: &mut Report, field: &str, refs: &[GatewayRef]) {
    let key = |gateway: &'_ GatewayRef| serde_json::to_string(gateway).unwrap_or_default();
    for ((index, gateway), repeated) in refs.iter().enumerate().zip(repeats(refs.iter().map(key))) {
        if gateway.name.is_empty() {
            report.required(format!("{field}[{index}].name"), "name of a Gateway");
        } else if repeated {
            report.duplicate(
                format!("{field}[{index}]"),
                &gateway.name,
                "same Gateway listed twice; remove one",
            );
        }
    }
}

fn hosts(report: &mut Report, subject: &Subject, service: &CanaryService) {
    const FIELD: &str = "spec.service.hosts";
    let hosts = service.hosts.as_deref().unwrap_or_default();
    for (index, host) in hosts.iter().enumerate().filter(|(_, host)| !is_host(host)) {
        let why = "no host name, so no request would match; write \"app.example.com\" or \"*.example.com\"";
        report.invalid(format!("{FIELD}[{index}]"), host, why);
    }
    let (namespace, domain) = (subject.canary.namespace_name(), &subject.facts.cluster_domain);
    let alien = Provider::parse(subject.provider)
        .map(|provider| alien_hosts::of(service, provider, namespace, domain))
        .unwrap_or_default();
    for (index, host) in hosts.iter().enumerate() {
        if let Some(owner) = alien.get(host) {
            report.forbidden(format!("{FIELD}[{index}]"), alien_hosts::why(owner));
        }
    }
    if hosts.is_empty() && subject.obeys(GATEWAY_REFS) && !subject.facts.user_route {
        report.warn(FIELD, "empty, so the route attaches to every host of the listener");
    }
}

/// A test or sessions add rules to the user's own route, which may be full.
fn room(report: &mut Report, subject: &Subject) {
    let Some(why) = &subject.facts.crowded else { return };
    let analysis = subject.canary.analysis();
    if analysis.session_affinity.is_some() && registry::can(subject.provider).affinity {
        report.forbidden("spec.analysis.sessionAffinity", why);
    } else if analysis.matches.as_ref().is_some_and(|matches| !matches.is_empty()) {
        report.forbidden("spec.analysis.match", why);
    }
}
