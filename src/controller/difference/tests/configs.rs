//! Primary's copies among the writes.

use super::*;
use crate::{controller::watch::pair::configs::Configs, plan::configs::ConfigKind};

fn config(name: &str, color: &str) -> Value {
    json!({"kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop", "uid": name, "resourceVersion": "1"}, "data": {"color": color}})
}

fn copy(color: &str, owner: &str) -> Value {
    let mut copy = config("cfg-primary", color);
    copy["metadata"]["ownerReferences"] = json!([{"kind": "Canary", "name": owner, "uid": owner, "controller": true}]);
    copy
}

fn live(configs: &[Value]) -> Live {
    let mut target = target();
    target["spec"]["template"]["spec"] =
        json!({"containers": [{"name": "web", "envFrom": [{"configMapRef": {"name": "cfg"}}]}]});
    Live {
        target: Some(target),
        configs: Configs::sample(configs),
        ..Live::default()
    }
}

fn current(live: &Live) -> String {
    live.revision(live.target.as_ref().unwrap()).unwrap()
}

fn made_from(live: &Live, revision: &str) -> (Vec<Write>, Vec<Conflict>) {
    let desired = DesiredState {
        primary: Some(PrimaryTemplate::Revision(revision.to_owned())),
        primary_replicas: Some(2),
        ..DesiredState::untouched()
    };
    let (mut writes, conflicts) = run(&desired, live);
    writes.retain(|write| match write {
        Write::Apply { kind, .. } | Write::Create { kind, .. } => *kind == Kind::Deployment,
        _ => true,
    });
    (writes, conflicts)
}

fn reads(primary: &Value) -> &Value {
    &primary["spec"]["template"]["spec"]["containers"][0]["envFrom"][0]["configMapRef"]["name"]
}

#[test]
fn copies_come_before_the_primary_that_reads_them() {
    let live = live(&[config("cfg", "red")]);
    let (writes, conflicts) = made_from(&live, &current(&live));
    assert_eq!(conflicts, []);
    let [Write::Copies(copies), Write::Create { object, .. }] = writes.as_slice() else {
        panic!("{writes:?}")
    };
    assert_eq!(
        (copies[0].of.key(), copies[0].existing.is_none()),
        ("configmap/cfg".into(), true)
    );
    assert_eq!(copies[0].checksum, "241889ca0604e333");
    assert_eq!(reads(object), "cfg-primary");
    assert_eq!(object["metadata"]["annotations"][REVISION_ANNOTATION], current(&live));
}

#[test]
fn a_copy_that_has_the_data_already_is_not_written_and_one_of_another_canary_is_owned_as_well() {
    let live_ours = live(&[config("cfg", "red"), copy("red", "u-1")]);
    let (writes, _) = made_from(&live_ours, &current(&live_ours));
    assert!(matches!(writes.as_slice(), [Write::Create { .. }]), "{writes:?}");
    let shared = live(&[config("cfg", "red"), copy("red", "u-2")]);
    let (writes, _) = made_from(&shared, &current(&shared));
    let [Write::Copies(copies), _] = writes.as_slice() else {
        panic!("{writes:?}")
    };
    let owners = copies[0].owners();
    assert_eq!(
        (owners[0]["uid"].clone(), owners[0]["controller"].clone()),
        (json!("u-2"), json!(true))
    );
    assert_eq!(
        (owners[1]["uid"].clone(), owners[1]["controller"].clone()),
        (json!("u-1"), json!(false))
    );
}

#[test]
fn a_foreign_object_under_a_copys_name_stops_the_primary() {
    let live = live(&[config("cfg", "red"), config("cfg-primary", "red")]);
    let (writes, conflicts) = made_from(&live, &current(&live));
    assert_eq!(conflicts, [Conflict::Name("ConfigMap", "cfg-primary".into())]);
    assert_eq!(writes, []);
}

#[test]
fn data_that_was_not_verified_is_never_copied() {
    let verified = current(&live(&[config("cfg", "red")]));
    let edited = live(&[config("cfg", "green"), copy("blue", "u-1")]);
    assert_eq!(
        made_from(&edited, &verified),
        (vec![], vec![Conflict::LostRevision(verified.clone())])
    );
    let missing = live(&[]);
    let reference = crate::plan::configs::Reference {
        kind: ConfigKind::ConfigMap,
        name: "cfg".into(),
    };
    assert_eq!(
        made_from(&missing, &current(&missing)),
        (vec![], vec![Conflict::LostConfig(reference)])
    );
}

#[test]
fn a_primary_that_was_deleted_is_made_again_with_the_copies_there_are() {
    let promoted = current(&live(&[config("cfg", "red")]));
    let mut live = live(&[config("cfg", "green"), copy("red", "u-1")]);
    let survey = Configs::sample(&[config("cfg", "red")]).survey(&live.target.as_ref().unwrap()["spec"]["template"]);
    live.configs.promoted = survey.tracked;
    let target = live.target.clone().unwrap();
    let selector = Selector::of(&target, &Selector::default_keys()).unwrap();
    let observation = Observation {
        promoted: Some(promoted),
        ..seen(&target)
    };
    let desired = DesiredState {
        primary: Some(PrimaryTemplate::Keep),
        ..DesiredState::untouched()
    };
    let (writes, conflicts) = difference(
        &desired,
        Pair {
            live: &live,
            selector: &selector,
            blueprint: &blueprint(),
            seen: &observation,
        },
    );
    assert_eq!(conflicts, []);
    let primary = writes.iter().find_map(|write| match write {
        Write::Create {
            kind: Kind::Deployment,
            object,
        } => Some(object),
        _ => None,
    });
    assert_eq!(reads(primary.unwrap()), "cfg-primary");
    assert!(
        !writes.iter().any(|write| matches!(write, Write::Copies(_))),
        "{writes:?}"
    );
}
