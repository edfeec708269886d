//! What the author of an app should know of its policy and of routes that are not ours to move; a line at apply.

use super::{Plan, RequestFacts, View, pointing_at};
use crate::api::{Canary, CanaryPolicy};
use crate::plan::{
    enrolment::generate,
    settings::{effective::default_analysis, requests},
};
use crate::routing;
use kube::runtime::reflector::ObjectRef;

/// Whoever takes work by itself, from a queue or by a clock, has no traffic that could be split.
const SIDE_BY_SIDE: &str = "no Service: during a release both revisions work at once";

impl RequestFacts<'_> {
    /// What a generated Canary does not get of its policy, and which routes of others lead to it.
    pub fn advice(&self, plan: &Plan) -> Vec<String> {
        let mut lines: Vec<String> = self.misnamed().into_iter().collect();
        lines.extend(self.left_out(plan));
        lines.extend(self.view().elsewhere(&plan.canary));
        lines.extend(self.names(plan));
        let served = || !pointing_at(self.services(), &self.request().object).is_empty();
        if plan.blueprint.names.is_none() && !served() {
            lines.push(String::from(SIDE_BY_SIDE));
        }
        let name = self.request().object_name();
        lines.iter().map(|line| format!("coalmine: {name}: {line}")).collect()
    }

    // What is made under a name that its author may want himself.
    fn names(&self, plan: &Plan) -> Option<String> {
        let names = plan
            .blueprint
            .names
            .as_ref()
            .filter(|_| plan.blueprint.names_by_policy())?;
        let (apex, namespace) = (names.apex.as_str(), self.request().namespace.as_str());
        let service = self.view().caches.service(namespace, apex).is_none();
        let route = plan.blueprint.route.as_ref().and_then(routing::kind_of);
        let kind = route.map(|kind| kind.resource().kind).unwrap_or_default();
        let (what, them) = match (service, route.is_some()) {
            (true, true) => (format!("Service and {kind}"), "them"),
            (true, false) => (String::from("Service"), "it"),
            (false, true) => (kind.to_owned(), "it"),
            (false, false) => return None,
        };
        Some(format!(
            "Coalmine will create {what} {apex} unless you apply your own. Later `kubectl apply` or Helm takes {them} over; \
             `create`/`expose` need another name (--name)"
        ))
    }

    fn left_out(&self, plan: &Plan) -> Vec<String> {
        let served = plan.blueprint.names.is_some();
        let names = self.policy().map(|policy| {
            let templated = self.view().about_requests(policy, &self.request().namespace);
            default_analysis(&policy.spec, plan.blueprint.provider.as_str(), served, &templated).1
        });
        let why = if served {
            "no route sends the canary any"
        } else {
            "its pods have no port"
        };
        let line = |name: String| format!("metric {name:?} of the policy is left out: about requests, and {why}");
        names.unwrap_or_default().into_iter().map(line).collect()
    }
}

impl View {
    /// Names of the metrics of a policy that are about requests by their templates.
    pub fn about_requests(&self, policy: &CanaryPolicy, namespace: &str) -> Vec<String> {
        requests::by_template(&policy.spec, namespace, |of, name| {
            let template = self.caches.templates.get(&ObjectRef::new(name).within(of))?;
            Some(template.spec.query.clone())
        })
    }

    /// Routes of other namespaces that lead to the Service users call. Those of a Canary's own namespace are moved; to
    /// follow them everywhere would take rights over namespaces that have not opted in.
    pub fn elsewhere(&self, canary: &Canary) -> Option<String> {
        generate::unmoved(canary, &self.caches.elsewhere(canary.namespace_name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::facts::{Beside, Caches};
    use crate::admission::review::Request;
    use crate::plan::{Defaults, Selector};
    use kube::runtime::watcher::Event;
    use serde_json::{Value, json};

    fn read<K: serde::de::DeserializeOwned>(value: Value) -> Event<K> {
        Event::Apply(serde_json::from_value(value).unwrap())
    }

    fn view(followed: bool) -> View {
        let (caches, mut feeds) = Caches::new();
        let resolved = if followed { "True" } else { "False" };
        feeds.policies.apply_watcher_event(&read(json!({
            "apiVersion": "coalmine.dev/v1alpha1", "kind": "CanaryPolicy", "metadata": {"name": "default"},
            "spec": {"analysis": {"metrics": [{"name": "request-success-rate"}, {"name": "depth", "query": "depth"}]}}})));
        for (namespace, backend) in [
            ("edge", json!({"name": "shop", "namespace": "web"})),
            ("other", json!({"name": "shop"})),
        ] {
            feeds.routes[0].apply_watcher_event(&read(json!({
                "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
                "metadata": {"name": "r", "namespace": namespace}, "spec": {"rules": [{"backendRefs": [backend]}]},
                "status": {"parents": [{"conditions": [
                    {"type": "Accepted", "status": "True"}, {"type": "ResolvedRefs", "status": resolved}]}]}})));
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
        said_of(ports, true)
    }

    fn said_of(ports: Value, followed: bool) -> Vec<String> {
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
        let view = view(followed);
        let facts = RequestFacts::new(&view, &request, 0);
        let plan = facts.generated(&Beside::default()).unwrap();
        facts.advice(&plan)
    }

    #[test]
    fn a_worker_hears_which_metrics_it_does_not_get() {
        assert_eq!(
            said(json!([])),
            [
                "coalmine: shop: metric \"request-success-rate\" of the policy is left out: about requests, and its pods have \
              no port",
                "coalmine: shop: no Service: during a release both revisions work at once",
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
                "coalmine: shop: HTTPRoute edge/r leads to Service shop from another namespace and is not moved: no share of \
                 its requests reaches a canary: a release is checked without users, then everybody is sent to it at once",
                "coalmine: shop: Coalmine will create Service shop unless you apply your own. Later `kubectl apply` or Helm \
                 takes it over; `create`/`expose` need another name (--name)",
            ]
        );
    }

    #[test]
    fn a_route_of_another_namespace_that_no_gateway_follows_is_told_as_what_it_is() {
        let said = said_of(json!([{"containerPort": 80}]), false);
        assert!(
            said.iter()
                .any(|line| line.contains("HTTPRoute edge/r of another namespace") && line.contains("ReferenceGrant")),
            "{said:?}"
        );
    }
}
