//! Pure: what should exist for a target, a Canary and the settings that govern them.
//!
//! | room | what is in it |
//! | --- | --- |
//! | [`enrolment`] | whether a Deployment gets a pair, and the Canary that a policy makes for it |
//! | [`settings`] | a Canary and its policy, resolved to what is in effect and to a [`Blueprint`] of the pair |
//! | [`workload`] | what is read off the target: its kind, its labels, its pod template as its author wrote it |
//! | [`revision`] | which revision a template and its configs are |
//! | [`history`] | the revisions that were promoted |
//! | [`scaler`] | the autoscaler that a Canary names, and what it may give |
//! | [`mod@primary`] | what primary is, its autoscaler and its budgets; and back from primary to what it was made of |
//! | [`mod@services`] | the Services of a pair, their ports, and the user's own that point at its pods |
//! | [`mod@route`] | the objects of a routing provider |
//! | [`given`] | which labels and annotations of what we make are the Canary's |
//! | [`configs`] | the ConfigMaps and Secrets that pods read, and primary's copies |
//! | [`marks`] | what other tools write on objects to know what they own |
//!
//! Objects are JSON: a target's fields that this program does not know must reach primary untouched, which a typed
//! decode and re-encode would drop.

mod blueprint;
pub mod configs;
pub mod enrolment;
pub mod given;
pub mod history;
pub mod marks;
pub mod primary;
pub mod revision;
mod route;
pub mod scaler;
pub mod services;
pub mod settings;
pub mod workload;

pub use blueprint::{Blueprint, Metadata, Owner, Port};
pub use primary::{COPIED, REVISION_ANNOTATION, all_at_once, own_strategy, primary, primary_revision, strategy_field};
pub use route::{owned, route};
pub use scaler::{Autoscaler, ScalerKind};
pub use services::{ApexSide, ServiceRole, UNRECONCILED, apex_selector, serves_alike, service, services};
pub use settings::effective::{Effective, effective};
pub use settings::exposure::exposure;
pub use settings::resolve::{Defaults, blueprint};
pub use workload::Workload;
pub use workload::selector::{Selector, SelectorError};
