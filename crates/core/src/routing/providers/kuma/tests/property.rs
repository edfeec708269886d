//! Whatever a MeshHTTPRoute says besides.

use super::*;
use crate::routing::traffic::tests::{leaves_no_trace, some_traffic};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

// What people write in a rule besides its backends.
fn some_members() -> impl Strategy<Value = Value> {
    let matches = vec![
        json!({"path": {"type": "PathPrefix", "value": "/a"}}),
        json!({"path": {"type": "Exact", "value": "/b"}, "headers": [{"name": "x-team", "type": "Exact", "value": "a"}]}),
        json!({"queryParams": [{"name": "q", "type": "Exact", "value": "1"}], "method": "GET"}),
        json!({"headers": [{"name": "cookie", "type": "Prefix", "value": "mine"}, {"name": "x-off", "type": "Absent"}]}),
        json!({}),
    ];
    let filters = vec![
        json!({"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["x"]}}),
        json!({"type": "RequestMirror", "requestMirror": {"percentage": "5.5", "backendRef": service("audit", 1)}}),
        json!({"type": "URLRewrite", "urlRewrite": {"hostname": "a.test"}}),
    ];
    (subsequence(matches, 0..=5), subsequence(filters, 0..=3), any::<bool>()).prop_map(|(matches, filters, more)| {
        let mut rule = json!({"matches": matches, "default": {}});
        if !filters.is_empty() {
            rule["default"]["filters"] = json!(filters);
        }
        if more {
            rule["x-of-tomorrow"] = json!([{"a": 1}]);
            rule["default"]["x-of-tomorrow"] = json!("b");
        }
        rule
    })
}

// The references to the app, and to others, as they are stored: with weights.
fn some_backends() -> impl Strategy<Value = Vec<Value>> {
    let app = vec![
        service("web", 1),
        json!({"kind": "MeshService", "name": "web", "namespace": "shop", "sectionName": "http"}),
        json!({"kind": "MeshService", "name": "web_shop_svc_80"}),
        json!({"kind": "MeshService", "labels": {"kuma.io/display-name": "web"}, "port": 80}),
        json!({"kind": "MeshService", "name": "web", "namespace": "old", "port": 80}),
        json!({"kind": "MeshService", "name": "web"}),
    ];
    let others = vec![
        service("old", 1),
        json!({"kind": "MeshExternalService", "name": "web"}),
        json!({"kind": "MeshServiceSubset", "name": "web_shop_svc_80", "tags": {"version": "v1"}}),
    ];
    let others = proptest::collection::vec((select(others), 0u64..50), 0..3);
    (select(app), 0u64..50, others).prop_map(|(mut app, weight, others)| {
        // Whatever stands alone gets everything.
        app["weight"] = json!(if others.is_empty() { 1 } else { weight });
        let weighed = |(mut other, weight): (Value, u64)| {
            other["weight"] = json!(weight);
            other
        };
        let mut all: Vec<Value> = others.into_iter().map(weighed).collect();
        all.insert(all.len() / 2, app);
        all
    })
}

fn some_entry() -> impl Strategy<Value = Value> {
    let targets = vec![
        json!({"kind": "MeshService", "name": "web"}),
        json!({"kind": "MeshService", "name": "web_shop_svc_80"}),
        json!({"kind": "MeshService", "name": "shop", "sectionName": "http"}),
        json!({"kind": "MeshMultiZoneService", "labels": {"app": "web"}}),
    ];
    let rule = (some_members(), proptest::option::weighted(0.8, some_backends()));
    let rule = rule.prop_map(|(mut rule, backends)| {
        if let Some(backends) = backends {
            rule["default"]["backendRefs"] = json!(backends);
        }
        rule
    });
    (select(targets), proptest::collection::vec(rule, 0..4))
        .prop_map(|(target, rules)| json!({"targetRef": target, "rules": rules, "hostnames": ["a.test"]}))
}

fn some_route() -> impl Strategy<Value = Value> {
    proptest::collection::vec(some_entry(), 1..4).prop_map(|to| {
        let mut route = with_entries(json!(to));
        route["spec"]["targetRef"] = json!({"kind": "Mesh", "proxyTypes": ["Sidecar"]});
        route
    })
}

proptest! {
    #[test]
    fn whatever_traffic_goes_over_a_users_route_can_be_read_and_leaves_no_trace(
        mine in some_route(), asked in (some_traffic(), some_traffic()),
    ) {
        let leads = weighted::refers_to::<Rules>(&rules::listed(&mine), &names());
        leaves_no_trace(&MeshHttpRoute, &names(), &several(), (&mine, leads), asked)?;
    }

    #[test]
    fn others_keep_their_share_and_a_rule_sends_what_it_sent(mine in some_route(), share in 0u8..=100) {
        let moved = carried(&mine, Traffic::share(share));
        let all = |route: &Value| rules::listed(route)["spec"]["rules"].as_array().unwrap().clone();
        let local = names();
        let local = &reference::Local::of(&mine, &local);
        for (before, after) in all(&mine).iter().zip(all(&moved)) {
            let weight = |rule: &Value, of_pair: bool| -> u64 {
                let backends = rule["backendRefs"].as_array().into_iter().flatten();
                let of = |one: &&Value| {
                    references::side_of(references::backend(one), local).is_some() == of_pair
                };
                backends.filter(of).map(|one| one["weight"].as_u64().unwrap()).sum()
            };
            let (pair, others) = (weight(before, true), weight(before, false));
            let (now, theirs) = (weight(&after, true), weight(&after, false));
            prop_assert_eq!(now * others, theirs * pair, "{} became {}", before, after);
        }
    }
}
