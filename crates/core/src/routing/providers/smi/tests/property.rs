use super::*;
use crate::routing::Weights;
use crate::routing::traffic::tests::{leaves_no_trace, some_traffic};
use proptest::prelude::*;

fn weight(texts: bool) -> impl Strategy<Value = Value> {
    let number = prop_oneof![Just(0u64), Just(1), Just(100), 2u64..=1_000_000];
    let thousandths = 1u64..1000;
    (number, thousandths, 0u8..3).prop_map(move |(number, thousandths, form)| match form {
        1 if texts => json!(number.to_string()),
        2 if texts => json!(format!("{thousandths}m")),
        _ => json!(number),
    })
}

fn backend(name: &'static str, texts: bool) -> impl Strategy<Value = Value> {
    (weight(texts), any::<bool>()).prop_map(move |(weight, noted)| {
        let mut backend = json!({"service": name, "weight": weight});
        if noted {
            backend["note"] = json!("mine");
        }
        backend
    })
}

// As people write them: no Service is named twice.
fn split() -> impl Strategy<Value = Value> {
    let version = proptest::sample::select(vec!["v1alpha1", "v1alpha2", "v1alpha3", "v1alpha4"]);
    version.prop_flat_map(|version| {
        let texts = version == QUANTITIES;
        let others = proptest::sample::subsequence(vec!["legacy", "web-v0", "webby"], 0..=3);
        let others =
            others.prop_flat_map(move |names| names.into_iter().map(|name| backend(name, texts)).collect::<Vec<_>>());
        let parts = (
            others,
            backend("web", texts),
            any::<bool>(),
            any::<prop::sample::Index>(),
        );
        parts.prop_map(move |(mut all, web, ours, at)| {
            if ours {
                all.insert(at.index(all.len() + 1), web);
            }
            of_version(version, if ours { "web" } else { "shop" }, Value::Array(all))
        })
    })
}

// What goes to a Service, and what to all, in thousandths.
fn parts(route: &Value, named: &str) -> (u128, u128) {
    let weight = |backend: &Value| u128::from(Weight::of(backend, true).unwrap().thousandths());
    let all = route["spec"]["backends"].as_array().unwrap();
    let of = all
        .iter()
        .filter(|backend| backend["service"] == named)
        .map(weight)
        .sum();
    (of, all.iter().map(weight).sum())
}

proptest! {
    #[test]
    fn whatever_traffic_goes_over_a_users_split_can_be_read_and_leaves_no_trace(
        mine in split(), asked in (some_traffic(), some_traffic()),
    ) {
        let leads = kind().refers_to(&mine, &names());
        leaves_no_trace(kind(), &names(), &Exposure::default(), (&mine, leads), asked)?;
        prop_assert_eq!(told(&carried(&mine, asked.0)).is_none(), leads);
    }

    #[test]
    fn the_apps_part_stays_and_is_cut_by_the_hundredth(mine in split(), share in 0u8..=100) {
        let after = carried(&mine, Traffic::share(share));
        for other in ["legacy", "web-v0", "webby"] {
            let ((was, all), (is, now)) = (parts(&mine, other), parts(&after, other));
            prop_assert_eq!(was * now, is * all, "{}", other);
        }
        let (primary, canary) = (parts(&after, "web-primary").0, parts(&after, "web-canary").0);
        let share = u128::from(Weights::canary_share(share).canary());
        prop_assert_eq!(canary * 100, (primary + canary) * share);
    }
}
