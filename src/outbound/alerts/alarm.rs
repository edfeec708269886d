//! Which events of a step people are told of, and how bad they are. Pure.

use crate::analysis::{ReleaseEvent, Subject};
use crate::api::canary::{AlertSeverity, HookType};

/// What an event has to say to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// How bad it is.
    pub severity: AlertSeverity,
    /// What happened, without the Canary's fields.
    pub text: String,
    /// Whether the fields of the Canary come with it: where something begins.
    pub detailed: bool,
}

/// The alarm of an event; `None` for those that only events and logs tell. Texts and severities are Flagger's; what Flagger
/// keeps to itself (a deadline, a first deployment that fails, a run that is given up) is told too.
pub fn alarm(event: &ReleaseEvent, of: &Subject) -> Option<Alarm> {
    let (severity, text) = match event {
        ReleaseEvent::Initialized => info(&format!(
            "New {} detected, initialization completed.",
            of.workload.kind()
        )),
        ReleaseEvent::NewRevision => info("New revision detected, progressing canary analysis."),
        ReleaseEvent::Restarting => info("New revision detected, restarting canary analysis."),
        ReleaseEvent::Cancelled => info("Canary analysis was cancelled, the promoted revision is back."),
        ReleaseEvent::Promoted => info("Canary analysis completed successfully, promotion finished."),
        ReleaseEvent::PromotedUnanalysed => info("Canary analysis was skipped, promotion finished."),
        ReleaseEvent::WouldPromote => info("Canary analysis completed successfully in a dry run, nothing was changed."),
        ReleaseEvent::GateClosed(kind, refusal) if !refusal.muted => (AlertSeverity::Warn, waiting(*kind)?.to_owned()),
        ReleaseEvent::RollingBackByHook => (AlertSeverity::Warn, String::from("Rolling back manual webhook invoked")),
        ReleaseEvent::ThresholdReached(n) => error(format!("Failed checks threshold reached {n}")),
        ReleaseEvent::RollingBack(why) => error(format!("Rolling back, {why}")),
        ReleaseEvent::PrimaryFailed(why) => error(format!("Initialization failed, primary not ready: {why}")),
        ReleaseEvent::PromotionStuck(why) => error(format!("Promotion failed, primary not ready: {why}")),
        _ => return None,
    };
    Some(Alarm {
        severity,
        text,
        detailed: matches!(
            event,
            ReleaseEvent::Initialized | ReleaseEvent::NewRevision | ReleaseEvent::Restarting
        ),
    })
}

fn info(text: &str) -> (AlertSeverity, String) {
    (AlertSeverity::Info, text.to_owned())
}

fn error(text: String) -> (AlertSeverity, String) {
    (AlertSeverity::Error, text)
}

fn waiting(kind: HookType) -> Option<&'static str> {
    match kind {
        HookType::ConfirmRollout => Some("Canary is waiting for approval."),
        HookType::ConfirmPromotion => Some("Canary promotion is waiting for approval."),
        HookType::ConfirmTrafficIncrease => Some("Canary traffic increase is waiting for approval."),
        HookType::PreRollout | HookType::Rollout | HookType::PostRollout | HookType::Event | HookType::Rollback => None,
    }
}
