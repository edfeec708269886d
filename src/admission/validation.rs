//! Pure validation of our own kinds: every mistake at once, each saying what is wrong, why it hurts and how to fix it.
//!
//! Nothing is looked up here: what a rule needs to know of the cluster comes in as a [`Facts`]. What is
//! unknown there is not judged; an object that may merely arrive later in the same apply is a warning.
//! Updates ratchet: a mistake that was already stored warns, so it never blocks an unrelated change.

mod alert_provider;
mod canary;
mod cron;
mod deleted;
mod distinct;
mod durations;
mod facts;
mod findings;
mod metric_template;
mod names;
mod policy;
mod regexes;
mod report;
mod size;
mod templates;
mod unbuilt;
mod urls;

pub use alert_provider::alert_provider;
pub use canary::canary;
pub use deleted::{alert_provider_deleted, metric_template_deleted};
pub use facts::{Facts, Lookup, ScalerFacts, SecretFacts, ServiceFacts};
pub use findings::{Cause, CauseReason, Findings, MAX_CAUSES, MAX_WARNING_CHARS, MAX_WARNINGS};
pub use metric_template::metric_template;
pub use policy::{known_bad_policy, policy};
pub use unbuilt::{unbuilt, unbuilt_policy, unbuilt_template};

#[cfg(test)]
mod tests;
