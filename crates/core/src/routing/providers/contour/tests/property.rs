//! Whatever an HTTPProxy says besides.

use super::*;
use crate::routing::traffic::tests::{leaves_no_trace, some_traffic};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

// What people write in a route besides its Services.
fn some_members() -> impl Strategy<Value = Value> {
    let conditions = vec![
        json!({"header": {"name": "x-team", "exact": "a"}}),
        json!({"header": {"name": "cookie", "contains": "mine"}}),
        json!({"queryParameter": {"name": "q", "present": true}}),
    ];
    let paths = vec![None, Some(json!({"prefix": "/a"})), Some(json!({"exact": "/b"}))];
    let others = vec![
        ("enableWebsockets", json!(true)),
        ("timeoutPolicy", json!({"response": "5s"})),
        ("x-of-tomorrow", json!([{"a": 1}])),
    ];
    (
        subsequence(conditions, 0..=3),
        select(paths),
        subsequence(others, 0..=3),
    )
        .prop_map(|(conditions, path, others)| {
            let mut rule = json!({});
            rule.as_object_mut()
                .unwrap()
                .extend(others.into_iter().map(|(key, value)| (key.to_owned(), value)));
            let all: Vec<Value> = conditions.into_iter().chain(path).collect();
            if !all.is_empty() {
                rule["conditions"] = json!(all);
            }
            rule
        })
}

// The Services of a route as people write them: with weights or without, and not with one that says nothing.
fn some_services() -> impl Strategy<Value = Value> {
    let header = vec![
        Value::Null,
        json!({"set": [{"name": "x", "value": "y"}]}),
        json!({"set": [{"name": "l5d-dst-override", "value": "web.shop.svc.cluster.local:80"}]}),
    ];
    let weight = || prop_oneof![1 => Just(0u64), 5 => 2u64..50];
    (
        select(vec!["web", "web", "web", "elsewhere"]),
        select(header),
        proptest::collection::vec(weight(), 0..3),
        2u64..50,
        any::<bool>(),
        select(vec![None, Some(0usize), Some(9)]),
    )
        .prop_map(|(name, header, others, own, weighed, mirror)| {
            let entry = |name: &str, weight: u64| {
                let mut entry = json!({"name": name, "port": 80});
                if weighed && weight > 0 {
                    entry["weight"] = json!(weight);
                }
                entry
            };
            let alone = others.is_empty() && mirror.is_none();
            let mut web = entry(name, if alone { 0 } else { own });
            if header.is_object() {
                web["requestHeadersPolicy"] = header;
            }
            let mut all: Vec<Value> = others.into_iter().map(|weight| entry("old", weight)).collect();
            all.insert(all.len() / 2, web);
            if let Some(at) = mirror {
                let audit = json!({"name": "audit", "port": 80, "mirror": true, "weight": 5});
                all.insert(at.min(all.len()), audit);
            }
            json!(all)
        })
}

fn some_route() -> impl Strategy<Value = Value> {
    let rule = (some_members(), some_services()).prop_map(|(mut rule, services)| {
        rule["services"] = services;
        rule
    });
    let strange = vec![
        json!({"conditions": [{"prefix": "/gone"}], "directResponsePolicy": {"statusCode": 410}}),
        json!({"conditions": [{"prefix": "/old"}], "requestRedirectPolicy": {"path": "/"}}),
    ];
    let rules = (proptest::collection::vec(rule, 1..4), subsequence(strange, 0..=2));
    rules.prop_map(|(mut rules, strange)| {
        rules.splice(0..0, strange);
        let mut route = with_routes(json!(rules));
        route["spec"]["includes"] = json!([{"name": "blog"}]);
        route
    })
}

proptest! {
    #[test]
    fn whatever_traffic_goes_over_a_users_route_can_be_read_and_leaves_no_trace(
        mine in some_route(), asked in (some_traffic(), some_traffic()),
    ) {
        let leads = HttpProxy.refers_to(&mine, &names());
        leaves_no_trace(&HttpProxy, &names(), &several(), (&mine, leads), asked)?;
    }

    #[test]
    fn naming_every_service_moves_nobody_and_leaves_no_trace(mine in some_route(), share in 0u8..=100) {
        let leads = HttpProxy.refers_to(&mine, &names());
        let plain = Exposure::default();
        for (before, carries) in [(mine.clone(), false), (carried(&mine, Traffic::share(share)), leads)] {
            let named = HttpProxy.naming(&before, &names());
            prop_assert_eq!(&HttpProxy.naming(&named, &names()), &named, "twice is once");
            prop_assert_eq!(read(&named, &plain, None), read(&before, &plain, None));
            prop_assert_eq!(carried(&named, Traffic::share(share)), carried(&mine, Traffic::share(share)));
            prop_assert_eq!(&folded(&named), &mine);
            // What an author sends in mid-run is held to the shares that there are, and to none where there are none.
            prop_assert_eq!(HttpProxy.is_split(&named, &names()), carries);
            prop_assert_eq!(HttpProxy.names_a_half(&named, &names()), leads);
            prop_assert_eq!(crate::routing::leads_to_a_half(&named, &names()), carries);
        }
    }

    #[test]
    fn others_keep_their_share_and_a_route_sends_what_it_sent(mine in some_route(), share in 0u8..=100) {
        let moved = carried(&mine, Traffic::share(share));
        let rules = |route: &Value| route["spec"]["routes"].as_array().unwrap().clone();
        for (before, after) in rules(&mine).iter().zip(rules(&moved)) {
            let weights = |rule: &Value, of_pair: bool| -> u64 {
                let all = rule["services"].as_array().into_iter().flatten();
                let served: Vec<&Value> = all.filter(|one| one.get("mirror").is_none()).collect();
                let even = served.iter().all(|one| one["weight"].as_u64().unwrap_or(0) == 0);
                let of = |one: &&&Value| one["name"].as_str().unwrap().starts_with("web") == of_pair;
                let weight = |one: &&Value| if even { 1 } else { one["weight"].as_u64().unwrap_or(0) };
                served.iter().filter(of).map(weight).sum()
            };
            let (pair, others) = (weights(before, true), weights(before, false));
            let (now, theirs) = (weights(&after, true), weights(&after, false));
            prop_assert_eq!(now * others, theirs * pair, "{} became {}", before, after);
        }
    }
}
