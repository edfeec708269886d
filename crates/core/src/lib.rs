//! What Coalmine decides. Values in, values out: nothing here can reach a cluster, a network or a runtime, because the
//! crate depends on none, and a test sees to it that nothing asks a clock.

pub mod analysis;
pub mod messages;
pub mod metrics;
pub mod object;
pub mod plan;
pub mod routing;
pub mod template;
pub mod validation;

pub use coalmine_api as api;
use coalmine_api::foreign;
