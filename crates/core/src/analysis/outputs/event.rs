//! What a step has to tell: events and log lines, in Flagger 1.44's words where Flagger has them, because scripts grep.

use crate::{
    analysis::Refusal,
    api::canary::HookType,
    messages::{self, Severity},
    plan::Workload,
};

/// Whose run an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Name of the Canary.
    pub canary: String,
    /// Namespace of the Canary.
    pub namespace: String,
    /// Name of the target.
    pub target: String,
    /// Kind of the target.
    pub workload: Workload,
}

/// One thing that happened in a release, to be told as a Kubernetes Event and a log line. Its text needs the names, which
/// the pure core does not have: see [`ReleaseEvent::text`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReleaseEvent {
    /// Bootstrap is done.
    Initialized,
    /// A pair that Flagger made goes on as it is.
    Inherited,
    /// A run starts.
    NewRevision,
    /// The change that started the run did not pass the admission webhook.
    Bypassed,
    /// Pods cannot do without these configs, which do not exist.
    ConfigMissing(String),
    /// A second revision arrived in mid-run.
    Restarting,
    /// The promoted revision was applied in mid-run, or the target was deleted.
    Cancelled,
    /// No pods are wanted, so the revision waits.
    Asleep,
    /// Its author has paused the target, so the revision waits.
    Paused,
    /// The first weight is about to be set.
    Starting,
    /// The canary's share was raised.
    CanaryWeight(u8),
    /// An iteration begins.
    Iteration(u32, u32),
    /// An A/B test whose Canary says weights in the place of iterations: all who match see the canary from here on.
    AllAtOnce,
    /// Blue/green: everybody is sent to the canary for its last check; whether copies of requests went there before.
    CutOver(bool),
    /// Requests cannot be copied, so the revision is analysed without.
    NoMirror,
    /// Primary's share was raised in promotion.
    PrimaryWeight(u8),
    /// A check has no value yet, and need not have one; the message as the metric gave it.
    Early(String),
    /// A check did not pass; the message as the metric or hook gave it.
    Halt(String),
    /// The target is not ready; Flagger's suffix.
    CanaryNotReady(String),
    /// Primary is not ready; Flagger's suffix.
    PrimaryNotReady(String),
    /// The pair cannot be built, so its target runs by itself; why.
    Unbuilt(String),
    /// A revision is not released, because it may not run beside primary; why.
    Apart(String),
    /// The first primary is not ready in time or will not be; Flagger's suffix.
    PrimaryFailed(String),
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
    /// A promotion that primary could not follow, or that is not wanted any more, is taken back: primary gets the
    /// revision it served before.
    PromotionTakenBack,
    /// Traffic is not where it is to be; why.
    RouteTrouble(String),
    /// Leaving waits; for what.
    LeavingWaits(String),
    /// A hook of that type agreed.
    HookPassed(HookType, String),
    /// A gate is closed.
    GateClosed(HookType, Refusal),
    /// A hook of that type failed.
    HookFailed(HookType, Refusal),
    /// A `rollback` hook asked for it.
    RollingBackByHook,
    /// A second revision waits for the end of the run.
    Queued,
    /// An annotation asked to promote without checks.
    Skipping,
    /// An annotation asked to skip, and nothing waits for promotion.
    NothingToSkip,
    /// An annotation asked to skip, and the policy demands an analysis.
    SkippingForbidden,
    /// An annotation asked to analyse again.
    RunningAgain,
    /// A dry run did not make the pair.
    WouldInitialize,
    /// A dry run would have promoted.
    WouldPromote,
    /// The pair is being taken apart.
    Terminating,
    /// The pair is gone.
    Terminated,
}

impl ReleaseEvent {
    /// How serious it is.
    pub fn severity(&self) -> Severity {
        match self {
            Self::Bypassed
            | Self::ConfigMissing(_)
            | Self::NoMirror
            | Self::Halt(_)
            | Self::CanaryNotReady(_)
            | Self::PrimaryNotReady(_)
            | Self::PrimaryFailed(_)
            | Self::Unbuilt(_)
            | Self::Apart(_)
            | Self::ThresholdReached(_)
            | Self::RollingBack(_)
            | Self::Failed
            | Self::GateClosed(..)
            | Self::HookFailed(..)
            | Self::HookPassed(HookType::Rollback, _)
            | Self::RollingBackByHook
            | Self::PromotionStuck(_)
            | Self::PromotionTakenBack
            | Self::RouteTrouble(_)
            | Self::LeavingWaits(_)
            | Self::SkippingForbidden => Severity::Warning,
            _ => Severity::Normal,
        }
    }

    /// The message: one list of all of them, so that they are seen to speak alike.
    pub fn text(&self, of: &Subject) -> String {
        let Subject {
            canary: c,
            namespace: ns,
            target: t,
            workload,
        } = of;
        match self {
            Self::Initialized => format!("Initialization done! {c}.{ns}"),
            Self::Inherited => {
                format!(
                    "{t}-primary.{ns} was made by Flagger and goes on serving what it serves; nothing is rolled out"
                )
            }
            Self::NewRevision => format!("New revision detected! Scaling up {t}.{ns}"),
            Self::Bypassed => {
                format!("Change of {t}.{ns} bypassed admission; it was found afterwards and is analysed like any other")
            }
            Self::ConfigMissing(what) => format!("Waiting for {what}, which {t}.{ns} cannot do without"),
            Self::Restarting => format!("New revision detected! Restarting analysis for {t}.{ns}"),
            Self::Cancelled => format!("Rollout cancelled, {t}.{ns} is back at what {t}-primary.{ns} serves"),
            Self::Asleep => format!("No pods of {t}.{ns} are wanted, its new revision is analysed when it gets some"),
            Self::Paused => format!("{t}.{ns} is paused, its new revision is analysed when the pause ends"),
            Self::Starting => format!("Starting canary analysis for {t}.{ns}"),
            Self::CanaryWeight(weight) => format!("Advance {c}.{ns} canary weight {weight}"),
            Self::Iteration(done, of) => format!("Advance {c}.{ns} canary iteration {done}/{of}"),
            Self::AllAtOnce => {
                format!(
                    "All whom analysis.match of {c}.{ns} names see the canary from the first check on; its weights give none of \
                     them a share and only count the checks. To show it to few first, name fewer in match, or leave match out"
                )
            }
            Self::CutOver(false) => String::from("Routing all traffic to canary"),
            Self::CutOver(true) => String::from("Stop traffic mirroring and route all traffic to canary"),
            Self::NoMirror => {
                format!("The gateway of {c}.{ns} has no RequestMirror filter; the analysis goes on without mirroring")
            }
            Self::PrimaryWeight(weight) => format!("Advance {c}.{ns} primary weight {weight}"),
            Self::Halt(message) | Self::Early(message) => message.clone(),
            // Flagger's own spelling, which scripts search for.
            Self::CanaryNotReady(why) if *workload == Workload::DaemonSet => {
                format!("canary damonset {t}.{ns} not ready with retryable true: waiting for rollout to finish: {why}")
            }
            Self::CanaryNotReady(why) => {
                format!("canary deployment {t}.{ns} not ready: waiting for rollout to finish: {why}")
            }
            Self::PrimaryNotReady(why) | Self::PrimaryFailed(why) if *workload == Workload::DaemonSet => {
                format!("primary daemonset {t}-primary.{ns} not ready: waiting for rollout to finish: {why}")
            }
            Self::PrimaryNotReady(why) | Self::PrimaryFailed(why) => {
                format!("{t}-primary.{ns} not ready: waiting for rollout to finish: {why}")
            }
            Self::Unbuilt(why) => {
                format!(
                    "{t}-primary.{ns} cannot be built, {t}.{ns} runs by itself and is not released as a canary: {why}"
                )
            }
            Self::Apart(why) => format!("This revision of {t}.{ns} is not released, {t}-primary.{ns} serves on: {why}"),
            Self::ThresholdReached(n) => format!("Rolling back {c}.{ns} failed checks threshold reached {n}"),
            Self::RollingBack(why) => format!("Rolling back {c}.{ns} {why}"),
            Self::Failed => format!("Canary failed! Scaling down {c}.{ns}"),
            Self::Copying => format!("Copying {t}.{ns} template spec to {t}-primary.{ns}"),
            Self::RoutingToPrimary => String::from("Routing all traffic to primary"),
            Self::Promoted => format!("Promotion completed! Scaling down {t}.{ns}"),
            Self::PromotedUnanalysed => format!("Promotion completed! Canary analysis was skipped for {t}.{ns}"),
            Self::PromotionStuck(why) => format!("Promotion of {t}.{ns} failed, primary not ready: {why}"),
            Self::PromotionTakenBack => {
                format!("Promotion of {t}.{ns} taken back, {t}-primary.{ns} gets the revision it served before")
            }
            Self::RouteTrouble(why) => format!("Traffic of {c}.{ns} does not move as asked: {why}"),
            Self::LeavingWaits(why) => {
                format!("Canary {c}.{ns} is not removed yet, {t}.{ns} must serve for {t}-primary.{ns} first: {why}")
            }
            Self::HookPassed(kind, hook) => passed(*kind, hook),
            Self::GateClosed(kind, refusal) => closed(*kind, c, ns, &refusal.hook),
            Self::HookFailed(kind, refusal) => failed(*kind, c, ns, refusal),
            Self::RollingBackByHook => messages::rolling_back_by_hook(c, ns),
            Self::Queued => format!("New revision of {t}.{ns} waits for the end of the run"),
            Self::Skipping => format!("Skipping the analysis of {t}.{ns}, its annotation asks for it"),
            Self::NothingToSkip => format!("Nothing of {t}.{ns} waits for promotion, its annotation has no effect"),
            Self::SkippingForbidden => {
                format!(
                    "The analysis of {t}.{ns} is not skipped as its annotation asks: its policy demands an analysis"
                )
            }
            Self::RunningAgain => format!("Analysing {t}.{ns} again, its annotation asks for it"),
            Self::WouldInitialize => {
                format!("Dry run: {t}-primary.{ns} would be created and take the traffic of {t}.{ns}")
            }
            Self::WouldPromote => format!("Analysis passed, {t}.{ns} would be promoted; nothing is changed"),
            Self::Terminating => format!("Terminating canary {c}.{ns}"),
            Self::Terminated => format!("Terminated canary {c}.{ns}"),
        }
    }
}

fn passed(kind: HookType, hook: &str) -> String {
    match kind {
        HookType::ConfirmRollout => messages::confirm_rollout_passed(hook),
        HookType::PreRollout => messages::pre_rollout_passed(hook),
        HookType::ConfirmTrafficIncrease => messages::confirm_traffic_increase_passed(hook),
        HookType::ConfirmPromotion => messages::confirm_promotion_passed(hook),
        HookType::Rollback => messages::rollback_passed(hook),
        HookType::PostRollout | HookType::Rollout | HookType::Event => messages::post_rollout_passed(hook),
    }
}

fn closed(kind: HookType, c: &str, ns: &str, hook: &str) -> String {
    match kind {
        HookType::ConfirmPromotion => messages::waiting_for_promotion_approval(c, ns, hook),
        HookType::ConfirmTrafficIncrease => messages::waiting_for_traffic_increase_approval(c, ns, hook),
        _ => messages::waiting_for_approval(c, ns, hook),
    }
}

fn failed(kind: HookType, c: &str, ns: &str, refusal: &Refusal) -> String {
    let Refusal { hook, error, .. } = refusal;
    match kind {
        HookType::PreRollout => messages::pre_rollout_failed(c, ns, hook, error),
        HookType::PostRollout => messages::post_rollout_failed(hook, error),
        _ => messages::rollout_failed(c, ns, hook, error),
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
        for (event, text) in [
            (ReleaseEvent::Initialized, "Initialization done! app.test"),
            (ReleaseEvent::NewRevision, "New revision detected! Scaling up web.test"),
            (
                ReleaseEvent::Restarting,
                "New revision detected! Restarting analysis for web.test",
            ),
            (ReleaseEvent::Starting, "Starting canary analysis for web.test"),
            (ReleaseEvent::CanaryWeight(10), "Advance app.test canary weight 10"),
            (ReleaseEvent::Iteration(1, 5), "Advance app.test canary iteration 1/5"),
            (ReleaseEvent::CutOver(false), "Routing all traffic to canary"),
            (
                ReleaseEvent::CutOver(true),
                "Stop traffic mirroring and route all traffic to canary",
            ),
            (ReleaseEvent::PrimaryWeight(50), "Advance app.test primary weight 50"),
            (
                ReleaseEvent::ThresholdReached(5),
                "Rolling back app.test failed checks threshold reached 5",
            ),
            (ReleaseEvent::Failed, "Canary failed! Scaling down app.test"),
            (
                ReleaseEvent::Copying,
                "Copying web.test template spec to web-primary.test",
            ),
            (ReleaseEvent::RoutingToPrimary, "Routing all traffic to primary"),
            (ReleaseEvent::Promoted, "Promotion completed! Scaling down web.test"),
            (
                ReleaseEvent::PromotedUnanalysed,
                "Promotion completed! Canary analysis was skipped for web.test",
            ),
            (
                ReleaseEvent::CanaryNotReady("x".into()),
                "canary deployment web.test not ready: waiting for rollout to finish: x",
            ),
            (
                ReleaseEvent::PrimaryNotReady("x".into()),
                "web-primary.test not ready: waiting for rollout to finish: x",
            ),
            (
                ReleaseEvent::PromotionStuck("x".into()),
                "Promotion of web.test failed, primary not ready: x",
            ),
            (ReleaseEvent::Terminating, "Terminating canary app.test"),
            (ReleaseEvent::Terminated, "Terminated canary app.test"),
        ] {
            assert_eq!(event.text(&of), text);
        }
    }
}
