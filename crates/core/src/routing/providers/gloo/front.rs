//! What leads users to a RouteTable, or past it to the Service itself.

use super::{GROUP, KIND, VERSION, lifted, place};
use crate::object::text;
use crate::routing::reference::{Local, Side};
use crate::routing::{Front, Names, Resource};
use serde_json::Value;

/// VirtualServices, which are their authors' and never written.
pub(super) const VIRTUAL_SERVICE: Front = Front {
    resource: Resource {
        group: GROUP,
        version: VERSION,
        kind: "VirtualService",
        plural: "virtualservices",
        built_in: false,
    },
    namespaced: true,
    // Others may come by the routes all the same.
    decides: false,
    past,
};

fn past(front: &Value, names: &Names, _routes: &[&Value]) -> Option<String> {
    let local = &Local::of(front, names);
    let rules = front.pointer("/spec/virtualHost/routes").and_then(Value::as_array);
    let mut led = rules.into_iter().flatten().flat_map(lifted::destinations);
    let leads = |one: &Value| place::read(one, local).is_some_and(|(side, _)| side == Side::Apex);
    led.any(leads).then(|| {
        format!(
            "{} {} leads to Service {} itself: its users meet no canary; let it delegate to a {KIND} in its place \
             (delegateAction)",
            VIRTUAL_SERVICE.resource.kind,
            text(front, "/metadata/name"),
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
        let leading = |action: Value| {
            let routes =
                json!([{"delegateAction": {"ref": {"name": "web", "namespace": "shop"}}}, {"routeAction": action}]);
            past(
                &json!({"metadata": {"name": "front", "namespace": "shop"}, "spec": {"virtualHost": {"routes": routes}}}),
                &Names::new("web"),
                &[],
            )
        };
        let upstream = |name: &str| json!({"upstream": {"name": name, "namespace": "gloo-system"}});
        let told = leading(json!({"single": upstream("shop-web-80")})).unwrap();
        assert_eq!(
            told,
            "VirtualService front leads to Service web itself: its users meet no canary; let it delegate to a RouteTable in its \
             place (delegateAction)"
        );
        let kube = json!({"kube": {"ref": {"name": "web", "namespace": "shop"}, "port": 80}});
        let old = json!({"destination": upstream("shop-old-80"), "weight": 1});
        let several = json!({"multi": {"destinations": [old, {"destination": kube, "weight": 1}]}});
        assert_eq!(leading(several), Some(told));
        for others in [
            json!({"single": upstream("shop-old-80")}),
            json!({"single": {"kube": {"ref": {"name": "web", "namespace": "elsewhere"}, "port": 80}}}),
            // Somebody's own look at one half.
            json!({"single": {"kube": {"ref": {"name": "web-canary", "namespace": "shop"}, "port": 80}}}),
            json!({"upstreamGroup": {"name": "web", "namespace": "shop"}}),
        ] {
            assert_eq!(leading(others), None);
        }
        assert_eq!(past(&json!({}), &Names::new("web"), &[]), None);
    }
}
