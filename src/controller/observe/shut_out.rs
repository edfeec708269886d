//! Gateways by which nobody comes to an app, while users come by others. Pure.

use crate::controller::watch::pair::live::Live;
use crate::plan::Blueprint;
use std::collections::BTreeSet;

/// Which, and why, in words for people; nothing where there is none.
pub fn of(live: &Live, blueprint: &Blueprint) -> Option<String> {
    if !blueprint.provider.moves_routes() {
        return None;
    }
    let split = live.split(blueprint);
    let routes = split.flat_map(|names| live.refers_to(blueprint, names));
    let told = routes.filter_map(|route| blueprint.provider.kind_of(route)?.shut_out(route));
    // One route may lead to several Services of the pair.
    let told: BTreeSet<String> = told.collect();
    let told: Vec<String> = told.into_iter().collect();
    (!told.is_empty()).then(|| told.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::{Names, Provider};
    use serde_json::{Value, json};

    // What is said of a route with two parents, of which the first says that.
    fn told(generation: i64, status: &str, reason: &str) -> Option<String> {
        let parent = |name: &str, generation: i64, status: &str, reason: &str| {
            let condition = json!({"type": "Accepted", "status": status, "reason": reason, "observedGeneration": generation, "message": "no"});
            json!({"parentRef": {"name": name}, "conditions": [condition]})
        };
        let route: Value = json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"name": "web", "namespace": "shop", "generation": 3},
            "spec": {
                "parentRefs": [{"name": "inner"}, {"name": "edge"}],
                "rules": [{"backendRefs": [{"name": "web", "port": 80}]}],
            },
            "status": {"parents": [
                parent("inner", generation, status, reason), parent("edge", 3, "True", "Accepted"),
            ]},
        });
        let live = Live {
            routes: vec![route],
            ..Live::default()
        };
        let blueprint = Blueprint {
            names: Some(Names::new("web")),
            provider: Provider::STANDARD,
            ..Blueprint::sample()
        };
        of(&live, &blueprint)
    }

    #[test]
    fn a_gateway_that_will_never_take_the_route_is_named() {
        let why = "HTTPRoute web is refused by gateway inner: no (NotAllowedByListeners)";
        assert_eq!(told(3, "False", "NotAllowedByListeners").as_deref(), Some(why));
        // Each share that is written is another generation, and what is told must not come and go with it.
        assert_eq!(told(2, "False", "NotAllowedByListeners").as_deref(), Some(why));
        assert_eq!(told(3, "True", "Accepted"), None);
        assert_eq!(told(3, "False", "RuleMatchConflict"), None, "that is trouble");
    }
}
