//! One check: all metrics of a Canary, in Flagger's order, until one does not pass.

use crate::api::MetricTemplate;
use crate::outbound::{Clients, Egress};
use coalmine_core::metrics::source::in_order;
use coalmine_core::metrics::{Measurement, UnderTest};
use futures::future::BoxFuture;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

mod ask;

/// Where MetricTemplates and their Secrets come from; the controller answers from its caches. Errors
/// are texts for the user, such as `metrictemplate "x" not found`.
pub trait Resolver: Send + Sync {
    /// The MetricTemplate of that namespace and name.
    fn template<'a>(&'a self, namespace: &'a str, name: &'a str) -> BoxFuture<'a, Result<Arc<MetricTemplate>, String>>;

    /// The data of a Secret, as far as it is used: what it has of these `keys`.
    fn secret<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
        keys: &'a [&'a str],
    ) -> BoxFuture<'a, Result<BTreeMap<String, Vec<u8>>, String>>;
}

/// What a check needs.
#[derive(Clone, Copy)]
pub struct CheckContext<'a> {
    /// Whose metrics are asked for.
    pub of: UnderTest<'a>,
    /// `-metrics-server` of the controller, unless the Canary names its own.
    pub metrics_server: &'a str,
    /// Clients that stores are asked by.
    pub clients: &'a Clients,
    /// Where the addresses of templates must not lead; the controller's own metrics server may be anywhere.
    pub egress: &'a Egress,
    /// Templates and Secrets.
    pub resolver: &'a dyn Resolver,
    /// `--no-cross-namespace-refs`: MetricTemplates of other namespaces are not used.
    pub own_namespace_only: bool,
    /// When the time ends that the values are of.
    pub now: Timestamp,
}

/// Measures and judges all metrics of the Canary. Ends at the first failure, so only the last of the result can be one. Empty
/// without metrics.
pub async fn check(context: CheckContext<'_>) -> Vec<Measurement> {
    let mut measured = Vec::new();
    let analysis = context.of.canary.analysis();
    for (metric, source) in in_order(analysis.metrics.as_deref().unwrap_or_default()) {
        let measurement = context.measure(metric, source).await;
        let failed = measurement.failed();
        measured.push(measurement);
        if failed {
            break;
        }
    }
    measured
}

#[cfg(test)]
mod tests;
