//! Whether gateways follow a route to Services of other namespaces, which these have to allow by a ReferenceGrant.

use crate::object::text;
use serde_json::{Value, json};

/// Whether a gateway takes the route.
const ACCEPTED: &str = "Accepted";
/// Whether it found, and may use, everything that the route names.
const RESOLVED: &str = "ResolvedRefs";
/// Why a route that is not followed is not, and what that takes.
pub(super) const UNFOLLOWED: &str = "no gateway says of it that it is Accepted with ResolvedRefs, which takes a ReferenceGrant of \
                                     this namespace";
/// It may use what it has not found yet: whether it may is asked first.
const NOT_FOUND: &str = "BackendNotFound";

/// Whether a gateway has taken the route and all that it names. A Service that is not there yet is no obstacle where the route
/// leads to one namespace alone: of several, that one would be the reason does not tell of the others.
pub(super) fn is_followed(route: &Value, to_one_namespace: bool) -> bool {
    let parents = route.pointer("/status/parents").and_then(Value::as_array);
    parents.into_iter().flatten().any(|parent| {
        let accepted = condition(parent, ACCEPTED).is_some_and(is_true);
        let found = |resolved: &Value| is_true(resolved) || to_one_namespace && text(resolved, "/reason") == NOT_FOUND;
        accepted && condition(parent, RESOLVED).is_some_and(found)
    })
}

/// What of the conditions of one parent is needed to answer that.
pub(super) fn told(parent: &Value) -> Vec<Value> {
    let all = [ACCEPTED, RESOLVED]
        .into_iter()
        .filter_map(|kind| condition(parent, kind));
    let slim = |condition: &Value| {
        let of = |field: &str| text(condition, field).to_owned();
        json!({"type": of("/type"), "status": of("/status"), "reason": of("/reason")})
    };
    all.map(slim).collect()
}

fn condition<'a>(parent: &'a Value, kind: &str) -> Option<&'a Value> {
    let mut all = parent.get("conditions").and_then(Value::as_array).into_iter().flatten();
    all.find(|condition| text(condition, "/type") == kind)
}

fn is_true(condition: &Value) -> bool {
    text(condition, "/status") == "True"
}

#[cfg(test)]
mod tests {
    use super::super::super::httproute::Http;
    use super::super::Route;
    use crate::routing::RouteKind;
    use serde_json::{Value, json};

    fn route(backends: Value, conditions: &[(&str, &str, &str)]) -> Value {
        let conditions: Vec<Value> = conditions
            .iter()
            .map(|(kind, status, reason)| json!({"type": kind, "status": status, "reason": reason, "message": "long"}))
            .collect();
        json!({
            "metadata": {"name": "r", "namespace": "edge"}, "spec": {"rules": [{"backendRefs": backends}]},
            "status": {"parents": [{"parentRef": {"name": "gateway"}, "controllerName": "c", "conditions": conditions}]},
        })
    }

    fn follows(mut route: Value) -> bool {
        let kind = Route::<Http>::KIND;
        let whole = kind.is_followed_outward(&route);
        route["status"] = kind.told(&route);
        assert!(!route.to_string().contains("long"), "cut down");
        assert_eq!(kind.is_followed_outward(&route), whole, "the same when it is cut down");
        whole
    }

    #[test]
    fn a_route_into_another_namespace_counts_where_a_gateway_has_taken_all_of_it() {
        let shop = json!([{"name": "web", "namespace": "shop"}]);
        let both = json!([{"name": "web", "namespace": "shop"}, {"name": "gone"}]);
        let (taken, refused) = (
            ("Accepted", "True", "Accepted"),
            ("Accepted", "False", "NoMatchingParent"),
        );
        let resolved = ("ResolvedRefs", "True", "ResolvedRefs");
        let (alien, gone) = (
            ("ResolvedRefs", "False", "RefNotPermitted"),
            ("ResolvedRefs", "False", "BackendNotFound"),
        );
        for (backends, conditions, followed) in [
            (&shop, vec![taken, resolved], true),
            (&shop, vec![taken, gone], true),
            (&both, vec![taken, resolved], true),
            (&shop, vec![taken, alien], false),
            (&shop, vec![refused, resolved], false),
            (&shop, vec![taken], false),
            (&shop, vec![], false),
            // What is not found is its own, and says nothing of the other.
            (&both, vec![taken, gone], false),
        ] {
            assert_eq!(
                follows(route(backends.clone(), &conditions)),
                followed,
                "{conditions:?}"
            );
        }
        let silent = json!({"spec": {"rules": [{"backendRefs": shop}]}});
        assert!(
            !Route::<Http>::KIND.is_followed_outward(&silent),
            "no gateway has said a word"
        );
    }
}
