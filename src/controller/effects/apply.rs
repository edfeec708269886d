//! Carries out the writes of a step, and remembers what was written. The writes come from
//! [`difference`](crate::controller::difference); what they change comes back through
//! [`watch`](crate::controller::watch).

pub mod asked;
pub mod copies;
pub mod dispensable;
pub mod perform;
pub mod repeated;
pub mod write;
