//! What the definitions of the routes say where a generated route says nothing: the `default`s of their schemas, which are the same
//! from version 1.1 of the Gateway API on. Whether one was filled in or not, two routes say the same.

use serde_json::{Value, json};

/// `spec` without what is said by default.
pub(super) fn without(spec: &Value) -> Value {
    let mut spec = spec.clone();
    for (at, default) in defaults() {
        let place: Vec<&str> = at.split('/').collect();
        strip(&mut spec, &place, &default);
    }
    spec
}

// Places below the spec, `*` for every item of a list. What is left of a default when its own members are gone comes after these.
fn defaults() -> [(&'static str, Value); 15] {
    [
        ("parentRefs/*/group", json!("gateway.networking.k8s.io")),
        ("parentRefs/*/kind", json!("Gateway")),
        ("rules/*/matches/*/path/type", json!("PathPrefix")),
        ("rules/*/matches/*/path/value", json!("/")),
        ("rules/*/matches/*/path", json!({})),
        ("rules/*/matches/*/headers/*/type", json!("Exact")),
        ("rules/*/matches/*/queryParams/*/type", json!("Exact")),
        ("rules/*/matches/*/method/type", json!("Exact")),
        ("rules/*/matches", json!([{}])),
        ("rules/*/filters/*/requestMirror/backendRef/group", json!("")),
        ("rules/*/filters/*/requestMirror/backendRef/kind", json!("Service")),
        ("rules/*/filters/*/cors/maxAge", json!(5)),
        ("rules/*/backendRefs/*/group", json!("")),
        ("rules/*/backendRefs/*/kind", json!("Service")),
        ("rules/*/backendRefs/*/weight", json!(1)),
    ]
}

fn strip(value: &mut Value, place: &[&str], default: &Value) {
    match (value, place) {
        (Value::Object(members), [key]) if members.get(*key) == Some(default) => {
            members.remove(*key);
        }
        (Value::Object(members), [key, rest @ ..]) => {
            if let Some(member) = members.get_mut(*key) {
                strip(member, rest, default);
            }
        }
        (Value::Array(items), ["*", rest @ ..]) => {
            for item in items {
                strip(item, rest, default);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(rule: &Value, parent: &Value) -> Value {
        without(&json!({"parentRefs": [parent], "rules": [rule]}))
    }

    #[test]
    fn what_the_api_server_fills_in_says_nothing() {
        let sent = json!({
            "matches": [{"headers": [{"name": "x", "value": "y"}]}],
            "filters": [
                {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "copy", "port": 80}}},
                {"type": "CORS", "cors": {"allowOrigins": ["*"]}},
            ],
            "backendRefs": [{"name": "web-primary", "port": 80}],
        });
        let stored = json!({
            "matches": [{
                "path": {"type": "PathPrefix", "value": "/"}, "headers": [{"type": "Exact", "name": "x", "value": "y"}],
            }],
            "filters": [
                {"type": "RequestMirror", "requestMirror": {"backendRef": {
                    "group": "", "kind": "Service", "name": "copy", "port": 80}}},
                {"type": "CORS", "cors": {"allowOrigins": ["*"], "maxAge": 5}},
            ],
            "backendRefs": [{"group": "", "kind": "Service", "name": "web-primary", "port": 80, "weight": 1}],
        });
        let parent = json!({"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "edge"});
        assert_eq!(route(&sent, &json!({"name": "edge"})), route(&stored, &parent));
        let everything = json!({"matches": [{"path": {"type": "PathPrefix", "value": "/"}}]});
        let none = json!({"name": "edge"});
        assert_eq!(route(&everything, &none), route(&json!({}), &none));
        let called = |method: Value| json!({"matches": [{"method": method}]});
        let (sent, stored) = (json!({"service": "a"}), json!({"service": "a", "type": "Exact"}));
        assert_eq!(route(&called(sent), &none), route(&called(stored), &none));
    }

    #[test]
    fn whatever_else_is_said_counts() {
        let none = json!({"name": "edge"});
        for other in [
            json!({"matches": [{"path": {"type": "PathPrefix", "value": "/a"}}]}),
            json!({"matches": [{"path": {"type": "Exact", "value": "/"}}]}),
            json!({"matches": [{}, {"method": "GET"}]}),
            json!({"timeouts": {"request": "5s"}}),
            json!({"filters": [{"type": "CORS", "cors": {"maxAge": 6}}]}),
            json!({"backendRefs": [{"name": "web-primary", "weight": 0}]}),
            json!({"backendRefs": [{"name": "web-primary", "kind": "Other"}]}),
        ] {
            assert_ne!(route(&other, &none), route(&json!({}), &none), "{other}");
        }
        assert_ne!(
            route(&json!({}), &none),
            route(&json!({}), &json!({"name": "edge", "kind": "Service"}))
        );
    }
}
