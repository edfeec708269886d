use super::*;
use crate::routing::traffic::tests::{leaves_no_trace, some_traffic};
use proptest::prelude::*;

// As people write them, with fields that nobody here knows.
fn entry() -> impl Strategy<Value = Value> {
    let revision = prop_oneof![Just(None), Just(Some("web-00000")), Just(Some("web-00002"))];
    let tag = prop_oneof![Just(None), Just(Some("blue")), Just(Some("green"))];
    (revision, tag, proptest::option::of(0u8..=100), any::<bool>()).prop_map(|(revision, tag, percent, noted)| {
        let mut entry = json!({});
        let members = [
            ("revisionName", json!(revision)),
            ("tag", json!(tag)),
            ("percent", json!(percent)),
        ];
        for (member, value) in members.into_iter().filter(|(_, value)| !value.is_null()) {
            entry[member] = value;
        }
        if noted {
            entry["note"] = json!("mine");
        }
        entry
    })
}

fn authors() -> impl Strategy<Value = Value> {
    proptest::option::of(prop::collection::vec(entry(), 0..4)).prop_map(|all| json!(all))
}

fn service() -> impl Strategy<Value = (Value, bool)> {
    (authors(), any::<bool>(), any::<bool>()).prop_map(|(authors, called, promoted)| {
        let mut service = around(&authors);
        if !called {
            service["metadata"]["name"] = json!("shop");
        }
        if !promoted {
            service["metadata"]["annotations"] = json!({"team": "a"});
        }
        (service, called && promoted)
    })
}

proptest! {
    #[test]
    fn whatever_traffic_goes_over_a_service_can_be_read_and_leaves_no_trace(
        (mine, leads) in service(), asked in (some_traffic(), some_traffic()),
    ) {
        leaves_no_trace(&KnativeService, &names(), &Exposure::default(), (&mine, leads), asked)?;
    }

    // What Knative lets nobody say otherwise: all parts are a hundred, and no tag is there twice for our doing.
    #[test]
    fn a_list_of_ours_divides_a_hundred(written in authors(), share in 0u8..=100) {
        let mine = around(&written);
        let shown = carried(&mine, Traffic::share(share));
        let all = list(&shown).as_array().unwrap();
        let percent = |entry: &Value| entry["percent"].as_u64().unwrap();
        prop_assert_eq!(all.iter().map(percent).sum::<u64>(), 100);
        let tags = |of: &Value| of.as_array().into_iter().flatten().filter(|one| one["tag"].is_string()).count();
        prop_assert_eq!(tags(list(&shown)), tags(list(&mine)));
    }
}
