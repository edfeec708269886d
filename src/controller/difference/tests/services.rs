//! The Services of a pair keep to the pods that are really there.

use super::*;

const OWNER: &str = "Canary";

fn workload(name: &str, labels: &Value) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "shop", "uid": name, "ownerReferences": [{"kind": OWNER, "name": "web", "uid": "u-1"}]},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}},
    })
}

fn made(role: ServiceRole, pair: &Selector, side: ApexSide) -> Value {
    let mut service = service(role, None, pair, &blueprint(), side).unwrap();
    service["metadata"]["resourceVersion"] = json!("3");
    service
}

fn writes(world: &World, live: &Live) -> Vec<Write> {
    let keys = Selector::default_keys();
    let selector = Selector::of_pair(live.target.as_ref(), live.primary.as_ref(), &keys).unwrap();
    let mut seen = seen(&target());
    if live.target.is_none() {
        seen.target = None;
    }
    let blueprint = blueprint();
    let pair = Pair {
        live,
        selector: &selector,
        blueprint: &blueprint,
        seen: &seen,
    };
    let (writes, conflicts) = difference(world, pair);
    assert_eq!(conflicts, []);
    let of_services = |write: &Write| write.subject().0 == Kind::Service;
    writes.into_iter().filter(of_services).collect()
}

fn resting() -> World {
    World {
        primary: Some(PrimaryTemplate::Keep),
        apex: Some(ApexSide::Primary),
        ..World::untouched()
    }
}

// As it rests: v1's target selected `app: web`.
fn at_rest(target: Option<Value>) -> Live {
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
        let mut writes = writes(&resting(), &live);
        writes.retain(|write| write.subject().0 == Kind::Service);
        let [Write::Apply { object, .. }] = writes.as_slice() else {
            panic!("{writes:?}")
        };
        assert_eq!(object["metadata"]["name"], "web-canary");
        assert_eq!(object["spec"]["selector"], labels);
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
    assert_eq!(operations[1]["value"], json!({"app": "web-primary"}));
}
