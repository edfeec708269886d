//! Whole objects, as they are stored. The suite has a real API server with Knative's definition judge them.

use super::*;

fn shown(authors: &Value, traffic: Traffic) -> Value {
    let shown = carried(&around(authors), traffic);
    assert_eq!(read(&shown), Some(traffic));
    shown
}

#[test]
fn shares() {
    insta::assert_json_snapshot!("rest", shown(&Value::Null, Traffic::PRIMARY));
    insta::assert_json_snapshot!("share", shown(&Value::Null, Traffic::share(5)));
    insta::assert_json_snapshot!("everybody", shown(&Value::Null, Traffic::CANARY));
}

#[test]
fn beside_the_authors_tags() {
    let authors = json!([
        {"latestRevision": true, "percent": 100},
        {"tag": "newest", "latestRevision": true},
        {"tag": "old", "revisionName": "web-00000"},
    ]);
    insta::assert_json_snapshot!("tags", shown(&authors, Traffic::share(30)));
}

#[test]
fn a_newer_revision_waits() {
    let mut mine = around(&Value::Null);
    mine["status"] = json!({"latestCreatedRevisionName": "web-00003"});
    let run = Exposure {
        revision: Some("web-00002".into()),
        ..Exposure::default()
    };
    insta::assert_json_snapshot!("newer", carried_by(&mine, Traffic::CANARY, &run));
}
