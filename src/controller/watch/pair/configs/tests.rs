use super::*;
use crate::api::canary::RunStatus;
use serde_json::json;
use std::str::FromStr;

fn config(name: &str, color: &str) -> Value {
    json!({"kind": "ConfigMap", "metadata": {"name": name}, "data": {"color": color}})
}

fn template() -> Value {
    json!({"spec": {"containers": [{"envFrom": [
        {"configMapRef": {"name": "a"}}, {"configMapRef": {"name": "b", "optional": true}}, {"secretRef": {"name": "c"}}]}]}})
}

fn survey(objects: &[Value]) -> Survey {
    Configs::sample(objects).survey(&template())
}

fn status(applied: &Survey, promoted: &Survey) -> CanaryStatus {
    CanaryStatus {
        run: Some(RunStatus {
            applied_revision: Some(applied.revision.clone()),
            promoted_revision: Some(promoted.revision.clone()),
            ..RunStatus::default()
        }),
        ..CanaryStatus::default()
    }
}

#[test]
fn a_summary_has_no_data() {
    let secret = json!({"kind": "Secret", "type": "Opaque", "metadata": {"name": "s", "annotations": {"x": "hunter2"}},
        "data": {"password": "aHVudGVyMg=="}, "stringData": {"password": "hunter2"}});
    let text = digest(&secret).to_string();
    assert!(!text.contains("hunter2") && !text.contains("aHVudGVyMg"), "{text}");
    assert!(text.contains(&configs::checksum(&secret)));
}

#[test]
fn configs_that_are_too_large_together_or_too_many_are_shared_and_said() {
    let names: Vec<String> = (0..400).map(|n| format!("c-{n:03}")).collect();
    let reads: Vec<Value> = names
        .iter()
        .map(|name| json!({"configMapRef": {"name": name}}))
        .collect();
    let template = json!({"spec": {"containers": [{"envFrom": reads}]}});
    let all: Vec<Value> = names.iter().map(|name| config(name, "red")).collect();
    let found = Configs::sample(&all).survey(&template);
    assert_eq!(
        (found.tracked.len(), found.shared.len(), found.missing.len()),
        (256, 144, 0)
    );
    assert_eq!(named(&template, &ConfigKind::ALL).len(), 2 * 256);

    let large: Vec<Value> = names
        .iter()
        .take(20)
        .map(|name| config(name, &"x".repeat(1_000_000)))
        .collect();
    let template = json!({"spec": {"containers": [{"envFrom": reads.get(..20)}]}});
    let found = Configs::sample(&large).survey(&template);
    assert_eq!((found.tracked.len(), found.shared.len()), (8, 12));
    assert_eq!(found.shared[0].name, "c-008", "in the order of their names");
}

#[test]
fn what_is_mandatory_and_gone_is_named_and_what_is_optional_is_skipped() {
    let of = |name: &str, kind| Reference {
        kind,
        name: name.to_owned(),
    };
    let secret = json!({"kind": "Secret", "type": "Opaque", "metadata": {"name": "c"}});
    assert_eq!(
        survey(&[]).missing,
        [of("a", ConfigKind::ConfigMap), of("c", ConfigKind::Secret)]
    );
    let found = survey(&[config("a", "red"), secret]);
    assert_eq!(found.missing, []);
    assert_eq!(
        found.tracked.keys().map(Reference::key).collect::<Vec<_>>(),
        ["configmap/a", "secret/c"]
    );
    assert_ne!(found.revision, survey(&[config("a", "red"), config("b", "x")]).revision);
}

#[test]
fn the_status_says_what_was_applied_what_was_promoted_and_what_changed() {
    let old = survey(&[config("a", "red")]);
    let new = survey(&[config("a", "green"), config("b", "x")]);
    // Built.
    let mut built = status(&old, &old);
    assert_eq!(record(&CanaryStatus::default(), &mut built, || vec![old.clone()]), []);
    let sums = |survey: &Survey| Some(keys(&survey.tracked));
    assert_eq!(
        (
            built.tracked_configs.clone(),
            built.run.clone().unwrap().promoted_configs
        ),
        (sums(&old), sums(&old))
    );
    // A run starts.
    let mut running = status(&new, &old);
    running.run.as_mut().unwrap().promoted_configs = sums(&old);
    let changed: Vec<String> = record(&built, &mut running, || vec![new.clone()])
        .iter()
        .map(Reference::to_string)
        .collect();
    assert_eq!(changed, ["ConfigMap a", "ConfigMap b"]);
    assert_eq!(
        (
            running.tracked_configs.clone(),
            running.run.clone().unwrap().promoted_configs
        ),
        (sums(&new), sums(&old))
    );
    // It is promoted, and the original is edited again in the same moment.
    let mut promoted = status(&new, &new);
    promoted.tracked_configs = running.tracked_configs.clone();
    record(&running, &mut promoted, || vec![survey(&[config("a", "blue")])]);
    assert_eq!(
        (promoted.tracked_configs, promoted.run.unwrap().promoted_configs),
        (sums(&new), sums(&new))
    );
    // Or given up: what was promoted is applied again.
    let mut cancelled = status(&old, &old);
    cancelled.run.as_mut().unwrap().promoted_configs = sums(&old);
    record(&running, &mut cancelled, Vec::new);
    assert_eq!(cancelled.tracked_configs, sums(&old));
}

#[test]
fn at_rest_nobody_asks_which_revisions_there_are() {
    let old = survey(&[config("a", "red")]);
    let recorded = status(&old, &old);
    let mut next = recorded.clone();
    next.canary_weight = 5;
    let changed = record(&recorded, &mut next, || panic!("every stored revision is read"));
    assert_eq!(changed, []);
}

#[test]
fn a_record_from_before_configs_were_tracked_is_no_change() {
    let now = jiff::Timestamp::from_str("2026-11-23T10:00:00Z").unwrap();
    let target = json!({"spec": {"template": template()}});
    let configs = Configs::sample(&[config("a", "red")]);
    let revision = configs.survey(&template()).revision;
    let mut state = State::new(now);
    state.last_promoted = Some(template_hash(&template()));
    state.last_applied = Some(String::from("v1-other"));
    configs.in_terms_of_now(&mut state, Some(&target));
    assert_eq!(state.last_promoted, Some(revision));
    assert_eq!(state.last_applied.as_deref(), Some("v1-other"));
    Configs::default().in_terms_of_now(&mut state, Some(&target));
    assert_eq!(state.last_promoted, Some(template_hash(&template())));
}
