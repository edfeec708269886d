//! A test by which nobody meets the canary.

use super::{Exposure, Names, RouteKind, Traffic};
use serde_json::Value;

/// Whether the A/B test of `exposure` shows the canary to nobody who comes by `route`: whatever the test asks of a request, the
/// route asks something else of it, or has no word for that. What carries the test is then what carries none.
pub fn tests_nobody(kind: &dyn RouteKind, route: &Value, names: &Names, exposure: &Exposure) -> bool {
    let carrying = |matched| {
        let traffic = Traffic {
            matched,
            ..Traffic::PRIMARY
        };
        kind.carrying(std::slice::from_ref(route), names, traffic, exposure)
    };
    carrying(true) == carrying(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::canary::CanarySpec;
    use crate::routing::{Provider, registry};
    use serde_json::json;

    // Whether the route that is made with these conditions shows the canary to who sends `x-canary: yes`.
    fn shows(provider: Provider, conditions: Value) -> Option<bool> {
        let test = json!([{"headers": {"x-canary": {"exact": "yes"}}}]);
        let spec: CanarySpec = serde_json::from_value(json!({
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "service": {
                "port": 80, "appProtocol": "http", "hosts": ["web.test"], "gatewayRefs": [{"name": "edge"}],
                "meshName": "mesh", "match": conditions,
            },
            "analysis": {"iterations": 3, "match": test},
        }))
        .unwrap();
        let names = Names::new("web");
        let route = provider.published("shop", &names, &spec)?;
        let exposure = Exposure {
            matches: serde_json::from_value(test).unwrap(),
            ..Exposure::default()
        };
        Some(!tests_nobody(provider.kind_of(&route)?, &route, &names, &exposure))
    }

    #[test]
    fn a_test_that_contradicts_the_route_is_known_with_every_provider_that_makes_one() {
        let mut asked = 0;
        for router in registry::ROUTERS.iter().filter(|router| router.can().matches) {
            let provider = Provider::of(*router);
            let of = |headers: Value| shows(provider, json!([{ "headers": headers }]));
            let Some(open) = of(json!({"x-team": {"exact": "a"}})) else {
                continue;
            };
            asked += 1;
            assert!(open, "{}", router.name());
            assert_eq!(
                of(json!({"X-Canary": {"exact": "yes"}})),
                Some(true),
                "{}",
                router.name()
            );
            assert_eq!(
                of(json!({"X-Canary": {"exact": "no"}})),
                Some(false),
                "{}",
                router.name()
            );
        }
        assert!(asked > 5, "{asked}");
    }
}
