//! `deployments/scale`: refused where it would start pods that nobody verified, with the command that does what was
//! meant. Pure.
//!
//! The Scale object carries no labels, so T's state comes from a cache. An unknown T is not managed: allowed.
//!
//! An autoscaler writes here too. At rest an HPA does not (it leaves a Deployment at 0 alone) and a ScaledObject is
//! paused; in a run both may, but not below the size the run needs: what an autoscaler knows of T's load is half a minute
//! old, and the next weight, or promotion, would find too few pods.

use super::deployments::Stage;
use super::review::{Denial, Request, Response};
use crate::api::labels::{DESIRED_REPLICAS, TargetState};
use serde_json::Value;

/// What is known of T and its Canary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Known {
    /// T's state label.
    pub state: Option<TargetState>,
    /// Where the Canary stands.
    pub stage: Option<Stage>,
    /// The size that the run needs of both halves, where primary has an autoscaler; else 0.
    pub floor: i64,
}

/// Decides a change of the replicas of T.
pub fn validate(request: &Request, Known { state, stage, floor }: Known) -> Response {
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
        (Some(TargetState::Hot | TargetState::Serving), _) if wanted < was && wanted < floor => {
            Response::deny(too_few(request, floor)).with_audit("decision", "floor")
        }
        (Some(TargetState::Hot | TargetState::Serving), _) | (None, _) => {
            Response::allow().with_audit("decision", "serves")
        }
    }
}

fn too_few(request: &Request, floor: i64) -> Denial {
    let name = &request.name;
    Denial::forbidden(format!(
        "deployment {name:?} is in a release that may send it all traffic, which {name}-primary needed {floor} replicas \
         for; it can be scaled below that when the release has ended"
    ))
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

    fn known(state: TargetState, stage: Stage) -> Known {
        Known {
            state: Some(state),
            stage: Some(stage),
            floor: 0,
        }
    }

    #[test]
    fn an_autoscaler_may_do_anything_in_a_run_but_starve_it() {
        let known = Known {
            floor: 4,
            ..known(TargetState::Serving, Stage::Running)
        };
        for (was, wanted, allowed) in [(4, 7, true), (7, 4, true), (1, 2, true), (7, 3, false), (4, 3, false)] {
            assert_eq!(
                validate(&request(was, wanted), known).allowed(),
                allowed,
                "{was} to {wanted}"
            );
        }
        let denial = validate(&request(7, 3), known).denial.unwrap();
        assert_eq!(
            denial.message,
            "deployment \"shop\" is in a release that may send it all traffic, which shop-primary needed 4 replicas for; \
             it can be scaled below that when the release has ended"
        );
    }

    #[test]
    fn at_rest_it_is_refused_with_the_command_that_does_what_was_meant() {
        let response = validate(&request(0, 4), known(TargetState::Rest, Stage::Rest));
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
            assert!(validate(&request(1, 4), Known { state, stage, floor: 0 }).allowed());
        }
    }

    #[test]
    fn a_scale_that_changes_nothing_is_allowed_at_rest() {
        let response = validate(&request(0, 0), known(TargetState::Rest, Stage::Rest));
        assert!(response.allowed());
        assert!(
            response.warnings[0]
                .ends_with("kubectl label deployment shop -n web coalmine.dev/desired-replicas=0 --overwrite")
        );
    }
}
