use super::*;
use crate::plan::{primary, revision::hash::template_hash};

fn target(image: &str) -> Value {
    json!({
        "metadata": {"name": "web", "namespace": "shop", "uid": "t-1"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": image, "envFrom": [{"configMapRef": {"name": "cfg"}}]}]}}},
    })
}

fn config(name: &str, color: &str, owner: Option<&str>) -> Value {
    let owners = owner.map(|uid| json!([{"kind": "Canary", "name": "web", "uid": uid}]));
    json!({"kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop", "ownerReferences": owners}, "data": {"color": color}})
}

// As Flagger has it: its own id, and no annotation of ours.
fn flaggers(image: &str, reads: &str, owned: bool) -> Value {
    let target = target(image);
    let selector = Selector::of(&target, &Selector::default_keys()).unwrap();
    let mut made = primary(
        &target,
        &target["spec"]["template"],
        "id",
        2,
        &selector,
        &Blueprint::sample(),
    );
    made["spec"]["template"]["spec"]["containers"][0]["envFrom"][0]["configMapRef"]["name"] = json!(reads);
    made["metadata"]["annotations"] = Value::Null;
    if !owned {
        made["metadata"]["ownerReferences"] = json!([]);
    }
    made
}

fn canary(status: Value) -> Canary {
    serde_json::from_value(json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "web", "namespace": "shop", "uid": "u-1"},
        "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}},
        "status": status,
    }))
    .unwrap()
}

fn look(primary: Value, configs: &[Value], canary: &Canary) -> (Live, Option<Inherited>) {
    let mut live = Live {
        target: Some(target("web:2")),
        primary: Some(primary),
        configs: Configs::sample(configs),
        ..Live::default()
    };
    let selector = Selector::of(live.target.as_ref().unwrap(), &Selector::default_keys()).unwrap();
    let blueprint = Blueprint::sample();
    live.source = source(
        &live,
        &selector,
        &blueprint,
        &Selector::default_keys(),
        &recorded(canary),
    );
    let found = inherited(canary, &live, &blueprint);
    (live, found)
}

#[test]
fn what_flaggers_primary_serves_is_told_with_what_its_copies_hold() {
    let configs = [config("cfg", "green", None), config("cfg-primary", "red", Some("u-1"))];
    let failed = canary(json!({"phase": "Failed"}));
    let (live, found) = look(flaggers("web:1", "cfg-primary", true), &configs, &failed);
    let found = found.unwrap();
    assert_eq!(found.phase, Phase::Failed);
    let v1 = &target("web:1")["spec"]["template"];
    let read_red = Configs::sample(&[config("cfg", "red", None)]).survey(v1).revision;
    assert_eq!(found.revision, read_red);
    assert_eq!(
        live.template(&found.revision).as_ref(),
        Some(v1),
        "it can be made again"
    );
    assert!(live.surveys().iter().any(|survey| survey.revision == found.revision));
}

#[test]
fn a_copy_that_cannot_be_read_is_known_by_the_status() {
    let status = canary(json!({"phase": "Succeeded", "trackedConfigs": {"configmap/cfg": "x"}}));
    let (live, _) = look(flaggers("web:2", "cfg-primary", true), &[], &status);
    let source = live.source.unwrap();
    assert_eq!(
        template_hash(&source.object["spec"]["template"]),
        template_hash(&target("web:2")["spec"]["template"])
    );
    let own = canary(json!({"phase": "Succeeded"}));
    let shared = [config("cfg-primary", "red", None)];
    let (live, _) = look(flaggers("web:2", "cfg-primary", true), &shared, &own);
    let named = live.source.unwrap().object["spec"]["template"]["spec"]["containers"][0]["envFrom"][0].clone();
    assert_eq!(
        named["configMapRef"]["name"], "cfg-primary",
        "its own config, called so"
    );
}

#[test]
fn only_a_primary_without_a_revision_of_ours_is_inherited() {
    let status = canary(json!({"phase": "Succeeded"}));
    let found = |primary| look(primary, &[], &status).1.is_some();
    assert!(found(flaggers("web:1", "cfg", true)));
    assert!(found(flaggers("web:1", "cfg", false)), "restored without its owner");
    let mut ours = flaggers("web:1", "cfg", true);
    ours["metadata"]["annotations"] = json!({"coalmine.dev/revision": "v1-a"});
    assert!(!found(ours));
    let mut foreign = flaggers("web:1", "cfg", false);
    foreign["metadata"]["labels"] = json!({"app": "web-primary"});
    assert!(!found(foreign));
    let empty = Live {
        primary: Some(json!({})),
        ..Live::default()
    };
    assert!(readings(&Live::default()).is_empty() && readings(&empty).is_empty());
}
