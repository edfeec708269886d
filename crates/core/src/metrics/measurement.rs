//! What one check found out about one metric.

use crate::messages::{self, Severity};
use std::time::Duration;

/// What was found out in one check about a metric, or, the worst of them, about all metrics and hooks. Only `Pass` passes;
/// what the others mean for the release is for the analysis to decide. Texts are those of the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every value is within its bounds.
    Pass,
    /// Out of bounds.
    Fail(String),
    /// The store was asked and has no values.
    NoData(String),
    /// The store was asked, and has no values yet: the run's traffic is younger than the metric's interval.
    Early(String),
    /// The question could not be asked or was not answered.
    Error(String),
    /// The store is of a type that cannot be asked by this version: no answer will ever come.
    Unsupported(String),
}

/// One metric in one check.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// Name of the metric in the Canary.
    pub metric: String,
    /// The value: percent for the success rate, whole milliseconds for the request duration, else what the store said.
    /// `None` without data or answer.
    pub value: Option<f64>,
    /// The same as Flagger's gauge holds it: seconds for the request duration.
    pub gauge: Option<f64>,
    /// What the value had to be, such as `>= 99` or `[10, 500]`, in the same unit.
    pub threshold: String,
    /// What came of it.
    pub verdict: Verdict,
}

impl Measurement {
    /// Whether it ends the check. What comes too early does not: another metric may know already that the canary is bad.
    pub fn failed(&self) -> bool {
        !matches!(self.verdict, Verdict::Pass | Verdict::Early(_))
    }

    /// The same measurement; without data, one of traffic that has flowed for no more than `young`.
    pub fn of_young(mut self, young: Option<Duration>, interval: &str) -> Self {
        if let (Verdict::NoData(_), Some(young)) = (&self.verdict, young) {
            self.verdict = Verdict::Early(messages::no_values_yet(&self.metric, young.as_secs(), interval));
        }
        self
    }

    /// The event's text, unless it passed.
    pub fn message(&self) -> Option<&str> {
        match &self.verdict {
            Verdict::Pass => None,
            Verdict::Fail(text)
            | Verdict::NoData(text)
            | Verdict::Early(text)
            | Verdict::Error(text)
            | Verdict::Unsupported(text) => Some(text),
        }
    }

    /// The event's severity.
    pub fn severity(&self) -> Severity {
        match self.verdict {
            Verdict::Pass | Verdict::Early(_) => Severity::Normal,
            Verdict::Fail(_) | Verdict::NoData(_) => Severity::Warning,
            Verdict::Error(_) | Verdict::Unsupported(_) => Severity::Error,
        }
    }
}
