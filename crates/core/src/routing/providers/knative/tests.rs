use super::*;
use crate::routing::kind_of;
use serde_json::json;

mod golden;
mod property;

fn names() -> Names {
    Names::new("web")
}

// As it is while `web-00001` serves, with what its author has in the list.
fn around(authors: &Value) -> Value {
    let mut service = json!({
        "apiVersion": "serving.knative.dev/v1", "kind": "Service",
        "metadata": {"name": "web", "annotations": {PRIMARY_REVISION: "web-00001", TRAFFIC: authors.to_string()}},
        "spec": {"template": {"spec": {"containers": [{"image": "example.com/web:2"}]}}},
    });
    if !authors.is_null() {
        service["spec"]["traffic"] = authors.clone();
    }
    service
}

fn carried_by(route: &Value, traffic: Traffic, exposure: &Exposure) -> Value {
    let mut objects = KnativeService.carrying(std::slice::from_ref(route), &names(), traffic, exposure);
    assert_eq!(objects.len(), 1, "nothing is made beside it");
    objects.remove(0)
}

fn carried(route: &Value, traffic: Traffic) -> Value {
    carried_by(route, traffic, &Exposure::default())
}

fn read(route: &Value) -> Option<Traffic> {
    KnativeService.traffic(route, &[], &names(), &Exposure::default(), None)
}

fn list(route: &Value) -> &Value {
    &route["spec"]["traffic"]
}

fn pair(canary: u8) -> Value {
    json!([
        {"latestRevision": true, "percent": canary},
        {"latestRevision": false, "revisionName": "web-00001", "percent": 100 - canary},
    ])
}

#[test]
fn the_newest_revision_has_the_share_and_the_one_that_is_named_the_rest() {
    let mine = around(&Value::Null);
    for share in [0, 20, 100] {
        let shown = carried(&mine, Traffic::share(share));
        assert_eq!(*list(&shown), pair(share));
        assert_eq!(read(&shown), Some(Traffic::share(share)));
        assert!(KnativeService.is_split(&shown, &names()));
        assert_eq!(KnativeService.folded(&shown, &names()), mine, "its author has none");
    }
    assert_eq!(read(&mine), None);
}

#[test]
fn tags_stay_without_a_share_and_come_back_with_it() {
    let authors = json!([
        {"tag": "current", "latestRevision": true, "percent": 90},
        {"tag": "old", "revisionName": "web-00000", "percent": 10},
        {"revisionName": "web-00000", "percent": 0},
    ]);
    let mine = around(&authors);
    let shown = carried(&mine, Traffic::share(5));
    let tags = json!([
        {"tag": "current", "latestRevision": true, "percent": 0},
        {"tag": "old", "latestRevision": false, "revisionName": "web-00000", "percent": 0},
    ]);
    let mut wanted = pair(5).as_array().cloned().unwrap();
    wanted.extend(tags.as_array().cloned().unwrap());
    assert_eq!(*list(&shown), json!(wanted));
    assert_eq!(KnativeService.folded(&shown, &names()), mine);
}

#[test]
fn a_list_that_somebody_sends_is_its_authors_from_then_on() {
    let mut sent = carried(&around(&Value::Null), Traffic::share(30));
    let authors = json!([{"tag": "live", "latestRevision": true, "percent": 100}]);
    sent["spec"]["traffic"] = authors.clone();
    assert!(!KnativeService.is_split(&sent, &names()));
    let held = carried(&sent, Traffic::share(30));
    assert_eq!(read(&held), Some(Traffic::share(30)));
    assert_eq!(*list(&KnativeService.folded(&held, &names())), authors);
}

#[test]
fn what_flagger_left_is_taken_over_and_ends_as_knatives_default() {
    let mut flaggers = around(&Value::Null);
    flaggers["metadata"]["annotations"]
        .as_object_mut()
        .unwrap()
        .remove(TRAFFIC);
    flaggers["spec"]["traffic"] =
        json!([{"latestRevision": true, "percent": 0}, {"revisionName": "web-00001", "percent": 100}]);
    assert!(KnativeService.is_split(&flaggers, &names()));
    // Without the webhook of Knative, a member is missing.
    assert_eq!(read(&flaggers), None);
    let ours = carried(&flaggers, Traffic::PRIMARY);
    assert_eq!(ours["metadata"]["annotations"][TRAFFIC], "null");
    assert_eq!(KnativeService.folded(&ours, &names())["spec"].get("traffic"), None);
}

#[test]
fn whoever_divides_by_hand_keeps_his_list_until_it_is_noted_which_revision_serves() {
    let by_hand = json!([{"revisionName": "web-00000", "percent": 50}, {"revisionName": "web-00001", "percent": 50}]);
    let mut mine = around(&by_hand);
    mine["metadata"]["annotations"] = json!({});
    assert!(!KnativeService.is_split(&mine, &names()));
    assert_eq!(carried(&mine, Traffic::share(10)), mine);
    let mine = around(&by_hand);
    let shown = carried(&mine, Traffic::PRIMARY);
    assert_eq!(*list(&shown), pair(0));
    let folded = KnativeService.folded(&shown, &names());
    assert_eq!(folded, mine);
    assert!(!KnativeService.is_split(&folded, &names()), "an exit has an end");
}

#[test]
fn a_revision_that_nobody_has_tried_gets_no_user_of_the_run() {
    let mut mine = around(&Value::Null);
    mine["status"] = json!({"latestCreatedRevisionName": "web-00003"});
    let run = Exposure {
        revision: Some("web-00002".into()),
        ..Exposure::default()
    };
    let shown = carried_by(&mine, Traffic::share(20), &run);
    let tried = json!({"latestRevision": false, "revisionName": "web-00002", "percent": 20});
    assert_eq!(list(&shown)[0], tried);
    let read = |exposure: &Exposure| KnativeService.traffic(&shown, &[], &names(), exposure, None);
    assert_eq!(read(&run), Some(Traffic::share(20)));
    assert_eq!(read(&Exposure::default()), None);
    assert_eq!(*list(&carried_by(&mine, Traffic::PRIMARY, &run)), pair(0));
    // Before a newer one is there, too: it may come while nobody looks.
    mine["status"]["latestCreatedRevisionName"] = json!("web-00002");
    assert_eq!(list(&carried_by(&mine, Traffic::share(20), &run))[0], tried);
}

#[test]
fn an_edit_of_a_share_and_another_primary_are_seen_and_put_right() {
    let right = carried(&around(&Value::Null), Traffic::share(50));
    let mut promoted = right.clone();
    promoted["metadata"]["annotations"][PRIMARY_REVISION] = json!("web-00002");
    assert_eq!(read(&promoted), None);
    let moved = carried(&promoted, Traffic::share(50));
    assert_eq!(list(&moved)[1]["revisionName"], "web-00002");
    assert_eq!(
        moved["metadata"]["annotations"][TRAFFIC], "null",
        "the list before was ours"
    );
    let mut edited = right.clone();
    edited["spec"]["traffic"] = json!([{"latestRevision": true, "percent": 70}, list(&right)[1]]);
    assert_eq!(read(&edited), None);
}

#[test]
fn a_core_service_of_the_name_is_another_kind() {
    let core = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}});
    assert!(kind_of(&core).is_none());
    assert!(kind_of(&around(&Value::Null)).is_some());
    let other = Names::new("other");
    let shown = carried(&around(&Value::Null), Traffic::share(30));
    assert!(!KnativeService.names_a_half(&shown, &other));
    assert_eq!(KnativeService.folded(&shown, &other), shown);
}

#[test]
fn knative_says_when_its_ingress_has_followed_and_when_it_cannot() {
    let said = |seen: i64, condition: Value| {
        let mut service = around(&Value::Null);
        service["metadata"]["generation"] = json!(4);
        service["status"] = json!({"observedGeneration": seen, "conditions": [condition]});
        let told = KnativeService.problem(&service, &names(), &Exposure::default());
        (KnativeService.is_pending(&service), told)
    };
    let is =
        |status: &str| json!({"type": "RoutesReady", "status": status, "reason": "RevisionMissing", "message": "gone"});
    assert_eq!(said(4, is("True")), (false, None));
    assert_eq!(said(3, is("True")), (true, None));
    assert_eq!(said(4, is("Unknown")), (true, None));
    assert_eq!(said(4, json!({"type": "Ready", "status": "True"})), (true, None));
    // What it says of the list before is no word on this one.
    assert_eq!(said(3, is("False")), (true, None));
    let (pending, told) = said(4, is("False"));
    assert!(!pending && told.unwrap().ends_with("Service web: gone (RevisionMissing)"));
}
