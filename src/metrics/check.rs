//! One check: all metrics of a Canary, in Flagger's order, until one does not pass.

use crate::api::MetricTemplate;
use crate::api::canary::{Canary, Metric};
use crate::outbound::{Clients, Egress};
use coalmine_core::metrics::builtin::Builtin;
use coalmine_core::metrics::judge::Source;
use coalmine_core::metrics::measurement::Measurement;
use coalmine_core::metrics::scope::Scope;
use futures::future::BoxFuture;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

mod ask;
mod variables;

/// Where MetricTemplates and their Secrets come from; the controller answers from its caches. Errors
/// are texts for the user, such as `metrictemplate "x" not found`.
pub trait Resolver: Send + Sync {
    /// A MetricTemplate.
    fn template<'a>(&'a self, namespace: &'a str, name: &'a str) -> BoxFuture<'a, Result<Arc<MetricTemplate>, String>>;

    /// The data of a Secret.
    fn secret<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<BTreeMap<String, Vec<u8>>, String>>;
}

/// What a check needs besides the Canary.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The Canary.
    pub canary: &'a Canary,
    /// `-mesh-provider` of the controller.
    pub mesh_provider: &'a str,
    /// `-metrics-server` of the controller, unless the Canary names its own.
    pub metrics_server: &'a str,
    /// The latest revision of a Knative target, which its queries name.
    pub knative_revision: Option<&'a str>,
    /// HTTP clients.
    pub clients: &'a Clients,
    /// Where the addresses of templates must not lead; the controller's own metrics server may be anywhere.
    pub egress: &'a Egress,
    /// Templates and Secrets.
    pub resolver: &'a dyn Resolver,
    /// `--no-cross-namespace-refs`: MetricTemplates of other namespaces are not used.
    pub own_namespace_only: bool,
    /// Whose pods and which time the values are to be of.
    pub scope: &'a Scope,
    /// When that time ends.
    pub now: Timestamp,
}

/// Measures and judges all metrics of the Canary: first built-in and inline ones, then templates. Ends at
/// the first failure, so only the last of the result can be one. Empty without metrics.
pub async fn check(context: Context<'_>) -> Vec<Measurement> {
    let mut measured = Vec::new();
    let metrics = context.canary.analysis().metrics.as_deref().unwrap_or_default();
    let first = metrics.iter().flat_map(direct_sources);
    let then = metrics
        .iter()
        .filter(|m| needs_template(m))
        .map(|m| (m, Source::Template));
    for (metric, source) in first.chain(then) {
        let measurement = context.measure(metric, source).await;
        let failed = measurement.failed();
        measured.push(measurement);
        if failed {
            break;
        }
    }
    measured
}

/// The ways of a metric that need no template: its name, its query, or both.
fn direct_sources(metric: &Metric) -> impl Iterator<Item = (&Metric, Source)> {
    let builtin = Builtin::named(&metric.name).map(Source::Builtin);
    let inline = inline_query(metric).map(|_| Source::Inline);
    builtin.into_iter().chain(inline).map(move |source| (metric, source))
}

/// Whether a template is named, or nothing at all is, which is an error of the template pass.
fn needs_template(metric: &Metric) -> bool {
    metric.template_ref.is_some() || direct_sources(metric).next().is_none()
}

fn inline_query(metric: &Metric) -> Option<&str> {
    metric.query.as_deref().filter(|query| !query.is_empty())
}

#[cfg(test)]
mod tests;
