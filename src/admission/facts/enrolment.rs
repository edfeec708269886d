//! Why is this Deployment one half of a pair, or why not? Pure.

use crate::admission::mutate::deployments::{self, CoarseStage, Enrolment};
use crate::admission::review::Request;
use crate::analysis;
use crate::api::{
    Canary,
    canary::{
        Phase,
        status::conditions::{NOT_RELEASED, READY},
    },
    labels,
};
use crate::plan::{
    self, Defaults, Selector, Workload,
    enrolment::pairing,
    revision::{hash, template_of},
};
use kube::ResourceExt;
use serde_json::Value;
use std::sync::Arc;

const DRY_RUN_ONLY: &str = "dry run, no pair is made and it serves as it is";

/// What is known about the namespace of a request.
pub(super) struct InNamespace<'a> {
    /// All its Canaries.
    pub canaries: &'a [Arc<Canary>],
    /// Name of the policy that applies.
    pub policy: &'a str,
    /// What the command line decides; under `--dry-run` the controller builds no pair.
    pub defaults: &'a Defaults,
}

/// Decides. `plan` is asked what the policy would make of the Deployment, or why nothing, where the policy decides; the plan
/// comes back beside the decision.
pub(super) fn enrolment<P>(
    request: &Request,
    known: &InNamespace<'_>,
    plan: impl FnOnce() -> Result<P, String>,
) -> (Enrolment, Option<P>) {
    if let Some(decided) = without_plan(request, known) {
        return (decided, None);
    }
    match plan() {
        Ok(plan) => (Enrolment::Policy(known.policy.to_owned()), Some(plan)),
        Err(reason) => (Enrolment::Refused(reason), None),
    }
}

// Nothing where the policy decides.
fn without_plan(request: &Request, known: &InNamespace<'_>) -> Option<Enrolment> {
    let name = request.object_name();
    let kind = kind_of(request);
    if let Some(canary) = kind.and_then(|kind| target_canary(known.canaries, kind, name)) {
        return Some(by_canary(canary, request, known.defaults));
    }
    // A policy enrols Deployments; whatever else is released has a Canary that says so.
    if kind != Some(Workload::Deployment) || name.is_empty() || is_half(&request.object, known, name) {
        return Some(Enrolment::No);
    }
    let dry_run = known.defaults.dry_run;
    dry_run.then(|| Enrolment::Refused(String::from(DRY_RUN_ONLY)))
}

fn by_canary(canary: &Canary, request: &Request, defaults: &Defaults) -> Enrolment {
    // Nothing would ever end the hold of a pair that a dry run only tries.
    let building = stage(canary) == CoarseStage::Building;
    if building && (defaults.dry_run || canary.dry_run()) {
        return Enrolment::Refused(String::from(DRY_RUN_ONLY));
    }
    // Nor of one that cannot be carried out. What is built goes on, so nobody asks it of every change of an app.
    let why = building.then(|| unreleasable(canary, &request.object, defaults));
    if let Some(why) = why.flatten() {
        return Enrolment::Refused(format!("canary/{}: {why}", canary.name_any()));
    }
    Enrolment::Canary(summary(canary))
}

/// Why the controller cannot carry out a Canary as it is.
fn unreleasable(canary: &Canary, target: &Value, defaults: &Defaults) -> Option<String> {
    let pair = match plan::blueprint(canary, defaults) {
        Ok(pair) => pair,
        Err(why) => return Some(why),
    };
    if let Err(why) = pairing::names(&pair) {
        return Some(why.to_string());
    }
    let selector = Selector::of(target, &defaults.selector_labels)
        .err()
        .filter(|_| pair.workload.rolls());
    selector.map(|why| why.to_string())
}

/// What the object of a request is, as a target; nothing where it is none.
pub(super) fn kind_of(request: &Request) -> Option<Workload> {
    Workload::served(&request.kind.group, &request.kind.kind)
}

/// The Canary that targets the `kind` of that `name`: a hand-written one before a generated one, then by name.
pub fn target_canary<'a>(canaries: &'a [Arc<Canary>], kind: Workload, name: &str) -> Option<&'a Canary> {
    let targets = |canary: &&Arc<Canary>| canary.target_name() == name && Workload::of(canary) == Some(kind);
    let key = |canary: &&Arc<Canary>| (canary.labels().contains_key(labels::GENERATED), canary.name_any());
    canaries.iter().filter(targets).min_by_key(key).map(Arc::as_ref)
}

/// Whether the Deployment is the other half of a pair: primary is nobody's target.
fn is_half(object: &Value, known: &InNamespace<'_>, name: &str) -> bool {
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    let owned = owners
        .into_iter()
        .flatten()
        .any(|owner| owner.get("kind").and_then(Value::as_str) == Some("Canary"));
    owned || known.canaries.iter().any(|canary| canary.primary_name() == name)
}

/// Where a Canary stands, as far as the webhook is concerned.
pub fn stage(canary: &Canary) -> CoarseStage {
    let status = canary.status.as_ref();
    let phase = status.map(|status| status.phase).unwrap_or_default();
    let run = status.and_then(|status| status.run.as_ref());
    // Primary did not become ready with the verified revision, which goes on serving until it does.
    let stuck = run.is_some_and(|run| run.stage == analysis::Stage::Replacing.as_str());
    match phase {
        _ if canary.metadata.deletion_timestamp.is_some() => CoarseStage::Leaving,
        Phase::Unset | Phase::Initializing => CoarseStage::Building,
        Phase::Initialized | Phase::Succeeded => CoarseStage::Rest,
        Phase::Failed if stuck => CoarseStage::Promoting,
        Phase::Failed => CoarseStage::Failed,
        Phase::Waiting => CoarseStage::Waiting,
        Phase::Progressing | Phase::WaitingPromotion => CoarseStage::Running,
        Phase::Promoting | Phase::Finalising => CoarseStage::Promoting,
        Phase::Terminating | Phase::Terminated => CoarseStage::Leaving,
    }
}

fn summary(canary: &Canary) -> deployments::CanarySummary {
    // Not as a whole: most of a status is history.
    let status = canary.status.as_ref();
    let stage = stage(canary);
    // Flagger's own hashes are opaque: nothing is said about a revision that only they name.
    let ours = |hash: Option<&String>| hash.filter(|hash| hash::is_current(hash)).cloned();
    let promoted = status.and_then(|status| status.last_promoted_spec.as_ref());
    let applied = status.and_then(|status| status.last_applied_spec.as_ref());
    let run = status.and_then(|status| status.run.as_ref());
    let mut revisions = run
        .into_iter()
        .flat_map(|run| [&run.promoted_revision, &run.applied_revision])
        .flatten();
    deployments::CanarySummary {
        name: canary.name_any(),
        stage,
        promoted: ours(promoted),
        failed: ours(applied).filter(|_| stage == CoarseStage::Failed),
        reads_configs: revisions.any(|revision| revision != template_of(revision)),
        suspended: canary.suspended(),
        unbuilt: unbuilt(canary, stage),
    }
}

// Why the pair cannot be built as things are, in the controller's words.
fn unbuilt(canary: &Canary, stage: CoarseStage) -> Option<String> {
    let status = canary.status.as_ref()?;
    let ready = status.condition(READY);
    let run = status.run.as_ref();
    let unbuilt = run.is_some_and(|run| run.reason.as_deref() == Some(analysis::UNBUILT))
        || ready.is_some_and(|condition| condition.reason == NOT_RELEASED);
    let told = ready.and_then(|condition| condition.message.clone());
    (unbuilt && stage == CoarseStage::Building).then(|| told.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn canary(name: &str, target: &str, generated: bool, phase: &str) -> Arc<Canary> {
        let labels = if generated {
            json!({labels::GENERATED: "true"})
        } else {
            json!({})
        };
        let value = json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
            "metadata": {"name": name, "namespace": "web", "labels": labels},
            "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target}},
            "status": {"phase": phase},
        });
        Arc::new(serde_json::from_value(value).unwrap())
    }

    fn defaults() -> Defaults {
        Defaults {
            provider: "kubernetes".into(),
            selector_labels: Selector::default_keys(),
            ..Defaults::default()
        }
    }

    fn ask(name: &str, object: Value, canaries: &[Arc<Canary>]) -> Enrolment {
        let request = Request {
            name: name.into(),
            namespace: "web".into(),
            kind: crate::admission::review::GroupVersionKind {
                group: "apps".into(),
                kind: "Deployment".into(),
                ..Default::default()
            },
            object,
            ..Request::default()
        };
        let known = InNamespace {
            canaries,
            policy: "default",
            defaults: &defaults(),
        };
        enrolment(&request, &known, || Ok(())).0
    }

    #[test]
    fn a_hand_written_canary_wins_over_a_generated_one() {
        let canaries = [
            canary("a", "shop", true, "Succeeded"),
            canary("z", "shop", false, "Progressing"),
        ];
        match ask("shop", json!({}), &canaries) {
            Enrolment::Canary(found) => assert_eq!((found.name.as_str(), found.stage), ("z", CoarseStage::Running)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn who_targets_an_object_of_one_group_targets_none_of_its_name_in_another() {
        let of = |name: &str, api_version: &str| {
            let mut one = Canary::clone(&canary(name, "shop", false, "Succeeded"));
            one.spec.target_ref.api_version = api_version.into();
            one.spec.target_ref.kind = "Service".into();
            Arc::new(one)
        };
        // By name the first would be found for either.
        let canaries = [of("a", "serving.knative.dev/v1"), of("z", "v1")];
        let found = |group: &str, version: &str| {
            let kind = crate::admission::review::GroupVersionKind {
                group: group.into(),
                version: version.into(),
                kind: "Service".into(),
            };
            let request = Request {
                kind,
                ..Request::default()
            };
            let found = target_canary(&canaries, kind_of(&request)?, "shop");
            found.map(ResourceExt::name_any)
        };
        assert_eq!(found("", "v1").as_deref(), Some("z"));
        for version in ["v1", "v1beta1"] {
            assert_eq!(found("serving.knative.dev", version).as_deref(), Some("a"));
        }
        assert_eq!(found("networking.example.com", "v1"), None);
    }

    #[test]
    fn primary_is_nobodys_target() {
        let canaries = [canary("shop", "shop", true, "Succeeded")];
        assert_eq!(ask("shop-primary", json!({}), &canaries), Enrolment::No);
        let owned = json!({"metadata": {"ownerReferences": [{"kind": "Canary", "name": "x"}]}});
        assert_eq!(ask("other-primary", owned, &[]), Enrolment::No);
    }

    #[test]
    fn without_a_canary_the_policy_decides() {
        assert_eq!(ask("shop", json!({}), &[]), Enrolment::Policy("default".into()));
    }

    #[test]
    fn a_dry_run_holds_nothing_but_a_pair_that_exists_goes_on() {
        let in_a_dry_run = |phase: &str| {
            let mut one = Canary::clone(&canary("shop", "shop", true, phase));
            one.spec.dry_run = Some(true);
            [Arc::new(one)]
        };
        let found = ask("shop", json!({}), &in_a_dry_run(""));
        assert_eq!(found, Enrolment::Refused(DRY_RUN_ONLY.into()));
        let found = ask("shop", json!({}), &in_a_dry_run("Succeeded"));
        assert!(matches!(found, Enrolment::Canary(_)), "{found:?}");
    }

    #[test]
    fn a_canary_that_cannot_be_carried_out_holds_nothing() {
        let with = |edit: fn(&mut Canary)| {
            let mut one = Canary::clone(&canary("shop", "shop", false, ""));
            edit(&mut one);
            [Arc::new(one)]
        };
        let object = |label: &str| json!({"spec": {"selector": {"matchLabels": {label: "shop"}}}});
        let unbuilt = with(|canary| canary.spec.provider = Some("unheard-of".into()));
        for (canaries, object, word) in [
            (&unbuilt, object("app"), "unheard-of"),
            (&with(|_| ()), object("tier"), "must contain one of"),
        ] {
            match ask("shop", object, canaries) {
                Enrolment::Refused(why) => assert!(why.contains(word), "{why}"),
                other => panic!("{other:?}"),
            }
        }
        // What is built already goes on.
        let mut serving = Canary::clone(&unbuilt[0]);
        serving.status = Some(serde_json::from_value(json!({"phase": "Succeeded"})).unwrap());
        let found = ask("shop", object("app"), &[Arc::new(serving)]);
        assert!(matches!(found, Enrolment::Canary(_)), "{found:?}");
    }

    #[test]
    fn that_a_pair_cannot_be_built_is_known_with_its_reason() {
        let mut one = Canary::clone(&canary("shop", "shop", true, "Initializing"));
        let status = json!({
            "phase": "Initializing", "run": {"stage": "Building", "reason": "unbuilt"},
            "conditions": [{"type": "Ready", "status": "False", "reason": "NotBuilt", "message": "exceeded quota"}],
        });
        one.status = Some(serde_json::from_value(status).unwrap());
        let object = json!({"spec": {"selector": {"matchLabels": {"app": "shop"}}}});
        match ask("shop", object.clone(), &[Arc::new(one)]) {
            Enrolment::Canary(canary) => assert_eq!(canary.unbuilt.as_deref(), Some("exceeded quota")),
            other => panic!("{other:?}"),
        }
        let mut shares = Canary::clone(&canary("shop", "shop", false, "Initializing"));
        let condition =
            json!({"type": "Ready", "status": "False", "reason": NOT_RELEASED, "message": "shares a Service"});
        let status = json!({"phase": "Initializing", "conditions": [condition]});
        shares.status = Some(serde_json::from_value(status).unwrap());
        match ask("shop", object, &[Arc::new(shares)]) {
            Enrolment::Canary(canary) => assert_eq!(canary.unbuilt.as_deref(), Some("shares a Service")),
            other => panic!("{other:?}"),
        }
    }
}
