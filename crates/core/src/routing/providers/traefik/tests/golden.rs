//! Whole objects, as they are stored. The suite has a real API server judge them as well.

use super::*;

#[test]
fn what_is_made_for_an_app_without_one_is_flaggers() {
    let spec: CanarySpec = serde_json::from_value(json!({
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "service": {"port": 9898, "apex": {"labels": {"team": "shop"}, "annotations": {"a": "b"}}},
    }))
    .unwrap();
    let made = Traefik.published("shop", &names(), &spec).unwrap();
    insta::assert_json_snapshot!("rest", made);
    insta::assert_json_snapshot!("share", carried(&made, Traffic::share(20)));
    insta::assert_json_snapshot!("canary", carried(&made, Traffic::CANARY));
    let none = CanarySpec { service: None, ..spec };
    assert_eq!(Traefik.published("shop", &names(), &none), None);
}

#[test]
fn only_the_apps_part_of_a_users_list_is_cut() {
    let mine = around(json!([
        {"name": "old", "port": 80, "weight": 1},
        {"name": "web", "port": "http", "weight": 3, "sticky": {"cookie": {"name": "pod"}}, "passHostHeader": false},
        {"name": "mirrored", "kind": "TraefikService", "weight": 2},
        {"name": "web", "namespace": "elsewhere", "port": 80, "weight": 4},
        {"name": "web", "kind": "TraefikService", "weight": 4},
    ]));
    let ten = carried(&mine, Traffic::share(10));
    insta::assert_json_snapshot!("beside", ten);
    assert_eq!(read(&ten, None), Some(Traffic::share(10)));
    assert_eq!(folded(&ten), mine);
}
