//! The engine room: what happens after a change is stored.
//!
//! Watches fill the [`cache`]; every change asks for a step of the Canaries it concerns; a step looks ([`observe`]),
//! decides ([`crate::analysis`]), records the decision in the Canary's status and writes the [`difference`] between what
//! is and what the decision wants. Nothing polls: at rest no step runs, and no request is made.

mod advice;
mod alert;
mod announce;
mod asked;
mod cache;
mod checks;
mod configs;
mod context;
mod copies;
mod difference;
mod elsewhere;
mod enrol;
mod failed;
mod failures;
mod finish;
mod forget;
mod free;
mod gather;
mod gauges;
mod half;
mod hooks;
mod index;
mod inheritance;
mod lanes;
pub mod lease;
mod live;
mod made;
mod measured;
mod namespaces;
mod observe;
mod perform;
mod pods;
mod pointing;
mod queue;
mod readiness;
mod reading;
mod record;
mod relist;
mod run;
mod served;
mod status;
mod step;
mod sweep;
mod takeover;
mod tasks;
mod ties;
mod timers;
mod trouble;
mod wanted;
mod write;
mod written;

pub use alert::Settings as AlertSettings;
pub use run::{Settings, run};
