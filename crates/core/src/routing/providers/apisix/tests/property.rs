//! Whatever an ApisixRoute says besides.

use super::*;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

// What people write in an entry besides what it sends to.
fn some_members() -> impl Strategy<Value = Value> {
    let others = vec![
        ("priority", json!(7)),
        ("websocket", json!(true)),
        ("timeout", json!({"read": "5s"})),
        ("plugins", json!([{"name": "cors", "enable": true}])),
        ("x-of-tomorrow", json!([{"a": 1}])),
    ];
    let exprs = vec![
        json!({"subject": {"scope": "Header", "name": "x-team"}, "op": "Equal", "value": "a"}),
        json!({"subject": {"scope": "Path"}, "op": "RegexMatch", "value": "b"}),
    ];
    (subsequence(others, 0..=5), subsequence(exprs, 0..=2), any::<bool>()).prop_map(|(others, exprs, hosted)| {
        let mut entry = json!({"match": {"paths": ["/*"]}});
        if hosted {
            entry["match"]["hosts"] = json!(["a.test"]);
        }
        if !exprs.is_empty() {
            entry["match"]["exprs"] = json!(exprs);
        }
        let others = others.into_iter().map(|(key, value)| (key.to_owned(), value));
        entry.as_object_mut().unwrap().extend(others);
        entry
    })
}

// What an entry sends to: with weights or without, and the app among it or not.
fn some_backends() -> impl Strategy<Value = Value> {
    let backend = |name: &'static str| {
        prop_oneof![Just(None), (1u64..50).prop_map(Some)].prop_map(move |weight| {
            let mut backend = json!({"serviceName": name, "servicePort": 80});
            if let Some(weight) = weight {
                backend["weight"] = json!(weight);
            }
            backend
        })
    };
    let app = select(vec!["web", "web", "elsewhere"]).prop_flat_map(backend);
    (app, proptest::collection::vec(backend("old"), 0..3)).prop_map(|(app, mut all)| {
        all.insert(all.len() / 2, app);
        json!(all)
    })
}

fn some_route() -> impl Strategy<Value = Value> {
    let entry = (some_members(), some_backends()).prop_map(|(mut entry, backends)| {
        entry["backends"] = backends;
        entry
    });
    proptest::collection::vec(entry, 1..4).prop_map(|mut entries| {
        for (at, entry) in entries.iter_mut().enumerate() {
            entry["name"] = json!(format!("entry-{at}"));
        }
        let mut route = with_entries(json!(entries));
        route["spec"]["ingressClassName"] = json!("apisix");
        route
    })
}

// What an entry sends to those Services, of all.
fn weight_of(entry: &Value, of_pair: bool) -> u64 {
    let all = entry["backends"].as_array().unwrap().iter();
    let of = all.filter(|one| one["serviceName"].as_str().unwrap().starts_with("web") == of_pair);
    of.map(|one| one["weight"].as_u64().unwrap_or(100)).sum()
}

proptest! {
    #[test]
    fn what_is_written_is_what_is_read(
        mine in some_route(), share in 0u8..=100, matched in any::<bool>(), expected in 0u8..=100,
    ) {
        let exposure = several();
        let wanted = Traffic { matched, ..Traffic::share(share) };
        let objects = carried(&mine, wanted, &exposure);
        prop_assert_eq!(&objects[0], &mine, "the author's own is never written");
        prop_assert_eq!(&ApisixRoute.folded(&mine, &names()), &mine);
        let shown = ApisixRoute.refers_to(&mine, &names()) && (share > 0 || matched);
        prop_assert_eq!(objects.len(), if shown { 2 } else { 1 });
        if let Some(second) = objects.get(1).map(made) {
            prop_assert_eq!(read(&mine, &second, &exposure, Some(wanted)), Some(wanted));
            prop_assert_eq!(read(&mine, &second, &exposure, Some(Traffic::share(expected))), Some(wanted));
            // Twice is once.
            prop_assert_eq!(carried(&second, wanted, &exposure), vec![second]);
        }
    }

    #[test]
    fn what_is_said_of_an_entry_holds_for_both_halves_and_others_keep_their_part(
        mine in some_route(), share in 1u8..=100,
    ) {
        let plain = Exposure::default();
        let second = carried(&mine, Traffic::share(share), &plain).get(1).cloned().unwrap_or_default();
        for after in second["spec"]["http"].as_array().into_iter().flatten() {
            let all = mine["spec"]["http"].as_array().unwrap();
            let before = all.iter().find(|one| one["name"] == after["name"]).unwrap();
            let rest = |entry: &Value| crate::routing::reference::without(entry, &["backends", "priority"]);
            prop_assert_eq!(rest(before), rest(after));
            let (pair, others) = (weight_of(before, true), weight_of(before, false));
            let (now, theirs) = (weight_of(after, true), weight_of(after, false));
            prop_assert_eq!(now * others, theirs * pair, "{} became {}", before, after);
        }
    }
}
