//! What leads users to a TraefikService, or past it to the Service itself.

use super::{GROUP, KIND, VERSION};
use crate::routing::reference::{Local, Side, side};
use crate::routing::{Front, Names, Resource};
use serde_json::Value;

/// IngressRoutes, which are their authors' and never written.
pub(super) const INGRESS_ROUTE: Front = Front {
    resource: Resource {
        group: GROUP,
        version: VERSION,
        kind: "IngressRoute",
        plural: "ingressroutes",
        built_in: false,
    },
    namespaced: true,
    // Others may come by the routes all the same.
    decides: false,
    past,
};

fn past(route: &Value, names: &Names, _routes: &[&Value]) -> Option<String> {
    let local = &Local::of(route, names);
    let rules = route.pointer("/spec/routes").and_then(Value::as_array);
    let services = rules
        .into_iter()
        .flatten()
        .filter_map(|rule| rule.get("services")?.as_array());
    let leads = |service: &Value| side(service, local) == Some(Side::Apex);
    let name = route.pointer("/metadata/name").and_then(Value::as_str);
    services.flatten().any(leads).then(|| {
        format!(
            "{} {} leads to Service {} itself: its users meet no canary; let it name the {KIND} in its place",
            INGRESS_ROUTE.resource.kind,
            name.unwrap_or_default(),
            names.apex
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn one_that_names_the_service_itself_is_told() {
        let leading = |services: Value| {
            let rules = json!([{"kind": "Rule", "match": "PathPrefix(`/x`)"}, {"kind": "Rule", "match": "Host(`a`)", "services": services}]);
            past(
                &json!({"metadata": {"name": "front", "namespace": "shop"}, "spec": {"routes": rules}}),
                &Names::new("web"),
                &[],
            )
        };
        let told = leading(json!([{"name": "old", "port": 80}, {"name": "web", "port": 80}])).unwrap();
        assert_eq!(
            told,
            "IngressRoute front leads to Service web itself: its users meet no canary; let it name the TraefikService in its \
             place"
        );
        for others in [
            json!([{"kind": "TraefikService", "name": "web"}]),
            json!([{"name": "web", "namespace": "elsewhere", "port": 80}]),
            // Somebody's own look at one half.
            json!([{"name": "web-canary", "port": 80}]),
            json!([]),
        ] {
            assert_eq!(leading(others), None);
        }
        assert_eq!(past(&json!({}), &Names::new("web"), &[]), None);
    }
}
