//! Writes without which there is a pair all the same.

use super::write::WriteFailure;
use crate::controller::{context::memory::Memory, difference::write::Write, queue::Key, watch::informers::cache::Kind};
use crate::plan::Blueprint;

/// Whether `error` is that of a write which the API server refuses, and which the pair can do without.
pub fn is_dispensable(memory: &Memory, key: &Key, blueprint: &Blueprint, error: &kube::Error) -> bool {
    let without = |write: &Write| !makes_the_pair(write, blueprint);
    WriteFailure::of(error) == WriteFailure::Refused && memory.of(key, |canary| canary.failures.blames(without))
}

/// Whether there is no pair without that write: it has one whether other Services are split and budgets are kept or not.
pub fn makes_the_pair(write: &Write, blueprint: &Blueprint) -> bool {
    let (kind, _, name) = write.subject();
    let own = || {
        let names = blueprint.names.iter();
        let mut all = names.flat_map(|names| [&names.apex, &names.primary, &names.canary]);
        all.any(|own| own == name)
    };
    match kind {
        Kind::PodDisruptionBudget => false,
        Kind::Service => own(),
        _ => true,
    }
}
