//! Saying that a webhook configuration stays away: in the log, as an event, in the metrics and behind `/readyz`.

use super::brake::BRAKE;
use crate::admission::metrics::Metrics;
use crate::admission::readiness::Readiness;
use crate::messages::Severity;
use crate::orders::{self, WebhookConfiguration};
use crate::telemetry::Recorder;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Service;
use kube::api::ObjectMeta;
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// Where it is said.
pub struct Teller {
    events: Recorder,
    metrics: Metrics,
    readiness: Readiness,
    webhook: Service,
    away: Mutex<BTreeMap<WebhookConfiguration, Timestamp>>,
}

impl Teller {
    /// Events are about the Service of this name, in our own namespace.
    pub fn new(events: Recorder, metrics: Metrics, readiness: Readiness, (namespace, service): (&str, &str)) -> Self {
        let webhook = Service {
            metadata: ObjectMeta {
                namespace: Some(namespace.to_owned()),
                name: Some(service.to_owned()),
                ..ObjectMeta::default()
            },
            ..Service::default()
        };
        Self {
            events,
            metrics,
            readiness,
            webhook,
            away: Mutex::default(),
        }
    }

    /// Our own namespace.
    pub fn namespace(&self) -> &str {
        self.webhook.metadata.namespace.as_deref().unwrap_or_default()
    }

    /// Somebody deleted a configuration; `noted` when another replica has said so.
    pub(super) fn braked(&self, which: WebhookConfiguration, until: Timestamp, noted: bool) {
        let text = braked(which, until, self.namespace());
        tracing::warn!("{text}");
        if !noted {
            self.events.record(&self.webhook, Severity::Warning, text);
        }
    }

    /// How a configuration stands by now: there, or away until then.
    pub(super) fn installed(&self, which: WebhookConfiguration, away_until: Option<Timestamp>) {
        self.metrics
            .configuration(which.as_str(), away_until.map(Timestamp::as_second));
        let mut all = self.away.lock();
        match away_until {
            Some(until) => all.insert(which, until),
            None => all.remove(&which),
        };
        let lines: Vec<String> = all
            .iter()
            .map(|(which, until)| format!("the {} is away until {}", which.kind(), whole(*until)))
            .collect();
        self.readiness.remark(lines.join("; "));
    }
}

fn braked(which: WebhookConfiguration, until: Timestamp, namespace: &str) -> String {
    format!(
        "The {} coalmine was deleted: taken as an emergency brake, it stays away for {} minutes, until {}, and nothing is held \
         or checked meanwhile. To have it back now: kubectl -n {namespace} delete configmap {}",
        which.kind(),
        BRAKE.as_secs() / 60,
        whole(until),
        orders::BRAKE
    )
}

// Nobody reads the rest of a second.
fn whole(instant: Timestamp) -> Timestamp {
    Timestamp::from_second(instant.as_second()).unwrap_or(instant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_brake_says_how_long_and_how_to_let_go() {
        let until = "2026-11-23T10:15:00.5Z".parse().unwrap();
        let text = braked(WebhookConfiguration::Validating, until, "coalmine-system");
        assert!(
            text.starts_with("The ValidatingWebhookConfiguration coalmine was deleted"),
            "{text}"
        );
        assert!(text.contains("15 minutes, until 2026-11-23T10:15:00Z"), "{text}");
        assert!(
            text.ends_with("kubectl -n coalmine-system delete configmap coalmine-brake"),
            "{text}"
        );
    }
}
