//! Which notes of a step people are told of, and how bad they are. Pure.

use crate::analysis::{Note, Subject};
use crate::api::canary::{HookType, Severity};

/// What a note has to say to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// How bad it is.
    pub severity: Severity,
    /// The text.
    pub text: String,
    /// Whether the fields of the Canary come with it: where something begins.
    pub detailed: bool,
}

/// The alarm of a note; `None` for those that only events and logs tell. Texts and severities are Flagger's; what Flagger
/// keeps to itself (a deadline, a first deployment that fails, a run that is given up) is told too.
pub fn alarm(note: &Note, of: &Subject) -> Option<Alarm> {
    let (severity, text) = match note {
        Note::Initialized => info(&format!(
            "New {} detected, initialization completed.",
            of.workload.kind()
        )),
        Note::NewRevision => info("New revision detected, progressing canary analysis."),
        Note::Restarting => info("New revision detected, restarting canary analysis."),
        Note::Cancelled => info("Canary analysis was cancelled, the promoted revision is back."),
        Note::Promoted => info("Canary analysis completed successfully, promotion finished."),
        Note::PromotedUnanalysed => info("Canary analysis was skipped, promotion finished."),
        Note::WouldPromote => info("Canary analysis completed successfully in a dry run, nothing was changed."),
        Note::GateClosed(kind, refusal) if !refusal.muted => (Severity::Warn, waiting(*kind)?.to_owned()),
        Note::RollingBackByHook => (Severity::Warn, String::from("Rolling back manual webhook invoked")),
        Note::ThresholdReached(n) => error(format!("Failed checks threshold reached {n}")),
        Note::RollingBack(why) => error(format!("Rolling back, {why}")),
        Note::PrimaryFailed(why) => error(format!("Initialization failed, primary not ready: {why}")),
        Note::PromotionStuck(why) => error(format!("Promotion failed, primary not ready: {why}")),
        _ => return None,
    };
    Some(Alarm {
        severity,
        text,
        detailed: matches!(note, Note::Initialized | Note::NewRevision | Note::Restarting),
    })
}

fn info(text: &str) -> (Severity, String) {
    (Severity::Info, text.to_owned())
}

fn error(text: String) -> (Severity, String) {
    (Severity::Error, text)
}

fn waiting(kind: HookType) -> Option<&'static str> {
    match kind {
        HookType::ConfirmRollout => Some("Canary is waiting for approval."),
        HookType::ConfirmPromotion => Some("Canary promotion is waiting for approval."),
        HookType::ConfirmTrafficIncrease => Some("Canary traffic increase is waiting for approval."),
        HookType::PreRollout | HookType::Rollout | HookType::PostRollout | HookType::Event | HookType::Rollback => None,
    }
}
