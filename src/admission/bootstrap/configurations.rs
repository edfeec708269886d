//! The webhook configurations: rendered from a few values, installed by server-side apply, kept as they should be.

mod brake;
mod conditions;
mod install;
mod probe;
mod probing;
mod render;
mod tell;

pub use install::{InstallError, Installer, api};
pub use render::{Address, FailurePolicy, Rendering, mutating, validating, webhook_name};
pub use tell::Teller;
