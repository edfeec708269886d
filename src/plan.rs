//! Pure: what should exist for a target, a Canary and the settings that govern them.

pub mod hash;
