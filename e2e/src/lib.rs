//! The real cluster and what runs on it.

pub mod cluster;
pub mod demo;
pub mod install;
pub mod load;
pub mod scene;
