//! Primary, and the memory of what it was made from.

use super::*;
use crate::{
    analysis::{Inherited, Primary},
    api::canary::Phase,
    plan::{self, history},
};
use std::collections::BTreeMap;

fn revision_of(target: &Value) -> String {
    template_hash(&target["spec"]["template"])
}

fn of(env: Value) -> Value {
    let mut target = target();
    target["spec"]["strategy"] =
        json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}});
    target["spec"]["template"]["spec"] = json!({"containers": [{"name": "web", "env": env}]});
    target
}

fn selector() -> Selector {
    Selector::of(&target(), &Selector::default_keys()).unwrap()
}

/// Primary as the API server has it after it was made from `from`.
fn made(from: &Value) -> Value {
    let template = &from["spec"]["template"];
    let mut made = plan::primary(from, template, &revision_of(from), 2, &selector(), &blueprint());
    made["metadata"]["uid"] = json!("p-1");
    made["metadata"]["generation"] = json!(4);
    made["metadata"]["resourceVersion"] = json!("9");
    made
}

fn observed(live: &Live, edited: bool) -> Observation {
    let primary = live.primary.as_ref().unwrap();
    Observation {
        primary: Some(Primary {
            replicas: 2,
            fixed: false,
            revision: plan::primary_revision(primary).map(str::to_owned),
            edited,
            has_pods: true,
            rollout: Rollout::Ready,
            endpoints: Some(2),
        }),
        ..seen(live.target.as_ref().unwrap())
    }
}

fn differ(from: PrimaryTemplate, live: &Live, seen: &Observation) -> (Vec<Write>, Vec<Conflict>) {
    let desired = DesiredState {
        target_replicas: (from == PrimaryTemplate::Keep).then_some(0),
        primary: Some(from),
        primary_replicas: Some(2),
        ..DesiredState::untouched()
    };
    let (mut writes, conflicts) = difference(
        &desired,
        Pair {
            live,
            selector: &selector(),
            blueprint: &blueprint(),
            seen,
        },
    );
    writes.retain(|write| write.subject().0 != Kind::Service && write.subject().2 != "web");
    (writes, conflicts)
}

fn patched(live: &Value, writes: &[Write]) -> Value {
    let operations = writes.iter().find_map(|write| match write {
        Write::Patch {
            kind: Kind::Deployment,
            operations,
            ..
        } => Some(operations),
        _ => None,
    });
    patches::applied(live, operations.unwrap()).unwrap()
}

#[test]
fn a_promotion_leaves_nothing_of_anybody_elses_in_primary() {
    let (v1, v2) = (
        of(json!([{"name": "VERSION", "value": "v1"}])),
        of(json!([{"name": "VERSION", "value": "v2"}])),
    );
    let mut left = made(&v1);
    left["spec"]["template"]["spec"]["containers"] = json!([
        {"name": "web", "env": [{"name": "VERSION", "value": "v1"}, {"name": "LEFT", "value": "over"}]}, {"name": "side"}]);
    left["spec"]["paused"] = json!(true);
    left["spec"]["replicas"] = json!(5);
    left["metadata"]["labels"]["foreign"] = json!("kept");
    left["metadata"]["ownerReferences"][0]["blockOwnerDeletion"] = json!(true);
    let live = Live {
        target: Some(v2.clone()),
        primary: Some(left.clone()),
        ..Live::default()
    };
    let (writes, conflicts) = differ(
        PrimaryTemplate::Revision(revision_of(&v2)),
        &live,
        &observed(&live, false),
    );
    assert_eq!(conflicts, []);
    assert!(
        matches!(
            &writes[0],
            Write::Create {
                kind: Kind::ControllerRevision,
                ..
            }
        ),
        "remembered first"
    );
    let after = patched(&left, &writes);
    let wanted = made(&v2);
    assert_eq!(after["spec"]["template"], wanted["spec"]["template"]);
    assert_eq!(
        after["spec"]["strategy"],
        plan::all_at_once(),
        "idle: no room for a surge is needed"
    );
    assert_eq!(after["spec"]["replicas"], 2);
    assert_eq!(after["spec"].get("paused"), None);
    assert_eq!(after["metadata"]["labels"]["foreign"], "kept");
    assert_eq!(after["metadata"]["annotations"], wanted["metadata"]["annotations"]);
    assert_eq!(
        after["metadata"]["ownerReferences"],
        wanted["metadata"]["ownerReferences"]
    );

    // Another generation is another decision.
    let Some(Write::Patch { operations, .. }) = writes.last() else {
        panic!("{writes:?}")
    };
    assert_eq!(operations[0].path().as_str(), "/metadata/uid");
    assert_eq!(operations[1], patches::test(["metadata", "generation"], 4));
}

#[test]
fn an_autoscalers_number_is_never_written_with_the_template() {
    let (v1, v2) = (of(json!([])), of(json!([{"name": "A", "value": "b"}])));
    let mut scaled = made(&v1);
    scaled["spec"]["replicas"] = json!(7);
    let live = Live {
        target: Some(v2.clone()),
        primary: Some(scaled.clone()),
        ..Live::default()
    };
    let seen = Observation {
        scaler: Some(crate::analysis::Scaler { max: 9 }),
        ..observed(&live, false)
    };
    let (writes, _) = differ(PrimaryTemplate::Revision(revision_of(&v2)), &live, &seen);
    assert_eq!(patched(&scaled, &writes)["spec"]["replicas"], 7);
}

#[test]
fn a_list_with_a_key_twice_is_taken_as_a_deployment_takes_it() {
    let twice = of(json!([{"name": "A", "value": "x"}, {"name": "A", "value": "y"}]));
    let fresh = Live {
        target: Some(twice.clone()),
        ..Live::default()
    };
    let from = || PrimaryTemplate::Revision(revision_of(&twice));
    let (writes, _) = differ(from(), &fresh, &seen(&twice));
    assert!(
        writes.iter().any(|w| matches!(
            w,
            Write::Create {
                kind: Kind::Deployment,
                ..
            }
        )),
        "{writes:?}"
    );
    let live = Live {
        primary: Some(made(&of(json!([])))),
        ..fresh
    };
    let (writes, _) = differ(from(), &live, &observed(&live, false));
    let env = patched(&made(&of(json!([]))), &writes)["spec"]["template"]["spec"]["containers"][0]["env"].clone();
    assert_eq!(env, twice["spec"]["template"]["spec"]["containers"][0]["env"]);
}

#[test]
fn another_selector_makes_primary_anew_while_it_is_idle_and_never_else() {
    let v1 = of(json!([]));
    let mut other = made(&v1);
    other["spec"]["selector"]["matchLabels"] = json!({"name": "web-primary"});
    let v2 = of(json!([{"name": "A", "value": "b"}]));
    let live = Live {
        target: Some(v2.clone()),
        primary: Some(other),
        ..Live::default()
    };
    let (writes, _) = differ(
        PrimaryTemplate::Revision(revision_of(&v2)),
        &live,
        &observed(&live, false),
    );
    let deleted = |w: &&Write| matches!(w, Write::Delete { kind: Kind::Deployment, uid, .. } if uid == "p-1");
    assert_eq!(writes.iter().filter(deleted).count(), 1, "{writes:?}");
    let (writes, _) = differ(
        PrimaryTemplate::Restored(revision_of(&v2)),
        &live,
        &observed(&live, true),
    );
    assert_eq!(writes.iter().filter(|w| w.subject().0 == Kind::Deployment).count(), 0);
}

#[test]
fn an_edited_primary_is_put_right_with_the_authors_own_strategy_whoever_took_its_owner() {
    let v1 = of(json!([{"name": "VERSION", "value": "v1"}]));
    let mut edited = made(&v1);
    edited["spec"]["template"]["spec"]["containers"][0]["env"] = json!([{"name": "VERSION", "value": "hack"}]);
    edited["spec"]["strategy"] = json!({"type": "Recreate"});
    edited["metadata"] = json!({"name": "web-primary", "namespace": "shop", "uid": "p-1", "generation": 5});
    let live = Live {
        target: Some(v1.clone()),
        primary: Some(edited.clone()),
        ..Live::default()
    };
    let (writes, conflicts) = differ(
        PrimaryTemplate::Restored(revision_of(&v1)),
        &live,
        &observed(&live, true),
    );
    assert_eq!(conflicts, []);
    let after = patched(&edited, &writes);
    assert_eq!(after["spec"], made(&v1)["spec"]);
    assert_eq!(after["metadata"]["annotations"][REVISION_ANNOTATION], revision_of(&v1));
    assert_eq!(after["metadata"]["ownerReferences"][0]["uid"], "u-1");
    // In Replacing, where the annotation says that it is made already.
    let (writes, _) = differ(
        PrimaryTemplate::Revision(revision_of(&v1)),
        &live,
        &observed(&live, true),
    );
    assert_eq!(
        patched(&edited, &writes)["spec"]["template"],
        made(&v1)["spec"]["template"]
    );
}

#[test]
fn at_rest_the_strategy_is_the_authors_again_and_a_child_of_before_blocks_nothing_more() {
    let v1 = of(json!([]));
    let mut idle = made(&v1);
    idle["spec"]["strategy"] = plan::all_at_once();
    let live = |primary: &Value| Live {
        target: Some(v1.clone()),
        primary: Some(primary.clone()),
        history: vec![entry(&v1, 1)],
        ..Live::default()
    };
    let at_rest = |primary: &Value| {
        let live = live(primary);
        let seen = Observation {
            promoted: Some(revision_of(&v1)),
            ..observed(&live, false)
        };
        differ(PrimaryTemplate::Keep, &live, &seen).0
    };
    assert_eq!(patched(&idle, &at_rest(&idle))["spec"], made(&v1)["spec"]);
    let mut blocking = made(&v1);
    blocking["metadata"]["ownerReferences"][0]["blockOwnerDeletion"] = json!(true);
    assert_eq!(patched(&blocking, &at_rest(&blocking)), made(&v1), "and no pod rolls");
    assert_eq!(at_rest(&made(&v1)), []);
}

fn entry(target: &Value, number: i64) -> Value {
    let promoted = history::Promoted {
        revision: &revision_of(target),
        template: &target["spec"]["template"],
        configs: &BTreeMap::new(),
    };
    let mut entry = history::entry(&promoted, number, &blueprint());
    entry["metadata"]["uid"] = json!(format!("h-{number}"));
    entry
}

#[test]
fn a_deleted_primary_comes_back_from_the_history_when_no_replica_set_remembers_it() {
    let (v1, v2) = (
        of(json!([{"name": "V", "value": "1"}])),
        of(json!([{"name": "V", "value": "2"}])),
    );
    let live = Live {
        target: Some(v2.clone()),
        history: vec![entry(&v1, 1)],
        ..Live::default()
    };
    let seen = Observation {
        promoted: Some(revision_of(&v1)),
        ..seen(&v2)
    };
    let (writes, conflicts) = differ(PrimaryTemplate::Keep, &live, &seen);
    assert_eq!(conflicts, []);
    let [Write::Create { object, .. }] = writes.as_slice() else {
        panic!("{writes:?}")
    };
    assert_eq!(object["spec"]["template"], made(&v1)["spec"]["template"]);
    assert!(
        live.known().contains(&revision_of(&v1)),
        "so that leaving brings it, and not what failed"
    );
}

#[test]
fn a_promotion_ends_with_what_was_verified_although_its_target_was_deleted() {
    let (v1, v2) = (of(json!([])), of(json!([{"name": "V", "value": "2"}])));
    let old = made(&v1);
    let live = Live {
        primary: Some(old.clone()),
        history: vec![entry(&v1, 1), entry(&v2, 2)],
        ..Live::default()
    };
    let with_target = Live {
        target: Some(v2.clone()),
        ..live.clone()
    };
    let seen = Observation {
        target: None,
        ..observed(&with_target, false)
    };
    // Nobody else is there to serve.
    let desired = DesiredState {
        apex: Some(ApexSide::Primary),
        primary: Some(PrimaryTemplate::Revision(revision_of(&v2))),
        ..DesiredState::untouched()
    };
    let (selector, blueprint) = (selector(), blueprint());
    let pair = Pair {
        live: &live,
        selector: &selector,
        blueprint: &blueprint,
        seen: &seen,
    };
    let (writes, conflicts) = difference(&desired, pair);
    assert_eq!(conflicts, []);
    let after = patched(&old, &writes);
    assert_eq!(after["spec"], made(&v2)["spec"], "one pod after the other");
}

#[test]
fn what_serves_once_more_is_the_newest_and_the_oldest_goes() {
    let all: Vec<Value> = (1..=11)
        .map(|n| of(json!([{"name": "V", "value": n.to_string()}])))
        .collect();
    let live = Live {
        target: Some(all[1].clone()),
        primary: Some(made(&all[10])),
        history: all.iter().zip(1..).map(|(target, n)| entry(target, n)).collect(),
        ..Live::default()
    };
    let seen = observed(&live, false);
    let (writes, _) = differ(PrimaryTemplate::Revision(revision_of(&all[1])), &live, &seen);
    let bump = writes.iter().find_map(|write| match write {
        Write::Patch {
            kind: Kind::ControllerRevision,
            operations,
            ..
        } => Some(operations[1].clone()),
        _ => None,
    });
    assert_eq!(bump, Some(patches::replace(["revision"], 12)));
    let gone: Vec<&Write> = writes
        .iter()
        .filter(|w| {
            matches!(
                w,
                Write::Delete {
                    kind: Kind::ControllerRevision,
                    ..
                }
            )
        })
        .collect();
    assert!(
        matches!(gone.as_slice(), [Write::Delete { uid, .. }] if uid == "h-1"),
        "{gone:?}"
    );
}

#[test]
fn what_flagger_made_gets_our_name_for_it_and_no_other_template() {
    let v1 = of(json!([]));
    let mut theirs = made(&v1);
    theirs["metadata"]["annotations"] = json!({"other": "kept"});
    theirs["spec"]["template"]["metadata"]["annotations"]["flagger-id"] = json!("random");
    let live = Live {
        target: Some(v1.clone()),
        primary: Some(theirs.clone()),
        history: vec![entry(&v1, 1)],
        ..Live::default()
    };
    let seen = Observation {
        promoted: Some(revision_of(&v1)),
        inherited: Some(Inherited {
            revision: revision_of(&v1),
            phase: Phase::Succeeded,
        }),
        ..observed(&live, false)
    };
    let (writes, conflicts) = differ(PrimaryTemplate::Keep, &live, &seen);
    assert_eq!(conflicts, []);
    let after = patched(&theirs, &writes);
    assert_eq!(after["spec"], theirs["spec"]);
    assert_eq!(
        after["metadata"]["annotations"],
        json!({"other": "kept", REVISION_ANNOTATION: revision_of(&v1)})
    );
}

#[test]
fn copies_routes_and_autoscalers_of_before_block_nothing_more_either() {
    let owned =
        |uid: &str| json!([{"kind": "Other", "uid": "x"}, {"kind": "Canary", "uid": uid, "blockOwnerDeletion": true}]);
    let object = |kind: &str, name: &str, uid| json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": kind, "metadata": {"name": name, "namespace": "shop", "ownerReferences": owned(uid)}});
    let v1 = of(json!([]));
    let live = Live {
        target: Some(v1.clone()),
        primary: Some(made(&v1)),
        history: vec![entry(&v1, 1)],
        configs: crate::controller::watch::pair::configs::Configs::sample(&[
            object("ConfigMap", "cfg-primary", "u-1"),
            object("Secret", "anothers-primary", "u-2"),
        ]),
        routes: vec![object("HTTPRoute", "shop-route", "u-1")],
        primary_autoscalers: vec![object("HorizontalPodAutoscaler", "scaler-primary", "u-1")],
        ..Live::default()
    };
    let seen = Observation {
        promoted: Some(revision_of(&v1)),
        ..observed(&live, false)
    };
    let (writes, _) = differ(PrimaryTemplate::Keep, &live, &seen);
    let freed: Vec<(&str, &PatchOperation)> = writes
        .iter()
        .filter_map(|write| match write {
            Write::Patch { name, operations, .. } => Some((name.as_str(), &operations[1])),
            _ => None,
        })
        .collect();
    let operation = patches::replace(["metadata", "ownerReferences", "1", "blockOwnerDeletion"], false);
    for name in ["cfg-primary", "shop-route", "scaler-primary"] {
        assert!(freed.contains(&(name, &operation)), "{name} in {freed:?}");
    }
    assert!(freed.iter().all(|(name, _)| *name != "anothers-primary"), "{freed:?}");
}
