//! The conditions of a Canary: Flagger's `Promoted`, and `Ready`, `Reconciling` and `Stalled` as kstatus reads them
//! (Flux, `kpt`, Argo CD's own checks). Pure.
//!
//! kstatus looks at `observedGeneration`, then at a `Reconciling` or `Stalled` that is True, then at `Ready`. The two
//! abnormal ones are present only while they are True. Every condition has a message: Argo CD's check of Canaries joins
//! them.

use super::Condition;
use super::phase::Phase;
use crate::foreign::{SAID, cut};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// Type of the condition that Flagger sets.
pub const PROMOTED: &str = "Promoted";
/// The last revision that was asked for serves everybody.
pub const READY: &str = "Ready";
/// Work is under way, or about to be.
pub const RECONCILING: &str = "Reconciling";
/// Nothing goes on before somebody changes something.
pub const STALLED: &str = "Stalled";
/// An object that was not made by this Canary has the name of one that is needed.
pub const NAME_CONFLICT: &str = "NameConflict";
/// Reason of [`READY`] where a Canary, or a revision of it, is not released as things are.
pub const NOT_RELEASED: &str = "NotReleased";
/// Reason of [`READY`] where no step is done, because objects that it needs cannot be read.
pub const NOT_READ: &str = "NotRead";

/// What the conditions are made from.
#[derive(Debug, Clone, Copy)]
pub struct ConditionInputs<'a> {
    /// Kind of the target, for the messages.
    pub kind: &'a str,
    /// The phase that the conditions explain.
    pub phase: Phase,
    /// A revision is known, or announced, that no run has taken up: what the phase says is about the one before.
    pub ahead: bool,
    /// Why nothing can go on.
    pub trouble: Option<&'a Trouble>,
    /// The target serves everybody, because primary cannot follow its promotion.
    pub stuck: bool,
    /// Whether this is a dry run.
    pub dry_run: DryRun,
}

/// Whether an analysis routes and promotes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DryRun {
    /// It does both.
    No,
    /// It does neither.
    Yes,
    /// It did neither, and the revision passed.
    Passed,
}

/// `Promoted` after a dry run whose revision passed.
const DRY_RUN_PASSED: &str = "Dry run: the analysis passed and the revision would be promoted; nothing was changed.";

/// Why nothing can go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// One word: [`NAME_CONFLICT`], which is a condition of its own too, or another.
    pub reason: &'static str,
    /// A sentence for people.
    pub message: String,
    /// Somebody has to change something; otherwise what is missing may still come by itself.
    pub stalled: bool,
}

impl Trouble {
    /// The same in as many words as a status may have: it may quote what others say.
    pub fn bounded(self) -> Self {
        Self {
            message: cut(&self.message, SAID),
            ..self
        }
    }
}

/// The conditions of `inputs`. Those of `old` that are still true keep their times; those of other types are kept.
pub fn conditions(inputs: ConditionInputs<'_>, old: &[Condition], now: Timestamp) -> Vec<Condition> {
    const OURS: [&str; 5] = [PROMOTED, READY, RECONCILING, STALLED, NAME_CONFLICT];
    let mut all: Vec<Condition> = wanted(inputs).into_iter().map(|new| settled(new, old, now)).collect();
    all.extend(old.iter().filter(|c| !OURS.contains(&c.kind.as_str())).cloned());
    all
}

fn wanted(of: ConditionInputs<'_>) -> Vec<Condition> {
    let (status, reason, message) = promoted(of);
    let message = match of.dry_run {
        DryRun::No => message,
        DryRun::Yes => format!("Dry run: {message}"),
        DryRun::Passed => String::from(DRY_RUN_PASSED),
    };
    let mut all = vec![condition(PROMOTED, status, reason, message.clone())];
    if let Some(trouble) = of.trouble {
        let text = || trouble.message.clone();
        all.push(condition(READY, "False", trouble.reason, text()));
        let kind = if trouble.stalled { STALLED } else { RECONCILING };
        all.push(condition(kind, "True", trouble.reason, text()));
        if trouble.reason == NAME_CONFLICT {
            all.push(condition(NAME_CONFLICT, "True", trouble.reason, text()));
        }
        return all;
    }
    all.push(condition(READY, status, reason, message.clone()));
    match status {
        "True" => {}
        "False" => all.push(condition(STALLED, "True", reason, message)),
        _ => all.push(condition(RECONCILING, "True", reason, message)),
    }
    all
}

fn condition(kind: &str, status: &str, reason: &str, message: String) -> Condition {
    Condition {
        kind: kind.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: Some(message),
        ..Condition::default()
    }
}

// The same words keep both times, the same status keeps the time of the transition.
fn settled(new: Condition, old: &[Condition], now: Timestamp) -> Condition {
    let before = old.iter().find(|c| c.kind == new.kind && c.status == new.status);
    match before {
        Some(same) if same.reason == new.reason && same.message == new.message => same.clone(),
        _ => Condition {
            last_update_time: Some(Time(now)),
            last_transition_time: before.map_or(Some(Time(now)), |same| same.last_transition_time.clone()),
            ..new
        },
    }
}

/// Flagger's `Promoted` of a phase: status, reason and message.
fn promoted(of: ConditionInputs<'_>) -> (&'static str, &'static str, String) {
    let kind = of.kind;
    let phase = if of.ahead && of.phase.at_rest() && !of.stuck {
        Phase::Progressing
    } else {
        of.phase
    };
    let (status, message) = match phase {
        Phase::Unset | Phase::Initializing => ("Unknown", format!("New {kind} detected, starting initialization.")),
        Phase::Initialized => ("True", format!("{kind} initialization completed.")),
        Phase::Waiting | Phase::WaitingPromotion => ("Unknown", String::from("Waiting for approval.")),
        Phase::Progressing => (
            "Unknown",
            String::from("New revision detected, progressing canary analysis."),
        ),
        Phase::Promoting => (
            "Unknown",
            String::from("Canary analysis completed, starting primary rolling update."),
        ),
        Phase::Finalising => (
            "Unknown",
            String::from("Canary analysis completed, routing all traffic to primary."),
        ),
        Phase::Succeeded => (
            "True",
            String::from("Canary analysis completed successfully, promotion finished."),
        ),
        Phase::Failed if of.stuck => (
            "False",
            format!("Promotion failed, primary cannot follow; {kind} serves everybody meanwhile."),
        ),
        Phase::Failed => ("False", format!("Canary analysis failed, {kind} scaled to zero.")),
        Phase::Terminating | Phase::Terminated => ("Unknown", format!("The pair of the {kind} is taken apart.")),
    };
    (status, phase.as_str(), message)
}

#[cfg(test)]
mod tests;
