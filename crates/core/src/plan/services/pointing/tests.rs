use super::*;
use serde_json::json;

fn workload(name: &str, pods: Value) -> Value {
    json!({
        "kind": "Deployment", "metadata": {"name": name, "namespace": "shop"},
        "spec": {"selector": {"matchLabels": pods}, "template": {"metadata": {"labels": pods}}},
    })
}

fn service(selector: Value) -> Value {
    json!({"metadata": {"name": "front"}, "spec": {"selector": selector, "ports": [{"port": 80}]}})
}

fn moved(recorded: Value, live: Value) -> Value {
    let mut service = service(live);
    service["metadata"]["annotations"] = json!({ORIGINAL_SELECTOR: recorded.to_string()});
    service
}

fn pair() -> (Value, Selector) {
    let mut target = workload("web", json!({"app": "web"}));
    target["spec"]["template"]["metadata"]["labels"] = json!({"app": "web", "tier": "front"});
    let selector = Selector::of(&target, &Selector::default_keys()).unwrap();
    (target, selector)
}

fn seen(service: &Value, tier: &str) -> Relation {
    let (mut target, selector) = pair();
    target["spec"]["template"]["metadata"]["labels"]["tier"] = json!(tier);
    let pods = pods_of_pair(Some(&target), None, &selector);
    relation(service, &selector, &pods)
}

#[test]
fn a_service_follows_when_all_it_selects_by_is_on_the_pods() {
    use Relation::{Follows, Strange};
    for (selector, expected) in [
        (json!({"app": "web"}), Follows),
        (json!({"app": "web", "tier": "front"}), Follows),
        (json!({"tier": "front"}), Follows),
        (json!({"app": "web", "tier": "back"}), Strange),
        (json!({"app": "web", "other": "label"}), Strange),
        (json!({"app": "other"}), Strange),
        (json!({}), Strange),
        (Value::Null, Strange),
    ] {
        assert_eq!(seen(&service(selector.clone()), "front"), expected, "{selector}");
    }
}

#[test]
fn what_is_nobodys_to_move_is_left_alone() {
    let own = || service(json!({"app": "web"}));
    let mut external = own();
    external["spec"]["type"] = json!("ExternalName");
    let mut generated = own();
    generated["metadata"]["labels"] = json!({labels::GENERATED: "true"});
    let mut flaggers = own();
    flaggers["metadata"]["ownerReferences"] = json!([{"kind": "Canary", "name": "web", "uid": "u"}]);
    let mut asked = own();
    asked["metadata"]["annotations"] = json!({labels::ENABLED: "false"});
    for service in [external, generated, flaggers, asked] {
        assert_eq!(seen(&service, "front"), Relation::Strange, "{service}");
    }
}

#[test]
fn a_service_that_was_moved_stays_until_its_author_points_it_elsewhere() {
    use Relation::{Follows, Left};
    let (ours, own) = (json!({"app": "web-primary"}), json!({"app": "web", "tier": "front"}));
    for (what, service, tier, expected) in [
        ("moved", moved(own.clone(), ours.clone()), "front", Follows),
        (
            "in a cutover",
            moved(own.clone(), json!({"app": "web"})),
            "front",
            Follows,
        ),
        (
            "blue/green",
            moved(json!({"app": "web", "color": "green"}), ours.clone()),
            "front",
            Follows,
        ),
        ("elsewhere", moved(json!({"app": "green"}), ours.clone()), "front", Left),
        (
            "elsewhere, past the webhook",
            moved(own.clone(), json!({"app": "green"})),
            "front",
            Left,
        ),
        (
            "another of ours, past the webhook",
            moved(own.clone(), json!({"tier": "front"})),
            "front",
            Follows,
        ),
        ("no selector any more", moved(own.clone(), Value::Null), "front", Left),
        ("a revision with another label", moved(own, ours), "back", Left),
    ] {
        assert_eq!(seen(&service, tier), expected, "{what}");
    }
}

#[test]
fn what_primary_still_has_keeps_a_service() {
    let (mut target, selector) = pair();
    let mut primary = target.clone();
    primary["spec"]["template"]["metadata"]["labels"] = json!({"app": "web-primary", "tier": "front"});
    target["spec"]["template"]["metadata"]["labels"] = json!({"app": "web"});
    let pods = pods_of_pair(Some(&target), Some(&primary), &selector);
    let narrow = service(json!({"app": "web", "tier": "front"}));
    assert_eq!(relation(&narrow, &selector, &pods), Relation::Follows);
    let pods = pods_of_pair(Some(&target), None, &selector);
    assert_eq!(relation(&narrow, &selector, &pods), Relation::Strange);
    assert_eq!(pods_of_pair(None, None, &selector), [selector.target_labels()]);
}

#[test]
fn an_apex_is_the_pairs_own_when_it_selects_a_half() {
    let (target, selector) = pair();
    let pods = pods_of_pair(Some(&target), None, &selector);
    for (selects, own) in [
        (json!({"app": "web"}), true),
        (json!({"app": "web-primary"}), true),
        (json!({"app": "proxy"}), false),
        (Value::Null, false),
    ] {
        assert_eq!(
            is_own_apex(&service(selects.clone()), &selector, &pods),
            own,
            "{selects}"
        );
    }
    let taken = moved(json!({"app": "old"}), json!({"app": "web-primary"}));
    assert!(is_own_apex(&taken, &selector, &pods));
    let left = moved(json!({"app": "web"}), json!({"app": "green"}));
    assert!(!is_own_apex(&left, &selector, &pods));
}

#[test]
fn a_service_of_two_workloads_names_the_other() {
    let stable = workload("frontend", json!({"app": "guestbook", "track": "stable"}));
    let canary = workload("frontend-canary", json!({"app": "guestbook", "track": "canary"}));
    let mut set = workload("store", json!({"app": "guestbook"}));
    set["kind"] = json!("StatefulSet");
    let mut primary = workload("frontend-primary", json!({"app": "guestbook", "track": "stable"}));
    primary["metadata"]["annotations"] = json!({REVISION_ANNOTATION: "v1-a"});
    let mut going = workload("old", json!({"app": "guestbook"}));
    going["metadata"]["deletionTimestamp"] = json!("2026-11-23T10:00:00Z");
    let all = [stable.clone(), canary, set, primary, going];
    let both = service(json!({"app": "guestbook"}));
    assert_eq!(
        sharers(&both, &stable, &all),
        ["Deployment/frontend-canary", "StatefulSet/store"]
    );
    let own = service(json!({"app": "guestbook", "track": "stable"}));
    assert_eq!(sharers(&own, &stable, &all), Vec::<String>::new());
    let said = shared(&stable, [&own, &both], &all).unwrap().to_string();
    assert!(
        said.starts_with("Service front selects the pods of Deployment frontend-canary, StatefulSet store as well"),
        "{said}"
    );
    assert_eq!(shared(&stable, [&own], &all), None);
}
