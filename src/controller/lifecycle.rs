//! How Canaries come and go: enrolment, takeover of one by another, the end of those that have nothing to act on. It runs
//! before a step has a pair to observe, and when there is none any more.

pub mod enrol;
pub mod finish;
pub mod free;
pub mod inheritance;
pub mod sweep;
pub mod takeover;
pub mod target_missing;
pub mod unreleased;
