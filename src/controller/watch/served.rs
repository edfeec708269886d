//! Kinds that a cluster may or may not have: whether it does is watched, never asked.

use super::cache::Kind;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{core::PartialObjectMeta, runtime::reflector::Store};

/// The definition of a kind.
pub type Definition = PartialObjectMeta<CustomResourceDefinition>;

/// The kinds that exist only where somebody installed them.
#[derive(Clone)]
pub struct Served {
    /// KEDA's ScaledObjects.
    pub scaled_objects: Store<Definition>,
}

impl Served {
    /// Name of the definition of KEDA's ScaledObjects.
    pub const SCALED_OBJECTS: &str = "scaledobjects.keda.sh";

    /// Every kind to watch in a namespace.
    pub fn kinds(&self) -> Vec<Kind> {
        let mut kinds = Kind::ALL.to_vec();
        if !self.scaled_objects.is_empty() {
            kinds.push(Kind::ScaledObject);
        }
        kinds
    }
}
