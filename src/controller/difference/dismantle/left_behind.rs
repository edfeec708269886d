//! What a pair leaves behind whose target is gone when it ends: Services and routes of the user's own, which outlive it.

use crate::controller::difference::{routes, services::followers::let_go};
use crate::{
    controller::{
        difference::write::Write,
        watch::pair::{live::Live, rivals::is_a_rivals},
    },
    plan::{Blueprint, Selector, services::pointing},
    routing::Names,
};

/// The writes after which each selects, and leads to, what its author means.
pub fn left_behind(live: &Live, blueprint: &Blueprint, selector: &Selector) -> Vec<Write> {
    let split: Vec<&Names> = live.split(blueprint).chain(&live.left).collect();
    let folded = live
        .routes
        .iter()
        .filter(|route| !pointing::is_generated(route))
        .filter_map(|route| routes::folded(route, &split));
    let apex = live.apex.iter().filter(|apex| pointing::recorded(apex).is_some());
    let followers = live.pointing.followers.iter().map(|follower| &follower.service);
    let services = apex.chain(followers).chain(&live.pointing.left);
    let own = services.filter(|service| !is_a_rivals(service, &live.rivals));
    folded
        .chain(own.filter_map(|service| let_go(service, selector)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::watch::{informers::cache::Kind, pair::pointing::Follower};
    use crate::plan::services::pointing::ORIGINAL_SELECTOR;
    use serde_json::{Value, json};

    fn service(name: &str, note: Option<&str>) -> Value {
        let mut service = json!({
            "metadata": {"name": name, "namespace": "shop", "resourceVersion": "1"},
            "spec": {"selector": {"app": "web-primary"}, "ports": [{"port": 80}]},
        });
        if let Some(note) = note {
            service["metadata"]["annotations"] = json!({ORIGINAL_SELECTOR: note});
        }
        service
    }

    #[test]
    fn services_and_routes_outlive_a_pair_whose_target_is_gone() {
        let selector = Selector::by_name("web");
        let route = json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"name": "web", "namespace": "shop", "generation": 1},
            "spec": {"rules": [{"backendRefs": [
                {"name": "web-primary", "port": 80, "weight": 100}, {"name": "web-canary", "port": 80, "weight": 0},
            ]}]},
        });
        let target = json!({"spec": {"selector": {"matchLabels": {"app": "web"}}}});
        let selector = Selector::of(&target, &Selector::default_keys()).unwrap_or(selector);
        let follower = Follower {
            service: service("web-metrics", Some(r#"{"app":"web"}"#)),
            names: Names::new("web-metrics"),
            primary: None,
            canary: None,
            routed: false,
        };
        let mut live = Live {
            apex: Some(service("web", Some(r#"{"app":"web"}"#))),
            routes: vec![route],
            ..Live::default()
        };
        live.pointing.followers.push(follower);
        let blueprint = Blueprint {
            names: Some(Names::new("web")),
            ..Blueprint::sample()
        };
        let writes = left_behind(&live, &blueprint, &selector);
        let subjects: Vec<_> = writes
            .iter()
            .map(|write| (write.subject().0, write.subject().2))
            .collect();
        assert_eq!(
            subjects,
            [
                (Kind::routes().next().unwrap(), "web"),
                (Kind::Service, "web"),
                (Kind::Service, "web-metrics")
            ]
        );
        for write in &writes {
            let Write::Patch { operations, .. } = write else {
                panic!("{write:?}")
            };
            assert!(!operations[1].to_string().contains("-primary"), "{operations}");
        }
        // One that we made goes with its owner.
        live.apex = Some(service("web", None));
        live.pointing = crate::controller::watch::pair::pointing::Pointing::default();
        live.routes.clear();
        assert_eq!(left_behind(&live, &blueprint, &selector), []);
    }
}
