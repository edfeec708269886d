//! `spec.provider` and what it needs.

use super::Subject;
use crate::object::text;
use crate::validation::report::{Report, quoted};
use crate::validation::values::urls;
use crate::{
    metrics,
    routing::{Names, OwnRoute, Provider, RouteKind, registry},
};

const FIELD: &str = "spec.provider";
/// What an app speaks, whoever wrote its route.
const SPOKEN: &str = "spec.service.appProtocol";

pub(super) fn check(report: &mut Report, subject: &Subject) {
    let spec = &subject.canary.spec;
    let named = spec.provider.as_deref().filter(|provider| !provider.is_empty());
    if let Some(provider) = named.filter(|provider| !registry::names().contains(provider)) {
        report.unsupported(
            FIELD,
            provider,
            format!("supported values: {}", quoted(registry::names())),
        );
    }
    own_route(report, subject, named);
    served(report, subject);
    if named.is_some_and(registry::is_retired) {
        let instead = Provider::STANDARD.as_str();
        let text = format!("the upstream project is retired; plan a move to {instead}");
        report.warn(FIELD, text);
    }
    references(report, subject);
    upstream(report, subject);
    if let Some(url) = spec.metrics_server.as_deref().filter(|url| !url.is_empty()) {
        const FIELD: &str = "spec.metricsServer";
        if let Some(url) = urls::check(report, FIELD, url, &metrics::registry::SERVER.requirements().example()) {
            urls::check_egress(report, FIELD, &url);
        }
    }
}

/// Targets that are their own routes and the provider that moves these come together or not at all.
fn own_route(report: &mut Report, subject: &Subject, named: Option<&str>) {
    let target = &subject.canary.spec.target_ref;
    let moved = named.and_then(Provider::parse).and_then(Provider::own_route);
    let own = OwnRoute::named(&target.api_version, &target.kind);
    match (moved, own) {
        (Some(moved), own) if own != Some(moved) => {
            let kind = moved.resource();
            let why = format!("needs a {} {} as target", kind.api_version(), kind.kind);
            report.invalid(FIELD, subject.provider, why);
        }
        (None, Some(own)) => {
            let provider = own.provider();
            let why = format!(
                "a {} can only be released by {provider}; set provider: {provider}",
                own.called()
            );
            report.invalid(FIELD, subject.provider, why);
        }
        _ => {}
    }
}

fn served(report: &mut Report, subject: &Subject) {
    let first = || registry::router(subject.provider)?.kinds().first().copied();
    let (Some(served), Some(kind)) = (&subject.facts.served, made(subject).or_else(first)) else {
        return;
    };
    let resource = kind.resource();
    let called = format!("{}/{}", resource.api_version(), resource.kind);
    if served.contains(&called) {
        return;
    }
    let text = match kind.since() {
        Some(since) => format!("{called} is not served by this cluster: {since} or newer has it"),
        None => format!("{called} is not served by this cluster; routes cannot be written"),
    };
    report.warn(FIELD, text);
}

/// The kind of the route that is made for an app whose user has none; or that was made, by Flagger perhaps, and stays in use.
fn made(subject: &Subject) -> Option<&'static dyn RouteKind> {
    let provider = Provider::parse(subject.provider).filter(|_| !subject.facts.user_route)?;
    let (canary, names) = (subject.canary, Names::new(subject.canary.service_name()));
    let namespace = canary.namespace_name();
    let plain = provider.published_plainly(namespace, &names, &canary.spec);
    let kept = plain.filter(|plain| subject.facts.made.contains(text(plain, "/kind")));
    let route = kept.or_else(|| provider.published(namespace, &names, &canary.spec))?;
    provider.kind_of(&route)
}

fn references(report: &mut Report, subject: &Subject) {
    let spec = &subject.canary.spec;
    let lacks = registry::lacks(subject.provider, spec).filter(|need| !need.without_route);
    if let Some(need) = lacks {
        report.required(need.field, format!("provider {} {}", subject.provider, need.why));
    }
    let rejected = Provider::parse(subject.provider).map(|provider| provider.rejects(spec));
    for (field, why) in rejected.into_iter().flatten() {
        // No route is made of it beside one of the user's own, and it is told of it that it has no effect.
        if subject.facts.user_route && field != SPOKEN {
            report.warn(field, why);
        } else {
            report.forbidden(field, why);
        }
    }
    if let Some((field, why)) = registry::router(subject.provider).and_then(|router| router.other_version(spec)) {
        report.warn(field, why);
    }
}

fn upstream(report: &mut Report, subject: &Subject) {
    const FIELD: &str = "spec.upstreamRef";
    let Some(upstream) = &subject.canary.spec.upstream_ref else {
        return;
    };
    if !subject.obeys(FIELD) {
        report.warn(FIELD, format!("ignored by provider {}", subject.provider));
    }
    let foreign = upstream
        .namespace
        .as_deref()
        .is_some_and(|ns| !ns.is_empty() && ns != subject.canary.namespace_name());
    if foreign && subject.facts.no_cross_namespace_refs {
        let why = format!(
            "can't access upstream {}, cross-namespace references are blocked",
            upstream.name
        );
        report.forbidden("spec.upstreamRef.namespace", why);
    }
}
