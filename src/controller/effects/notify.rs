//! Tells people and listening programs what happened: Events, the log, event hooks and alerts. It comes after a decision that
//! is recorded in [`status`](crate::controller::status), and nothing waits for it.

pub mod advice;
pub mod alert;
pub mod announce;
pub mod bounds;
mod once;
pub mod shared;
pub mod shut_out;
pub mod unrouted;
