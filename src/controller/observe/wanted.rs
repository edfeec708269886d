//! How many pods production is to have, and who decides that. Pure.

use crate::controller::watch::pair::live::Live;
use crate::{
    api::labels::TargetState,
    plan::{Blueprint, ScalerKind, scaler::Bounds},
};

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

/// Who decides for a pair. Whoever points an autoscaler at primary itself has decided.
pub fn decides(live: &Live, blueprint: &Blueprint) -> Decides {
    let own = live.primary_scaler.as_ref().and_then(|scaler| {
        let kind = ScalerKind::parse(scaler.get("kind")?.as_str()?)?;
        let off = kind == ScalerKind::Hpa && live.desired() == Some(0);
        (!off).then(|| Decides::Scaler(kind, kind.bounds(scaler)))
    });
    if let Some(own) = own {
        return own;
    }
    match (&blueprint.autoscaler, &live.scaler) {
        // An HPA leaves a Deployment alone that was set to 0, until somebody sets it to something else.
        (Some(scaler), Some(_)) if scaler.kind == ScalerKind::Hpa && live.desired() == Some(0) => Decides::Author,
        (Some(scaler), Some(user)) => Decides::Scaler(scaler.kind, scaler.bounds(user)),
        _ if live.own_autoscalers(blueprint).next().is_some() => Decides::AuthorAgain,
        _ => Decides::Author,
    }
}

/// The number. `desired` is what the author said last, `primary` what that has now.
pub fn wanted(
    desired: Option<u32>,
    state: Option<TargetState>,
    replicas: u32,
    primary: Option<u32>,
    who: Decides,
) -> u32 {
    let said = said(desired, state, replicas, primary);
    match (who, primary) {
        (Decides::Author, _) => said,
        (Decides::AuthorAgain, primary) => primary.unwrap_or(said),
        (Decides::Scaler(ScalerKind::Hpa, _), Some(now)) if now > 0 => now,
        (Decides::Scaler(ScalerKind::ScaledObject, _), Some(now)) => now,
        (Decides::Scaler(_, bounds), _) => said.max(bounds.min).min(bounds.max),
    }
}

// At rest, and while primary is first built, the target has no pods: replicas there were written past the webhook, and are
// what is wanted.
fn said(desired: Option<u32>, state: Option<TargetState>, replicas: u32, primary: Option<u32>) -> u32 {
    let rests = matches!(state, Some(TargetState::Rest | TargetState::Cold));
    match desired {
        Some(_) if rests && replicas > 0 => replicas,
        Some(desired) => desired,
        None if replicas > 0 => replicas,
        None => primary.unwrap_or(1),
    }
}

#[cfg(test)]
mod tests;
