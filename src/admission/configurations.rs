//! The webhook configurations: rendered from a few values, installed by server-side apply, kept as they should be.

mod install;
mod probe;
mod render;

pub use install::{InstallError, Installer};
pub use probe::{PROBE_NAME, is_probe, probe_denial};
pub use render::{Address, FailurePolicy, Rendering, mutating, validating, webhook_name};
