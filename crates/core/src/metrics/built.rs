//! What a store says of its type, so that the registry can list it.

use super::builtin::Builtin;
use super::requirements::StoreRequirements;
use super::store::Store;
use crate::api::metric_template::MetricProvider;
use crate::template::{RenderError, Variables};
use std::collections::BTreeMap;

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
    /// What it is as any other store.
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
