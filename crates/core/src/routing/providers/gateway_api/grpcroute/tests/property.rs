//! Whatever somebody's route says.

use super::*;
use crate::routing::traffic::tests::{leaves_no_trace, some_traffic};
use proptest::prelude::*;
use proptest::sample::subsequence;

// A rule as people write them: matches or none, filters of its own, other backends, filters on the backend.
fn some_rule() -> impl Strategy<Value = Value> {
    let matches = vec![
        json!({"method": {"type": "Exact", "service": "shop.Cart"}}),
        json!({"method": {"type": "RegularExpression", "method": "Get.*"}, "headers": [{"name": "X-Team", "value": "a"}]}),
        json!({"headers": [{"name": "x-canary", "type": "Exact", "value": "no"}]}),
    ];
    let cookie = json!({"type": "ResponseHeaderModifier", "responseHeaderModifier": {"add": [{"name": "Set-Cookie", "value": "mine=1"}]}});
    let filters = vec![
        cookie.clone(),
        json!({"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "audit", "port": 80}}}),
    ];
    let own = prop_oneof![2 => Just(None), 1 => Just(Some(cookie))];
    let apart = (proptest::option::of(1u64..50), 1u64..50, any::<bool>());
    (subsequence(matches, 0..=3), subsequence(filters, 0..=2), own, apart).prop_map(
        |(matches, filters, own, (other, weight, ours))| {
            let weight = if other.is_none() { 1 } else { weight };
            let mut web = json!({"name": if ours { "web" } else { "elsewhere" }, "port": 80, "weight": weight});
            if let Some(own) = own {
                web["filters"] = json!([own]);
            }
            let other = other.map(|weight| json!({"name": "old", "port": 80, "weight": weight}));
            let mut rule = json!({"backendRefs": other.into_iter().chain([web]).collect::<Vec<_>>()});
            for (key, list) in [("matches", matches), ("filters", filters)] {
                if !list.is_empty() {
                    rule[key] = json!(list);
                }
            }
            rule
        },
    )
}

fn some_route() -> impl Strategy<Value = Value> {
    proptest::collection::vec(some_rule(), 1..4).prop_map(|rules| {
        let mut route = front();
        route["spec"]["rules"] = json!(rules);
        route
    })
}

proptest! {
    #[test]
    fn whatever_traffic_goes_over_a_users_route_can_be_read_and_leaves_no_trace(
        mine in some_route(), asked in (some_traffic(), some_traffic()),
    ) {
        let leads = GRPC_ROUTE.refers_to(&mine, &names());
        leaves_no_trace(&GRPC_ROUTE, &names(), &exposure(), (&mine, leads), asked)?;
    }
}
