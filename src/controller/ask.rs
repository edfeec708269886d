//! Asks others on behalf of a Canary: metrics servers for a verdict, hooks for their consent. A step begins it after its
//! decision; the answer wakes the next step through [`queue`](super::queue).

pub mod checks;
pub mod hooks;
