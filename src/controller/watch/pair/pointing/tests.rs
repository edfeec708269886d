use super::*;
use crate::plan::services::pointing::ORIGINAL_SELECTOR;
use serde_json::json;

fn workload(kind: &str, name: &str, pods: Value) -> Value {
    json!({
        "kind": kind, "metadata": {"name": name, "namespace": "shop", "uid": name},
        "spec": {"selector": {"matchLabels": {"app": pods["app"]}}, "template": {"metadata": {"labels": pods}}},
    })
}

fn service(name: &str, selector: Value) -> Value {
    json!({"kind": "Service", "metadata": {"name": name, "namespace": "shop"}, "spec": {"selector": selector}})
}

fn moved(name: &str, own: Value, live: Value) -> Value {
    let mut service = service(name, live);
    service["metadata"]["annotations"] = json!({ORIGINAL_SELECTOR: own.to_string()});
    service
}

fn put(cache: &Cache, object: &Value) {
    let kind = match text(object, "/kind") {
        "Deployment" => Kind::Deployment,
        "DaemonSet" => Kind::DaemonSet,
        "StatefulSet" => Kind::StatefulSet,
        "HTTPRoute" => Kind::routes().next().unwrap(),
        _ => Kind::Service,
    };
    cache.put(kind, "shop", text(object, "/metadata/name").to_owned(), object);
}

fn web() -> Value {
    workload("Deployment", "web", json!({"app": "web", "tier": "front"}))
}

fn primary_of(name: &str) -> Value {
    let mut primary = workload(
        "Deployment",
        &format!("{name}-primary"),
        json!({"app": format!("{name}-primary"), "tier": "front"}),
    );
    primary["metadata"]["ownerReferences"] = json!([{"kind": "Canary", "name": name, "uid": name}]);
    primary
}

fn found(cache: &Cache) -> Pointing {
    let [target, primary] = ["web", "web-primary"].map(|name| cache.get(Kind::Deployment, "shop", name));
    let keys = Selector::default_keys();
    let selector = Selector::of_pair(target.as_ref(), primary.as_ref(), &keys).unwrap();
    let blueprint = Blueprint {
        names: Some(Names::new("web")),
        ..Blueprint::sample()
    };
    pointing(cache, &blueprint, (target.as_ref(), primary.as_ref()), &selector)
}

fn names(followers: &[Follower]) -> Vec<(&str, bool)> {
    followers
        .iter()
        .map(|follower| (follower.names.apex.as_str(), follower.routed))
        .collect()
}

#[test]
fn a_pair_finds_what_points_at_it_and_nothing_else() {
    let cache = Cache::default();
    for object in [
        web(),
        primary_of("web"),
        service("web", json!({"app": "web"})),
        service("metrics", json!({"app": "web"})),
        service("tier", json!({"tier": "front"})),
        service("other", json!({"app": "other"})),
        service("hand", Value::Null),
        moved(
            "held",
            json!({"app": "web", "gone": "label"}),
            json!({"app": "web-primary"}),
        ),
        moved("blue", json!({"app": "green"}), json!({"app": "web-primary"})),
        json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "edge", "namespace": "shop"},
            "spec": {"rules": [{"backendRefs": [{"name": "metrics-primary", "port": 80}]}]}}),
    ] {
        put(&cache, &object);
    }
    let found = found(&cache);
    assert_eq!(
        names(&found.followers),
        [("held", false), ("metrics", true), ("tier", false)]
    );
    let left: Vec<&str> = found.left.iter().map(pointing::name).collect();
    assert_eq!((left, found.shared), (vec!["blue"], vec![]));
}

#[test]
fn one_that_points_at_another_workload_too_is_left_alone_unless_it_was_moved_before() {
    for kind in ["Deployment", "DaemonSet", "StatefulSet"] {
        let cache = Cache::default();
        for object in [
            web(),
            primary_of("web"),
            workload(kind, "worker", json!({"app": "worker", "tier": "front"})),
            service("tier", json!({"tier": "front"})),
            moved("held", json!({"tier": "front"}), json!({"app": "web-primary"})),
        ] {
            put(&cache, &object);
        }
        let found = found(&cache);
        assert_eq!(names(&found.followers), [("held", false)], "{kind}");
        assert_eq!(found.shared[0].others, [format!("{kind}/worker")]);
        let target = cache.get(Kind::Deployment, "shop", "web").unwrap();
        let selector = Selector::of(&target, &Selector::default_keys()).unwrap();
        let other = || shared(&cache, &target, &selector).map(|shared| shared.others);
        assert_eq!(other(), Some(vec![format!("{kind}/worker")]));
        // One that was moved to the other's pair is shared; one that was moved to this one's was its alone.
        for (to, is_shared) in [("worker-primary", true), ("web-primary", false)] {
            put(&cache, &moved("tier", json!({"tier": "front"}), json!({"app": to})));
            assert_eq!(other().is_some(), is_shared, "{to}");
        }
        let services = [
            service("tier", json!({"tier": "front"})),
            service("own", json!({"app": "web"})),
        ];
        let others: Vec<String> = beside(&cache, &target, &services)
            .iter()
            .map(|w| pointing::name(w).to_owned())
            .collect();
        assert_eq!(others, ["worker"]);
    }
}

#[test]
fn what_was_moved_to_another_pair_is_not_taken_back() {
    let cache = Cache::default();
    let mut green = workload("Deployment", "green", json!({"app": "green"}));
    green["metadata"]["labels"] = json!({labels::MANAGED: "true"});
    // `web` is what its author meant before, past the webhook.
    let on_green = |live: &str| moved("colour", json!({"app": "web"}), json!({"app": live}));
    for object in [web(), primary_of("web"), green, primary_of("green")] {
        put(&cache, &object);
    }
    for (live, left) in [("green-primary", 0), ("green", 0), ("maintenance", 1)] {
        put(&cache, &on_green(live));
        let found = found(&cache);
        assert_eq!((found.left.len(), found.followers.len()), (left, 0), "{live}");
    }
}
