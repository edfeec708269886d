//! Rows 52, 54 to 57, 66 to 69, 74, 79, 99, 100 and 103: the analysis as a whole.

mod affinity;
mod alerts;
mod hooks;
mod metrics;
mod template_ref;
mod weights;

pub(super) use weights::is_percentage;

use super::{Subject, matching};
use crate::api::canary::{Analysis, AnalysisKind};
use crate::api::{GoDuration, Number};
use crate::routing::registry;
use crate::validation::facts::Facts;
use crate::validation::report::Report;
use crate::validation::values::durations;

/// Path of the analysis, in a Canary and in a policy alike.
pub(super) const BASE: &str = "spec.analysis";

/// An analysis and what its rules depend on; a policy's holds defaults and need not be complete.
pub(in crate::validation) struct Rules<'a> {
    pub analysis: &'a Analysis,
    pub provider: &'a str,
    pub facts: &'a Facts,
    /// Namespace references without one are read in; `None` in a policy.
    pub namespace: Option<&'a str>,
    /// Whether it stands alone, as a Canary's does.
    pub complete: bool,
    /// Whether there is a Service by which requests come.
    pub served: bool,
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
    let rules = Rules {
        analysis,
        provider: subject.provider,
        facts: subject.facts,
        namespace,
        complete: true,
        served: subject.canary.spec.service.is_some() || subject.canary.targets_knative(),
    };
    rules.check(report);
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

impl Rules<'_> {
    pub(in crate::validation) fn check(&self, report: &mut Report) {
        self.strategy(report);
        self.interval(report);
        self.threshold(report);
        self.iterations(report);
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

    fn interval(&self, report: &mut Report) {
        let field = self.field("interval");
        let Some(text) = self.analysis.interval.as_deref() else {
            if self.complete {
                report.required(field, "time between checks, e.g. 1m");
            }
            return;
        };
        match GoDuration::parse(text) {
            Err(_) => {
                let fix = durations::meant(text).unwrap_or_else(|| "e.g. 30s or 1m30s".into());
                report.invalid(field, text, format!("would be read as 60s by Flagger; write {fix}"));
            }
            Ok(interval) if interval < GoDuration::from_secs(1) => {
                report.invalid(field, text, "checks come at most once a second; use at least 1s");
            }
            Ok(interval) if interval > GoDuration::from_secs(3600) => {
                report.warn(
                    field,
                    format!("{interval} between checks; a failing revision serves that long"),
                );
            }
            Ok(_) => {}
        }
    }

    fn threshold(&self, report: &mut Report) {
        let field = self.field("threshold");
        match self.analysis.threshold {
            None if self.complete => {
                report.warn(field, "left out; rolls back after 5 failed checks");
            }
            Some(n) if n.whole().is_none_or(|n| n < 0) => {
                report.invalid(field, n, "must be a whole number of failed checks, at least 1");
            }
            Some(n) if n.int() == 0 => report.warn(field, "rolls back at the first failed check"),
            _ => {}
        }
    }

    fn iterations(&self, report: &mut Report) {
        let analysis = self.analysis;
        if let Some(n) = analysis.iterations.filter(|n| n.whole().is_none_or(|n| n < 1)) {
            let why = "must be a whole number; at least 1 check is needed before promotion";
            report.invalid(self.field("iterations"), n, why);
        }
        let users = analysis.matches.as_ref().is_some_and(|matches| !matches.is_empty());
        if users && analysis.iterations.is_none() && self.complete {
            report.required(
                self.field("iterations"),
                "A/B matching needs iterations; without them match is ignored",
            );
        }
        if users && !registry::can(self.provider).matches {
            report.unsupported(
                self.field("match"),
                "match",
                format!(
                    "provider {} cannot tell requests apart; leave match out for blue/green, or use gatewayapi:v1",
                    self.provider
                ),
            );
        }
        if users && analysis.iterations() > 0 && analysis.step_weight.is_some() {
            report.warn(
                self.field("stepWeight"),
                "ignored: match names who sees the canary, and weights would show it to everybody",
            );
        }
        let weighted = analysis.step_weight.is_some() || analysis.step_weights.is_some();
        if weighted && !registry::can(self.provider).weights {
            let name = if analysis.step_weight.is_some() {
                "stepWeight"
            } else {
                "stepWeights"
            };
            let text = format!(
                "provider {} has no traffic weights; blue/green with 10 iterations",
                self.provider
            );
            report.warn(self.field(name), text);
        }
    }

    fn readiness(&self, report: &mut Report) {
        let analysis = self.analysis;
        for (name, value) in [
            ("primaryReadyThreshold", analysis.primary_ready_threshold),
            ("canaryReadyThreshold", analysis.canary_ready_threshold),
        ] {
            let Some(value) = value else { continue };
            if !(0.0..=100.0).contains(&value.value()) || !value.is_whole() {
                report.invalid(
                    self.field(name),
                    value,
                    "must be a whole percentage between 0 and 100 of available pods",
                );
            } else if value.int() == 0 {
                report.warn(self.field(name), "0 accepts an all-unready workload");
            }
        }
    }

    /// Hours a release takes at best.
    fn length(&self, report: &mut Report) {
        let checks = match self.analysis.kind() {
            AnalysisKind::Weighted if self.analysis.step_weights.is_some() => self.analysis.step_weights().len() as f64,
            AnalysisKind::Weighted => {
                (f64::from(self.analysis.max_weight()) / f64::from(self.analysis.step_weight())).ceil()
            }
            _ => f64::from(self.analysis.iterations()),
        };
        let hours = checks * self.analysis.interval().as_secs_f64() / 3600.0;
        if hours > 24.0 {
            report.warn(self.field("interval"), format!("about {hours:.0} h per release"));
        }
    }
}
