//! Whole objects, as they are sent: the author's, then those beside it. The suite has a real API server judge them as well.

use super::*;

fn objects(route: &Value, traffic: Traffic, exposure: &Exposure) -> Vec<Value> {
    let objects = carried(route, traffic, exposure);
    assert_eq!(read(&objects, exposure, Some(traffic)), Some(traffic));
    assert_eq!(objects[0], *route);
    objects
}

#[test]
fn a_share() {
    let mine = asking("Method(\"GET\")");
    insta::assert_json_snapshot!("share", objects(&mine, Traffic::share(30), &Exposure::default()));
}

#[test]
fn everybody() {
    insta::assert_json_snapshot!("everybody", objects(&plain(), Traffic::CANARY, &Exposure::default()));
}

#[test]
fn a_test_of_named_users() {
    insta::assert_json_snapshot!("ab_test", objects(&plain(), MATCHED, &several()));
}

#[test]
fn one_of_two_apps_behind_it() {
    insta::assert_json_snapshot!("one_of_two", objects(&both(), Traffic::share(5), &Exposure::default()));
}
