//! Validation of our own kinds: every mistake at once, each saying what is wrong, why it hurts and how to fix it.
//!
//! Each kind has its file, a Canary one for each part of its spec; they judge values by `values` and note what they find in
//! a `report`. A rule's "row 52" is the cases `row: "52"` in `tests/*.yaml`.
//!
//! Nothing is looked up here: what a rule needs to know of the cluster comes in as a [`ClusterFacts`]. What is
//! unknown there is not judged; an object that may merely arrive later in the same apply is a warning.
//! Updates ratchet: a mistake that was already stored warns, so it never blocks an unrelated change.

mod alert_provider;
mod canary;
mod deleted;
mod facts;
mod metric_template;
mod policy;
mod report;
mod unbuilt;
mod values;
mod view;

pub use alert_provider::alert_provider;
pub use canary::canary;
pub use deleted::{alert_provider_deleted, metric_template_deleted};
pub use facts::{ClusterFacts, Lookup, ScalerFacts, Templates};
pub use metric_template::metric_template;
pub use policy::{known_bad_policy, policy};
pub use report::{Cause, CauseReason, Findings, MAX_CAUSES, MAX_WARNING_CHARS, MAX_WARNINGS};
pub use unbuilt::{unbuilt, unbuilt_policy, unbuilt_template};
pub use values::size::too_large;
pub use view::ClusterView;

#[cfg(test)]
mod tests;
