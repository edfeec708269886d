//! What the queries of a Canary under test can name, and whom messages name.

use super::builtin::metrics_provider;
use super::judge::Subject;
use super::scope::{Scope, Window};
use crate::api::Canary;
use crate::api::canary::Metric;
use crate::template::Variables;
use kube_core::ResourceExt;

/// Window of a metric that names none.
const DEFAULT_INTERVAL: &str = "1m";

/// The window that a metric asks for.
pub fn interval(metric: &Metric) -> &str {
    let given = metric.interval.as_deref().filter(|text| !text.is_empty());
    given.unwrap_or(DEFAULT_INTERVAL)
}

/// Whose metrics are asked for.
#[derive(Clone, Copy, Debug)]
pub struct UnderTest<'a> {
    /// The Canary whose revision is tested.
    pub canary: &'a Canary,
    /// `-mesh-provider` of the controller.
    pub mesh_provider: &'a str,
    /// The newest revision of a target whose revisions have names, by which its queries ask.
    pub revision: Option<&'a str>,
    /// Whose pods and which time the values are to be of.
    pub scope: &'a Scope,
}

impl UnderTest<'_> {
    /// The part of the past that a metric looks at.
    pub fn window(&self, metric: &Metric) -> Window {
        self.scope.window(interval(metric))
    }

    /// The metrics provider, which messages name and which selects the built-in queries.
    pub fn metrics_provider(&self) -> String {
        let target = &self.canary.spec.target_ref;
        let core_service = target.kind == "Service" && target.api_version == "v1";
        metrics_provider(self.mesh_provider, self.canary.provider(""), core_service)
    }

    /// Whom messages name.
    pub fn subject<'s>(&'s self, provider: &'s str) -> Subject<'s> {
        Subject {
            canary: self.canary.metadata.name.as_deref().unwrap_or_default(),
            namespace: self.canary.namespace_name(),
            target: self.canary.target_name(),
            provider,
        }
    }

    /// What the query of a metric can name.
    pub fn variables(&self, metric: &Metric) -> Variables {
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
            route: self.revision.unwrap_or(route).to_owned(),
            pods: self.scope.pods(),
            interval: self.window(metric).text,
            variables: metric.template_variables.clone().unwrap_or_default(),
        }
    }
}
