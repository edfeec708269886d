//! The kinds: Canary, MetricTemplate, AlertProvider (Flagger's group) and CanaryPolicy (ours).
//!
//! Types decode leniently: one odd object must never stop the watch of a whole fleet. What is wrong with an object is said by
//! the schema (`crds`) and by the rules of `coalmine_core::validation`. Texts of others ([`foreign`]) are cut and cleaned here
//! too, for the conditions that repeat them.

pub mod alert_provider;
pub mod canary;
pub mod crds;
pub mod duration;
pub mod entry;
pub mod foreign;
pub mod labels;
pub mod limits;
pub mod metric_template;
pub mod number;
pub mod policy;
pub mod requested_by;

pub use alert_provider::{AlertProvider, AlertProviderSpec};
pub use canary::{Canary, CanarySpec, CanaryStatus};
pub use duration::GoDuration;
pub use metric_template::{MetricTemplate, MetricTemplateSpec};
pub use number::Number;
pub use policy::{CanaryPolicy, CanaryPolicySpec};
