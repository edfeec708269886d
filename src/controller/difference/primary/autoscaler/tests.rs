use super::*;
use crate::{
    analysis::Scaler,
    controller::{
        difference::{
            difference,
            tests::{blueprint, seen, target},
        },
        watch::pair::live::Live,
    },
    plan::{Autoscaler, Blueprint, Selector},
};
use std::collections::BTreeMap;

fn named(kind: ScalerKind) -> Blueprint {
    Blueprint {
        autoscaler: Some(Autoscaler {
            kind,
            name: "web".into(),
            queries: BTreeMap::new(),
            min: None,
            max: None,
        }),
        ..blueprint()
    }
}

fn hpa() -> Value {
    json!({
        "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "minReplicas": 2, "maxReplicas": 8,
            "metrics": [{"type": "Resource"}], "behavior": {"scaleDown": {}}},
    })
}

fn scaled_object(paused: Option<&str>) -> Value {
    let annotations = paused.map_or(json!({}), |paused| json!({PAUSED_REPLICAS: paused}));
    json!({
        "kind": "ScaledObject", "metadata": {"name": "web", "namespace": "shop", "annotations": annotations},
        "spec": {"scaleTargetRef": {"name": "web"}, "triggers": []},
    })
}

fn live(scaler: Option<Value>) -> Live {
    Live {
        target: Some(target()),
        scaler,
        ..Live::default()
    }
}

fn writes(blueprint: &Blueprint, live: &Live, desired: &DesiredState) -> (Vec<Write>, Vec<Conflict>) {
    let mut seen = seen(&target());
    seen.scaler = live.scaler.as_ref().map(|_| Scaler { max: 8 });
    let selector = Selector::of(&target(), &Selector::default_keys()).unwrap();
    difference(
        desired,
        Pair {
            live,
            selector: &selector,
            blueprint,
            seen: &seen,
        },
    )
}

fn with_twin(min_replicas: u32) -> DesiredState {
    DesiredState {
        autoscaler_min_replicas: Some(min_replicas),
        ..DesiredState::untouched()
    }
}

fn made(blueprint: &Blueprint, live: &Live, min_replicas: u32) -> Value {
    match writes(blueprint, live, &with_twin(min_replicas)).0.as_slice() {
        [Write::Apply { object, .. }] => object.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_twin_is_made_once_and_follows_every_edit_also_what_is_taken_away() {
    let blueprint = named(ScalerKind::Hpa);
    let copy = made(&blueprint, &live(Some(hpa())), 0);
    assert_eq!(copy["spec"]["scaleTargetRef"]["name"], "web-primary");
    let beside = |scaler: Value| Live {
        primary_autoscalers: vec![copy.clone()],
        ..live(Some(scaler))
    };
    assert_eq!(writes(&blueprint, &beside(hpa()), &with_twin(0)), (vec![], vec![]));
    let mut edited = hpa();
    edited["spec"]["maxReplicas"] = json!(9);
    assert_eq!(made(&blueprint, &beside(edited), 0)["spec"]["maxReplicas"], 9);
    let mut less = hpa();
    less["spec"].as_object_mut().unwrap().remove("behavior");
    assert_eq!(made(&blueprint, &beside(less), 0)["spec"].get("behavior"), None);
    // In a run primary keeps what it had; afterwards the user's own least counts again.
    assert_eq!(made(&blueprint, &beside(hpa()), 5)["spec"]["minReplicas"], 5);
    assert_eq!(
        writes(&blueprint, &beside(hpa()), &DesiredState::untouched()),
        (vec![], vec![])
    );
}

#[test]
fn a_foreign_autoscaler_under_the_twins_name_is_a_conflict() {
    let mut foreign = hpa();
    foreign["metadata"]["name"] = json!("web-primary");
    let live = Live {
        primary_autoscalers: vec![foreign],
        ..live(Some(hpa()))
    };
    let (writes, conflicts) = writes(&named(ScalerKind::Hpa), &live, &with_twin(0));
    assert_eq!(writes, []);
    assert_eq!(
        conflicts,
        [Conflict::Name("HorizontalPodAutoscaler", "web-primary".into())]
    );
}

#[test]
fn a_twin_goes_with_what_it_is_a_twin_of() {
    let mut copy = made(&named(ScalerKind::Hpa), &live(Some(hpa())), 0);
    copy["metadata"]["uid"] = json!("h-1");
    let gone = Write::Delete {
        kind: Kind::HorizontalPodAutoscaler,
        namespace: "shop".into(),
        name: "web-primary".into(),
        uid: "h-1".into(),
    };
    let beside = |scaler| Live {
        primary_autoscalers: vec![copy.clone()],
        ..live(scaler)
    };
    // The user's HPA is deleted; the Canary names none any more; it names a ScaledObject instead.
    for blueprint in [named(ScalerKind::Hpa), blueprint()] {
        assert_eq!(
            writes(&blueprint, &beside(None), &with_twin(0)).0,
            std::slice::from_ref(&gone)
        );
    }
    let keda = named(ScalerKind::ScaledObject);
    let (done, conflicts) = writes(&keda, &beside(Some(scaled_object(None))), &with_twin(0));
    assert!(
        matches!(&done[..], [Write::Apply { kind: Kind::ScaledObject, .. }, last] if *last == gone),
        "{done:?}"
    );
    assert_eq!(conflicts, []);
    let out = DesiredState {
        dismantle: Dismantle::Everything,
        ..DesiredState::untouched()
    };
    assert_eq!(writes(&named(ScalerKind::Hpa), &beside(Some(hpa())), &out).0, [gone]);
    // Somebody's finalizer may keep it for a while.
    copy["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let dying = Live {
        primary_autoscalers: vec![copy.clone()],
        ..live(None)
    };
    assert_eq!(writes(&blueprint(), &dying, &with_twin(0)).0, []);
}

#[test]
fn kedas_hold_on_the_target_comes_first_and_ends_with_the_pair() {
    let blueprint = named(ScalerKind::ScaledObject);
    let with = |paused| Live {
        target_scaled_objects: vec![scaled_object(paused)],
        ..live(Some(scaled_object(paused)))
    };
    let desired = |paused| DesiredState {
        target_scaler_paused: Some(paused),
        target_replicas: Some(if paused { 0 } else { 5 }),
        ..DesiredState::untouched()
    };
    let annotated = |value: Value| Write::Merge {
        kind: Kind::ScaledObject,
        namespace: "shop".into(),
        name: "web".into(),
        body: json!({"metadata": {"annotations": {PAUSED_REPLICAS: value}}}),
    };
    for (live, paused, first) in [(with(None), true, json!("0")), (with(Some("0")), false, Value::Null)] {
        let (done, _) = writes(&blueprint, &live, &desired(paused));
        assert_eq!(done.first(), Some(&annotated(first)));
        assert!(matches!(
            done.last(),
            Some(Write::Merge {
                kind: Kind::Deployment,
                ..
            })
        ));
    }
    assert_eq!(writes(&blueprint, &with(Some("0")), &desired(true)).0.len(), 1);
    let out = DesiredState {
        dismantle: Dismantle::Everything,
        ..DesiredState::untouched()
    };
    assert_eq!(writes(&blueprint, &with(Some("0")), &out).0, [annotated(Value::Null)]);
    // A pause of the user's own is the user's.
    assert_eq!(writes(&blueprint, &with(Some("3")), &out).0, []);
}

#[test]
fn beside_an_autoscaler_that_somebody_pointed_at_primary_there_is_no_twin() {
    let blueprint = named(ScalerKind::Hpa);
    let mut own = hpa();
    own["metadata"]["name"] = json!("web-primary");
    own["spec"]["scaleTargetRef"]["name"] = json!("web-primary");
    let mut before = made(&blueprint, &live(Some(hpa())), 0);
    before["metadata"]["uid"] = json!("h-1");
    let both = Live {
        primary_autoscalers: vec![before],
        primary_scaler: Some(own),
        ..live(Some(hpa()))
    };
    let (writes, conflicts) = writes(&blueprint, &both, &with_twin(0));
    assert!(matches!(writes.as_slice(), [Write::Delete { .. }]), "{writes:?}");
    assert_eq!(conflicts, []);
}
