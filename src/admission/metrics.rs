//! What the webhook counts.

use super::review::{Observed, Request};
use crate::api::entry::Entry;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Labels of `admission_requests_total`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    webhook: &'static str,
    op: &'static str,
    decision: &'static str,
    dry_run: &'static str,
    reason: String,
}

/// The label of per-entry metrics.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct EntryLabels {
    webhook: &'static str,
}

/// The webhook's metrics; cheap to clone, since clones share their numbers.
#[derive(Debug, Clone)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    duration: Family<EntryLabels, Histogram, fn() -> Histogram>,
    panics: Counter,
    unheard: Counter,
    certificate_expiry: Gauge,
    self_probe: Gauge,
    configurations: Family<ConfigurationLabels, Gauge>,
    brakes: Family<ConfigurationLabels, Gauge>,
}

/// The label of the metrics of webhook configurations.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ConfigurationLabels {
    configuration: &'static str,
}

fn histogram() -> Histogram {
    Histogram::new([
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    ])
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            duration: Family::new_with_constructor(histogram),
            panics: Counter::default(),
            unheard: Counter::default(),
            certificate_expiry: Gauge::default(),
            self_probe: Gauge::default(),
            configurations: Family::default(),
            brakes: Family::default(),
        }
    }
}

impl Metrics {
    /// Registers everything under its name (counters get `_total` from the encoder).
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "admission_requests",
            "Reviews by entry, verb and decision",
            self.requests.clone(),
        );
        registry.register(
            "admission_duration_seconds",
            "Time from body to answer",
            self.duration.clone(),
        );
        registry.register("admission_panics", "Panics caught while answering", self.panics.clone());
        registry.register(
            "admission_unheard",
            "Requests by somebody who is no API server: they named no path of ours",
            self.unheard.clone(),
        );
        registry.register(
            "admission_certificate_expiry_seconds",
            "End of the served certificate, seconds since 1970; 0 when unknown",
            self.certificate_expiry.clone(),
        );
        registry.register(
            "admission_self_probe",
            "1 while the API server reached the webhook when it was last asked to",
            self.self_probe.clone(),
        );
        registry.register(
            "admission_configuration_kept",
            "1 while a webhook configuration is kept, 0 while somebody's deletion of it is heeded",
            self.configurations.clone(),
        );
        registry.register(
            "admission_brake_until_seconds",
            "Until when a deleted webhook configuration stays away, seconds since 1970; 0 when it does not",
            self.brakes.clone(),
        );
    }

    pub(super) fn observe(&self, entry: Entry, request: Option<&Request>, outcome: &Observed<'_>) {
        let webhook = entry.as_str();
        self.duration
            .get_or_create(&EntryLabels { webhook })
            .observe(outcome.elapsed.as_secs_f64());
        if outcome.panicked {
            self.panics.inc();
        }
        let decision = match outcome.response {
            None => "error",
            Some(response) if !response.allowed() => "deny",
            Some(response) if response.patch.is_empty() => "allow",
            Some(_) => "patch",
        };
        let reason = match outcome.response {
            Some(response) => response.decided().to_owned(),
            None => outcome.status.as_str().to_owned(),
        };
        let op = request.map_or("", |request| request.operation.as_str());
        let dry_run = if request.is_some_and(Request::is_dry_run) {
            "true"
        } else {
            "false"
        };
        self.requests
            .get_or_create(&RequestLabels {
                webhook,
                op,
                decision,
                dry_run,
                reason,
            })
            .inc();
    }

    pub(super) fn unheard(&self) {
        self.unheard.inc();
    }

    pub(super) fn certificate(&self, not_after: Option<i64>) {
        self.certificate_expiry.set(not_after.unwrap_or_default());
    }

    pub(super) fn configuration(&self, configuration: &'static str, away_until: Option<i64>) {
        let labels = ConfigurationLabels { configuration };
        self.configurations
            .get_or_create(&labels)
            .set(i64::from(away_until.is_none()));
        self.brakes.get_or_create(&labels).set(away_until.unwrap_or_default());
    }

    pub(super) fn probed(&self, probed: bool) {
        self.self_probe.set(i64::from(probed));
    }
}

#[cfg(test)]
impl Metrics {
    /// All of them, each with a sample: without one a family is not shown.
    pub fn filled() -> Self {
        let all = Self::default();
        let webhook = Entry::MutateDeployments.as_str();
        let labels = RequestLabels {
            webhook,
            op: "CREATE",
            decision: "allow",
            dry_run: "false",
            reason: String::new(),
        };
        all.requests.get_or_create(&labels).inc();
        all.duration.get_or_create(&EntryLabels { webhook }).observe(0.001);
        all.configuration("mutating", None);
        all
    }
}
