//! What failed in which scene, for the end of `make test`: between a failure and the end of a long log there is much else.

use anyhow::Result;

use super::log::Log;

const LOG: Log = Log("failures.log");
/// How much of one failure is told, in characters.
const TOLD: usize = 1500;

/// Forgets what failed before.
pub fn forget() -> Result<()> {
    LOG.forget()
}

/// A scene of that name failed.
pub(super) fn note(scene: &str, why: &str) -> Result<()> {
    let why: String = why.chars().take(TOLD).collect();
    LOG.add(&format!("{scene}: {why}"))
}

/// What failed; empty when nothing did.
pub fn told() -> Result<String> {
    Ok(LOG.read()?.unwrap_or_default())
}
