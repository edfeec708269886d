//! Which metrics stores there are. Everything that differs from one type of store to another is said here or by the store
//! itself: what the webhook requires of MetricTemplates and what a check can ask both come from this list.

use super::builtin::Builtin;
use super::prometheus;
use super::store::Store;
use crate::api::metric_template::MetricProvider;
use crate::template::{RenderError, Variables};
use std::collections::BTreeMap;

mod requirements;
mod unbuilt;

pub use requirements::{Address, Field, Secret, StoreRequirements, Text};

/// The stores that can be asked. A new one is its folder and a line here, and leaves the table of those that cannot.
pub static STORES: &[&Built] = &[&prometheus::STORE];

/// The store behind `--metrics-server` and `spec.metricsServer`.
pub static SERVER: &Server = &prometheus::SERVER;

/// Makes a store of what a MetricTemplate says and of the data of its Secret, where it names one. Errors are texts for the
/// user.
pub type Make = fn(&MetricProvider, Option<&BTreeMap<String, Vec<u8>>>) -> Result<Box<dyn Store>, String>;

/// A type of store that can be asked.
pub struct Built {
    /// What people call it, as texts of events do.
    pub title: &'static str,
    /// What a MetricTemplate of this type has to be like.
    pub requirements: StoreRequirements,
    /// How one is made.
    pub make: Make,
}

/// A type of store that also answers for metrics without a template: the built-in ones, and those with a query in place.
pub struct Server {
    /// The store.
    pub store: &'static Built,
    /// The query for a built-in metric, by the metrics provider of the Canary.
    pub builtin: fn(&str, Builtin, &Variables) -> Result<String, RenderError>,
}

impl Server {
    /// What people call it.
    pub fn title(&self) -> &'static str {
        self.store.title
    }

    /// What its queries have to be like.
    pub fn requirements(&self) -> &'static StoreRequirements {
        &self.store.requirements
    }
}

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
