//! From detection to promotion or rollback.

/// Bootstrap is done.
pub fn initialization_done(canary: &str, namespace: &str) -> String {
    format!("Initialization done! {canary}.{namespace}")
}

/// The check of the metrics stores at bootstrap went well.
pub const METRIC_PROVIDERS_AVAILABLE: &str = "all the metrics providers are available!";

/// The check of the metrics stores at bootstrap went wrong; it blocks nothing.
pub fn metric_providers_error(error: &str) -> String {
    format!("Error checking metric providers: {error}")
}

/// The Canary is suspended.
pub const SUSPENDED: &str = "skipping canary run as object is suspended";

/// A run starts.
pub fn new_revision_scaling_up(target: &str, namespace: &str) -> String {
    format!("New revision detected! Scaling up {target}.{namespace}")
}

/// A further revision arrived during a run.
pub fn new_revision_restarting(target: &str, namespace: &str) -> String {
    format!("New revision detected! Restarting analysis for {target}.{namespace}")
}

/// The canary is ready and gets its first traffic.
pub fn starting_analysis(target: &str, namespace: &str) -> String {
    format!("Starting canary analysis for {target}.{namespace}")
}

/// The canary's share rises; `weight` in percent.
pub fn advance_canary_weight(canary: &str, namespace: &str, weight: i32) -> String {
    format!("Advance {canary}.{namespace} canary weight {weight}")
}

/// An iteration passed.
pub fn advance_canary_iteration(canary: &str, namespace: &str, iteration: i32, iterations: i32) -> String {
    format!("Advance {canary}.{namespace} canary iteration {iteration}/{iterations}")
}

/// Promotion gives traffic back to primary; `weight` in percent.
pub fn advance_primary_weight(canary: &str, namespace: &str, weight: i32) -> String {
    format!("Advance {canary}.{namespace} primary weight {weight}")
}

/// Blue/green cut-over.
pub const ROUTING_ALL_TO_CANARY: &str = "Routing all traffic to canary";

/// Blue/green cut-over after mirroring.
pub const STOP_MIRRORING: &str = "Stop traffic mirroring and route all traffic to canary";

/// Promotion: primary gets the verified template.
pub fn copying_template(target: &str, namespace: &str) -> String {
    format!("Copying {target}.{namespace} template spec to {target}-primary.{namespace}")
}

/// Promotion: primary is ready again.
pub const ROUTING_ALL_TO_PRIMARY: &str = "Routing all traffic to primary";

/// A run ended well.
pub fn promotion_completed(target: &str, namespace: &str) -> String {
    format!("Promotion completed! Scaling down {target}.{namespace}")
}

/// A revision was promoted without analysis.
pub fn promotion_completed_skipped(target: &str, namespace: &str) -> String {
    format!("Promotion completed! Canary analysis was skipped for {target}.{namespace}")
}

/// Too many checks failed.
pub fn rolling_back_threshold(canary: &str, namespace: &str, threshold: i32) -> String {
    format!("Rolling back {canary}.{namespace} failed checks threshold reached {threshold}")
}

/// A run ended badly.
pub fn canary_failed(canary: &str, namespace: &str) -> String {
    format!("Canary failed! Scaling down {canary}.{namespace}")
}

/// Primary missed its deadline while it was promoted.
pub fn promotion_failed(target: &str, namespace: &str, error: &str) -> String {
    format!("Promotion of {target}.{namespace} failed, primary not ready: {error}")
}

/// Primary is not ready yet; `reason` from [`waiting_for_rollout`] or [`exceeded_deadline`].
pub fn primary_not_ready(target: &str, namespace: &str, reason: &str) -> String {
    format!("{target}-primary.{namespace} not ready: {reason}")
}

/// The canary is not ready yet; `reason` from [`waiting_for_rollout`] or [`exceeded_deadline`].
pub fn canary_not_ready(target: &str, namespace: &str, reason: &str) -> String {
    format!("canary deployment {target}.{namespace} not ready: {reason}")
}

/// The reason of a Deployment that still rolls; `progress` from one of the four functions below.
pub fn waiting_for_rollout(progress: &str) -> String {
    format!("waiting for rollout to finish: {progress}")
}

/// Fewer replicas than wanted have the new template.
pub fn replicas_updated(updated: i32, wanted: i32) -> String {
    format!("{updated} out of {wanted} new replicas have been updated")
}

/// Old replicas are still there.
pub fn replicas_terminating(old: i32) -> String {
    format!("{old} old replicas are pending termination")
}

/// Fewer replicas than needed are available; `percent` is the ready threshold.
pub fn replicas_available(available: i32, updated: i32, percent: i32) -> String {
    format!("{available} of {updated} (readyThreshold {percent}%) updated replicas are available")
}

/// The Deployment controller has not seen the newest spec.
pub const GENERATION_NOT_OBSERVED: &str = "observed deployment generation less than desired generation";

/// A Deployment missed its `progressDeadlineSeconds`.
pub fn exceeded_deadline(deployment: &str) -> String {
    format!("deployment {deployment:?} exceeded its progress deadline")
}

/// Scaling the target to zero did not work; `kind` as in `targetRef.kind`.
pub fn scaling_down_failed(kind: &str, target: &str, namespace: &str, error: &str) -> String {
    format!("scaling down canary {kind} {target}.{namespace} failed: {error}")
}

/// The finalizer starts.
pub fn terminating(canary: &str, namespace: &str) -> String {
    format!("Terminating canary {canary}.{namespace}")
}

/// The finalizer is done.
pub fn terminated(canary: &str, namespace: &str) -> String {
    format!("Terminated canary {canary}.{namespace}")
}
