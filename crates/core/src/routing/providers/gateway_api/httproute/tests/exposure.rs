//! Requests that are treated apart: who matches, who carries a cookie, what is copied.

use super::*;
use crate::routing::traffic::tests::{leaves_no_trace, some_traffic};
use crate::routing::{Affinity, Cookies};
use proptest::sample::subsequence;
use serde_json::from_value;
use std::time::Duration;

fn affinity() -> Affinity {
    let said =
        json!({"cookieName": "canary", "primaryCookieName": "stable", "maxAge": 600, "path": "/", "secure": true});
    Affinity::new(&from_value(said).unwrap(), Duration::from_secs(10)).unwrap()
}

fn exposure() -> Exposure {
    let matches = json!([
        {"headers": {"X-Canary": {"exact": "yes"}, "cookie": {"regex": "^(.*;)?beta=1(;.*)?$"}}},
        {"headers": {"user-agent": {"prefix": "Fire.fox"}}, "queryParams": {"try": {"suffix": "new"}}},
    ]);
    Exposure {
        matches: from_value(matches).unwrap(),
        affinity: Some(affinity()),
        cookies: Cookies {
            canary: Some("canary=abcdefghij".into()),
            primary: Some("stable=klmnopqrst".into()),
            previous: Some("canary=before".into()),
        },
        ..Exposure::default()
    }
}

fn shown(route: &Value, wanted: Traffic, exposure: &Exposure) -> Value {
    let mut route = route.clone();
    route["spec"]["rules"] = with_traffic(&route, &names(), wanted, exposure);
    route
}

fn users_route() -> Value {
    let rules = json!([
        {"matches": [{"path": {"type": "PathPrefix", "value": "/old"}}], "backendRefs": [{"name": "elsewhere", "port": 80}]},
        {
            "name": "main",
            "matches": [{"path": {"type": "PathPrefix", "value": "/"}}, {"path": {"type": "Exact", "value": "/x"}, "method": "POST"}],
            "filters": [{"type": "URLRewrite", "urlRewrite": {"hostname": "a"}}],
            "timeouts": {"request": "5s"},
            "backendRefs": [{"name": "web", "port": 80, "weight": 1}],
        },
    ]);
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "front", "namespace": "shop"},
        "spec": {"parentRefs": [{"name": "edge"}], "rules": rules},
    })
}

fn whole(wanted: Traffic, exposure: &Exposure) -> Value {
    shown(&users_route(), wanted, exposure)
}

fn rules_of(wanted: Traffic, exposure: &Exposure) -> Value {
    whole(wanted, exposure)["spec"]["rules"].clone()
}

#[test]
fn an_ab_test_stands_before_the_rule_it_is_made_from() {
    let wanted = Traffic {
        matched: true,
        ..Traffic::PRIMARY
    };
    let without_cookies = Exposure {
        affinity: None,
        ..exposure()
    };
    insta::assert_json_snapshot!("ab_test", whole(wanted, &without_cookies));
}

#[test]
fn cookies_keep_users_on_their_side() {
    let wanted = Traffic {
        sticky: true,
        ..Traffic::share(20)
    };
    insta::assert_json_snapshot!("sticky", whole(wanted, &exposure()));
}

#[test]
fn a_cookie_keeps_the_users_of_an_ab_test() {
    let wanted = Traffic {
        matched: true,
        sticky: true,
        ..Traffic::PRIMARY
    };
    insta::assert_json_snapshot!("sticky_ab_test", whole(wanted, &exposure()));
}

#[test]
fn copies_are_a_filter_and_an_old_cookie_is_forgotten() {
    let wanted = Traffic {
        mirror: 30,
        ..Traffic::PRIMARY
    };
    insta::assert_json_snapshot!("mirror", whole(wanted, &exposure()));
}

#[test]
fn what_cannot_be_said_is_never_widened() {
    let by_caller = json!([{"sourceLabels": {"app": "shop"}}, {}, {"headers": {"x": {}}}]);
    let exposure = Exposure {
        matches: from_value(by_caller).unwrap(),
        ..Exposure::default()
    };
    let wanted = Traffic {
        matched: true,
        ..Traffic::PRIMARY
    };
    assert_eq!(rules_of(wanted, &exposure), rules_of(Traffic::PRIMARY, &exposure));
    // Two conditions on one header cannot both be asked for; a request with only one of them is not ours.
    let mut mine = users_route();
    mine["spec"]["rules"][1]["matches"] = json!([{"headers": [{"name": "x-canary", "type": "Exact", "value": "no"}]}, {"headers": [{"name": "X-Canary", "value": "yes"}]}]);
    let yes = json!([{"headers": {"x-canary": {"exact": "yes"}}}]);
    let exposure = Exposure {
        matches: from_value(yes).unwrap(),
        ..Exposure::default()
    };
    let rules = &shown(&mine, wanted, &exposure)["spec"]["rules"];
    assert_eq!(
        rules[1]["matches"],
        json!([{"headers": [{"name": "X-Canary", "value": "yes"}]}])
    );
    assert_eq!(rules[1]["backendRefs"][0]["name"], "web-canary");
}

#[test]
fn an_edit_of_anything_of_ours_is_seen_and_repaired() {
    let wanted = Traffic {
        sticky: true,
        ..Traffic::share(20)
    };
    let exposure = exposure();
    let right = shown(&users_route(), wanted, &exposure);
    assert_eq!(traffic(&right, &names(), &exposure, None), Some(wanted));
    let edits: [(&str, Value); 5] = [
        ("/spec/rules/1/matches/0/headers/0/value", json!("^canary=other$")),
        ("/spec/rules/1/backendRefs/0/weight", json!(50)),
        (
            "/spec/rules/3/backendRefs/1/filters/0/responseHeaderModifier/add/0/value",
            json!("canary=x"),
        ),
        ("/spec/rules/3/backendRefs/0/filters", json!([])),
        ("/spec/rules/2/timeouts/request", json!("1s")),
    ];
    for (pointer, value) in edits {
        let mut wrong = right.clone();
        *wrong.pointer_mut(pointer).unwrap() = value;
        assert_eq!(traffic(&wrong, &names(), &exposure, Some(wanted)), None, "{pointer}");
    }
    let mut gone = right.clone();
    gone["spec"]["rules"].as_array_mut().unwrap().remove(2);
    assert_eq!(traffic(&gone, &names(), &exposure, Some(wanted)), None);
    assert_eq!(shown(&gone, wanted, &exposure), right);
}

#[test]
fn a_canary_named_first_without_a_rule_behind_it_is_the_users() {
    let mine = json!({"spec": {"rules": [{"backendRefs": [{"name": "web-canary", "weight": 0}, {"name": "web-primary", "weight": 1}]}]}});
    let rules = with_traffic(&mine, &names(), Traffic::share(10), &Exposure::default());
    assert_eq!(rules.as_array().unwrap().len(), 1);
    assert_eq!(rules[0]["backendRefs"][0], json!({"name": "web-primary", "weight": 90}));
}

// A rule as people write them: matches or none, filters of its own, other backends, filters on the backend.
fn some_rule() -> impl Strategy<Value = Value> {
    let matches = vec![
        json!({"path": {"type": "PathPrefix", "value": "/a"}}),
        json!({"path": {"type": "Exact", "value": "/b"}, "headers": [{"name": "x-team", "type": "Exact", "value": "a"}]}),
        json!({"queryParams": [{"name": "q", "type": "Exact", "value": "1"}]}),
    ];
    let filters = vec![
        json!({"type": "ResponseHeaderModifier", "responseHeaderModifier": {"add": [{"name": "Set-Cookie", "value": "mine=1"}]}}),
        json!({"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "audit", "port": 80}}}),
        json!({"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}}),
    ];
    let modifier =
        json!({"type": "ResponseHeaderModifier", "responseHeaderModifier": {"set": [{"name": "x", "value": "y"}]}});
    let cookie = json!({"type": "ResponseHeaderModifier", "responseHeaderModifier": {"add": [{"name": "set-cookie", "value": "mine=1"}]}});
    let own = prop_oneof![2 => Just(None), 1 => Just(Some(modifier)), 1 => Just(Some(cookie))];
    let members = vec![
        ("name", json!("main")),
        ("timeouts", json!({"request": "5s"})),
        ("x-of-tomorrow", json!([{"a": 1}])),
    ];
    let others = (subsequence(members, 0..=3), any::<bool>());
    (subsequence(matches, 0..=3), subsequence(filters, 0..=3), own, proptest::option::of(1u64..50), 1u64..50, any::<bool>(), others).prop_map(
        |(matches, filters, own, other, weight, ours, (members, noted))| {
            let alone = other.is_none();
            let mut web = json!({"name": if ours { "web" } else { "elsewhere" }, "port": 80, "weight": if alone { 1 } else { weight }});
            if let Some(own) = own {
                web["filters"] = json!([own]);
            }
            if noted {
                web["x-of-tomorrow"] = json!({"a": 1});
            }
            let mut rule = json!({"backendRefs": [web]});
            for (key, value) in members {
                rule[key] = value;
            }
            if let Some(weight) = other {
                rule["backendRefs"].as_array_mut().unwrap().insert(0, json!({"name": "old", "port": 80, "weight": weight}));
            }
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
        json!({
            "metadata": {"name": "front", "namespace": "shop", "finalizers": ["example.com/kept"]},
            "spec": {"hostnames": ["a"], "rules": rules, "x-of-tomorrow": [{"a": 1}]},
        })
    })
}

fn is_of_the_pair(rule: &Value) -> bool {
    refers_to(&json!({"spec": {"rules": [rule]}}), &names())
}

fn pair_weights(rule: &Value) -> (u64, u64) {
    let refs = rule["backendRefs"].as_array().unwrap();
    let of = |side: &str| {
        refs.iter()
            .filter(|b| b["name"] == side)
            .map(|b| b["weight"].as_u64().unwrap())
            .sum::<u64>()
    };
    (of("web-primary"), of("web-canary"))
}

proptest! {
    #[test]
    fn whatever_traffic_goes_over_a_users_route_can_be_read_and_leaves_no_trace(
        mine in some_route(), asked in (some_traffic(), some_traffic()),
    ) {
        let leads = refers_to(&mine, &names());
        leaves_no_trace(&HTTP_ROUTE, &names(), &exposure(), (&mine, leads), asked)?;
    }

    #[test]
    fn the_pairs_share_is_whole_in_every_rule_and_others_keep_theirs(mine in some_route(), wanted in some_traffic()) {
        let exposure = exposure();
        let rules = shown(&mine, wanted, &exposure)["spec"]["rules"].as_array().unwrap().clone();
        let users: Vec<&Value> = mine["spec"]["rules"].as_array().unwrap().iter().collect();
        for rule in rules.iter().filter(|rule| is_of_the_pair(rule)) {
            let (primary, canary) = pair_weights(rule);
            let old = rule["backendRefs"].as_array().unwrap().iter().find(|b| b["name"] == "old").map(|b| b["weight"].as_u64().unwrap());
            let scaled = |user: &&Value| {
                let refs = &user["backendRefs"];
                let times = |at: usize| refs[at]["weight"].as_u64().map(|weight| weight * 100);
                refs[1]["name"] == "web" && times(0) == old && times(1) == Some(primary + canary)
            };
            let whole = if old.is_some() { users.iter().any(scaled) } else { primary + canary == 100 };
            prop_assert!(whole, "{}", rule);
        }
        let foreign = |rules: &[Value]| rules.iter().filter(|rule| !is_of_the_pair(rule)).cloned().collect::<Vec<_>>();
        let before: Vec<Value> = users.into_iter().cloned().collect();
        prop_assert_eq!(foreign(&rules), foreign(&before));
    }
}
