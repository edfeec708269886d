//! What the author of an app should know of its policy and of routes that are not ours to move; a line at apply.

use super::{Plan, View};
use crate::admission::review::Request;
use crate::api::Canary;
use crate::plan::effective::default_analysis;
use kube::api::DynamicObject;
use serde_json::Value;

impl View {
    /// What a generated Canary does not get of its policy, and which routes of others lead to it.
    pub fn advice(&self, request: &Request, plan: &Plan) -> Vec<String> {
        let mut lines = self.left_out(request, plan);
        lines.extend(self.elsewhere(&plan.canary));
        let name = request.object_name();
        lines.iter().map(|line| format!("coalmine: {name}: {line}")).collect()
    }

    fn left_out(&self, request: &Request, plan: &Plan) -> Vec<String> {
        let policy = self.policy(&self.policy_name(request));
        let served = plan.blueprint.names.is_some();
        let names = policy.map(|policy| default_analysis(&policy.spec, plan.blueprint.provider.as_str(), served).1);
        let why = if served {
            "no route sends the canary any"
        } else {
            "its pods have no port"
        };
        let line = |name: String| format!("metric {name:?} of the policy is left out: about requests, and {why}");
        names.unwrap_or_default().into_iter().map(line).collect()
    }

    /// Routes of other namespaces that lead to the Service users call. Those of a Canary's own namespace are moved; to
    /// follow them everywhere would take rights over namespaces that have not opted in.
    pub fn elsewhere(&self, canary: &Canary) -> Vec<String> {
        if canary.spec.service.is_none() {
            return Vec::new();
        }
        let (namespace, service) = (canary.namespace_name(), canary.service_name());
        let leads = |route: &DynamicObject| leads_to(&route.data, namespace, service);
        let routes = self.caches.routes_elsewhere(namespace, leads);
        let line = |route: String| {
            format!("HTTPRoute {route} leads to Service {service} and is not moved: its users meet no canary")
        };
        routes.into_iter().map(line).collect()
    }
}

// A backend of another namespace always names it.
fn leads_to(route: &Value, namespace: &str, service: &str) -> bool {
    let list = |of: &Value, field: &str| of.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
    let spec = route.get("spec").unwrap_or(&Value::Null);
    let backends = list(spec, "rules")
        .into_iter()
        .flat_map(|rule| list(&rule, "backendRefs"));
    let is = |backend: &Value, field: &str, text: &str| backend.get(field).and_then(Value::as_str) == Some(text);
    let mut backends = backends.filter(|backend| backend.get("kind").is_none_or(|kind| kind == "Service"));
    backends.any(|backend| is(&backend, "name", service) && is(&backend, "namespace", namespace))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::context::Caches;
    use crate::plan::{Defaults, Selector};
    use kube::runtime::watcher::Event;
    use serde_json::json;

    fn read<K: serde::de::DeserializeOwned>(value: Value) -> Event<K> {
        Event::Apply(serde_json::from_value(value).unwrap())
    }

    fn view() -> View {
        let (caches, mut feeds) = Caches::new();
        feeds.policies.apply_watcher_event(&read(json!({
            "apiVersion": "coalmine.dev/v1alpha1", "kind": "CanaryPolicy", "metadata": {"name": "default"},
            "spec": {"analysis": {"metrics": [{"name": "request-success-rate"}, {"name": "depth", "query": "depth"}]}}})));
        for (namespace, backend) in [
            ("edge", json!({"name": "shop", "namespace": "web"})),
            ("other", json!({"name": "shop"})),
        ] {
            feeds.routes.apply_watcher_event(&read(json!({
                "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
                "metadata": {"name": "r", "namespace": namespace}, "spec": {"rules": [{"backendRefs": [backend]}]}})));
        }
        View {
            caches,
            ours: Vec::new(),
            defaults: Defaults {
                selector_labels: Selector::default_keys(),
                ..Defaults::default()
            },
        }
    }

    fn said(ports: Value) -> Vec<String> {
        let object = json!({
            "metadata": {"name": "shop"},
            "spec": {"selector": {"matchLabels": {"app": "shop"}}, "template": {
                "metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [{"name": "a", "ports": ports}]}}},
        });
        let request = Request {
            name: "shop".into(),
            namespace: "web".into(),
            object,
            ..Request::default()
        };
        let view = view();
        let plan = view.generated(&request).unwrap();
        view.advice(&request, &plan)
    }

    #[test]
    fn a_worker_hears_which_metrics_it_does_not_get() {
        assert_eq!(
            said(json!([])),
            [
                "coalmine: shop: metric \"request-success-rate\" of the policy is left out: about requests, and its pods have \
              no port"
            ]
        );
    }

    #[test]
    fn a_route_of_another_namespace_is_told_because_it_is_not_moved() {
        assert_eq!(
            said(json!([{"containerPort": 80}])),
            [
                "coalmine: shop: metric \"request-success-rate\" of the policy is left out: about requests, and no route \
                 sends the canary any",
                "coalmine: shop: HTTPRoute edge/r leads to Service shop and is not moved: its users meet no canary",
            ]
        );
    }
}
