//! Whatever a router says besides.

use super::*;
use crate::routing::traffic::tests::{leaves_no_trace, some_traffic};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

// What people write in an entry besides its targets.
fn some_request(member: &'static str) -> impl Strategy<Value = Value> {
    let headers = vec![
        json!({"name": "x-team", "match": {"exact": "a"}}),
        json!({"name": "x-canary", "match": {"exact": "yes"}}),
        json!({"name": "x-size", "match": {"range": {"start": 1, "end": 5}}, "invert": true}),
    ];
    let others = vec![
        ("retryPolicy", json!({"maxRetries": 2})),
        ("timeout", json!({"perRequest": {"unit": "s", "value": 5}})),
        ("x-of-tomorrow", json!([{"a": 1}])),
    ];
    let list = if member == "grpcRoute" { "metadata" } else { "headers" };
    (subsequence(headers, 0..=3), subsequence(others, 0..=3)).prop_map(move |(headers, others)| {
        let mut request = json!({"match": {"prefix": "/a"}});
        if !headers.is_empty() {
            request["match"][list] = json!(headers);
        }
        let members = others.into_iter().map(|(key, value)| (key.to_owned(), value));
        request.as_object_mut().unwrap().extend(members);
        request
    })
}

// The targets of an entry, and whether it leads to the app alone.
fn some_targets(version: Version) -> impl Strategy<Value = (Vec<Value>, bool)> {
    let others = proptest::collection::vec(0u8..=40, 0..3);
    (any::<bool>(), others, any::<bool>()).prop_map(move |(ours, others, noted)| {
        let mut web = version.target("web", if others.is_empty() { 100 } else { 30 });
        if noted {
            web["note"] = json!("mine");
        }
        let named = ["legacy", "webby", "web-v0"].into_iter().zip(&others);
        let mut all: Vec<Value> = named.map(|(node, weight)| version.target(node, *weight)).collect();
        let alone = ours && all.is_empty();
        if ours || all.is_empty() {
            all.insert(all.len() / 2, if ours { web } else { version.target("legacy", 100) });
        }
        (all, alone)
    })
}

fn some_entry(mesh: &'static AppMesh) -> impl Strategy<Value = (Value, bool)> {
    let version = mesh.routes.version;
    let members = match version {
        Version::V1beta1 => vec!["http", "http", "http2", "tcp"],
        Version::V1beta2 => vec!["httpRoute", "httpRoute", "http2Route", "grpcRoute", "tcpRoute"],
    };
    let priority = select(vec![None, Some(0u64), Some(1), Some(20), Some(1000)]);
    let member = select(members).prop_flat_map(|member| (Just(member), some_request(member)));
    (member, some_targets(version), priority).prop_map(move |((member, mut request), (targets, alone), priority)| {
        request["action"] = json!({"weightedTargets": targets});
        let mut entry = json!({member: request, "note": "mine"});
        if let Some(priority) = priority {
            entry["priority"] = json!(priority);
        }
        (entry, alone && version.requests().contains(&member))
    })
}

// Whether any entry leads to the app alone is told along.
fn some_route(mesh: &'static AppMesh) -> impl Strategy<Value = (Value, bool)> {
    proptest::collection::vec(some_entry(mesh), 1..4).prop_map(move |entries| {
        let leads = entries.iter().any(|(_, alone)| *alone);
        let named = entries.into_iter().enumerate();
        let named = named.map(|(at, (entry, _))| with(&entry, "name", json!(format!("route-{at}"))));
        (around(mesh, named.collect()), leads)
    })
}

fn check(mesh: &AppMesh, (mine, leads): (&Value, bool), asked: (Traffic, Traffic)) -> Result<(), TestCaseError> {
    leaves_no_trace(mesh.routes, &names(), &several(), (mine, leads), asked)
}

proptest! {
    #[test]
    fn whatever_traffic_goes_over_an_older_router_can_be_read_and_leaves_no_trace(
        mine in some_route(&V1BETA1), asked in (some_traffic(), some_traffic()),
    ) {
        check(&V1BETA1, (&mine.0, mine.1), asked)?;
    }

    #[test]
    fn whatever_traffic_goes_over_a_newer_router_can_be_read_and_leaves_no_trace(
        mine in some_route(&V1BETA2), asked in (some_traffic(), some_traffic()),
    ) {
        check(&V1BETA2, (&mine.0, mine.1), asked)?;
    }

    #[test]
    fn shares_are_exact_and_entries_of_others_stay(mine in some_route(&V1BETA2), share in 0u8..=100) {
        let after = shown(&V1BETA2, &mine.0, Traffic::share(share), &Exposure::default());
        for (at, (before, entry)) in entries::all(&mine.0).iter().zip(entries::all(&after)).enumerate() {
            if before != entry {
                prop_assert_eq!(sends(&V1BETA2, &after, at), pair(u64::from(share)));
            }
        }
        prop_assert_eq!(entries::all(&mine.0).len(), entries::all(&after).len());
    }
}
