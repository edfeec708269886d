//! The webhook configurations: rendered from a few values, installed by server-side apply, kept as they should be.

mod conditions;
mod install;
mod probe;
mod render;

pub use install::{InstallError, Installer};
pub use render::{Address, FailurePolicy, Rendering, mutating, validating, webhook_name};
