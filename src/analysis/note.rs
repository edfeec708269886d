//! What a step has to say: events and log lines, in Flagger 1.44's words where Flagger has them, because scripts grep.

use crate::plan::Workload;

/// Whose run a note is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Name of the Canary.
    pub canary: String,
    /// Its namespace.
    pub namespace: String,
    /// Name of the target.
    pub target: String,
    /// Kind of the target.
    pub workload: Workload,
}

/// How loud a note is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Event type Normal.
    Normal,
    /// Event type Warning.
    Warning,
}

/// One thing worth saying. The text needs the names, which the pure core does not have: see [`Note::text`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// Bootstrap is done.
    Initialized,
    /// A run starts.
    NewRevision,
    /// The change that started the run did not pass the admission door.
    Bypassed,
    /// A second revision arrived in mid-run.
    Restarting,
    /// The promoted revision was applied in mid-run, or the target was deleted.
    Cancelled,
    /// The first weight is about to be set.
    Starting,
    /// The canary's share was raised.
    CanaryWeight(u8),
    /// An iteration passed.
    Iteration(u32, u32),
    /// Primary's share was raised in promotion.
    PrimaryWeight(u8),
    /// A check did not pass; the message as the metric or hook gave it.
    Halt(String),
    /// The target is not ready; Flagger's suffix.
    CanaryNotReady(String),
    /// Primary is not ready; Flagger's suffix.
    PrimaryNotReady(String),
    /// The threshold was reached.
    ThresholdReached(u32),
    /// The revision is given up; why, when it is not the threshold.
    RollingBack(String),
    /// The rollback is done.
    Failed,
    /// Primary gets the verified template.
    Copying,
    /// All traffic goes back to primary.
    RoutingToPrimary,
    /// The run is promoted.
    Promoted,
    /// The run is promoted without analysis.
    PromotedUnanalysed,
    /// Primary does not become ready in promotion.
    PromotionStuck(String),
    /// The pair is being taken apart.
    Terminating,
    /// The pair is gone.
    Terminated,
}

impl Note {
    /// How loud it is.
    pub fn severity(&self) -> Severity {
        match self {
            Self::Bypassed
            | Self::Halt(_)
            | Self::CanaryNotReady(_)
            | Self::PrimaryNotReady(_)
            | Self::ThresholdReached(_)
            | Self::RollingBack(_)
            | Self::Failed
            | Self::PromotionStuck(_) => Severity::Warning,
            _ => Severity::Normal,
        }
    }

    /// The message.
    pub fn text(&self, of: &Subject) -> String {
        let Subject {
            canary: c,
            namespace: ns,
            target: t,
            workload,
        } = of;
        match self {
            Self::Initialized => format!("Initialization done! {c}.{ns}"),
            Self::NewRevision => format!("New revision detected! Scaling up {t}.{ns}"),
            Self::Bypassed => {
                format!("Change of {t}.{ns} bypassed admission; it was found afterwards and is analysed like any other")
            }
            Self::Restarting => format!("New revision detected! Restarting analysis for {t}.{ns}"),
            Self::Cancelled => format!("Rollout cancelled, {t}.{ns} is back at what {t}-primary.{ns} serves"),
            Self::Starting => format!("Starting canary analysis for {t}.{ns}"),
            Self::CanaryWeight(weight) => format!("Advance {c}.{ns} canary weight {weight}"),
            Self::Iteration(done, of) => format!("Advance {c}.{ns} canary iteration {done}/{of}"),
            Self::PrimaryWeight(weight) => format!("Advance {c}.{ns} primary weight {weight}"),
            Self::Halt(message) => message.clone(),
            // Flagger's own spelling, which scripts search for.
            Self::CanaryNotReady(why) if *workload == Workload::DaemonSet => {
                format!("canary damonset {t}.{ns} not ready with retryable true: waiting for rollout to finish: {why}")
            }
            Self::CanaryNotReady(why) => {
                format!("canary deployment {t}.{ns} not ready: waiting for rollout to finish: {why}")
            }
            Self::PrimaryNotReady(why) if *workload == Workload::DaemonSet => {
                format!("primary daemonset {t}-primary.{ns} not ready: waiting for rollout to finish: {why}")
            }
            Self::PrimaryNotReady(why) => format!("{t}-primary.{ns} not ready: waiting for rollout to finish: {why}"),
            Self::ThresholdReached(n) => format!("Rolling back {c}.{ns} failed checks threshold reached {n}"),
            Self::RollingBack(why) => format!("Rolling back {c}.{ns} {why}"),
            Self::Failed => format!("Canary failed! Scaling down {c}.{ns}"),
            Self::Copying => format!("Copying {t}.{ns} template spec to {t}-primary.{ns}"),
            Self::RoutingToPrimary => String::from("Routing all traffic to primary"),
            Self::Promoted => format!("Promotion completed! Scaling down {t}.{ns}"),
            Self::PromotedUnanalysed => format!("Promotion completed! Canary analysis was skipped for {t}.{ns}"),
            Self::PromotionStuck(why) => format!("Promotion of {t}.{ns} failed, primary not ready: {why}"),
            Self::Terminating => format!("Terminating canary {c}.{ns}"),
            Self::Terminated => format!("Terminated canary {c}.{ns}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_scripts_search_for_are_flaggers() {
        let of = Subject {
            canary: "app".into(),
            namespace: "test".into(),
            target: "web".into(),
            workload: Workload::Deployment,
        };
        for (note, text) in [
            (Note::Initialized, "Initialization done! app.test"),
            (Note::NewRevision, "New revision detected! Scaling up web.test"),
            (
                Note::Restarting,
                "New revision detected! Restarting analysis for web.test",
            ),
            (Note::Starting, "Starting canary analysis for web.test"),
            (Note::CanaryWeight(10), "Advance app.test canary weight 10"),
            (Note::Iteration(1, 5), "Advance app.test canary iteration 1/5"),
            (Note::PrimaryWeight(50), "Advance app.test primary weight 50"),
            (
                Note::ThresholdReached(5),
                "Rolling back app.test failed checks threshold reached 5",
            ),
            (Note::Failed, "Canary failed! Scaling down app.test"),
            (Note::Copying, "Copying web.test template spec to web-primary.test"),
            (Note::RoutingToPrimary, "Routing all traffic to primary"),
            (Note::Promoted, "Promotion completed! Scaling down web.test"),
            (
                Note::PromotedUnanalysed,
                "Promotion completed! Canary analysis was skipped for web.test",
            ),
            (
                Note::CanaryNotReady("x".into()),
                "canary deployment web.test not ready: waiting for rollout to finish: x",
            ),
            (
                Note::PrimaryNotReady("x".into()),
                "web-primary.test not ready: waiting for rollout to finish: x",
            ),
            (
                Note::PromotionStuck("x".into()),
                "Promotion of web.test failed, primary not ready: x",
            ),
            (Note::Terminating, "Terminating canary app.test"),
            (Note::Terminated, "Terminated canary app.test"),
        ] {
            assert_eq!(note.text(&of), text);
        }
    }
}
