//! What of an analysis does nothing to those who come by the routes of an app.

use crate::api::Canary;
use crate::plan::exposure;
use crate::routing::{self, Names, Provider};
use serde_json::Value;
use std::collections::BTreeSet;

/// What of the analysis of `canary` those of `routes` have no word for that lead to its app, or the one that is made where
/// none does.
pub(super) fn unsaid(canary: &Canary, provider: &str, routes: &[Value]) -> BTreeSet<String> {
    let service = canary.spec.service.as_ref();
    let Some((provider, _)) = Provider::parse(provider).zip(service) else {
        return BTreeSet::new();
    };
    let (names, exposure) = (Names::new(canary.service_name()), exposure(canary));
    let leads = |route: &&Value| provider.carries_by(route) && routing::refers_to(route, &names);
    let leading: Vec<&Value> = routes.iter().filter(leads).collect();
    let make = || provider.published(canary.namespace_name(), &names, &canary.spec);
    let made = leading.is_empty().then(make).flatten();
    let kinds = leading
        .into_iter()
        .chain(&made)
        .filter_map(|route| provider.kind_of(route));
    let unsaid = kinds.flat_map(|kind| kind.unsaid(&exposure));
    unsaid
        .map(|(field, why)| format!("spec.analysis.{field}: {why}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn canary(service: Value) -> Canary {
        let matches = json!([{"headers": {"x": {"exact": "y"}}, "queryParams": {"q": {"exact": "1"}}}]);
        serde_json::from_value(json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {
                "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "service": service,
                "analysis": {"match": matches, "sessionAffinity": {"cookieName": "c"}},
            },
        }))
        .unwrap()
    }

    fn route(kind: &str, name: &str) -> Value {
        let rules = json!([{"backendRefs": [{"name": "web", "port": 80}]}]);
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": kind,
            "metadata": {"name": name, "namespace": "shop"}, "spec": {"rules": rules},
        })
    }

    #[test]
    fn what_a_route_of_the_users_has_no_word_for_is_told_once() {
        let canary = canary(json!({"port": 80}));
        let told = |provider: &str, routes: &[Value]| unsaid(&canary, provider, routes).len();
        let (pages, calls) = (
            route("HTTPRoute", "pages"),
            [route("GRPCRoute", "a"), route("GRPCRoute", "b")],
        );
        assert_eq!(told("gatewayapi:v1", &[]), 0);
        assert_eq!(told("gatewayapi:v1", std::slice::from_ref(&pages)), 0);
        assert_eq!(told("gatewayapi:v1", &calls), 2);
        assert_eq!(told("istio", &calls), 0, "they are not moved");
        let all = unsaid(&canary, "gatewayapi:v1", &[pages, calls[0].clone()]);
        let fields: Vec<&str> = all.iter().filter_map(|line| line.split(':').next()).collect();
        assert_eq!(
            fields,
            ["spec.analysis.match[0].queryParams", "spec.analysis.sessionAffinity"]
        );
    }

    #[test]
    fn without_one_it_is_what_the_one_that_is_made_has_no_word_for() {
        let told = |protocol: &str, routes: &[Value]| {
            let service = json!({"port": 80, "appProtocol": protocol, "gatewayRefs": [{"name": "edge"}]});
            unsaid(&canary(service), "gatewayapi:v1", routes).len()
        };
        assert_eq!(told("grpc", &[]), 2);
        assert_eq!(told("http", &[]), 0);
        assert_eq!(told("grpc", &[route("HTTPRoute", "pages")]), 0, "none is made");
    }
}
