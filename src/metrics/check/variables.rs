//! What the queries of a Canary can name, and whom messages name.

use super::Context;
use crate::api::canary::Metric;
use coalmine_core::metrics::builtin::metrics_provider;
use coalmine_core::metrics::judge::Subject;
use coalmine_core::metrics::scope::Window;
use coalmine_core::template::Variables;
use kube::ResourceExt;

/// Window of a metric that names none.
const DEFAULT_INTERVAL: &str = "1m";

pub(super) fn interval(metric: &Metric) -> &str {
    let given = metric.interval.as_deref().filter(|text| !text.is_empty());
    given.unwrap_or(DEFAULT_INTERVAL)
}

impl Context<'_> {
    pub(super) fn window(&self, metric: &Metric) -> Window {
        self.scope.window(interval(metric))
    }

    pub(super) fn metrics_provider(&self) -> String {
        let target = &self.canary.spec.target_ref;
        let core_service = target.kind == "Service" && target.api_version == "v1";
        metrics_provider(self.mesh_provider, self.canary.provider(""), core_service)
    }

    pub(super) fn subject<'s>(&'s self, provider: &'s str) -> Subject<'s> {
        Subject {
            canary: self.canary.metadata.name.as_deref().unwrap_or_default(),
            namespace: self.canary.namespace_name(),
            target: self.canary.target_name(),
            provider,
        }
    }

    pub(super) fn variables(&self, metric: &Metric) -> Variables {
        let target = self.canary.target_name();
        let spec = &self.canary.spec;
        let ingress = spec.ingress_ref.as_ref().map_or(target, |r| &r.name);
        let route = spec.route_ref.as_ref().map_or(target, |r| &r.name);
        Variables {
            name: self.canary.name_any(),
            namespace: self.canary.namespace_name().to_owned(),
            target: target.to_owned(),
            service: self.canary.service_name().to_owned(),
            ingress: ingress.to_owned(),
            route: self.knative_revision.unwrap_or(route).to_owned(),
            pods: self.scope.pods(),
            interval: self.window(metric).text,
            variables: metric.template_variables.clone().unwrap_or_default(),
        }
    }
}
