//! The analysis as a whole.

mod affinity;
mod alerts;
mod checks;
mod hooks;
mod metrics;
mod template_ref;
mod weights;

pub(super) use weights::is_percentage;

use super::{Subject, matching};
use crate::api::Number;
use crate::api::canary::{Analysis, CanaryService};
use crate::routing::{Capabilities, Provider, registry};
use crate::validation::facts::ClusterFacts;
use crate::validation::report::Report;
use crate::validation::values::durations;

/// Path of the analysis, in a Canary and in a policy alike.
pub(super) const BASE: &str = "spec.analysis";

/// An analysis and what its rules depend on; a policy's holds defaults and need not be complete.
pub(in crate::validation) struct JudgedAnalysis<'a> {
    pub analysis: &'a Analysis,
    pub provider: &'a str,
    pub facts: &'a ClusterFacts,
    /// Namespace references without one are read in; `None` in a policy.
    pub namespace: Option<&'a str>,
    /// Whether it stands alone, as a Canary's does.
    pub complete: bool,
    /// Whether there is a Service by which requests come.
    pub served: bool,
    /// Whether by that Service come connections, of which nothing is known but that they are there.
    pub connections: bool,
}

pub(super) fn canary(report: &mut Report, subject: &Subject) {
    let spec = &subject.canary.spec;
    let skip = subject.canary.skip_analysis();
    deadline(report, spec.progress_deadline_seconds);
    let Some(analysis) = &spec.analysis else {
        if !skip {
            report.required(BASE, "set skipAnalysis: true to release without one");
        }
        return;
    };
    let namespace = Some(subject.canary.namespace_name());
    let judged = JudgedAnalysis {
        analysis,
        provider: subject.provider,
        facts: subject.facts,
        namespace,
        complete: true,
        served: subject.canary.spec.service.is_some() || subject.canary.targets_a_route(),
        connections: spec.service.as_ref().is_some_and(CanaryService::is_tcp),
    };
    judged.check(report);
    gates(report, analysis, skip);
}

fn deadline(report: &mut Report, seconds: Option<Number>) {
    const FIELD: &str = "spec.progressDeadlineSeconds";
    match seconds {
        Some(n) if n.whole().is_none_or(|n| n <= 0) => {
            report.invalid(
                FIELD,
                n,
                "must be a whole number of seconds above 0, else nothing ever gets ready in time",
            );
        }
        Some(n) if n.int() < 60 => {
            report.warn(
                FIELD,
                format!("{n} s are short; a canary may be rolled back before it starts"),
            );
        }
        _ => {}
    }
}

/// What judges a release, and what does not.
fn gates(report: &mut Report, analysis: &Analysis, skip: bool) {
    let metrics = analysis.metrics.as_ref().is_some_and(|metrics| !metrics.is_empty());
    let hooks = analysis.webhooks.as_ref().is_some_and(|hooks| !hooks.is_empty());
    if skip && (metrics || hooks) {
        report.warn(
            "spec.skipAnalysis",
            "metrics and webhooks are inactive while it is true",
        );
    }
    if !skip && !metrics {
        report.warn(
            "spec.analysis.metrics",
            "promoted with no metric check; only readiness and webhooks gate",
        );
    }
}

impl JudgedAnalysis<'_> {
    pub(in crate::validation) fn check(&self, report: &mut Report) {
        self.strategy(report);
        self.interval(report);
        self.threshold(report);
        self.iterations(report);
        self.users(report);
        self.weighted(report);
        self.readiness(report);
        weights::check(report, self);
        matching::analysis(report, BASE, self.analysis, self.provider);
        affinity::check(report, self);
        metrics::check(report, self);
        alerts::check(report, self);
        hooks::check(report, self);
        self.length(report);
        let delay = self.analysis.delay.as_deref();
        durations::plain(report, &self.field("delay"), delay);
    }

    /// What the provider can do for such an app.
    pub(super) fn can(&self) -> Capabilities {
        let can = registry::can(self.provider);
        if self.connections { can.of_connections() } else { can }
    }

    /// Why something [cannot](Self::can) be done: what is said of `connections`, or else of the `provider`, by its name and
    /// that of one which can.
    pub(super) fn unable(&self, connections: &str, provider: impl FnOnce(&str, &str) -> String) -> String {
        if self.connections {
            connections.to_owned()
        } else {
            provider(self.provider, Provider::STANDARD.as_str())
        }
    }

    pub(super) fn field(&self, name: &str) -> String {
        format!("{BASE}.{name}")
    }

    /// Exactly one way to give traffic; `iterations` may bound the checks of `stepWeight`.
    fn strategy(&self, report: &mut Report) {
        let (a, choose) = (
            self.analysis,
            "choose exactly one: iterations (A/B, blue/green), stepWeight or stepWeights",
        );
        let (iterations, step, steps) = (
            a.iterations.is_some(),
            a.step_weight.is_some(),
            a.step_weights.is_some(),
        );
        if !iterations && !step && !steps && self.complete {
            report.required(BASE, choose);
        }
        if steps && (iterations || step) {
            let other = if step { "stepWeight" } else { "iterations" };
            report.invalid(BASE, "stepWeights", format!("contradicts {other}; {choose}"));
        }
    }

    /// `match` shows the canary to some users, for a number of iterations.
    fn users(&self, report: &mut Report) {
        let analysis = self.analysis;
        let users = analysis.matches.as_ref().is_some_and(|matches| !matches.is_empty());
        if !users {
            return;
        }
        if !self.can().matches {
            let connections = "connections (appProtocol tcp) do not tell users apart; leave match out";
            let why = self.unable(connections, |provider, able| {
                format!("provider {provider} cannot tell requests apart; leave match out for blue/green, or use {able}")
            });
            report.unsupported(self.field("match"), "match", why);
        }
        let Some(name) = self.names_weights() else { return };
        let text = if analysis.iterations.is_some() {
            "ignored: match names who sees the canary, and weights would show it to everybody"
        } else {
            "match names who sees it, all of them at once; each step counts as one check, like iterations"
        };
        report.warn(self.field(name), text);
    }

    /// The field that holds weights; `None` where there are none.
    fn names_weights(&self) -> Option<&'static str> {
        let analysis = self.analysis;
        let step = analysis.step_weight.is_some().then_some("stepWeight");
        step.or_else(|| analysis.step_weights.is_some().then_some("stepWeights"))
    }

    /// Weights where the provider has none.
    fn weighted(&self, report: &mut Report) {
        if let Some(name) = self.names_weights()
            && !self.can().weights
        {
            let text = format!(
                "provider {} has no traffic weights; blue/green with 10 iterations",
                self.provider
            );
            report.warn(self.field(name), text);
        }
    }
}
