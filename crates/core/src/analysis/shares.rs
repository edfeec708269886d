//! How much traffic each side gets, and how many pods that takes.

pub(super) mod capacity;
pub(super) mod scaling;
pub(super) mod strategy;
