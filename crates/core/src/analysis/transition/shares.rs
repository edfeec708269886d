//! How much traffic each side gets, and how many pods that takes.

mod capacity;
mod strategy;
