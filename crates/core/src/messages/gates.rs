//! The hooks a Canary calls; `hook` is the hook's name.

/// A `pre-rollout` hook agreed.
pub fn pre_rollout_passed(hook: &str) -> String {
    format!("Pre-rollout check {hook} passed")
}

/// A `confirm-rollout` hook agreed.
pub fn confirm_rollout_passed(hook: &str) -> String {
    format!("Confirm-rollout check {hook} passed")
}

/// A `confirm-promotion` hook agreed.
pub fn confirm_promotion_passed(hook: &str) -> String {
    format!("Confirm-promotion check {hook} passed")
}

/// A `confirm-traffic-increase` hook agreed.
pub fn confirm_traffic_increase_passed(hook: &str) -> String {
    format!("Confirm-traffic-increase check {hook} passed")
}

/// A `post-rollout` hook agreed.
pub fn post_rollout_passed(hook: &str) -> String {
    format!("Post-rollout check {hook} passed")
}

/// A `post-rollout` hook failed; the rest of them is skipped.
pub fn post_rollout_failed(hook: &str, error: &str) -> String {
    format!("Post-rollout hook {hook} failed {error}")
}

/// A `rollback` hook asks for nothing.
pub fn rollback_not_signaled(hook: &str) -> String {
    format!("Rollback hook {hook} not signaling a rollback")
}

/// A `rollback` hook asks for a rollback; [`rolling_back_by_hook`] follows.
pub fn rollback_passed(hook: &str) -> String {
    format!("Rollback check {hook} passed")
}

/// The rollback a hook asked for.
pub fn rolling_back_by_hook(canary: &str, namespace: &str) -> String {
    format!("Rolling back {canary}.{namespace} manual webhook invoked")
}

/// A `pre-rollout` hook failed.
pub fn pre_rollout_failed(canary: &str, namespace: &str, hook: &str, error: &str) -> String {
    format!("Halt {canary}.{namespace} advancement pre-rollout check {hook} failed {error}")
}

/// A `rollout` hook failed.
pub fn rollout_failed(canary: &str, namespace: &str, hook: &str, error: &str) -> String {
    format!("Halt {canary}.{namespace} advancement external check {hook} failed {error}")
}

/// The `confirm-rollout` gate is closed.
pub fn waiting_for_approval(canary: &str, namespace: &str, hook: &str) -> String {
    format!("Halt {canary}.{namespace} advancement waiting for approval {hook}")
}

/// The `confirm-promotion` gate is closed.
pub fn waiting_for_promotion_approval(canary: &str, namespace: &str, hook: &str) -> String {
    format!("Halt {canary}.{namespace} advancement waiting for promotion approval {hook}")
}

/// The `confirm-traffic-increase` gate is closed.
pub fn waiting_for_traffic_increase_approval(canary: &str, namespace: &str, hook: &str) -> String {
    format!("Halt {canary}.{namespace} advancement waiting for traffic increase approval {hook}")
}
