//! What the default policy of the harness says (`e2e/values.yaml`), for the tests that count with it.

use std::time::Duration;

/// The spacing of checks.
pub const INTERVAL: Duration = Duration::from_secs(5);
/// The canary's shares, step by step.
pub const STEPS: [u64; 3] = [20, 50, 80];
/// Failed checks before the rollback.
pub const THRESHOLD: u32 = 3;

/// From the apply to every user on the new version: a generous ceiling, because other scenes and builds share the
/// machine. What is promised (4 s) is for the demo and the benches to measure.
pub fn all_users_within() -> Duration {
    INTERVAL * STEPS.len() as u32 + Duration::from_secs(15)
}

/// From the apply to Succeeded: as generous (10 s are promised).
pub fn finished_within() -> Duration {
    INTERVAL * STEPS.len() as u32 + Duration::from_secs(30)
}

/// How long a test waits for the end of a run before it gives up; what is promised is asserted apart.
pub const PATIENCE: Duration = Duration::from_secs(180);
