mod golden;

use super::*;
use crate::routing::Weights;
use proptest::prelude::*;

fn names() -> Names {
    Names::new("web")
}

fn around(services: Value) -> Value {
    json!({
        "apiVersion": "traefik.io/v1alpha1", "kind": "TraefikService",
        "metadata": {"name": "front", "namespace": "shop"},
        "spec": {"weighted": {"services": services, "sticky": {"cookie": {"name": "side"}}}},
    })
}

fn carried(route: &Value, traffic: Traffic) -> Value {
    let mut objects = TraefikService.carrying(std::slice::from_ref(route), &names(), traffic, &Exposure::default());
    assert_eq!(objects.len(), 1, "nothing is made beside it");
    objects.remove(0)
}

fn read(route: &Value, expected: Option<Traffic>) -> Option<Traffic> {
    TraefikService.traffic(route, &[], &names(), &Exposure::default(), expected)
}

fn folded(route: &Value) -> Value {
    TraefikService.folded(route, &names())
}

fn services(route: &Value) -> Value {
    route["spec"]["weighted"]["services"].clone()
}

fn told(route: &Value) -> Option<String> {
    TraefikService.problem(route, &names(), &Exposure::default())
}

#[test]
fn a_side_without_a_share_is_not_named_for_it_may_have_no_endpoints() {
    let mine = around(json!([{"name": "web", "port": 80}, {"name": "old", "port": 80, "weight": 7}]));
    for (traffic, side) in [(Traffic::PRIMARY, "web-primary"), (Traffic::CANARY, "web-canary")] {
        let all = carried(&mine, traffic);
        assert_eq!(
            services(&all),
            json!([{"name": side, "port": 80}, {"name": "old", "port": 80, "weight": 7}])
        );
        assert!(TraefikService.is_split(&all, &names()) && TraefikService.names_a_half(&all, &names()));
        assert_eq!(read(&all, None), Some(traffic));
        assert_eq!(folded(&all), mine);
    }
}

#[test]
fn a_list_that_gives_the_app_nothing_does_what_is_asked() {
    let mine = around(json!([{"name": "web", "port": 80, "weight": 0}, {"name": "old", "port": 80}]));
    let shared = carried(&mine, Traffic::share(30));
    assert_eq!(
        services(&shared),
        json!([{"name": "web-primary", "port": 80, "weight": 0}, {"name": "old", "port": 80}])
    );
    assert_eq!(read(&shared, Some(Traffic::share(30))), Some(Traffic::share(30)));
    assert_eq!(folded(&shared), mine);
}

#[test]
fn flaggers_weights_are_taken_over_as_they_are() {
    let pair = |primary: u64, canary: u64| {
        around(json!([
            {"name": "web-primary", "namespace": "shop", "port": 80, "weight": primary},
            {"name": "web-canary", "namespace": "shop", "port": 80, "weight": canary},
        ]))
    };
    assert_eq!(read(&pair(90, 10), None), Some(Traffic::share(10)));
    assert_eq!(carried(&pair(90, 10), Traffic::share(40)), pair(60, 40));
    // One that names the canary for nothing, or says no weight of nothing, is put right.
    assert_eq!(read(&pair(100, 0), None), None);
    let rest = around(json!([{"name": "web-primary", "namespace": "shop", "port": 80, "weight": 100}]));
    assert_eq!(carried(&pair(100, 0), Traffic::PRIMARY), rest);
    assert_eq!(read(&rest, None), Some(Traffic::PRIMARY));
}

#[test]
fn an_edit_of_a_weight_is_seen_and_put_right() {
    let mine = around(json!([{"name": "web", "port": 80, "weight": 2}, {"name": "old", "port": 80, "weight": 1}]));
    let right = carried(&mine, Traffic::share(50));
    let mut wrong = right.clone();
    wrong["spec"]["weighted"]["services"][1]["weight"] = json!(1);
    assert_eq!(read(&wrong, Some(Traffic::share(50))), None);
    let mut turned = right.clone();
    turned["spec"]["weighted"]["services"]
        .as_array_mut()
        .unwrap()
        .swap(0, 1);
    assert_eq!(read(&turned, Some(Traffic::share(50))), None);
    assert_eq!(carried(&turned, Traffic::share(50)), right);
}

#[test]
fn what_has_no_weights_is_said() {
    for (member, body) in [
        (
            "mirroring",
            json!({"name": "web", "port": 80, "mirrors": [{"name": "audit", "port": 80}]}),
        ),
        (
            "highestRandomWeight",
            json!({"services": [{"name": "old", "port": 80}, {"name": "web", "port": 80}]}),
        ),
        (
            "failover",
            json!({"service": {"name": "old", "port": 80}, "fallback": {"name": "web", "port": 80}}),
        ),
    ] {
        let mut mine = around(json!([]));
        mine["spec"] = json!({member: body});
        assert!(TraefikService.refers_to(&mine, &names()), "{member}");
        assert!(TraefikService.services(&mine).contains(&"web".to_owned()), "{member}");
        let why = told(&mine).unwrap();
        assert!(
            why.contains(&format!("by spec.{member}")) && why.contains("spec.weighted.services"),
            "{why}"
        );
        assert_eq!(carried(&mine, Traffic::share(20)), mine);
        assert_eq!(read(&mine, None), Some(Traffic::PRIMARY));
        assert_eq!(folded(&mine), mine);
    }
    // Copies are nobody's requests, and a list comes first.
    let copied = json!({"mirroring": {"name": "old", "port": 80, "mirrors": [{"name": "web", "port": 80}]}});
    let listed =
        json!({"weighted": {"services": [{"name": "old", "port": 80}]}, "mirroring": {"name": "web", "port": 80}});
    for spec in [copied, listed, json!({})] {
        let mut other = around(json!([]));
        other["spec"] = spec;
        assert!(!TraefikService.refers_to(&other, &names()));
        assert!(told(&other).unwrap().contains("does not send to Service web"));
    }
}

#[test]
fn a_weight_that_cannot_be_cut_is_said() {
    let of = |weight: u64| around(json!([{"name": "web", "port": 80, "weight": weight}, {"name": "old", "port": 80}]));
    assert_eq!(told(&of(1_000_000)), None);
    assert!(told(&of(1_000_001)).unwrap().contains("has a weight of 1000001"));
    assert_eq!(told(&carried(&of(1_000_000), Traffic::share(1))), None);
}

#[test]
fn where_it_leads_to_is_known() {
    let mine = around(json!([
        {"name": "web", "port": 80}, {"name": "shop", "namespace": "edge", "port": 80}, {"name": "x@file"},
        {"name": "edge", "namespace": "edge", "kind": "TraefikService"}, {"name": "own", "namespace": "shop", "port": 80},
    ]));
    assert_eq!(TraefikService.services(&mine), ["web", "shop", "x@file", "own"]);
    let elsewhere = TraefikService.outward(&mine, Some("shop")).unwrap();
    assert_eq!(elsewhere, [("edge".to_owned(), "shop".to_owned())]);
}

#[test]
fn what_it_cannot_do_is_nothing_that_is_waited_for() {
    let expected = Traffic {
        mirror: 50,
        sticky: true,
        matched: true,
        ..Traffic::share(20)
    };
    let mine = around(json!([{"name": "web", "port": 80}]));
    assert_eq!(read(&carried(&mine, expected), Some(expected)), Some(expected));
}

fn weight() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![3 => Just(None), 1 => Just(Some(0)), 1 => Just(Some(1)), 1 => Just(Some(100)), 4 => (2u64..=1_000_000).prop_map(Some)]
}

// An entry as people write them; none is there twice, and a weight of 1 is left out, or the other way round, in all of a list.
fn entry(name: &'static str) -> impl Strategy<Value = Value> {
    let kind = prop_oneof![Just(None), Just(Some("Service"))];
    (weight(), kind, any::<bool>(), any::<bool>()).prop_map(move |(weight, kind, here, sticky)| {
        let mut entry = json!({"name": name, "port": 80});
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                entry[key] = value;
            }
        };
        put("weight", weight.map(Value::from));
        put("kind", kind.map(Value::from));
        put("namespace", here.then(|| json!("shop")));
        put("sticky", sticky.then(|| json!({"cookie": {"name": "pod"}})));
        entry
    })
}

fn list() -> impl Strategy<Value = Value> {
    let others = proptest::sample::subsequence(vec!["old", "web-v0", "webby"], 0..=3);
    let others = others.prop_flat_map(|names| names.into_iter().map(entry).collect::<Vec<_>>());
    (others, entry("web"), any::<bool>(), any::<prop::sample::Index>()).prop_map(|(mut all, web, ours, at)| {
        if ours || all.is_empty() {
            all.insert(at.index(all.len() + 1), web);
        }
        if all.iter().any(|entry| entry.get("weight").is_none()) {
            for entry in &mut all {
                if entry.get("weight") == Some(&json!(1)) {
                    entry.as_object_mut().unwrap().remove("weight");
                }
            }
        }
        around(Value::Array(all))
    })
}

// What part of all requests goes where, in a form that can be compared: a weight times all of the other list.
fn parts(route: &Value) -> impl Fn(&str) -> (u128, u128) + use<> {
    let all = services(route).as_array().unwrap().clone();
    move |named: &str| {
        let weight = |entry: &Value| u128::from(entry.get("weight").and_then(Value::as_u64).unwrap_or(1));
        let of = all.iter().filter(|entry| entry["name"] == named).map(weight).sum();
        (of, all.iter().map(weight).sum())
    }
}

proptest! {
    #[test]
    fn whatever_share_goes_over_a_users_list_can_be_read_and_leaves_no_trace(
        mine in list(), first in 0u8..=100, second in 0u8..=100,
    ) {
        let (wanted, later) = (Traffic::share(first), Traffic::share(second));
        let once = carried(&mine, wanted);
        if TraefikService.refers_to(&mine, &names()) {
            prop_assert!(TraefikService.is_split(&once, &names()));
            prop_assert_eq!(read(&once, Some(wanted)), Some(wanted));
            let weighs = parts(&mine)("web").0 > 0;
            prop_assert_eq!(read(&once, None), Some(if weighs { wanted } else { Traffic::PRIMARY }));
            prop_assert_eq!(told(&once), None);
        } else {
            prop_assert_eq!(&once, &mine);
        }
        prop_assert_eq!(carried(&once, wanted), once.clone(), "twice is once");
        let moved = carried(&once, later);
        prop_assert_eq!(&moved, &carried(&mine, later), "the way there does not matter");
        prop_assert_eq!(folded(&moved), mine.clone(), "nothing of ours is left");
    }

    #[test]
    fn the_apps_part_stays_and_is_cut_by_the_hundredth(mine in list(), share in 0u8..=100) {
        let (before, after) = (parts(&mine), parts(&carried(&mine, Traffic::share(share))));
        for other in ["old", "web-v0", "webby"] {
            let ((was, all), (is, now)) = (before(other), after(other));
            prop_assert_eq!(was * now, is * all, "{}", other);
        }
        let (primary, canary) = (after("web-primary").0, after("web-canary").0);
        prop_assert_eq!(canary * 100, (primary + canary) * u128::from(Weights::canary_share(share).canary()));
    }
}
