//! One metric of a check: its question, who is asked, and what comes of the answer. Where a function here fails, it is with
//! the text of the event.

use super::CheckContext;
use crate::api::MetricTemplate;
use crate::api::canary::{Metric, NamespacedRef};
use crate::api::metric_template::MetricProvider;
use crate::messages;
use crate::outbound::metrics::sender::Sender;
use crate::outbound::rendering::in_turn;
use coalmine_core::metrics::built::Built;
use coalmine_core::metrics::builtin::Builtin;
use coalmine_core::metrics::judge::{judge, unasked, unsupported};
use coalmine_core::metrics::measurement::Measurement;
use coalmine_core::metrics::registry::{self, SERVER};
use coalmine_core::metrics::source::{Source, inline_query};
use coalmine_core::metrics::store::Query;
use coalmine_core::metrics::under_test::interval;
use coalmine_core::template::{RenderError, render};
use coalmine_core::validation::too_large;
use std::sync::Arc;

impl CheckContext<'_> {
    pub(super) async fn measure(&self, metric: &Metric, source: Source) -> Measurement {
        let result = match source {
            Source::Builtin(builtin) => self.ask_builtin(metric, builtin).await,
            Source::Inline => self.ask_inline(metric).await,
            Source::Template => self.ask_template(metric).await,
        };
        let young = self.of.window(metric).young;
        result.map_or_else(
            |message| unasked(metric, source, message),
            |measurement| measurement.of_young(young, interval(metric)),
        )
    }

    async fn ask_builtin(&self, metric: &Metric, builtin: Builtin) -> Result<Measurement, String> {
        let query = (SERVER.builtin)(&self.of.metrics_provider(), builtin, &self.of.variables(metric))
            .map_err(|e| messages::query_failed_builtin(SERVER.title(), &format!("rendering query failed: {e}")))?;
        let server = self.server()?;
        Ok(self.ask(&server, metric, Source::Builtin(builtin), &query).await)
    }

    async fn ask_inline(&self, metric: &Metric) -> Result<Measurement, String> {
        let query = self.rendered(inline_query(metric).unwrap_or_default(), metric).await;
        let query = query.map_err(|e| messages::query_failed_inline(SERVER.title(), &metric.name, &e.to_string()))?;
        let server = self.server()?;
        Ok(self.ask(&server, metric, Source::Inline, &query).await)
    }

    async fn ask_template(&self, metric: &Metric) -> Result<Measurement, String> {
        let Some(reference) = &metric.template_ref else {
            return Err(messages::NO_USABLE_QUERY.to_owned());
        };
        let (name, namespace) = (reference.name.as_str(), reference.namespace_or(self.own()));
        let template = self.template(reference).await?;
        let provider = &template.spec.provider;
        let Some(kind) = registry::built(&provider.kind) else {
            let text = messages::template_unsupported(&metric.name, name, namespace, &provider.kind);
            return Ok(unsupported(metric, Source::Template, text));
        };
        let store = self.store_of(kind, provider, namespace, name).await?;
        let query = self.rendered(&template.spec.query, metric).await;
        let query = query.map_err(|e| messages::template_render_error(name, namespace, &e.to_string()))?;
        Ok(self.ask(&store, metric, Source::Template, &query).await)
    }

    async fn rendered(&self, query: &str, metric: &Metric) -> Result<String, RenderError> {
        let (source, variables) = (query.to_owned(), self.of.variables(metric));
        in_turn(query, move || render(&source, &variables)).await
    }

    async fn ask(&self, store: &Sender, metric: &Metric, source: Source, query: &str) -> Measurement {
        let window = self.of.window(metric);
        let query = Query {
            text: query,
            window: &window,
            now: self.now,
        };
        let answer = store.ask(&query).await;
        judge(&self.of.subject(&self.of.metrics_provider()), metric, source, answer)
    }

    fn own(&self) -> &str {
        self.of.canary.namespace_name()
    }

    async fn template(&self, reference: &NamespacedRef) -> Result<Arc<MetricTemplate>, String> {
        let (name, namespace) = (reference.name.as_str(), reference.namespace_or(self.own()));
        reference
            .namespace_within(self.own(), self.own_namespace_only)
            .map_err(|why| messages::template_error(name, namespace, why))?;
        let template = self.resolver.template(namespace, name).await;
        let template = template.map_err(|e| messages::template_error(name, namespace, &e))?;
        // It may have been stored before there were limits.
        match too_large("MetricTemplate", &template.spec) {
            Some(why) => Err(messages::template_error(name, namespace, &why)),
            None => Ok(template),
        }
    }

    async fn store_of(
        &self,
        kind: &Built,
        provider: &MetricProvider,
        namespace: &str,
        template: &str,
    ) -> Result<Sender, String> {
        let secret = match &provider.secret_ref {
            None => None,
            Some(secret) => {
                let keys = kind.requirements.secret.keys.concat();
                let data = self.resolver.secret(namespace, &secret.name, &keys).await;
                let error = |e: String| messages::template_secret_error(template, namespace, &secret.name, &e);
                Some(data.map_err(error)?)
            }
        };
        (kind.make)(provider, secret.as_ref())
            .and_then(|store| Sender::new(store, self.clients, self.egress))
            .map_err(|e| messages::template_provider_error(template, namespace, &provider.kind, &e))
    }

    /// The store of built-in and inline queries. The controller's own may be anywhere.
    fn server(&self) -> Result<Sender, String> {
        let named = self.of.canary.spec.metrics_server.as_deref();
        let own = named.filter(|url| !url.is_empty());
        let address = own.unwrap_or(self.metrics_server);
        let egress = own.map(|_| self.egress.clone()).unwrap_or_default();
        let given = MetricProvider {
            address: Some(address.to_owned()),
            ..MetricProvider::default()
        };
        (SERVER.store.make)(&given, None)
            .and_then(|store| Sender::new(store, self.clients, &egress))
            .map_err(|e| messages::client_error(SERVER.title(), address, &e))
    }
}
