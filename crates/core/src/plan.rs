//! Pure: what should exist for a target, a Canary and the settings that govern them.
//!
//! Objects are JSON: a target's fields that this program does not know must reach primary untouched, which a typed
//! decode and re-encode would drop.

mod blueprint;
pub mod configs;
pub mod enrolment;
pub mod marks;
pub mod primary;
pub mod revision;
mod route;
pub mod services;
pub mod settings;
pub mod workload;

pub use blueprint::{Blueprint, Metadata, Owner, Port, prefix_matches};
pub use primary::autoscaler::{Autoscaler, ScalerKind};
pub use primary::{COPIED, REVISION_ANNOTATION, all_at_once, own_strategy, primary, primary_revision, strategy_field};
pub use route::{owned, route};
pub use services::{ServiceRole, UNRECONCILED, apex_selector, serves_alike, service, services};
pub use settings::effective::{Effective, effective};
pub use settings::resolve::{Defaults, blueprint, rules};
pub use settings::strategy::exposure;
pub use workload::Workload;
pub use workload::selector::{Selector, SelectorError};
