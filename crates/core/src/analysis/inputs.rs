//! What a step is given: what the Canary asks of its runs (`run_settings`), what was recorded by the step before (`state`),
//! what is seen now (`observation`), and what hooks were asked and have answered (`questions`).

pub(super) mod observation;
pub(super) mod questions;
pub(super) mod run_settings;
pub(super) mod state;
