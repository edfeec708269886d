//! Whole objects, as they are stored.

use super::*;

fn tested() -> Traffic {
    Traffic {
        matched: true,
        ..Traffic::PRIMARY
    }
}

#[test]
fn a_users_route_has_the_apps_part_cut_and_the_rest_as_it_was() {
    insta::assert_json_snapshot!("share", carried(&front(), Traffic::share(20)));
}

#[test]
fn who_is_meant_by_a_test_has_rules_of_his_own_before_the_users() {
    insta::assert_json_snapshot!("ab_test", carried(&front(), tested()));
}

#[test]
fn copies_are_a_filter() {
    let copied = Traffic {
        mirror: 30,
        ..Traffic::PRIMARY
    };
    insta::assert_json_snapshot!("mirror", carried(&front(), copied));
}

#[test]
fn one_of_ours_says_what_its_canary_says_in_the_words_of_grpc() {
    let audit = json!({"backendRef": {"name": "audit", "port": 80}});
    let made = published(json!({
        "port": 9000, "appProtocol": "grpc", "hosts": ["grpc.example.com"],
        "gatewayRefs": [{"name": "edge", "namespace": "gateways", "sectionName": "grpc"}],
        "match": [
            {"uri": {"exact": "/shop.Cart/Add"}, "method": {"exact": "POST"}},
            {"uri": {"prefix": "/shop.Stock"}, "headers": {"x-team": {"exact": "a"}}},
        ],
        "headers": {"request": {"set": {"x-front": "edge"}}, "response": {"remove": ["server"]}},
        "mirror": [audit],
        "apex": {"labels": {"team": "shop"}},
    }));
    insta::assert_json_snapshot!("made", made.unwrap());
}

#[test]
fn one_of_ours_is_for_every_call_where_nothing_else_is_said() {
    let made = published(json!({"port": 9000, "appProtocol": "grpc", "gatewayRefs": [{"name": "edge"}]}));
    insta::assert_json_snapshot!("for_all", made.unwrap());
}

#[test]
fn one_of_ours_carries_a_test_as_well() {
    let made = published(json!({"port": 9000, "appProtocol": "grpc", "gatewayRefs": [{"name": "edge"}]}));
    insta::assert_json_snapshot!("for_all_tested", carried(&made.unwrap(), tested()));
}
