mod apart;
mod beside;
mod configs;
mod destinations;
mod followers;
mod generated;
mod knative;
mod metadata;
mod outlived;
mod primary;
mod services;
mod successor;

use super::*;
use crate::{
    analysis::{PrimaryTemplate, Rollout, Target},
    api::labels::TargetState,
    plan::{
        ApexSide, Port, REVISION_ANNOTATION, ServiceRole, revision::hash::template_hash, service,
        services::pointing::ORIGINAL_SELECTOR,
    },
    routing::{Names, Provider},
};
use serde_json::json;

pub(super) fn blueprint() -> Blueprint {
    Blueprint {
        names: Some(Names::new("web")),
        provider: Provider::STANDARD,
        port: Some(Port {
            port: 80,
            name: "http".into(),
            target_port: json!(9898),
            app_protocol: None,
        }),
        ..Blueprint::sample()
    }
}

pub(in crate::controller) fn target() -> Value {
    json!({
        "metadata": {"name": "web", "namespace": "shop", "uid": "t-1", "resourceVersion": "7", "labels": {"team": "a"}},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}}}},
    })
}

pub(in crate::controller) fn seen(target: &Value) -> Observation {
    let revision = template_hash(&target["spec"]["template"]);
    Observation {
        target: Some(Target {
            replicas: 2,
            wanted: 2,
            paused: false,
            held: false,
            state: None,
            active: Some(revision.clone()),
            rollout: Rollout::Ready,
            endpoints: Some(2),
            trouble: None,
            known: vec![revision.clone()],
            plain: true,
            restorable: true,
            overridden: true,
            fixed: false,
            apart: None,
            missing: None,
            bypassed: false,
            revision,
        }),
        primary: None,
        inherited: None,
        scaler: None,
        apex: Some(ApexSide::Target),
        traffic: None,
        routed: true,
        mirrors: true,
        tests_nobody: false,
        bypassed: None,
        refused: None,
        route_trouble: None,
        pending: false,
        webhook: true,
        served: true,
        split: false,
        led: false,
        unnamed: false,
        promoted: None,
        checks: None,
        answers: Vec::new(),
        edition: String::new(),
        commands: Default::default(),
    }
}

fn run(desired: &DesiredState, live: &Live) -> (Vec<Write>, Vec<Conflict>) {
    let target = live.target.clone().unwrap();
    let selector = Selector::of(&target, &Selector::default_keys()).unwrap();
    difference(
        desired,
        Pair {
            live,
            selector: &selector,
            blueprint: &blueprint(),
            seen: &seen(&target),
        },
    )
}

// What is done about routes, and what stands beside them.
fn routed(
    desired: &DesiredState,
    live: &Live,
    blueprint: &Blueprint,
    seen: &Observation,
) -> (Vec<Write>, Vec<Conflict>) {
    let pair = Pair {
        live,
        selector: &Selector::of(&target(), &Selector::default_keys()).unwrap(),
        blueprint,
        seen,
    };
    let (mut writes, mut conflicts) = (Vec::new(), Vec::new());
    pair.routes(desired, &mut writes, &mut conflicts);
    (writes, conflicts)
}

// Both halves are there, and so are routes.
fn paired(routes: Vec<Value>) -> Live {
    Live {
        target: Some(target()),
        primary: Some(target()),
        routes,
        ..Live::default()
    }
}

// The same, of an app whose traffic is split.
fn seen_split() -> Observation {
    Observation {
        split: true,
        ..seen(&target())
    }
}

// What is done to which object.
fn summary(writes: &[Write]) -> Vec<(&'static str, String)> {
    let of = |write: &Write| {
        let verb = match write {
            Write::Create { .. } => "create",
            Write::Apply { .. } => "apply",
            Write::Patch { .. } => "patch",
            Write::Delete { .. } => "delete",
            _ => "other",
        };
        let (kind, _, name) = write.subject();
        (verb, format!("{} {name}", kind.resource().kind))
    };
    writes.iter().map(of).collect()
}

fn serving() -> DesiredState {
    DesiredState {
        target_state: Some(TargetState::Serving),
        ..DesiredState::untouched()
    }
}

#[test]
fn a_target_is_labelled_and_scaled_in_one_write_that_names_what_it_was_decided_on() {
    let live = Live {
        target: Some(target()),
        ..Live::default()
    };
    let (writes, conflicts) = run(
        &DesiredState {
            target_replicas: Some(3),
            ..serving()
        },
        &live,
    );
    assert_eq!(conflicts, []);
    let [Write::Merge { body, .. }] = writes.as_slice() else {
        panic!("{writes:?}")
    };
    assert_eq!(
        *body,
        json!({
            "metadata": {"resourceVersion": "7", "labels": {
                "coalmine.dev/managed": "true", "coalmine.dev/desired-replicas": "2", "coalmine.dev/state": "serving"}},
            "spec": {"replicas": 3},
        })
    );
}

#[test]
fn what_is_as_wanted_is_not_written() {
    let mut labelled = target();
    labelled["metadata"]["labels"] =
        json!({"coalmine.dev/managed": "true", "coalmine.dev/desired-replicas": "2", "coalmine.dev/state": "serving"});
    let live = Live {
        target: Some(labelled),
        ..Live::default()
    };
    assert_eq!(
        run(
            &DesiredState {
                target_replicas: Some(2),
                ..serving()
            },
            &live
        ),
        (vec![], vec![])
    );
    assert_eq!(run(&DesiredState::untouched(), &live), (vec![], vec![]));
}

#[test]
fn a_users_apex_is_moved_and_its_selector_remembered_and_given_back() {
    let apex = json!({
        "metadata": {"name": "web", "namespace": "shop", "resourceVersion": "3"}, "spec": {"selector": {"app": "web"}},
    });
    let live = Live {
        target: Some(target()),
        apex: Some(apex),
        ..Live::default()
    };
    let (writes, _) = run(
        &DesiredState {
            apex: Some(ApexSide::Primary),
            ..DesiredState::untouched()
        },
        &live,
    );
    let [Write::Patch { operations, .. }] = writes.as_slice() else {
        panic!("{writes:?}")
    };
    let operations = json!(operations);
    assert_eq!(operations[0]["value"], "3");
    assert_eq!(operations[1]["value"], json!({"app": "web-primary"}));
    assert_eq!(operations[3]["value"], r#"{"app":"web"}"#);

    let moved = json!({
        "metadata": {"name": "web", "namespace": "shop", "resourceVersion": "4", "annotations": {ORIGINAL_SELECTOR: r#"{"app":"web"}"#}},
        "spec": {"selector": {"app": "web-primary"}},
    });
    let live = Live {
        target: Some(target()),
        apex: Some(moved),
        ..Live::default()
    };
    let (writes, _) = run(
        &DesiredState {
            dismantle: Dismantle::Traffic,
            ..DesiredState::untouched()
        },
        &live,
    );
    let [Write::Patch { operations, .. }] = writes.as_slice() else {
        panic!("{writes:?}")
    };
    let operations = json!(operations);
    assert_eq!(operations[1]["value"], json!({"app": "web"}));
    assert_eq!(operations[2]["op"], "remove");
}

#[test]
fn a_foreign_object_under_our_name_is_a_conflict_and_is_never_written() {
    let foreign = json!({"metadata": {"name": "web-primary", "namespace": "shop", "uid": "f-1"}, "spec": {}});
    let live = Live {
        target: Some(target()),
        primary_service: Some(foreign.clone()),
        primary: Some(foreign),
        ..Live::default()
    };
    let revision = template_hash(&target()["spec"]["template"]);
    let desired = DesiredState {
        primary: Some(PrimaryTemplate::Revision(revision)),
        ..DesiredState::untouched()
    };
    let (writes, conflicts) = run(&desired, &live);
    assert_eq!(
        conflicts,
        [
            Conflict::Name("Service", "web-primary".into()),
            Conflict::Name("Deployment", "web-primary".into())
        ]
    );
    assert!(
        writes.iter().all(|write| write.subject().2 != "web-primary"),
        "{writes:?}"
    );
}

#[test]
fn primary_is_made_from_the_wished_revision_or_not_at_all() {
    let live = Live {
        target: Some(target()),
        ..Live::default()
    };
    let desired = |hash: &str| DesiredState {
        primary: Some(PrimaryTemplate::Revision(hash.to_owned())),
        primary_replicas: Some(2),
        ..DesiredState::untouched()
    };
    let revision = template_hash(&target()["spec"]["template"]);
    let (writes, _) = run(&desired(&revision), &live);
    let at = |kind| {
        writes
            .iter()
            .position(|write| matches!(write, Write::Create { kind: of, .. } if *of == kind))
    };
    assert!(at(Kind::ControllerRevision) < at(Kind::Deployment), "{writes:?}");
    let made = writes.iter().find_map(|write| match write {
        Write::Create {
            kind: Kind::Deployment,
            object,
        } => Some(object),
        _ => None,
    });
    assert_eq!(
        made.unwrap()["metadata"]["annotations"][REVISION_ANNOTATION],
        json!(revision)
    );
    let (_, conflicts) = run(&desired("v1-gone"), &live);
    assert_eq!(conflicts, [Conflict::LostRevision("v1-gone".into())]);
}

#[test]
fn the_exit_takes_what_is_ours_by_uid_and_leaves_the_users_labels() {
    let mut marked = target();
    marked["metadata"]["labels"][labels::MANAGED] = json!("true");
    let owned = json!([{"kind": "Canary", "name": "web", "uid": "u-1"}]);
    let primary =
        json!({"metadata": {"name": "web-primary", "namespace": "shop", "uid": "p-1", "ownerReferences": owned}});
    let live = Live {
        target: Some(marked),
        primary: Some(primary),
        ..Live::default()
    };
    let (writes, _) = run(
        &DesiredState {
            dismantle: Dismantle::Everything,
            ..DesiredState::untouched()
        },
        &live,
    );
    let [Write::Merge { body, .. }, Write::Delete { uid, .. }] = writes.as_slice() else {
        panic!("{writes:?}")
    };
    assert_eq!(*body, json!({"metadata": {"labels": {labels::MANAGED: null}}}));
    assert_eq!(uid, "p-1");
}
