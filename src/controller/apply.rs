//! Carries out the writes of a step, and remembers what was written. The writes come from
//! [`difference`](super::difference); what they change comes back through [`watch`](super::watch).

pub mod asked;
pub mod copies;
pub mod dispensable;
pub mod perform;
pub mod write;
