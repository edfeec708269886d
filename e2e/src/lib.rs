//! The real cluster and what runs on it.

pub mod load;
