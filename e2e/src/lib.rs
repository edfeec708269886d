//! The real cluster and what runs on it.

pub mod bench;
pub mod checks;
pub mod cluster;
pub mod demo;
pub mod deny;
pub mod figures;
pub mod fuzz;
pub mod install;
pub mod load;
pub mod machine;
pub mod manifests;
pub mod peer;
pub mod record;
pub mod scene;
pub mod storm;
pub mod uninstall;
