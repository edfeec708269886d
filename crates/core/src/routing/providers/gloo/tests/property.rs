//! Whatever a RouteTable says besides.

use super::*;
use crate::routing::traffic::tests::{leaves_no_trace, some_traffic};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

// What people write in a route besides where it leads.
fn some_members() -> impl Strategy<Value = Value> {
    let matchers = vec![
        json!({"prefix": "/a"}),
        json!({"exact": "/b", "headers": [{"name": "x-team", "value": "a"}]}),
        json!({"regex": "/c.*", "caseSensitive": false, "queryParameters": [{"name": "q"}], "methods": ["GET"]}),
        json!({"headers": [{"name": "cookie", "value": ".*mine.*", "regex": true, "invertMatch": true}]}),
    ];
    let others = vec![
        ("name", json!("main")),
        ("inheritablePathMatchers", json!(true)),
        (
            "optionsConfigRefs",
            json!({"delegateOptions": [{"name": "a", "namespace": "b"}]}),
        ),
        ("x-of-tomorrow", json!([{"a": 1}])),
    ];
    let options = vec![
        Value::Null,
        json!({"timeout": "5s"}),
        json!({"shadowing": {"upstream": {"name": "audit", "namespace": "shop"}, "percentage": 5.5}}),
    ];
    (
        subsequence(matchers, 0..=4),
        subsequence(others, 0..=4),
        select(options),
    )
        .prop_map(|(matchers, others, options)| {
            let mut rule = json!({});
            rule.as_object_mut()
                .unwrap()
                .extend(others.into_iter().map(|(key, value)| (key.to_owned(), value)));
            if !matchers.is_empty() {
                rule["matchers"] = json!(matchers);
            }
            if options.is_object() {
                rule["options"] = options;
            }
            rule
        })
}

fn some_destination() -> impl Strategy<Value = Value> {
    select(vec![
        kube("web"),
        discovered(),
        upstream("shop-web-8080", "shop"),
        json!({"upstream": {"name": "shop-web-80"}}),
        // Somebody else's, or a part of it.
        kube("elsewhere"),
        json!({"kube": {"ref": {"name": "web", "namespace": "other"}, "port": 80}}),
        json!({"upstream": {"name": "shop-web-80", "namespace": "gloo-system"}, "subset": {"values": {"version": "v1"}}}),
    ])
}

// Alone it has a place of its own; among others each has a weight.
fn some_action() -> impl Strategy<Value = Value> {
    let options = vec![
        Value::Null,
        json!({"headerManipulation": {"responseHeadersToAdd": [{"header": {"key": "set-cookie", "value": "mine=1"}}]}}),
        json!({"headerManipulation": {"requestHeadersToRemove": ["a"]}, "extensions": {}}),
    ];
    let others = proptest::collection::vec(0u64..50, 0..3);
    (some_destination(), select(options), 0u64..50, others).prop_map(|(destination, options, weight, others)| {
        if others.is_empty() {
            return json!({ "single": destination });
        }
        let old = |weight: &u64| json!({"destination": upstream("shop-old-80", "gloo-system"), "weight": weight});
        let mut all: Vec<Value> = others.iter().map(old).collect();
        let mut web = json!({"destination": destination, "weight": weight});
        if options.is_object() {
            web["options"] = options;
        }
        all.insert(all.len() / 2, web);
        json!({"multi": {"destinations": all}})
    })
}

fn some_route() -> impl Strategy<Value = Value> {
    let rule = (some_members(), some_action()).prop_map(|(mut rule, action)| {
        rule["routeAction"] = action;
        rule
    });
    let strange = vec![
        json!({"matchers": [{"exact": "/"}], "redirectAction": {"pathRedirect": "/home"}}),
        json!({"delegateAction": {"selector": {"labels": {"a": "b"}}}}),
        json!({"directResponseAction": {"status": 503}}),
        json!({"routeAction": {"upstreamGroup": {"name": "web", "namespace": "shop"}}}),
    ];
    let rules = (proptest::collection::vec(rule, 1..4), subsequence(strange, 0..=3));
    rules.prop_map(|(mut rules, strange)| {
        rules.splice(0..0, strange);
        let mut route = with_routes(json!(rules));
        route["spec"]["weight"] = json!(3);
        route
    })
}

fn leads(route: &Value) -> bool {
    weighted::refers_to::<TableRoutes>(&lifted::up(route, &names()), &names())
}

proptest! {
    #[test]
    fn whatever_traffic_goes_over_a_users_route_can_be_read_and_leaves_no_trace(
        mine in some_route(), asked in (some_traffic(), some_traffic()),
    ) {
        leaves_no_trace(&RouteTable, &names(), &exposure(), (&mine, leads(&mine)), asked)?;
    }

    #[test]
    fn others_keep_their_share_and_a_route_sends_what_it_sent(mine in some_route(), share in 0u8..=100) {
        let moved = shown(&mine, Traffic::share(share), &Exposure::default());
        let rules = |route: &Value| route["spec"]["routes"].as_array().unwrap().clone();
        for (before, after) in rules(&mine).iter().zip(rules(&moved)) {
            let weights = |rule: &Value, old: bool| -> u64 {
                let all = rule.pointer("/routeAction/multi/destinations").and_then(Value::as_array);
                let of = |one: &&Value| (one["destination"]["upstream"]["name"] == "shop-old-80") == old;
                let all = all.into_iter().flatten().filter(of);
                all.map(|one| one["weight"].as_u64().unwrap_or(0)).sum()
            };
            let (pair, others) = (weights(before, false), weights(before, true));
            let (now, theirs) = (weights(&after, false), weights(&after, true));
            let alone = before.pointer("/routeAction/multi").is_none();
            prop_assert!(alone || now * others == theirs * pair, "{} became {}", before, after);
        }
    }

    // Each half that a route names is there, leads to its Service, and is told from all others by its name.
    #[test]
    fn a_route_leads_to_nothing_that_is_not_made_beside_it(mine in some_route(), asked in some_traffic()) {
        let models = RouteTable.models(&mine, &names(), &Exposure::default());
        let mut known = exposure();
        known.models.extend(models.into_iter().map(|model| (model, json!({"spec": {"useHttp2": true}}))));
        let all = carried(&mine, asked, &known);
        let possible = RouteTable.companions(&mine, &names());
        let beside: Vec<&str> = all[1..].iter().map(|one| text(one, "/metadata/name")).collect();
        for one in &all[1..] {
            let name = text(one, "/metadata/name");
            prop_assert!(possible.contains(&(Upstream.resource(), name.to_owned())), "{}", name);
            let half = if name.contains("-primaryupstream-") { "web-primary" } else { "web-canary" };
            prop_assert_eq!(upstream::service(one), Some(half));
        }
        let led = all[0]["spec"]["routes"].as_array().unwrap().iter().flat_map(lifted::destinations);
        let named = led.map(|one| text(one, "/upstream/name")).filter(|name| name.contains("upstream-"));
        for name in named {
            prop_assert!(beside.contains(&name), "{} is missing among {:?}", name, beside);
        }
        let before: Vec<String> = RouteTable.companions(&all[0], &names()).into_iter().map(|(_, name)| name).collect();
        prop_assert_eq!(before, possible.into_iter().map(|(_, name)| name).collect::<Vec<_>>());
    }
}
