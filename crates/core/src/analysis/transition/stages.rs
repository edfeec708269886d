//! What a step does in each stage: from a plain Deployment to a pair and rest, a run, its promotion, and the way out.

pub(super) mod bootstrap;
mod freshness;
mod leave;
pub(super) mod promotion;
mod run;
mod sleep;
pub(super) mod unbuilt;
