//! The Services of a pair keep to the pods that are really there.

use super::*;
use crate::plan::{
    Blueprint,
    services::ports::{PortSources, Wanted},
};

const OWNER: &str = "Canary";

fn workload(name: &str, labels: &Value) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "shop", "uid": name, "ownerReferences": [{"kind": OWNER, "name": "web", "uid": "u-1"}]},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}},
    })
}

// What a patch makes of an object; nobody owns the apex we made, so an apply would take nothing away from it.
pub(super) fn after(object: &Value, write: &Write) -> Value {
    let Write::Patch { operations, .. } = write else {
        panic!("{write:?}")
    };
    patches::applied(object, operations).unwrap()
}

fn made(role: ServiceRole, pair: &Selector, side: ApexSide) -> Value {
    let mut service = service(role, pair, &PortSources::first(&blueprint(), Some(&json!({}))), side).unwrap();
    service["metadata"]["resourceVersion"] = json!("3");
    service
}

fn writes(desired: &DesiredState, live: &Live) -> Vec<Write> {
    writes_by(desired, live, &blueprint())
}

pub(super) fn writes_by(desired: &DesiredState, live: &Live, blueprint: &Blueprint) -> Vec<Write> {
    let keys = Selector::default_keys();
    let selector = Selector::of_pair(live.target.as_ref(), live.primary.as_ref(), &keys).unwrap();
    let mut seen = seen(&target());
    if live.target.is_none() {
        seen.target = None;
    }
    let pair = Pair {
        live,
        selector: &selector,
        blueprint,
        seen: &seen,
    };
    let (writes, conflicts) = difference(desired, pair);
    assert_eq!(conflicts, []);
    let of_services = |write: &Write| write.subject().0 == Kind::Service;
    writes.into_iter().filter(of_services).collect()
}

pub(super) fn resting() -> DesiredState {
    DesiredState {
        primary: Some(PrimaryTemplate::Keep),
        apex: Some(ApexSide::Primary),
        ..DesiredState::untouched()
    }
}

pub(super) fn own() -> Value {
    workload("web", &json!({"app": "web"}))
}

fn patched(writes: &[Write]) -> Vec<(String, Value)> {
    let operations = writes.iter().filter_map(|write| match write {
        Write::Patch { operations, .. } => Some(operations.iter()),
        _ => None,
    });
    let said = |operation: &PatchOperation| {
        let operation = json!(operation);
        let text = |key: &str| operation[key].as_str().unwrap_or_default().to_owned();
        (format!("{} {}", text("op"), text("path")), operation["value"].clone())
    };
    operations.flatten().skip(1).map(said).collect()
}

// As it rests: v1's target selected `app: web`.
pub(super) fn at_rest(target: Option<Value>) -> Live {
    let old = workload("web", &json!({"app": "web"}));
    let primary = workload("web-primary", &json!({"app": "web-primary"}));
    let pair = Selector::of_pair(Some(&old), Some(&primary), &Selector::default_keys()).unwrap();
    Live {
        target,
        primary: Some(primary),
        apex: Some(made(ServiceRole::Apex, &pair, ApexSide::Primary)),
        primary_service: Some(made(ServiceRole::Primary, &pair, ApexSide::Primary)),
        canary_service: Some(made(ServiceRole::Canary, &pair, ApexSide::Primary)),
        ..Live::default()
    }
}

#[test]
fn a_target_made_again_with_another_selector_takes_nothing_from_primary() {
    for labels in [
        json!({"app": "web2"}),
        json!({"app.kubernetes.io/name": "web", "tier": "a"}),
    ] {
        let live = at_rest(Some(workload("web", &labels)));
        for write in writes(&resting(), &live) {
            let object = match write {
                Write::Apply { object, .. } => object,
                patch @ Write::Patch { .. } => after(live.apex.as_ref().unwrap(), &patch),
                other => panic!("{other:?}"),
            };
            let selects = match object["metadata"]["name"].as_str() {
                Some("web-canary") => labels.clone(),
                _ => json!({"app": "web-primary"}),
            };
            assert_eq!(object["spec"]["selector"], selects);
        }
    }
}

#[test]
fn without_a_target_primary_keeps_its_services() {
    assert_eq!(writes(&resting(), &at_rest(None)), []);
    let mut lost = at_rest(None);
    lost.apex = Some(json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": {"selector": {"app": "web"}}}));
    lost.primary_service = None;
    let writes = writes(&resting(), &lost);
    let [Write::Apply { object, .. }, Write::Patch { operations, .. }] = writes.as_slice() else {
        panic!("{writes:?}")
    };
    assert_eq!(object["spec"]["selector"], json!({"app": "web-primary"}));
    assert_eq!(json!(operations)[1]["value"], json!({"app": "web-primary"}));
}

#[test]
fn an_apex_that_we_made_follows_its_canary() {
    let mut live = at_rest(Some(own()));
    assert_eq!(writes(&resting(), &live), []);
    let mut edited = blueprint();
    edited.port = Some(Port {
        port: 8080,
        name: "http".into(),
        target_port: json!(9898),
        app_protocol: Some("kubernetes.io/h2c".into()),
    });
    edited.apex.annotations.insert("team".into(), json!("blue"));
    let written = writes_by(&resting(), &live, &edited);
    let apex = |written: &[Write], live: &Live| {
        let write = written.iter().find(|write| write.subject().2 == "web").unwrap();
        after(live.apex.as_ref().unwrap(), write)
    };
    let mut written = apex(&written, &live);
    assert_eq!(written["metadata"]["annotations"]["team"], "blue");
    // Callers of the old port are served on, until nobody is served by primary.
    let numbers: Vec<&Value> = written["spec"]["ports"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| &p["port"])
        .collect();
    assert_eq!(numbers, [&json!(80), &json!(8080)]);
    written["metadata"]["resourceVersion"] = json!("4");
    live.apex = Some(written);
    let moved = DesiredState {
        apex: Some(ApexSide::Target),
        ..resting()
    };
    let again = writes_by(&resting(), &live, &edited);
    assert!(again.iter().all(|write| write.subject().2 != "web"), "{again:?}");
    let moved = writes_by(&moved, &live, &edited);
    assert_eq!(apex(&moved, &live)["spec"]["selector"], json!({"app": "web"}));
}

#[test]
fn a_users_apex_gets_the_new_port_in_the_write_that_moves_it() {
    let mut live = at_rest(Some(own()));
    let port = |target: u16| json!([{"name": "http", "port": 80, "protocol": "TCP", "targetPort": target}]);
    let waits = r#"{"80/TCP":9899}"#;
    live.apex = Some(json!({
        "metadata": {"name": "web", "namespace": "shop", "annotations": {ORIGINAL_SELECTOR: r#"{"app":"web"}"#, Wanted::ANNOTATION: waits}},
        "spec": {"selector": {"app": "web-primary"}, "ports": port(9898)},
    }));
    let resting_writes = patched(&writes(&resting(), &live));
    assert_eq!(resting_writes, []);
    let cutover = DesiredState {
        apex: Some(ApexSide::Target),
        ..resting()
    };
    let moved = writes(&cutover, &live);
    assert_eq!(
        patched(&moved),
        [
            ("add /spec/selector".to_owned(), json!({"app": "web"})),
            ("replace /spec/ports".to_owned(), port(9899))
        ]
    );
    // Given back whole.
    let leaving = DesiredState {
        dismantle: Dismantle::Traffic,
        ..DesiredState::untouched()
    };
    let given = patched(&writes(&leaving, &live));
    assert_eq!(given[0], ("add /spec/selector".to_owned(), json!({"app": "web"})));
    assert_eq!(given.last(), Some(&("replace /spec/ports".to_owned(), port(9899))));
}

#[test]
fn an_apex_that_points_at_nobodys_pods_is_never_touched_unless_it_is_chosen() {
    let apex =
        |selector: Value| json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": {"selector": selector}});
    let mut live = at_rest(Some(own()));
    let selector = Selector::of(&own(), &Selector::default_keys()).unwrap();
    let done = |live: &Live, chosen: bool| {
        let blueprint = Blueprint {
            apex_is_chosen: chosen,
            ..blueprint()
        };
        let pair = Pair {
            live,
            selector: &selector,
            blueprint: &blueprint,
            seen: &seen(&target()),
        };
        difference(&resting(), pair)
    };
    let untouched = (vec![], vec![Conflict::Apex("web".into())]);
    for (what, selects, chosen) in [
        ("none", Value::Null, false),
        ("none, chosen", Value::Null, true),
        ("other pods", json!({"app": "proxy"}), false),
    ] {
        live.apex = Some(apex(selects));
        assert_eq!(done(&live, chosen), untouched, "{what}");
        // What is held of the target waits for nothing of that.
        let held = DesiredState {
            target_state: Some(crate::api::labels::TargetState::Hot),
            target_replicas: Some(2),
            ..DesiredState::untouched()
        };
        live.target.as_mut().unwrap()["spec"]["replicas"] = json!(0);
        let mut observed = seen(&target());
        observed.target.as_mut().unwrap().replicas = 0;
        let blueprint = blueprint();
        let pair = Pair {
            live: &live,
            selector: &selector,
            blueprint: &blueprint,
            seen: &observed,
        };
        let (writes, _) = difference(&held, pair);
        let [Write::Merge { name, body, .. }] = writes.as_slice() else {
            panic!("{writes:?}");
        };
        assert_eq!((name.as_str(), &body["spec"]["replicas"]), ("web", &json!(2)));
        live.target.as_mut().unwrap()["spec"]["replicas"] = json!(2);
    }
    live.apex = Some(apex(json!({"app": "old"})));
    assert_eq!(done(&live, true).1, []);
}

#[test]
fn what_another_canary_has_is_never_written() {
    let theirs = json!([{"kind": OWNER, "name": "other", "uid": "u-2"}]);
    for (what, rivals, contested) in [
        ("it lives", vec!["u-2".to_owned()], true),
        ("it is gone", vec![], false),
    ] {
        let mut live = at_rest(Some(own()));
        live.rivals = rivals;
        live.apex =
            Some(json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": {"selector": {"app": "web"}}}));
        let half = live.primary_service.as_mut().unwrap();
        half["metadata"]["ownerReferences"] = theirs.clone();
        half["spec"]["selector"] = json!({"app": "other-primary"});
        let selector = Selector::of(&own(), &Selector::default_keys()).unwrap();
        let pair = Pair {
            live: &live,
            selector: &selector,
            blueprint: &blueprint(),
            seen: &seen(&target()),
        };
        let (writes, conflicts) = difference(&resting(), pair);
        assert_eq!(
            conflicts == [Conflict::Name("Service", "web-primary".into())],
            contested,
            "{what}"
        );
        assert_eq!(writes.is_empty(), contested, "{what}");
        // On the way out it stays theirs.
        let leaving = DesiredState {
            dismantle: Dismantle::Everything,
            ..DesiredState::untouched()
        };
        let (writes, _) = difference(&leaving, pair);
        let touched = writes
            .iter()
            .map(Write::subject)
            .any(|(kind, _, name)| kind == Kind::Service && name == "web-primary");
        assert_eq!(touched, !contested, "{what}");
    }
}

#[test]
fn a_selector_that_was_absent_is_given_back_as_absent() {
    let mut live = at_rest(Some(own()));
    live.apex = Some(json!({
        "metadata": {"name": "web", "namespace": "shop", "annotations": {ORIGINAL_SELECTOR: "null"}},
        "spec": {"selector": {"app": "web-primary"}, "ports": [{"port": 80}]},
    }));
    let leaving = DesiredState {
        dismantle: Dismantle::Traffic,
        ..DesiredState::untouched()
    };
    let given = patched(&writes(&leaving, &live));
    assert_eq!(given[0], ("remove /spec/selector".to_owned(), Value::Null));
    assert_eq!(given.len(), 2);
}

fn published() -> Value {
    let rules = json!([{"backendRefs": [{"name": "web-primary", "port": 80}, {"name": "web-canary", "port": 80, "weight": 0}]}]);
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": "web", "namespace": "shop"}, "spec": {"rules": rules},
    })
}

#[test]
fn a_route_of_the_name_that_sends_elsewhere_is_somebodys() {
    let mut live = at_rest(Some(own()));
    live.routes = vec![json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": "web"}, "spec": {"rules": [{"filters": [{"type": "RequestRedirect"}]}]},
    })];
    let mut blueprint = blueprint();
    blueprint.route = Some(published());
    let selector = Selector::of(&own(), &Selector::default_keys()).unwrap();
    let pair = Pair {
        live: &live,
        selector: &selector,
        blueprint: &blueprint,
        seen: &seen(&target()),
    };
    let desired = DesiredState {
        traffic: Some(crate::routing::Traffic::PRIMARY),
        ..resting()
    };
    let (writes, conflicts) = difference(&desired, pair);
    assert_eq!(conflicts, [Conflict::Name("HTTPRoute", "web".into())]);
    assert!(
        writes.iter().all(|write| !matches!(write.subject().0, Kind::Route(_))),
        "{writes:?}"
    );
}

#[test]
fn the_second_ingress_goes_with_the_name_of_the_first_and_has_nothing_of_others() {
    use crate::routing::{Provider, Traffic, kind_of};
    let ingress = |name: &str| {
        let backend = json!({"service": {"name": "web", "port": {"number": 80}}});
        let paths = json!([{"path": "/", "pathType": "Prefix", "backend": backend}]);
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": name, "namespace": "shop"},
            "spec": {"rules": [{"host": "web.test", "http": {"paths": paths}}]},
        })
    };
    let share = Traffic::share(20);
    let beside = |name: &str| {
        let objects = [ingress(name)];
        let kind = kind_of(&objects[0]).unwrap();
        let mut made = kind
            .carrying(&objects, &Names::new("web"), share, &Default::default())
            .remove(1);
        made["metadata"]["labels"] = json!({labels::GENERATED: "true"});
        made
    };
    let mut blueprint = blueprint();
    blueprint.provider = Provider::parse("nginx").unwrap();
    blueprint.named_route = Some("new".into());
    let mut edited = beside("new");
    let annotations = &mut edited["metadata"]["annotations"];
    annotations["nginx.ingress.kubernetes.io/canary-by-header"] = json!("x");
    annotations["nginx.ingress.kubernetes.io/canary-weight"] = json!("7");
    annotations["example.com/other"] = json!("stays");
    let mut live = at_rest(Some(own()));
    live.routes = vec![ingress("old"), ingress("new"), beside("old"), edited.clone()];
    let selector = Selector::of(&own(), &Selector::default_keys()).unwrap();
    let seen = Observation {
        split: true,
        ..seen(&target())
    };
    let pair = Pair {
        live: &live,
        selector: &selector,
        blueprint: &blueprint,
        seen: &seen,
    };
    let desired = DesiredState {
        traffic: Some(share),
        ..resting()
    };
    let (writes, conflicts) = difference(&desired, pair);
    assert_eq!(conflicts, []);
    let about = |name: &str| writes.iter().find(|write| write.subject().2 == name);
    assert!(matches!(about("old-canary"), Some(Write::Delete { .. })), "{writes:?}");
    let Some(Write::Patch { operations, .. }) = about("new-canary") else {
        panic!("{writes:?}")
    };
    let mut operations = operations.0.clone();
    // The version is tested first; these objects have none.
    operations.remove(0);
    let mut wanted = beside("new");
    wanted["metadata"]["annotations"]["example.com/other"] = json!("stays");
    assert_eq!(crate::patches::applied(&edited, &operations).unwrap(), wanted);
}

#[test]
fn what_only_a_policy_named_is_made_when_primary_can_answer() {
    let mut by_policy = blueprint();
    by_policy.port_is_ours = true;
    by_policy.route = Some(published());
    let live = Live {
        apex: None,
        ..at_rest(Some(own()))
    };
    let selector = Selector::of_pair(live.target.as_ref(), live.primary.as_ref(), &Selector::default_keys()).unwrap();
    let made = |blueprint: &Blueprint, rollout: Rollout, endpoints| {
        let mut seen = seen(&own());
        seen.primary = Some(Primary {
            has_pods: true,
            replicas: 2,
            fixed: false,
            revision: None,
            edited: false,
            rollout,
            endpoints: Some(endpoints),
        });
        let pair = Pair {
            live: &live,
            selector: &selector,
            blueprint,
            seen: &seen,
        };
        let (writes, _) = difference(&resting(), pair);
        let named = writes.iter().filter(|write| write.subject().2 == "web");
        named.map(|write| write.subject().0).collect::<Vec<_>>()
    };
    let starts = || Rollout::Waiting("0 of 2".into());
    assert_eq!(made(&by_policy, starts(), 0), []);
    assert_eq!(
        made(&by_policy, Rollout::Ready, 0),
        [],
        "its endpoints are not known yet"
    );
    assert_eq!(
        made(&by_policy, Rollout::Ready, 2),
        [Kind::Service, Kind::routes().next().unwrap()]
    );
    // Whoever wrote a Canary has named them himself.
    by_policy.port_is_ours = false;
    assert_eq!(
        made(&by_policy, starts(), 0),
        [Kind::Service, Kind::routes().next().unwrap()]
    );
}
