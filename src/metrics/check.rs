//! One check: all metrics of a Canary, in Flagger's order, until one does not pass.

use super::builtin::{self, Builtin};
use super::evaluate::{Measurement, Source, Subject, judge, unasked, unsupported};
use super::prometheus::{Credentials, Options, Prometheus};
use super::provider::Provider;
use super::scope::{Scope, Window};
use super::template::{Variables, render};
use crate::api::canary::{Canary, Metric};
use crate::api::metric_template::MetricProvider;
use crate::api::{MetricTemplate, MetricTemplateSpec};
use crate::outbound::{Clients, Egress};
use crate::telemetry::messages;
use futures::future::BoxFuture;
use kube::ResourceExt;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Window of a metric that names none.
const DEFAULT_INTERVAL: &str = "1m";

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

fn interval(metric: &Metric) -> &str {
    let given = metric.interval.as_deref().filter(|text| !text.is_empty());
    given.unwrap_or(DEFAULT_INTERVAL)
}

fn inline_query(metric: &Metric) -> Option<&str> {
    metric.query.as_deref().filter(|query| !query.is_empty())
}

impl Context<'_> {
    async fn measure(&self, metric: &Metric, source: Source) -> Measurement {
        let result = match source {
            Source::Builtin(builtin) => self.ask_builtin(metric, builtin).await,
            Source::Inline => self.ask_inline(metric).await,
            Source::Template => self.ask_template(metric).await,
        };
        let interval = interval(metric);
        let young = self.scope.window(interval).young;
        result.map_or_else(
            |message| unasked(metric, source, message),
            |measurement| measurement.of_young(young, interval),
        )
    }

    /// `Err` is the event's text when the question could not even be put.
    async fn ask_builtin(&self, metric: &Metric, builtin: Builtin) -> Result<Measurement, String> {
        let provider = self.metrics_provider();
        let query = builtin::query(&provider, builtin, &self.variables(metric))
            .map_err(|e| messages::query_failed_builtin(&format!("rendering query failed: {e}")))?;
        let answer = self.server()?.query(&query).await;
        Ok(judge(
            &self.subject(&provider),
            metric,
            Source::Builtin(builtin),
            answer,
        ))
    }

    async fn ask_inline(&self, metric: &Metric) -> Result<Measurement, String> {
        let query = render(inline_query(metric).unwrap_or_default(), &self.variables(metric))
            .map_err(|e| messages::query_failed_inline(&metric.name, &e.to_string()))?;
        let answer = self.server()?.query(&query).await;
        Ok(judge(
            &self.subject(&self.metrics_provider()),
            metric,
            Source::Inline,
            answer,
        ))
    }

    async fn ask_template(&self, metric: &Metric) -> Result<Measurement, String> {
        let Some(reference) = &metric.template_ref else {
            return Err(messages::NO_USABLE_QUERY.to_owned());
        };
        let own = self.canary.namespace_name();
        let (name, namespace) = (reference.name.as_str(), reference.namespace_or(own));
        reference
            .namespace_within(own, self.own_namespace_only)
            .map_err(|why| messages::template_error(name, namespace, why))?;
        let template = self
            .resolver
            .template(namespace, name)
            .await
            .map_err(|e| messages::template_error(name, namespace, &e))?;
        let kind = template.spec.provider.kind.as_str();
        if !MetricProvider::BUILT.contains(&kind) {
            let text = messages::template_unsupported(&metric.name, name, namespace, kind);
            return Ok(unsupported(metric, Source::Template, text));
        }
        let provider = self.template_provider(&template.spec, namespace, name).await?;
        let query = render(&template.spec.query, &self.variables(metric))
            .map_err(|e| messages::template_render_error(name, namespace, &e.to_string()))?;
        let answer = provider.query(&query).await;
        Ok(judge(
            &self.subject(&self.metrics_provider()),
            metric,
            Source::Template,
            answer,
        ))
    }

    async fn template_provider(
        &self,
        spec: &MetricTemplateSpec,
        namespace: &str,
        template: &str,
    ) -> Result<Box<dyn Provider>, String> {
        let secret = match &spec.provider.secret_ref {
            None => None,
            Some(secret) => {
                let data = self.resolver.secret(namespace, &secret.name).await;
                let error = |e: String| messages::template_secret_error(template, namespace, &secret.name, &e);
                Some(data.map_err(error)?)
            }
        };
        provider(self.clients, self.egress, spec, secret.as_ref())
            .map_err(|e| messages::template_provider_error(template, namespace, &spec.provider.kind, &e))
    }

    /// The Prometheus of built-in and inline queries.
    fn server(&self) -> Result<Prometheus, String> {
        let own = self.canary.spec.metrics_server.as_deref().filter(|url| !url.is_empty());
        let address = own.unwrap_or(self.metrics_server);
        let egress = own.map(|_| self.egress.clone()).unwrap_or_default();
        let options = Options {
            address: address.to_owned(),
            egress,
            ..Options::default()
        };
        Prometheus::new(self.clients, &options).map_err(|e| messages::client_error(address, &e))
    }

    fn metrics_provider(&self) -> String {
        let target = &self.canary.spec.target_ref;
        let core_service = target.kind == "Service" && target.api_version == "v1";
        builtin::metrics_provider(self.mesh_provider, self.canary.provider(""), core_service)
    }

    fn subject<'s>(&'s self, provider: &'s str) -> Subject<'s> {
        Subject {
            canary: self.canary.metadata.name.as_deref().unwrap_or_default(),
            namespace: self.canary.namespace_name(),
            target: self.canary.target_name(),
            provider,
        }
    }

    fn variables(&self, metric: &Metric) -> Variables {
        let target = self.canary.target_name();
        let spec = &self.canary.spec;
        let ingress = spec.ingress_ref.as_ref().map_or(target, |r| &r.name);
        let route = spec.route_ref.as_ref().map_or(target, |r| &r.name);
        let Window { text, .. } = self.scope.window(interval(metric));
        Variables {
            name: self.canary.name_any(),
            namespace: self.canary.namespace_name().to_owned(),
            target: target.to_owned(),
            service: self.canary.service_name().to_owned(),
            ingress: ingress.to_owned(),
            route: self.knative_revision.unwrap_or(route).to_owned(),
            pods: self.scope.pods(),
            interval: text,
            variables: metric.template_variables.clone().unwrap_or_default(),
        }
    }
}

/// The provider a template describes. `secret` is the data of its Secret, where it names one. Errors are
/// texts for the user.
pub fn provider(
    clients: &Clients,
    egress: &Egress,
    spec: &MetricTemplateSpec,
    secret: Option<&BTreeMap<String, Vec<u8>>>,
) -> Result<Box<dyn Provider>, String> {
    let given = &spec.provider;
    match given.kind.as_str() {
        "prometheus" => {
            let credentials = secret.map(Credentials::from_secret).transpose()?.unwrap_or_default();
            let options = Options {
                address: given.address.clone().unwrap_or_default(),
                headers: given.headers.clone().unwrap_or_default(),
                credentials,
                insecure_skip_verify: given.insecure_skip_verify == Some(true),
                egress: egress.clone(),
            };
            Ok(Box::new(Prometheus::new(clients, &options)?))
        }
        other => Err(format!("provider type {other:?} is not supported yet")),
    }
}

#[cfg(test)]
mod tests;
