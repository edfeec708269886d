//! What of an analysis does nothing to those who come by the routes of an app.

use crate::api::Canary;
use crate::object::text;
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

/// Why nobody would see the canary in the test of `canary`, by any of those of `routes` that carry its traffic. The route that is
/// made where there is none is judged with the Canary.
pub(super) fn untested(canary: &Canary, provider: &str, routes: &[Value]) -> Option<String> {
    let service = canary.spec.service.as_ref();
    let provider = Provider::parse(provider).filter(|provider| provider.can_for(service).matches)?;
    let (names, exposure) = (Names::new(canary.service_name()), exposure(canary));
    if exposure.matches.is_empty() || service.is_none() {
        return None;
    }
    let only = provider.route(&canary.spec);
    let is_moved = |route: &&Value| only.as_deref().is_none_or(|only| text(route, "/metadata/name") == only);
    let leads = |route: &&Value| provider.carries_by(route) && routing::refers_to(route, &names);
    let leading: Vec<&Value> = routes.iter().filter(is_moved).filter(leads).collect();
    let shows = |route: &&Value| {
        let kind = provider.kind_of(route);
        kind.is_some_and(|kind| !routing::tests_nobody(kind, route, &names, &exposure))
    };
    let first = leading.first().filter(|_| !leading.iter().any(shows))?;
    Some(format!(
        "spec.analysis.match: nobody would see the canary: {} {} asks something else of the same header or parameter, or has no \
         word for it; choose by another",
        text(first, "/kind"),
        text(first, "/metadata/name")
    ))
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

    #[test]
    fn a_test_that_every_route_of_the_users_contradicts_is_told() {
        let canary = canary(json!({"port": 80}));
        let asking = |name: &str, value: &str| {
            let mut route = route("HTTPRoute", name);
            let headers = json!([{"name": "X", "value": value}]);
            route["spec"]["rules"][0]["matches"] = json!([{ "headers": headers }]);
            route
        };
        let told = |provider: &str, routes: &[Value]| untested(&canary, provider, routes);
        let why = told("gatewayapi:v1", &[asking("front", "n")]).unwrap();
        assert!(
            why.starts_with("spec.analysis.match: nobody would see the canary: HTTPRoute front asks"),
            "{why}"
        );
        assert_eq!(told("gatewayapi:v1", &[asking("front", "y")]), None);
        assert_eq!(
            told("gatewayapi:v1", &[asking("front", "n"), route("HTTPRoute", "open")]),
            None
        );
        assert_eq!(told("istio", &[asking("front", "n")]), None, "it is not moved");
        assert_eq!(told("gatewayapi:v1", &[]), None);
    }
}
