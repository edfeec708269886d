//! `deployments/scale`: who scales a half means the app. Pure.
//!
//! The number is noted for the app, whichever half was scaled, and what would start pods that nobody verified, or take pods
//! away that serve, is stored as it was: zero means that the app sleeps, primary too, and any other number wakes it. It
//! happens in the mutating phase, because what is held there cannot be seen any more in the validating one.
//!
//! The Scale object carries no labels, so the target's state comes from a cache. An unknown target is not managed: allowed.
//!
//! An autoscaler writes here too, and means one half only. At rest an HPA does not (it leaves a Deployment at 0 alone) and a
//! ScaledObject is paused; in a run both may, but not below the size the run needs: what an autoscaler knows of the target's
//! load is half a minute old, and the next weight, or promotion, would find too few pods.

use super::deployments::CoarseStage;
use super::fields;
use crate::admission::review::{Decision, Denial, Request, Response};
use crate::api::labels::TargetState;
use crate::object::text;
use crate::patches;
use serde_json::Value;

/// Which half of a pair is scaled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Half {
    /// The target itself.
    #[default]
    Target,
    /// `NAME-primary`.
    Primary,
}

/// What is known of the pair.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PairFacts {
    /// Which half the request is about.
    pub half: Half,
    /// Name of the target.
    pub target: String,
    /// The target's state label.
    pub state: Option<TargetState>,
    /// The number that is recorded for the app.
    pub desired: Option<i64>,
    /// Where the Canary stands; `None` where no Canary is known, so that nothing can be noted.
    pub stage: Option<CoarseStage>,
    /// Whether the pair has an autoscaler.
    pub scaled: bool,
    /// The size that the run needs of both halves, where primary has an autoscaler; else 0.
    pub min_replicas: i64,
    /// Whether no controller is there to do what is noted.
    pub away: bool,
}

/// What becomes of a change of the scale.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScaleAnswer {
    /// The answer to the request.
    pub response: Response,
    /// What is to be noted for the app before it is given; where that fails, the request is refused.
    pub note: Option<i64>,
}

// Of the control plane, with accounts for its controllers and without; and KEDA's.
const AUTOSCALERS: [&str; 3] = [
    "system:serviceaccount:kube-system:horizontal-pod-autoscaler",
    "system:kube-controller-manager",
    "system:serviceaccount:keda:keda-operator",
];

/// Whether a user is an autoscaler, which means the half it scales and not the app.
pub fn is_autoscaler(user: &str) -> bool {
    AUTOSCALERS.contains(&user)
}

/// Decides a change of the replicas of a half.
pub fn decide(request: &Request, known: &PairFacts) -> ScaleAnswer {
    let (was, wanted) = (replicas(&request.old_object), replicas(&request.object));
    let person = !is_autoscaler(&request.user_info.username);
    let serves = match (known.half, known.state, known.stage) {
        (_, None, _) | (_, _, Some(CoarseStage::Leaving)) => return passed(Decision::Unmanaged),
        // The API server answers it with a conflict, so nobody has scaled anything.
        _ if is_outdated(request) => return passed(Decision::ScaleOutdated),
        (Half::Primary, ..) if known.scaled || !person => return passed(Decision::ScaleByAutoscaler),
        (Half::Primary, _, stage) => matches!(stage, Some(CoarseStage::Running | CoarseStage::Promoting)),
        (Half::Target, Some(TargetState::Hot | TargetState::Serving), _) => true,
        (Half::Target, Some(TargetState::Rest | TargetState::Cold), _) => false,
    };
    if known.half == Half::Target && serves && (known.scaled || !person) {
        return starved(request, known, was, wanted);
    }
    // Where it is noted, or was before; an autoscaler of the target at rest would start what nobody verified.
    if known.stage.is_none() || !person {
        return if was == wanted {
            passed(Decision::ScaleUnchanged)
        } else {
            refused(request, known, wanted)
        };
    }
    let stored = match known.half {
        _ if serves => was.max(wanted),
        Half::Primary => wanted,
        Half::Target => was,
    };
    noted(request, known, wanted, stored)
}

// Whether it was sent for another version of the object than the one that is stored. "0" asks for no version.
fn is_outdated(request: &Request) -> bool {
    let version = |object| text(object, "/metadata/resourceVersion");
    let (stored, sent) = (version(&request.old_object), version(&request.object));
    !matches!(sent, "" | "0") && !stored.is_empty() && sent != stored
}

fn passed(decision: Decision) -> ScaleAnswer {
    ScaleAnswer {
        response: Response::allow().with_decision(decision),
        note: None,
    }
}

fn noted(request: &Request, known: &PairFacts, wanted: i64, stored: i64) -> ScaleAnswer {
    let mut patch = Vec::new();
    if stored != replicas(&request.object) {
        patch.push(patches::add(["spec", "replicas"], stored));
        patch.extend(fields::disown(&request.object, &[&["spec", "replicas"]]));
    }
    let response = Response {
        patch,
        ..Response::default()
    };
    let news = known.desired != Some(wanted) || stored != wanted && known.half == Half::Primary;
    let lines = news.then(|| line(request, known, wanted, stored));
    ScaleAnswer {
        response: response.with_warnings(lines).with_decision(Decision::ScaleNoted),
        note: (known.desired != Some(wanted)).then_some(wanted),
    }
}

fn line(request: &Request, known: &PairFacts, wanted: i64, stored: i64) -> String {
    let target = &known.target;
    let whose = match known.half {
        Half::Primary => format!("coalmine: {}: means {target}: ", request.name),
        Half::Target => format!("coalmine: {target}: "),
    };
    let under_way = stored > wanted || matches!(known.stage, Some(CoarseStage::Promoting));
    // A scale of primary that is stored as it was sent has happened; everything else is the controller's to do.
    if known.away && (known.half, stored) != (Half::Primary, wanted) {
        return format!("{whose}{}", kept(request, known, wanted, under_way));
    }
    match (wanted, under_way) {
        (0, true) if known.half == Half::Primary || known.state != Some(TargetState::Rest) => format!(
            "{whose}it sleeps (0 replicas) as soon as no request is lost by it; a release under way waits until it wakes"
        ),
        (0, _) => format!("{whose}it sleeps (0 replicas), {target}-primary too; scale it to wake it"),
        (_, true) => format!(
            "{whose}{wanted} replicas are recorded for when the release under way has ended; until then there are {stored}"
        ),
        (_, false) => format!("{whose}{wanted} replicas; {target}-primary is scaled to {wanted}"),
    }
}

// What becomes of a number that nobody reads yet, and what to do where that cannot wait.
fn kept(request: &Request, known: &PairFacts, wanted: i64, under_way: bool) -> String {
    let (target, namespace) = (&known.target, &request.namespace);
    let noted = format!(
        "{wanted} replicas are noted, but the controller is away, so {target}-primary is not scaled until it is back"
    );
    // While a pair is built there may be no primary, and one that carries a release keeps its pods.
    if under_way || known.stage == Some(CoarseStage::Building) || known.half == Half::Primary {
        return noted;
    }
    format!("{noted}; at once: kubectl scale deployment {target}-primary -n {namespace} --replicas={wanted}")
}

// A run needs its canary to be as large as what it takes over.
fn starved(request: &Request, known: &PairFacts, was: i64, wanted: i64) -> ScaleAnswer {
    if wanted >= was || wanted >= known.min_replicas {
        return passed(Decision::ScaleSufficient);
    }
    let (name, min_replicas) = (&request.name, known.min_replicas);
    denied(
        format!(
            "deployment {name:?} is in a release that may send it all traffic, which {name}-primary needed {min_replicas} replicas \
             for; it can be scaled below that when the release has ended"
        ),
        Decision::ScaleTooSmall,
    )
}

/// Nothing can be noted, so the request says what would do instead.
pub fn refused(request: &Request, known: &PairFacts, wanted: i64) -> ScaleAnswer {
    let (name, namespace, was) = (&known.target, &request.namespace, replicas(&request.old_object));
    if wanted == 0 {
        // It rests at none already, so that no other write of it can say so.
        let again = format!(
            "deployment {name:?}: that no pods are wanted could not be noted just now, nothing was changed; run it again: \
             kubectl scale deployment {name} -n {namespace} --replicas=0"
        );
        return denied(again, Decision::ScaleNotNoted);
    }
    denied(
        format!(
            "deployment {name:?} rests at {was} replicas while {name}-primary serves; to have {wanted} replicas, run: \
             kubectl patch deployment {name} -n {namespace} --type merge -p '{{\"spec\":{{\"replicas\":{wanted}}}}}'"
        ),
        Decision::ScaleNotNoted,
    )
}

fn denied(message: String, decision: Decision) -> ScaleAnswer {
    ScaleAnswer {
        response: Response::deny(Denial::forbidden(message)).with_decision(decision),
        note: None,
    }
}

/// A zero is left out of a Scale.
pub fn replicas(scale: &Value) -> i64 {
    scale.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(0)
}

#[cfg(test)]
mod tests;
