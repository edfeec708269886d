//! Why is this Deployment one half of a pair, or why not? Pure.

use crate::admission::deployments::{self, Enrolment, Stage};
use crate::admission::review::Request;
use crate::analysis;
use crate::api::canary::Phase;
use crate::api::{Canary, labels};
use crate::plan::hash;
use kube::ResourceExt;
use serde_json::Value;
use std::sync::Arc;

const REHEARSED: &str = "dry run, no pair is made and it serves as it is";

/// What is known about the namespace of a request.
pub struct Facts<'a> {
    /// The namespace.
    pub namespace: &'a str,
    /// All its Canaries.
    pub canaries: &'a [Arc<Canary>],
    /// Name of the policy that applies.
    pub policy: &'a str,
    /// `--dry-run`: the controller builds no pair.
    pub dry_run: bool,
}

/// Decides. `plan` says whether the policy would render a Canary for a Deployment, or why not.
pub fn enrolment(request: &Request, facts: &Facts<'_>, plan: impl FnOnce(&Value) -> Result<(), String>) -> Enrolment {
    let name = request.object_name();
    let kind = request.kind.kind.as_str();
    if let Some(canary) = target_canary(facts.canaries, kind, name) {
        // Nothing would ever end the hold of a pair that is only rehearsed.
        if (facts.dry_run || canary.dry_run()) && stage(canary) == Stage::Building {
            return Enrolment::Refused(String::from(REHEARSED));
        }
        return Enrolment::Canary(summary(canary));
    }
    // A policy enrols Deployments; whatever else is released has a Canary that says so.
    if kind != "Deployment" || name.is_empty() || is_half(&request.object, facts, name) {
        return Enrolment::No;
    }
    if facts.dry_run {
        return Enrolment::Refused(String::from(REHEARSED));
    }
    match plan(&request.object) {
        Ok(()) => Enrolment::Policy(facts.policy.to_owned()),
        Err(reason) => Enrolment::Refused(reason),
    }
}

/// The Canary that targets the `kind` of that `name`: a hand-written one before a generated one, then by name.
pub fn target_canary<'a>(canaries: &'a [Arc<Canary>], kind: &str, name: &str) -> Option<&'a Canary> {
    let targets = |canary: &&Arc<Canary>| {
        let target = &canary.spec.target_ref;
        target.kind == kind && target.name == name
    };
    let key = |canary: &&Arc<Canary>| (canary.labels().contains_key(labels::GENERATED), canary.name_any());
    canaries.iter().filter(targets).min_by_key(key).map(Arc::as_ref)
}

/// Whether the Deployment is the other half of a pair: P is nobody's target.
fn is_half(object: &Value, facts: &Facts<'_>, name: &str) -> bool {
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    let owned = owners
        .into_iter()
        .flatten()
        .any(|owner| owner.get("kind").and_then(Value::as_str) == Some("Canary"));
    owned || facts.canaries.iter().any(|canary| canary.primary_name() == name)
}

/// Where a Canary stands, as far as the door is concerned.
pub fn stage(canary: &Canary) -> Stage {
    let status = canary.status.as_ref();
    let phase = status.map(|status| status.phase).unwrap_or_default();
    let run = status.and_then(|status| status.run.as_ref());
    // Primary did not become ready with the verified revision, which goes on serving until it does.
    let stuck = run.is_some_and(|run| run.stage == analysis::Stage::Replacing.as_str());
    match phase {
        _ if canary.metadata.deletion_timestamp.is_some() => Stage::Leaving,
        Phase::Unset | Phase::Initializing => Stage::Building,
        Phase::Initialized | Phase::Succeeded => Stage::Rest,
        Phase::Failed if stuck => Stage::Promoting,
        Phase::Failed => Stage::Failed,
        Phase::Waiting => Stage::Waiting,
        Phase::Progressing | Phase::WaitingPromotion => Stage::Running,
        Phase::Promoting | Phase::Finalising => Stage::Promoting,
        Phase::Terminating | Phase::Terminated => Stage::Leaving,
    }
}

fn summary(canary: &Canary) -> deployments::Canary {
    let status = canary.status.clone().unwrap_or_default();
    let stage = stage(canary);
    // Flagger's own hashes are opaque: nothing is said about a revision that only they name.
    let ours = |hash: Option<String>| hash.filter(|hash| hash::is_current(hash));
    deployments::Canary {
        name: canary.name_any(),
        stage,
        promoted: ours(status.last_promoted_spec),
        failed: ours(status.last_applied_spec).filter(|_| stage == Stage::Failed),
        suspended: canary.suspended(),
    }
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

    fn ask(name: &str, object: Value, canaries: &[Arc<Canary>]) -> Enrolment {
        let request = Request {
            name: name.into(),
            namespace: "web".into(),
            kind: crate::admission::review::GroupVersionKind {
                kind: "Deployment".into(),
                ..Default::default()
            },
            object,
            ..Request::default()
        };
        enrolment(
            &request,
            &Facts {
                namespace: "web",
                canaries,
                policy: "default",
                dry_run: false,
            },
            |_| Ok(()),
        )
    }

    #[test]
    fn a_hand_written_canary_wins_over_a_generated_one() {
        let canaries = [
            canary("a", "shop", true, "Succeeded"),
            canary("z", "shop", false, "Progressing"),
        ];
        match ask("shop", json!({}), &canaries) {
            Enrolment::Canary(found) => assert_eq!((found.name.as_str(), found.stage), ("z", Stage::Running)),
            other => panic!("{other:?}"),
        }
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
    fn a_pair_that_is_only_rehearsed_holds_nothing_but_one_that_exists_goes_on() {
        let rehearsing = |phase: &str| {
            let mut one = Canary::clone(&canary("shop", "shop", true, phase));
            one.spec.dry_run = Some(true);
            [Arc::new(one)]
        };
        let found = ask("shop", json!({}), &rehearsing(""));
        assert_eq!(found, Enrolment::Refused(REHEARSED.into()));
        let found = ask("shop", json!({}), &rehearsing("Succeeded"));
        assert!(matches!(found, Enrolment::Canary(_)), "{found:?}");
    }
}
