//! Kinds that a cluster may or may not have: whether it does is watched, never asked.

use super::cache::Kind;
use crate::watched::serves;
use futures::FutureExt;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::runtime::reflector::{Store, store::WriterDropped};

/// The definition of a kind.
pub type Definition = CustomResourceDefinition;

/// Leaves of a definition which versions it serves: schemas are as large as all that is kept of a namespace.
pub fn slim(definition: &mut Definition) {
    definition.status = None;
    for version in &mut definition.spec.versions {
        version.schema = None;
        version.additional_printer_columns = None;
    }
}

/// The definitions of the kinds that exist only where somebody installed them.
#[derive(Clone)]
pub struct Served(Vec<(Kind, Store<Definition>)>);

impl Served {
    /// Follows each definition by `watch`, which is given its name.
    pub fn new(watch: impl Fn(&str) -> Store<Definition>) -> Self {
        let followed = |kind: Kind| Some((kind, watch(&kind.definition()?)));
        Self(Kind::optional().filter_map(followed).collect())
    }

    /// Waits until it is known which of them there are.
    ///
    /// # Errors
    /// The watch has ended.
    pub async fn ready(&self) -> Result<(), WriterDropped> {
        for (_, definition) in &self.0 {
            definition.wait_until_ready().await?;
        }
        Ok(())
    }

    /// Every kind to watch in a namespace.
    pub fn kinds(&self) -> Vec<Kind> {
        let installed = self.0.iter().filter(|(kind, definition)| {
            // A role of before may not look: routes were always there then, of the one kind that there was.
            let unknown = definition.wait_until_ready().now_or_never().is_none();
            let version = kind.resource().version;
            let known = definition.state();
            known.iter().any(|known| serves(known, &version)) || unknown && kind.is_first_route()
        });
        Kind::built_in().chain(installed.map(|(kind, _)| *kind)).collect()
    }
}

#[cfg(test)]
mod tests;
