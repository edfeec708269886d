//! What a status becomes when the webhook announces a revision: it speaks of the run and of the conditions, neither of which
//! knows of this.

use super::CanaryStatus;
use super::announced::Announced;
use super::conditions::{ConditionInputs, DryRun, conditions};
use super::phase::Phase;
use super::run::RunStatus;
use jiff::Timestamp;

impl CanaryStatus {
    /// The status with the revision announced: nothing in it answers for the one before any more. `None` while the
    /// status says nothing of ours yet that could.
    pub fn announcing(&self, kind: &str, announced: Announced, now: Timestamp) -> Option<Self> {
        let run = self.run.clone().filter(|_| self.phase != Phase::Unset)?;
        let inputs = ConditionInputs {
            kind,
            phase: self.phase,
            ahead: true,
            trouble: None,
            stuck: false,
            dry_run: DryRun::No,
        };
        Some(Self {
            conditions: Some(conditions(inputs, self.conditions.as_deref().unwrap_or_default(), now)),
            run: Some(RunStatus {
                announced: Some(announced),
                ..run
            }),
            ..self.clone()
        })
    }
}
