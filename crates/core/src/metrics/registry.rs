//! Which metrics stores there are. Everything that differs from one type of store to another is said here or by the store
//! itself: what the webhook requires of MetricTemplates and what a check can ask both come from this list.

use super::built::{Built, Server};
use super::prometheus;
use super::requirements::StoreRequirements;
use crate::api::metric_template::MetricProvider;

mod unbuilt;

/// The stores that can be asked. A new one is its folder and a line here, and leaves the table of those that cannot.
pub static STORES: &[&Built] = &[&prometheus::STORE];

/// The store behind `--metrics-server` and `spec.metricsServer`.
pub static SERVER: &Server = &prometheus::SERVER;

/// The store of this type, if there is one that can be asked.
pub fn built(kind: &str) -> Option<&'static Built> {
    STORES.iter().copied().find(|store| store.requirements.name == kind)
}

/// What has to be true of MetricTemplates of this type; of a type that nobody knows, what has to be true of all.
pub fn requirements(kind: &str) -> &'static StoreRequirements {
    let of_built = built(kind).map(|store| &store.requirements);
    let known = of_built.or_else(|| unbuilt::TABLE.iter().find(|requirements| requirements.name == kind));
    known.unwrap_or(&StoreRequirements::ANY)
}

/// The type of a template's store where that is known and not built yet; `None` for one that is built or unknown.
pub fn unbuilt(provider: &MetricProvider) -> Option<&str> {
    let kind = provider.kind.as_str();
    (MetricProvider::TYPES.contains(&kind) && built(kind).is_none()).then_some(kind)
}

#[cfg(test)]
mod tests;
