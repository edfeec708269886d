//! How far a workload's rollout is, by Flagger 1.44's rules (`pkg/canary/deployment_ready.go`, `daemonset_ready.go`).

use crate::analysis::Rollout;
use crate::object::{condition, text};
use serde_json::Value;

/// The rollout of `deployment`; `threshold` is the percentage of updated replicas that must be available.
pub fn rollout(deployment: &Value, threshold: u32) -> Rollout {
    let number = |pointer| deployment.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
    if number("/status/observedGeneration") < number("/metadata/generation") {
        return waiting("observed deployment generation less than desired generation");
    }
    let Some(missing) = missing(deployment, threshold) else {
        return Rollout::Ready;
    };
    // The deadline is of all pods; a threshold may ask for fewer, and they may be there.
    let name = deployment
        .pointer("/metadata/name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if condition(deployment, "Progressing").is_some_and(|one| text(one, "/reason") == "ProgressDeadlineExceeded") {
        return Rollout::Failed(format!("deployment {name:?} exceeded its progress deadline"));
    }
    Rollout::Waiting(missing)
}

// The first thing that is missing for `threshold` percent of the pods; `None` when nothing is.
fn missing(deployment: &Value, threshold: u32) -> Option<String> {
    let number = |pointer| deployment.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
    let wanted = deployment
        .pointer("/spec/replicas")
        .and_then(Value::as_i64)
        .unwrap_or(1);
    let (updated, all, available) = (
        number("/status/updatedReplicas"),
        number("/status/replicas"),
        number("/status/availableReplicas"),
    );
    if updated < wanted {
        return Some(format!("{updated} out of {wanted} new replicas have been updated"));
    }
    if all > updated {
        return Some(format!(
            "{} old replicas are pending termination",
            all.saturating_sub(updated)
        ));
    }
    let enough = part(updated, threshold);
    (available < enough)
        .then(|| format!("{available} of {updated} (readyThreshold {threshold}%) updated replicas are available"))
}

/// So many percent of `all`, a number that somebody else wrote.
fn part(all: i64, percent: u32) -> i64 {
    all.saturating_mul(i64::from(percent.min(100))) / 100
}

/// The rollout of a ReplicaSet on its own: of a held Deployment, whose stored template is not the one that runs.
pub fn replica_set(set: &Value, threshold: u32) -> Rollout {
    let number = |pointer| set.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
    let (wanted, available) = (number("/spec/replicas"), number("/status/availableReplicas"));
    if available >= part(wanted, threshold) {
        Rollout::Ready
    } else {
        waiting(&format!("{available} of {wanted} replicas are available"))
    }
}

/// The rollout of a DaemonSet; `threshold` is the percentage of its nodes whose pod must be available.
///
/// Beyond Flagger, which reads a status that may belong to the generation before.
pub fn daemon_set(object: &Value, threshold: u32) -> Rollout {
    let number = |pointer| object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
    if number("/status/observedGeneration") < number("/metadata/generation") {
        return waiting("observed daemonset generation less than desired generation");
    }
    let (desired, updated, available) = (
        number("/status/desiredNumberScheduled"),
        number("/status/updatedNumberScheduled"),
        number("/status/numberAvailable"),
    );
    if updated < desired {
        return waiting(&format!("{updated} out of {desired} new pods have been updated"));
    }
    if available < part(desired, threshold) {
        return waiting(&format!(
            "{available} of {desired} (readyThreshold {threshold}%) updated pods are available"
        ));
    }
    Rollout::Ready
}

/// The rollout of a DaemonSet that we hold: its pods are of the template before the stored one.
pub fn held_daemon_set(object: &Value, threshold: u32) -> Rollout {
    let number = |pointer| object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
    let (desired, available) = (
        number("/status/desiredNumberScheduled"),
        number("/status/numberAvailable"),
    );
    if available >= part(desired, threshold) {
        Rollout::Ready
    } else {
        waiting(&format!("{available} of {desired} pods are available"))
    }
}

fn waiting(text: &str) -> Rollout {
    Rollout::Waiting(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn deployment(spec: i64, updated: i64, all: i64, available: i64) -> Value {
        json!({
            "metadata": {"name": "web", "generation": 2}, "spec": {"replicas": spec},
            "status": {"observedGeneration": 2, "updatedReplicas": updated, "replicas": all, "availableReplicas": available},
        })
    }

    #[test]
    fn the_first_thing_missing_is_named_in_flaggers_words() {
        for (of, text) in [
            (deployment(2, 1, 2, 2), "1 out of 2 new replicas have been updated"),
            (deployment(2, 2, 3, 3), "1 old replicas are pending termination"),
            (
                deployment(2, 2, 2, 1),
                "1 of 2 (readyThreshold 100%) updated replicas are available",
            ),
        ] {
            assert_eq!(rollout(&of, 100), Rollout::Waiting(text.to_owned()));
        }
        assert_eq!(rollout(&deployment(2, 2, 2, 1), 50), Rollout::Ready);
        assert_eq!(rollout(&deployment(0, 0, 0, 0), 100), Rollout::Ready);
    }

    #[test]
    fn an_unobserved_generation_is_not_ready_and_a_missed_deadline_is_final() {
        let mut of = deployment(2, 2, 2, 2);
        of["metadata"]["generation"] = json!(3);
        assert!(matches!(rollout(&of, 100), Rollout::Waiting(_)));
        let mut of = deployment(2, 2, 2, 0);
        of["status"]["conditions"] = json!([{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]);
        assert_eq!(
            rollout(&of, 100),
            Rollout::Failed("deployment \"web\" exceeded its progress deadline".into())
        );
        // As many as were asked for are there: the others are not waited for.
        of["status"]["availableReplicas"] = json!(1);
        assert_eq!(rollout(&of, 50), Rollout::Ready);
        assert!(matches!(rollout(&of, 100), Rollout::Failed(_)));
    }
}
