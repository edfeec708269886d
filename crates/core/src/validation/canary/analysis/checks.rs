//! How often a release is checked, what of it passes, and how long it takes.

use super::JudgedAnalysis;
use crate::api::GoDuration;
use crate::api::canary::AnalysisKind;
use crate::validation::report::Report;
use crate::validation::values::durations;
use kube_core::ResourceExt;

impl JudgedAnalysis<'_> {
    pub(super) fn interval(&self, report: &mut Report) {
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

    pub(super) fn threshold(&self, report: &mut Report) {
        let field = self.field("threshold");
        match self.analysis.threshold {
            None if self.complete => match self.most_failures() {
                Some((policy, most)) => {
                    report.warn(field, format!("left out; counts as {most} under policy {policy:?}"))
                }
                None => report.warn(field, "left out; rolls back after 5 failed checks"),
            },
            Some(n) if n.whole().is_none_or(|n| n < 0) => {
                report.invalid(field, n, "must be a whole number of failed checks, at least 1");
            }
            Some(n) if n.int() == 0 => report.warn(field, "rolls back at the first failed check"),
            _ => {}
        }
    }

    /// The policy that allows fewer failed checks than there would be, and how many.
    fn most_failures(&self) -> Option<(String, i32)> {
        let policy = self.facts.policy.as_ref()?;
        let most = policy.spec.guard_rails.as_ref()?.max_threshold?.int().max(1);
        (most < self.analysis.threshold()).then(|| (policy.name_any(), most))
    }

    pub(super) fn iterations(&self, report: &mut Report) {
        if let Some(n) = self.analysis.iterations.filter(|n| n.whole().is_none_or(|n| n < 1)) {
            let why = "must be a whole number; at least 1 check is needed before promotion";
            report.invalid(self.field("iterations"), n, why);
        }
    }

    pub(super) fn readiness(&self, report: &mut Report) {
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
    pub(super) fn length(&self, report: &mut Report) {
        let analysis = self.analysis;
        let by_weights = match analysis.kind() {
            AnalysisKind::Weighted => true,
            AnalysisKind::AbTest => analysis.iterations() == 0 && analysis.is_weighted(),
            AnalysisKind::BlueGreen => false,
        };
        let checks = if !by_weights {
            f64::from(analysis.iterations())
        } else if analysis.step_weights.is_some() {
            analysis.step_weights().len() as f64
        } else {
            (f64::from(analysis.max_weight()) / f64::from(analysis.step_weight())).ceil()
        };
        let hours = checks * analysis.interval().as_secs_f64() / 3600.0;
        if hours > 24.0 {
            report.warn(self.field("interval"), format!("about {hours:.0} h per release"));
        }
    }
}
