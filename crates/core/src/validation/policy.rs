//! What is wrong with a CanaryPolicy.

use super::canary::{JudgedAnalysis, gateways, within};
use super::facts::ClusterFacts;
use super::report::{Findings, Report, quoted};
use super::values::names::{is_host, is_qualified};
use super::values::{cron, durations, size, templates, urls};
use crate::api::policy::{FreezeWindow, GuardRails};
use crate::api::{CanaryPolicy, CanaryPolicySpec, Number};
use crate::metrics::registry;
use crate::routing::{Provider, registry as providers};
use kube_core::ResourceExt;

/// Judges a new or changed CanaryPolicy.
pub fn policy(new: &CanaryPolicy, old: Option<&CanaryPolicy>, facts: &ClusterFacts) -> Findings {
    if new.metadata.deletion_timestamp.is_some() {
        return Findings::default();
    }
    judged(new, facts).ratchet(old.map(|old| judged(old, facts)))
}

/// A policy that the CRD takes and [`policy`] refuses: what the self-probe of the webhook sends, always as a dry-run.
pub fn known_bad_policy() -> CanaryPolicy {
    let window = FreezeWindow {
        schedule: "never".into(),
        duration: "1h".into(),
        ..Default::default()
    };
    let spec = CanaryPolicySpec {
        freeze_windows: Some(vec![window]),
        ..Default::default()
    };
    CanaryPolicy::new("coalmine-self-probe", spec)
}

fn judged(policy: &CanaryPolicy, facts: &ClusterFacts) -> Report {
    if let Some(excess) = size::excess("CanaryPolicy", &policy.spec) {
        return excess;
    }
    let mut report = Report::default();
    let spec = &policy.spec;
    sources(&mut report, spec);
    gateways(
        &mut report,
        "spec.gatewayRefs",
        spec.gateway_refs.as_deref().unwrap_or_default(),
    );
    hostname(&mut report, spec.hostname_template.as_deref());
    numbers(&mut report, spec);
    analysis(&mut report, policy, facts);
    for (index, window) in spec.freeze_windows.iter().flatten().enumerate() {
        freeze(&mut report, &format!("spec.freezeWindows[{index}]"), window);
    }
    if let Some(key) = spec.break_glass.as_deref().filter(|key| !is_qualified(key)) {
        report.invalid(
            "spec.breakGlass",
            key,
            "no annotation key; write one such as example.com/break-glass",
        );
    }
    report
}

/// Where routes are written and metrics read.
fn sources(report: &mut Report, spec: &CanaryPolicySpec) {
    const SERVER: &str = "spec.metricsServer";
    if let Some(provider) = named(spec).filter(|provider| Provider::parse(provider).is_none()) {
        report.unsupported(
            "spec.provider",
            provider,
            format!("supported values: {}", quoted(providers::names())),
        );
    }
    let moved = named(spec).and_then(Provider::parse).and_then(Provider::own_route);
    if let Some(own) = moved {
        let (called, provider) = (own.called(), own.provider());
        let why = format!(
            "no policy makes Canaries of {called}s; write one with provider: {provider} for each, and leave it out here"
        );
        report.invalid("spec.provider", provider, why);
    }
    let Some(text) = spec.metrics_server.as_deref().filter(|url| !url.is_empty()) else {
        return;
    };
    if let Some(url) = urls::check(report, SERVER, text, &registry::SERVER.requirements().example()) {
        urls::check_egress(report, SERVER, &url);
    }
}

fn named(spec: &CanaryPolicySpec) -> Option<&str> {
    spec.provider.as_deref().filter(|provider| !provider.is_empty())
}

/// The defaults, and the guard rails they must keep themselves.
fn analysis(report: &mut Report, policy: &CanaryPolicy, facts: &ClusterFacts) {
    let spec = &policy.spec;
    if let Some(rails) = &spec.guard_rails {
        guard_rails(report, rails);
    }
    let Some(analysis) = &spec.analysis else {
        return;
    };
    let provider = named(spec).unwrap_or(facts.default_provider());
    // The policy judged is not yet the one in force.
    let facts = ClusterFacts {
        policy: None,
        ..facts.clone()
    };
    JudgedAnalysis {
        analysis,
        provider,
        facts: &facts,
        namespace: None,
        complete: false,
        served: true,
        connections: false,
    }
    .check(report);
    if let Some(rails) = &spec.guard_rails {
        within(report, &policy.name_any(), rails, analysis);
    }
}

fn hostname(report: &mut Report, template: Option<&str>) {
    const FIELD: &str = "spec.hostnameTemplate";
    let Some(template) = template else { return };
    if let Err(problem) = templates::inspect(template, &["name", "namespace"]) {
        report.invalid(FIELD, template, problem);
    } else if !is_host(&templates::without_actions(template)) {
        let why = "gives no host name; write one such as {{ name }}.{{ namespace }}.example.com";
        report.invalid(FIELD, template, why);
    }
}

/// The schema says most of this, too; a policy stored under an older one is judged here.
fn numbers(report: &mut Report, spec: &CanaryPolicySpec) {
    let port = spec.service.as_ref().and_then(|service| service.port);
    if let Some(port) = port.filter(|port| port.whole().is_none_or(|port| !(1..=65535).contains(&port))) {
        report.invalid("spec.service.port", port, "must be a whole number between 1 and 65535");
    }
    if let Some(most) = spec
        .max_concurrent
        .filter(|most| most.whole().is_none_or(|most| most < 1))
    {
        report.invalid(
            "spec.maxConcurrent",
            most,
            "must be a whole number, at least 1; leave it out for no bound",
        );
    }
    let seconds = [
        ("settleSeconds", spec.settle_seconds),
        ("drainSeconds", spec.drain_seconds),
        ("deletionGraceSeconds", spec.deletion_grace_seconds),
    ];
    for (name, value) in seconds.into_iter().filter_map(|(name, value)| value.map(|v| (name, v))) {
        if value.value() < 0.0 {
            report.invalid(format!("spec.{name}"), value, "must not be negative");
        } else if value.value() > 3600.0 {
            report.warn(format!("spec.{name}"), format!("{value} s hold up every release"));
        }
    }
}

fn guard_rails(report: &mut Report, rails: &GuardRails) {
    let percent = |n: &Number| n.whole().is_none_or(|n| !(1..=100).contains(&n));
    for (name, value) in [
        ("maxStepWeight", rails.max_step_weight),
        ("maxWeight", rails.max_weight),
    ] {
        if let Some(value) = value.filter(percent) {
            report.invalid(
                format!("spec.guardRails.{name}"),
                value,
                "must be a whole percentage between 1 and 100",
            );
        }
    }
    if let Some(most) = rails
        .max_threshold
        .filter(|most| most.whole().is_none_or(|most| most < 1))
    {
        report.invalid(
            "spec.guardRails.maxThreshold",
            most,
            "must be a whole number, at least 1",
        );
    }
    durations::plain(report, "spec.guardRails.minInterval", rails.min_interval.as_deref());
}

fn freeze(report: &mut Report, field: &str, window: &FreezeWindow) {
    if let Some(problem) = cron::problem(&window.schedule) {
        let why = format!("no cron schedule, it would never freeze: {problem}; e.g. 0 18 * * fri");
        report.invalid(format!("{field}.schedule"), &window.schedule, why);
    }
    if window.duration().is_none() {
        let why = "must be a duration above 0, such as 60h for a week-end";
        report.invalid(format!("{field}.duration"), &window.duration, why);
    }
    if !is_zone(window.time_zone()) {
        let why = "no IANA time zone; write UTC or one such as Europe/Berlin";
        report.invalid(format!("{field}.timeZone"), window.time_zone(), why);
    }
}

/// Has the form of an IANA zone; whether it exists depends on the tables of the machine that reads it.
fn is_zone(zone: &str) -> bool {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "_-+".contains(c))
    };
    matches!(zone, "UTC" | "GMT" | "Etc/UTC") || (zone.contains('/') && zone.split('/').all(part))
}
