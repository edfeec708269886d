mod overridden;
mod phases;
mod properties;
mod verb_table;
mod verbs;

use super::*;
use crate::admission::review::UserInfo;
use crate::api::labels;
use crate::api::policy::{Announce, OnNewRevision};
use crate::patches::applied;
use crate::plan::revision::hash::template_hash;
use serde_json::{Value, json};

pub(super) fn deployment(replicas: i64, image: &str, labels: &[(&str, &str)]) -> Value {
    let labels: serde_json::Map<String, Value> = labels.iter().map(|(k, v)| ((*k).into(), json!(v))).collect();
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "shop", "namespace": "web", "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "shop"}},
            "strategy": {"type": "RollingUpdate"},
            "template": template(image),
        },
    })
}

pub(super) fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [{"name": "shop", "image": image}]}})
}

/// A managed target as the webhook and the controller leave it.
pub(super) fn managed(state: &str, replicas: i64, desired: &str, image: &str) -> Value {
    let revision = template_hash(&template(image));
    deployment(
        replicas,
        image,
        &[
            (labels::MANAGED, "true"),
            (labels::DESIRED_REPLICAS, desired),
            (labels::STATE, state),
            (labels::REVISION, &revision),
        ],
    )
}

pub(super) fn with_canary(stage: CoarseStage) -> TargetFacts {
    let promoted = Some(template_hash(&template("v1")));
    let failed = (stage == CoarseStage::Failed).then(|| template_hash(&template("bad")));
    let canary = CanarySummary {
        name: "shop".into(),
        stage,
        promoted,
        failed,
        reads_configs: false,
        suspended: false,
        unbuilt: None,
    };
    TargetFacts {
        ours: vec!["us".into()],
        enrolment: Enrolment::Canary(canary),
        controller_alive: true,
        overrides: None,
        on_new_revision: OnNewRevision::Restart,
        announce: Announce::Deployment,
    }
}

pub(super) fn by_policy() -> TargetFacts {
    TargetFacts {
        enrolment: Enrolment::Policy("default".into()),
        ..with_canary(CoarseStage::Building)
    }
}

pub(super) fn request(operation: Operation, user: &str, old: &Value, new: &Value) -> Request {
    Request {
        name: "shop".into(),
        namespace: "web".into(),
        operation,
        user_info: UserInfo {
            username: user.into(),
            ..UserInfo::default()
        },
        object: new.clone(),
        old_object: old.clone(),
        ..Request::default()
    }
}

/// What is stored, and the warnings; asserts that a second pass changes nothing.
pub(super) fn run(operation: Operation, old: &Value, new: &Value, facts: &TargetFacts) -> (Value, Vec<String>) {
    let outcome = mutate(&request(operation, "ann", old, new), facts);
    let once = applied(new, &outcome.patch).unwrap();
    let again = mutate(&request(operation, "ann", old, &once), facts);
    assert_eq!(applied(&once, &again.patch).unwrap(), once, "not idempotent");
    assert_eq!(again.patch, Vec::new(), "a second pass still writes");
    (once, outcome.warnings)
}

pub(super) fn create(new: &Value, facts: &TargetFacts) -> (Value, Vec<String>) {
    run(Operation::Create, &Value::Null, new, facts)
}

pub(super) fn update(old: &Value, new: &Value, facts: &TargetFacts) -> (Value, Vec<String>) {
    run(Operation::Update, old, new, facts)
}

pub(super) fn label<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object["metadata"]["labels"].get(name).and_then(Value::as_str)
}

#[test]
fn a_new_app_starts_cold_while_the_controller_is_there() {
    let (stored, warnings) = create(&deployment(3, "v1", &[]), &by_policy());
    assert_eq!(stored["spec"]["replicas"], 0);
    assert_eq!(label(&stored, labels::MANAGED), Some("true"));
    assert_eq!(label(&stored, labels::DESIRED_REPLICAS), Some("3"));
    assert_eq!(label(&stored, labels::STATE), Some("cold"));
    assert_eq!(
        label(&stored, labels::REVISION),
        Some(template_hash(&template("v1")).as_str())
    );
    assert_eq!(
        warnings,
        ["coalmine: shop starts as shop-primary; later revisions are released as canaries"]
    );
}

#[test]
fn a_new_app_serves_at_once_when_no_controller_is_there_or_its_canary_is_suspended() {
    let facts = TargetFacts {
        controller_alive: false,
        ..by_policy()
    };
    let (stored, _) = create(&deployment(3, "v1", &[]), &facts);
    assert_eq!(
        (&stored["spec"]["replicas"], label(&stored, labels::STATE)),
        (&json!(3), Some("hot"))
    );
    let mut facts = with_canary(CoarseStage::Building);
    if let Enrolment::Canary(canary) = &mut facts.enrolment {
        canary.suspended = true;
    }
    let (stored, _) = create(&deployment(3, "v1", &[]), &facts);
    assert_eq!(
        (&stored["spec"]["replicas"], label(&stored, labels::STATE)),
        (&json!(3), Some("hot"))
    );
}

#[test]
fn an_app_made_again_rests_while_its_pair_serves() {
    let (stored, warnings) = create(&deployment(2, "v2", &[]), &with_canary(CoarseStage::Rest));
    assert_eq!(
        (&stored["spec"]["replicas"], label(&stored, labels::STATE)),
        (&json!(0), Some("rest"))
    );
    assert_eq!(label(&stored, labels::DESIRED_REPLICAS), Some("2"));
    assert!(warnings[0].contains("analysis of this revision will start"));
    let (_, warnings) = create(&deployment(2, "v1", &[]), &with_canary(CoarseStage::Rest));
    assert!(warnings[0].contains("already serves this revision"));
}

#[test]
fn a_copy_of_a_managed_deployment_elsewhere_is_a_plain_one() {
    let facts = TargetFacts {
        enrolment: Enrolment::No,
        ..by_policy()
    };
    let (stored, _) = create(&managed("rest", 0, "4", "v1"), &facts);
    assert_eq!(stored["spec"]["replicas"], 4);
    assert_eq!(stored["metadata"]["labels"], json!({}));
}

#[test]
fn a_live_app_keeps_its_pods_and_its_new_template_is_held() {
    let (old, new) = (deployment(4, "v1", &[]), deployment(2, "v2", &[]));
    let (stored, warnings) = update(&old, &new, &by_policy());
    assert_eq!(stored["spec"]["replicas"], 4);
    assert_eq!(stored["spec"]["paused"], true);
    assert_eq!(stored["spec"]["template"], template("v2"));
    assert_eq!(label(&stored, labels::STATE), Some("hot"));
    assert_eq!(label(&stored, labels::DESIRED_REPLICAS), Some("2"));
    assert_eq!(label(&stored, labels::HELD), Some("true"));
    assert_eq!(
        warnings,
        ["coalmine: shop: held while shop-primary is built from the running revision; then analysed"]
    );
}

#[test]
fn a_live_app_without_pods_is_built_cold() {
    let (stored, _) = update(&deployment(0, "v1", &[]), &deployment(3, "v2", &[]), &by_policy());
    assert_eq!(
        (&stored["spec"]["replicas"], label(&stored, labels::STATE)),
        (&json!(0), Some("cold"))
    );
    assert_eq!(stored["spec"].get("paused"), None);
    let away = TargetFacts {
        controller_alive: false,
        ..by_policy()
    };
    let (stored, _) = update(&deployment(0, "v1", &[]), &deployment(3, "v1", &[]), &away);
    assert_eq!(
        (&stored["spec"]["replicas"], label(&stored, labels::STATE)),
        (&json!(3), Some("hot"))
    );
}

#[test]
fn while_a_cold_pair_is_built_the_newest_template_is_followed() {
    let (stored, warnings) = update(
        &managed("cold", 0, "3", "v1"),
        &managed("cold", 3, "3", "v2"),
        &with_canary(CoarseStage::Building),
    );
    assert_eq!(stored["spec"]["replicas"], 0);
    assert_eq!(stored["spec"].get("paused"), None);
    assert_eq!(
        label(&stored, labels::REVISION),
        Some(template_hash(&template("v2")).as_str())
    );
    assert!(warnings[0].contains("is built from this revision"));
}

#[test]
fn while_it_serves_more_replicas_pass_and_fewer_are_recorded() {
    let old = managed("serving", 3, "3", "v2");
    let mut new = old.clone();
    new["spec"]["replicas"] = json!(5);
    let (stored, _) = update(&old, &new, &with_canary(CoarseStage::Running));
    assert_eq!(
        (&stored["spec"]["replicas"], label(&stored, labels::DESIRED_REPLICAS)),
        (&json!(5), Some("5"))
    );
    new["spec"]["replicas"] = json!(1);
    let (stored, _) = update(&old, &new, &with_canary(CoarseStage::Running));
    assert_eq!(
        (&stored["spec"]["replicas"], label(&stored, labels::DESIRED_REPLICAS)),
        (&json!(3), Some("1"))
    );
}

#[test]
fn a_users_own_pause_stays_the_users() {
    let old = managed("serving", 3, "3", "v2");
    let mut new = managed("serving", 3, "3", "v3");
    new["spec"]["paused"] = json!(true);
    let (stored, _) = update(&old, &new, &with_canary(CoarseStage::Running));
    assert_eq!(
        (&stored["spec"]["paused"], label(&stored, labels::HELD)),
        (&json!(true), None)
    );
    // The end of that pause would roll pods that serve: from then on it is ours.
    let resumed = managed("serving", 3, "3", "v3");
    let (stored, _) = update(&stored, &resumed, &with_canary(CoarseStage::Running));
    assert_eq!(
        (&stored["spec"]["paused"], label(&stored, labels::HELD)),
        (&json!(true), Some("true"))
    );
}

#[test]
fn a_pause_of_ours_outlives_a_manifest_without_it() {
    let mut old = managed("serving", 3, "3", "v3");
    old["spec"]["paused"] = json!(true);
    old["metadata"]["labels"][labels::HELD] = json!("true");
    let (stored, _) = update(&old, &deployment(3, "v3", &[]), &with_canary(CoarseStage::Running));
    assert_eq!(
        (&stored["spec"]["paused"], label(&stored, labels::HELD)),
        (&json!(true), Some("true"))
    );
}

#[test]
fn labels_survive_a_replace_that_does_not_know_them() {
    let mut old = managed("rest", 0, "2", "v1");
    old["metadata"]["labels"]["coalmine.dev/something-new"] = json!("x");
    let (stored, warnings) = update(
        &old,
        &deployment(2, "v1", &[("team", "a")]),
        &with_canary(CoarseStage::Rest),
    );
    let mut expected = old["metadata"]["labels"].clone();
    expected["team"] = json!("a");
    assert_eq!(stored["metadata"]["labels"], expected);
    assert_eq!(stored["spec"], old["spec"]);
    assert_eq!(warnings, Vec::<String>::new());
}

#[test]
fn without_a_canary_our_labels_and_our_pause_go() {
    let mut old = managed("hot", 3, "3", "v2");
    old["spec"]["paused"] = json!(true);
    old["metadata"]["labels"][labels::HELD] = json!("true");
    let facts = TargetFacts {
        enrolment: Enrolment::No,
        ..by_policy()
    };
    let mut new = old.clone();
    new["spec"]["replicas"] = json!(1);
    let (stored, _) = update(&old, &new, &facts);
    assert_eq!(stored["metadata"]["labels"], json!({}));
    assert_eq!(
        (stored["spec"].get("paused"), &stored["spec"]["replicas"]),
        (None, &json!(1))
    );
}

#[test]
fn a_canary_on_its_way_out_does_not_take_a_released_deployment_in_again() {
    let (old, new) = (deployment(3, "v1", &[]), deployment(3, "v2", &[]));
    assert_eq!(update(&old, &new, &with_canary(CoarseStage::Leaving)).0, new);
}

#[test]
fn our_own_writes_keep_their_values_and_own_no_held_field() {
    let mut new = managed("serving", 2, "2", "v2");
    new["metadata"]["managedFields"] = json!([{"manager": "coalmine", "operation": "Apply", "fieldsV1": {
        "f:metadata": {"f:labels": {"f:coalmine.dev/state": {}}}, "f:spec": {"f:replicas": {}}}}]);
    let outcome = mutate(
        &request(Operation::Update, "us", &managed("rest", 0, "2", "v2"), &new),
        &by_policy(),
    );
    let stored = applied(&new, &outcome.patch).unwrap();
    assert_eq!(stored["metadata"]["managedFields"], json!([]));
    assert_eq!((&stored["spec"], outcome.decision), (&new["spec"], Decision::OwnWrite));
}

#[test]
fn an_apply_that_says_the_stored_number_is_believed() {
    let old = managed("rest", 0, "2", "v1");
    let mut new = old.clone();
    new["metadata"]["managedFields"] = json!([{"manager": "flux", "operation": "Apply", "fieldsV1": {
        "f:spec": {"f:replicas": {}, "f:template": {}}}}]);
    let (stored, _) = update(&old, &new, &with_canary(CoarseStage::Rest));
    assert_eq!(label(&stored, labels::DESIRED_REPLICAS), Some("0"));
    assert_eq!(
        stored["metadata"]["managedFields"][0]["fieldsV1"],
        json!({"f:spec": {"f:template": {}}})
    );
}

#[test]
fn a_manifest_of_a_client_side_apply_that_now_says_zero_is_believed() {
    let manifest = |replicas: i64| json!({"spec": {"replicas": replicas}}).to_string();
    let key = "kubectl.kubernetes.io/last-applied-configuration";
    let mut old = managed("rest", 0, "2", "v1");
    old["metadata"]["annotations"] = json!({key: manifest(2)});
    let mut new = old.clone();
    new["metadata"]["annotations"] = json!({key: manifest(0)});
    let (stored, _) = update(&old, &new, &with_canary(CoarseStage::Rest));
    assert_eq!(label(&stored, labels::DESIRED_REPLICAS), Some("0"));
}

#[test]
fn subresources_and_deletions_pass() {
    let mut status = request(
        Operation::Update,
        "ann",
        &deployment(1, "a", &[]),
        &deployment(2, "b", &[]),
    );
    status.sub_resource = Some("status".into());
    assert_eq!(mutate(&status, &by_policy()).patch, Vec::new());
    let gone = request(Operation::Delete, "ann", &managed("rest", 0, "1", "v1"), &Value::Null);
    assert_eq!(mutate(&gone, &by_policy()).patch, Vec::new());
}

#[test]
fn without_caches_a_managed_deployment_is_held_and_an_unknown_one_is_not_decided() {
    let old = managed("rest", 0, "2", "v1");
    let manifest = request(Operation::Update, "ann", &old, &deployment(2, "v2", &[]));
    let outcome = mutate_blindly(&manifest, &[]).unwrap();
    let stored = applied(&manifest.object, &outcome.patch).unwrap();
    assert_eq!((&stored["spec"]["replicas"], outcome.warnings), (&json!(0), Vec::new()));
    assert_eq!(
        mutate_blindly(&request(Operation::Create, "ann", &Value::Null, &old), &[]),
        None
    );
    let plain = request(
        Operation::Update,
        "ann",
        &deployment(2, "v1", &[]),
        &deployment(2, "v2", &[]),
    );
    assert_eq!(mutate_blindly(&plain, &[]), None);
}
