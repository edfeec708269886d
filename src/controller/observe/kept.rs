//! A route that was made in a kind by which users of the app come, although another kind would be made today: it stays in use, with
//! whatever knows it by its kind, as DNS records may. It does not where a gateway refuses it and takes the other, by which alone users
//! come then.

use crate::controller::watch::pair::{live::Live, owners::is_controlled_by};
use crate::object::{label, text};
use crate::{api::labels, plan::Blueprint, routing};
use serde_json::Value;

/// Has `blueprint` ask for its route in the plain kind, where one of that was made before and is there. Gateways may write no word
/// of either: then that one serves as it did.
pub fn keep_kind(live: &Live, blueprint: &mut Blueprint) {
    let Some(plain) = blueprint.plain_route.take().filter(|_| blueprint.route.is_some()) else {
        return;
    };
    let own: &Blueprint = blueprint;
    let there = |wanted: &Value| live.routes.iter().find(|route| serves(route, wanted, own));
    let taken = |route: &Value| own.provider.kind_of(route).is_some_and(|kind| kind.is_taken(route));
    let (made, other) = (there(&plain), own.route.as_ref().and_then(there));
    let is_kept = made.is_some_and(|made| taken(made) || !other.is_some_and(taken));
    if is_kept {
        blueprint.route = Some(plain);
    }
}

/// Whether `route` was made for this Canary in another kind than it asks for.
pub(super) fn is_outdated(route: &Value, blueprint: &Blueprint) -> bool {
    let wanted = blueprint.route.as_ref();
    let differs = wanted.is_some_and(|wanted| text(wanted, "/kind") != text(route, "/kind"));
    differs && is_made_for(route, blueprint) && blueprint.carries_by(route)
}

/// Whether `route` was made for this Canary.
pub(super) fn is_made_for(route: &Value, blueprint: &Blueprint) -> bool {
    let uid = blueprint.owner.uid.as_deref();
    label(route, labels::GENERATED).is_some() || uid.is_some_and(|uid| is_controlled_by(route, uid))
}

// Flagger has no mark for what it made: its Canary controls it.
fn serves(route: &Value, plain: &Value, blueprint: &Blueprint) -> bool {
    let same = |at| text(route, at) == text(plain, at);
    let going = route.pointer("/metadata/deletionTimestamp").is_some();
    let names = blueprint.names.as_ref();
    let leads = blueprint.carries_by(route) && names.is_some_and(|names| routing::refers_to(route, names));
    is_made_for(route, blueprint) && leads && !going && same("/kind") && same("/metadata/name")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::{Names, Provider};
    use serde_json::json;

    fn route(kind: &str, backend: &str, metadata: Value) -> Value {
        let mut route = json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": kind, "metadata": metadata,
            "spec": {"rules": [{"backendRefs": [{"name": backend, "port": 80}]}]},
        });
        route["metadata"]["namespace"] = json!("shop");
        route
    }

    fn asks_for(routes: Vec<Value>) -> Value {
        let of = |kind| Some(route(kind, "web-primary", json!({"name": "web"})));
        let mut blueprint = Blueprint {
            names: Some(Names::new("web")),
            provider: Provider::STANDARD,
            route: of("GRPCRoute"),
            plain_route: of("HTTPRoute"),
            ..Blueprint::sample()
        };
        let live = Live {
            routes,
            ..Live::default()
        };
        keep_kind(&live, &mut blueprint);
        blueprint.route.unwrap()["kind"].take()
    }

    fn told(mut route: Value, status: &str, reason: &str) -> Value {
        let accepted = json!({"type": "Accepted", "status": status, "reason": reason});
        route["status"] = json!({"parents": [{"parentRef": {"name": "edge"}, "conditions": [accepted]}]});
        route
    }

    #[test]
    fn one_that_a_gateway_refuses_is_not_kept_beside_the_other_that_it_takes() {
        let metadata = json!({"name": "web", "labels": {labels::GENERATED: "true"}});
        let ours = |kind| route(kind, "web-primary", metadata.clone());
        let refused = |kind| told(ours(kind), "False", "RuleMatchConflict");
        let taken = |kind| told(ours(kind), "True", "Accepted");
        for (http, grpc, kept) in [
            (refused("HTTPRoute"), taken("GRPCRoute"), "GRPCRoute"),
            (ours("HTTPRoute"), taken("GRPCRoute"), "GRPCRoute"),
            (taken("HTTPRoute"), taken("GRPCRoute"), "HTTPRoute"),
            (taken("HTTPRoute"), refused("GRPCRoute"), "HTTPRoute"),
            (refused("HTTPRoute"), refused("GRPCRoute"), "HTTPRoute"),
            (ours("HTTPRoute"), ours("GRPCRoute"), "HTTPRoute"),
        ] {
            let routes = vec![http, grpc];
            assert_eq!(asks_for(routes.clone()), kept, "{routes:?}");
        }
        assert_eq!(asks_for(vec![refused("HTTPRoute")]), "HTTPRoute", "there is no other");
    }

    #[test]
    fn a_route_that_flagger_or_we_made_for_the_app_is_the_one_that_is_asked_for() {
        let flaggers =
            json!({"name": "web", "ownerReferences": [{"kind": "Canary", "uid": "u-1", "controller": true}]});
        let ours = json!({"name": "web", "labels": {labels::GENERATED: "true"}});
        for made in [&flaggers, &ours] {
            assert_eq!(
                asks_for(vec![route("HTTPRoute", "web-primary", made.clone())]),
                "HTTPRoute"
            );
        }
        let both = ["HTTPRoute", "GRPCRoute"].map(|kind| route(kind, "web-primary", ours.clone()));
        assert_eq!(asks_for(both.to_vec()), "HTTPRoute");
        let mut going = ours.clone();
        going["deletionTimestamp"] = json!("2026-11-23T10:00:00Z");
        for other in [
            route("HTTPRoute", "web-primary", json!({"name": "web"})),
            route("HTTPRoute", "other", ours.clone()),
            route("HTTPRoute", "web-primary", going),
            route("GRPCRoute", "web-primary", ours),
        ] {
            assert_eq!(asks_for(vec![other.clone()]), "GRPCRoute", "{other}");
        }
        assert_eq!(asks_for(Vec::new()), "GRPCRoute");
    }
}
