//! Whatever a VirtualService says besides.

use super::*;
use crate::routing::traffic::tests::{leaves_no_trace, some_traffic};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

// What people write in a rule besides its destinations.
fn some_members() -> impl Strategy<Value = Value> {
    let matches = vec![
        json!({"uri": {"prefix": "/a"}}),
        json!({"uri": {"exact": "/b"}, "headers": {"x-team": {"exact": "a"}}}),
        json!({"queryParams": {"q": {"exact": "1"}}, "sourceLabels": {"app": "other"}}),
        json!({"headers": {"cookie": {"regex": ".*mine.*"}}}),
    ];
    let others = vec![
        ("name", json!("main")),
        ("timeout", json!("5s")),
        (
            "fault",
            json!({"abort": {"httpStatus": 500, "percentage": {"value": 1}}}),
        ),
        ("headers", json!({"request": {"set": {"x": "y"}}})),
        ("x-of-tomorrow", json!([{"a": 1}])),
    ];
    let mirrors = vec![
        json!({}),
        json!({"mirror": {"host": "audit"}}),
        json!({"mirror": {"host": "audit", "port": {"number": 80}}, "mirrorPercentage": {"value": 5.5}}),
        json!({"mirror": {"host": "audit"}, "mirrorPercent": 5}),
        json!({"mirrors": [{"destination": {"host": "audit"}}, {"destination": {"host": "other"}, "percentage": {"value": 1}}]}),
    ];
    (subsequence(matches, 0..=4), subsequence(others, 0..=5), select(mirrors)).prop_map(|(matches, others, mirrors)| {
        let mut rule = mirrors;
        rule.as_object_mut()
            .unwrap()
            .extend(others.into_iter().map(|(key, value)| (key.to_owned(), value)));
        if !matches.is_empty() {
            rule["match"] = json!(matches);
        }
        rule
    })
}

fn some_rule() -> impl Strategy<Value = Value> {
    let hosts = vec![
        "web",
        "web",
        "web.shop.svc.cluster.local",
        "elsewhere",
        "web.old.svc.cluster.local",
    ];
    let headers = vec![
        Value::Null,
        json!({"response": {"set": {"x": "y"}}}),
        json!({"response": {"add": {"set-cookie": "mine=1"}}}),
        json!({"request": {"remove": ["a"]}, "response": {"add": {"x": "y"}}}),
    ];
    let weight = || prop_oneof![4 => (0u64..50).prop_map(Some), 1 => Just(None)];
    let others = proptest::collection::vec(weight(), 0..3);
    (
        some_members(),
        select(hosts),
        select(headers),
        weight(),
        others,
        any::<bool>(),
    )
        .prop_map(|(mut rule, host, headers, weight, others, part)| {
            let weighed = |mut destination: Value, weight: Option<u64>| {
                if let Some(weight) = weight {
                    destination["weight"] = json!(weight);
                }
                destination
            };
            // Alone, and without another beside it, people write no weight.
            let mut web = weighed(
                json!({"destination": {"host": host}}),
                weight.filter(|_| !others.is_empty()),
            );
            if headers.is_object() {
                web["headers"] = headers;
            }
            let mut all: Vec<Value> = others
                .into_iter()
                .map(|weight| weighed(json!({"destination": {"host": "old"}}), weight))
                .collect();
            all.insert(all.len() / 2, web);
            if part {
                all.push(json!({"destination": {"host": "web", "subset": "dev"}, "weight": 3}));
                // With a part of it beside, it is not alone.
                all[0]["weight"] = json!(7);
            }
            rule["route"] = json!(all);
            rule
        })
}

fn some_route() -> impl Strategy<Value = Value> {
    let strange = vec![
        json!({"match": [{"uri": {"exact": "/"}}], "redirect": {"uri": "/home"}}),
        json!({"delegate": {"name": "other"}}),
        json!({"directResponse": {"status": 503}}),
    ];
    let rules = (
        proptest::collection::vec(some_rule(), 1..4),
        subsequence(strange, 0..=2),
    );
    (rules, some_connections()).prop_map(|((mut rules, strange), connections)| {
        rules.splice(0..0, strange);
        let mut route = with_rules(json!(rules));
        if !connections.is_null() {
            route["spec"]["tcp"] = connections;
        }
        route
    })
}

// With rules for connections beside those for requests, that lead to the app or do not.
fn some_connections() -> impl Strategy<Value = Value> {
    let to = |host: &str, weight: u64| json!({"destination": {"host": host}, "weight": weight});
    let alone = |host: &str| json!({"route": [{"destination": {"host": host}}]});
    select(vec![
        Value::Null,
        json!([alone("web")]),
        json!([alone("elsewhere"), alone("web.shop.svc.cluster.local")]),
        json!([{"match": [{"port": 5432}], "route": [to("web", 3), to("old", 1)]}, alone("elsewhere")]),
        json!([{"route": [to("old", 1), to("web", 0)]}, alone("elsewhere")]),
    ])
}

proptest! {
    #[test]
    fn whatever_traffic_goes_over_a_users_route_can_be_read_and_leaves_no_trace(
        mine in some_route(), asked in (some_traffic(), some_traffic()),
    ) {
        let leads = lists::refers_to(&mine, &names());
        leaves_no_trace(&VirtualService, &names(), &exposure(), (&mine, leads), asked)?;
    }

    #[test]
    fn others_keep_their_share_and_a_rule_sends_what_it_sent(mine in some_route(), share in 0u8..=100) {
        let moved = shown(&mine, Traffic::share(share), &Exposure::default());
        let rules = |route: &Value| route["spec"]["http"].as_array().unwrap().clone();
        for (before, after) in rules(&mine).iter().zip(rules(&moved)) {
            let weights = |rule: &Value, of_pair: bool| -> u64 {
                let all = rule["route"].as_array().into_iter().flatten();
                let of = |one: &&Value| {
                    let host = one["destination"]["host"].as_str().unwrap();
                    let whole = one["destination"].get("subset").is_none();
                    let ours = hosts::service(host).is_some_and(|(name, at)| name.starts_with("web") && at != Some("old"));
                    (ours && whole) == of_pair
                };
                all.filter(of).map(|one| one["weight"].as_u64().unwrap_or(0)).sum()
            };
            let (pair, others) = (weights(before, true), weights(before, false));
            let (now, theirs) = (weights(&after, true), weights(&after, false));
            let alone = before["route"].as_array().is_none_or(|all| all.len() == 1);
            prop_assert!(alone || now * others == theirs * pair, "{} became {}", before, after);
        }
    }
}
