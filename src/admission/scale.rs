//! `deployments/scale`: refused where it would start pods that nobody verified, with the command that does what was
//! meant. Pure.
//!
//! The Scale object carries no labels, so T's state comes from a cache. An unknown T is not managed: allowed.

use super::deployments::Stage;
use super::review::{Denial, Request, Response};
use crate::api::labels::{DESIRED_REPLICAS, TargetState};
use serde_json::Value;

/// Decides a change of the replicas of T, whose state label is `state` and whose Canary is at `stage`.
pub fn validate(request: &Request, state: Option<TargetState>, stage: Option<Stage>) -> Response {
    let (was, wanted) = (replicas(&request.old_object), replicas(&request.object));
    if was == wanted {
        return unchanged(request, state, wanted);
    }
    match (state, stage) {
        (Some(TargetState::Rest | TargetState::Cold), Some(Stage::Running)) => Response::allow()
            .with_audit("decision", "running")
            .with_warnings([format!(
                "coalmine: only the canary of deployment/{} is scaled; to change the wanted number: {}",
                request.name,
                command(request, wanted)
            )]),
        (Some(TargetState::Rest | TargetState::Cold), _) => {
            let message = format!(
                "deployment {:?} rests at {was} replicas while {}-primary serves; to have {wanted} replicas, run: {}",
                request.name,
                request.name,
                command(request, wanted)
            );
            Response::deny(Denial::forbidden(message)).with_audit("decision", "rest")
        }
        (Some(TargetState::Hot | TargetState::Serving), _) | (None, _) => {
            Response::allow().with_audit("decision", "serves")
        }
    }
}

/// A zero is left out of a Scale.
fn replicas(scale: &Value) -> i64 {
    scale.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(0)
}

/// Nothing changes; but whoever asks for the zero that T rests at may mean primary.
fn unchanged(request: &Request, state: Option<TargetState>, wanted: i64) -> Response {
    let response = Response::allow().with_audit("decision", "unchanged");
    if state != Some(TargetState::Rest) {
        return response;
    }
    let (name, namespace) = (&request.name, &request.namespace);
    response.with_warnings([format!(
        "coalmine: {name} rests at {wanted} already; to have {wanted} replicas of {name}-primary, run: \
         kubectl label deployment {name} -n {namespace} {DESIRED_REPLICAS}={wanted} --overwrite"
    )])
}

/// The hold records a changed `spec.replicas`.
fn command(request: &Request, wanted: i64) -> String {
    let (name, namespace) = (&request.name, &request.namespace);
    format!("kubectl patch deployment {name} -n {namespace} --type merge -p '{{\"spec\":{{\"replicas\":{wanted}}}}}'")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request(was: i64, wanted: i64) -> Request {
        let scale = |replicas: i64| {
            if replicas == 0 {
                json!({"spec": {}})
            } else {
                json!({"spec": {"replicas": replicas}})
            }
        };
        Request {
            name: "shop".into(),
            namespace: "web".into(),
            sub_resource: Some("scale".into()),
            object: scale(wanted),
            old_object: scale(was),
            ..Request::default()
        }
    }

    #[test]
    fn at_rest_it_is_refused_with_the_command_that_does_what_was_meant() {
        let response = validate(&request(0, 4), Some(TargetState::Rest), Some(Stage::Rest));
        let denial = response.denial.unwrap();
        assert_eq!((denial.code, denial.reason), (403, "Forbidden"));
        assert_eq!(
            denial.message,
            "deployment \"shop\" rests at 0 replicas while shop-primary serves; to have 4 replicas, run: \
             kubectl patch deployment shop -n web --type merge -p '{\"spec\":{\"replicas\":4}}'"
        );
    }

    #[test]
    fn what_serves_or_runs_or_is_not_managed_may_be_scaled() {
        for (state, stage) in [
            (Some(TargetState::Hot), Some(Stage::Building)),
            (Some(TargetState::Serving), Some(Stage::Running)),
            (Some(TargetState::Rest), Some(Stage::Running)),
            (None, None),
        ] {
            assert!(validate(&request(1, 4), state, stage).allowed());
        }
    }

    #[test]
    fn a_scale_that_changes_nothing_is_allowed_at_rest() {
        let response = validate(&request(0, 0), Some(TargetState::Rest), Some(Stage::Rest));
        assert!(response.allowed());
        assert!(
            response.warnings[0]
                .ends_with("kubectl label deployment shop -n web coalmine.dev/desired-replicas=0 --overwrite")
        );
    }
}
