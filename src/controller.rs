//! The engine room: what happens after a change is stored.

pub mod lease;
