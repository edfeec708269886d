//! How many pods production is to have, and who decides that. Pure.

use super::live::{Live, label};
use crate::{
    api::labels::{self, TargetState},
    plan::{Blueprint, ScalerKind, autoscaler::Bounds},
};
use serde_json::Value;

/// Who decides how many pods primary has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decides {
    /// The author of the target, by its replicas.
    Author,
    /// Primary's autoscaler, within these bounds.
    Scaler(ScalerKind, Bounds),
    /// The author again, because the autoscaler went: what primary runs now goes on.
    AuthorAgain,
}

/// Who decides for a pair.
pub fn decides(live: &Live, blueprint: &Blueprint) -> Decides {
    match (&blueprint.autoscaler, &live.scaler) {
        (Some(scaler), Some(user)) => Decides::Scaler(scaler.kind, scaler.bounds(user)),
        _ if live.own_twins(blueprint).next().is_some() => Decides::AuthorAgain,
        _ => Decides::Author,
    }
}

/// The number. `primary` is what that has now.
pub fn wanted(target: &Value, state: Option<TargetState>, replicas: u32, primary: Option<u32>, who: Decides) -> u32 {
    let desired = label(target, labels::DESIRED_REPLICAS).and_then(|text| text.parse().ok());
    let said = said(desired, state, replicas, primary);
    match (who, primary) {
        (Decides::Author, _) => said,
        (Decides::AuthorAgain, primary) => primary.unwrap_or(said),
        // An HPA leaves a Deployment alone that was set to 0, until somebody sets it to something else.
        (Decides::Scaler(ScalerKind::Hpa, _), _) if desired == Some(0) => 0,
        (Decides::Scaler(ScalerKind::Hpa, _), Some(now)) if now > 0 => now,
        (Decides::Scaler(ScalerKind::ScaledObject, _), Some(now)) => now,
        (Decides::Scaler(_, bounds), _) => said.max(bounds.min).min(bounds.max),
    }
}

// At rest the target has no pods: replicas there were written past the door, and are what is wanted.
fn said(desired: Option<u32>, state: Option<TargetState>, replicas: u32, primary: Option<u32>) -> u32 {
    match desired {
        Some(_) if state == Some(TargetState::Rest) && replicas > 0 => replicas,
        Some(desired) => desired,
        None if replicas > 0 => replicas,
        None => primary.unwrap_or(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn target(desired: Option<&str>) -> Value {
        json!({"metadata": {"labels": {"coalmine.dev/desired-replicas": desired}}})
    }

    fn by(kind: ScalerKind, min: u32, max: u32) -> Decides {
        Decides::Scaler(kind, Bounds { min, max })
    }

    #[test]
    fn the_authors_number_is_the_label_or_what_was_written_past_the_door() {
        let rest = Some(TargetState::Rest);
        let of =
            |desired, state, replicas, primary| wanted(&target(desired), state, replicas, primary, Decides::Author);
        assert_eq!(of(Some("3"), rest, 0, Some(2)), 3);
        assert_eq!(of(Some("3"), rest, 5, Some(2)), 5);
        assert_eq!(of(None, None, 4, None), 4);
        assert_eq!(of(None, rest, 0, Some(2)), 2);
        assert_eq!(of(None, None, 0, None), 1);
    }

    #[test]
    fn an_autoscalers_number_is_what_primary_has() {
        let hpa = by(ScalerKind::Hpa, 2, 8);
        let of =
            |desired, replicas, primary, who| wanted(&target(desired), Some(TargetState::Rest), replicas, primary, who);
        assert_eq!(of(Some("3"), 0, Some(6), hpa), 6);
        // Before primary exists, within the bounds it will be given.
        assert_eq!(of(Some("1"), 0, None, hpa), 2);
        assert_eq!(of(Some("9"), 0, None, hpa), 8);
        // Set to 0 and back, by hand.
        assert_eq!(of(Some("0"), 0, Some(6), hpa), 0);
        assert_eq!(of(Some("3"), 0, Some(0), hpa), 3);
        // KEDA itself goes to 0 and comes back.
        assert_eq!(of(Some("3"), 0, Some(0), by(ScalerKind::ScaledObject, 0, 8)), 0);
        assert_eq!(of(Some("3"), 0, Some(6), Decides::AuthorAgain), 6);
    }
}
