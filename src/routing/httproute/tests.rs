mod exposure;

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn names() -> Names {
    Names::new("web")
}

fn route(refs: Value) -> Value {
    json!({"spec": {"rules": [{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}], "filters": [{"type": "CORS"}], "backendRefs": refs}]}})
}

fn applied(route: &Value, traffic: Traffic) -> Value {
    let mut route = route.clone();
    route["spec"]["rules"] = with_traffic(&route, &names(), traffic, &Exposure::default());
    route
}

fn read(route: &Value) -> Option<Traffic> {
    traffic(route, &names(), &Exposure::default(), None)
}

#[test]
fn a_users_reference_to_the_apex_becomes_the_weighted_pair_and_the_rest_stays() {
    let mine = route(json!([{"name": "web", "port": 80}]));
    assert_eq!(read(&mine), Some(Traffic::PRIMARY));
    assert!(!is_split(&mine, &names()));
    let ten = applied(&mine, Traffic::share(10));
    assert_eq!(
        ten["spec"]["rules"][0]["backendRefs"],
        json!([{"name": "web-primary", "port": 80, "weight": 90}, {"name": "web-canary", "port": 80, "weight": 10}])
    );
    assert_eq!(ten["spec"]["rules"][0]["filters"], json!([{"type": "CORS"}]));
    assert!(is_split(&ten, &names()));
}

#[test]
fn only_the_apexs_share_is_split_beside_other_backends() {
    let mine = route(json!([{"name": "old", "port": 80, "weight": 3}, {"name": "web", "port": 80, "weight": 1}]));
    let ten = applied(&mine, Traffic::share(10));
    assert_eq!(
        ten["spec"]["rules"][0]["backendRefs"],
        json!([{"name": "old", "port": 80, "weight": 300}, {"name": "web-primary", "port": 80, "weight": 90}, {"name": "web-canary", "port": 80, "weight": 10}])
    );
    let forty = applied(&ten, Traffic::share(40));
    assert_eq!(forty["spec"]["rules"][0]["backendRefs"][0]["weight"], 300);
    assert_eq!(forty["spec"]["rules"][0]["backendRefs"][2]["weight"], 40);
    let mut back = forty.clone();
    back["spec"]["rules"] = folded(&forty, &names());
    assert_eq!(
        back["spec"]["rules"][0]["backendRefs"],
        json!([{"name": "old", "port": 80, "weight": 3}, {"name": "web", "port": 80, "weight": 1}])
    );
}

#[test]
fn backends_of_other_kinds_and_rules_without_backends_are_left_alone() {
    let mine = json!({"spec": {"rules": [{"filters": [{"type": "RequestRedirect"}]}, {"backendRefs": [{"group": "example.com", "kind": "Bucket", "name": "web"}]}]}});
    assert!(!refers_to(&mine, &names()));
    assert_eq!(
        with_traffic(&mine, &names(), Traffic::CANARY, &Exposure::default()),
        mine["spec"]["rules"]
    );
    assert_eq!(read(&mine), None);
}

#[test]
fn rules_that_disagree_carry_no_weights() {
    let mut both = route(json!([{"name": "web-primary", "weight": 90}, {"name": "web-canary", "weight": 10}]));
    let other = route(json!([{"name": "web-primary", "weight": 50}, {"name": "web-canary", "weight": 50}]));
    both["spec"]["rules"]
        .as_array_mut()
        .unwrap()
        .push(other["spec"]["rules"][0].clone());
    assert_eq!(read(&both), None);
}

#[test]
fn acceptance_speaks_of_the_live_generation() {
    let parent = |generation: i64, status: &str| json!({"metadata": {"generation": 3}, "status": {"parents": [{"conditions": [{"type": "Accepted", "status": status, "observedGeneration": generation}]}]}});
    assert!(accepted(&parent(3, "True")));
    assert!(!accepted(&parent(2, "True")));
    assert!(!accepted(&parent(3, "False")));
    assert!(!accepted(&json!({"metadata": {"generation": 1}})));
}

proptest! {
    #[test]
    fn what_is_written_is_what_is_read_and_writing_twice_changes_nothing(share in 0u8..=100, other in proptest::option::of(1u64..50), apex in 1u64..50) {
        let mut refs = vec![json!({"name": "web", "port": 80, "weight": apex})];
        if let Some(weight) = other {
            refs.push(json!({"name": "old", "weight": weight}));
        }
        let wanted = Traffic::share(share);
        let once = applied(&route(Value::Array(refs)), wanted);
        prop_assert_eq!(read(&once), Some(wanted));
        prop_assert_eq!(applied(&once, wanted), once.clone());
        let total: u64 = once["spec"]["rules"][0]["backendRefs"].as_array().unwrap().iter()
            .filter(|b| b["name"] != "old").map(|b| b["weight"].as_u64().unwrap()).sum();
        prop_assert_eq!(total, if other.is_some() { apex * 100 } else { 100 });
    }
}
