//! The CustomResourceDefinitions: derived from the types, then given what a derive cannot say.
//!
//! The rendered files are committed in [`DIRECTORIES`]; `cargo run -- crds --write` refreshes them.

mod bounds;
mod measure;
mod refine;
mod refinements;
mod rules;
pub mod served;

pub use measure::{Excess, Measured, Unit, measure};

use super::{AlertProvider, Canary, CanaryPolicy, MetricTemplate};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube_core::CustomResourceExt;
use serde_json::{Value, json};

/// Where the rendered files live, below the root of the repository.
pub const DIRECTORIES: [&str; 2] = ["manifests/crds", "charts/coalmine/crds"];

/// Every kind we serve, refined. Which `providers` a Canary may name is said by whoever knows what is built.
pub fn all(providers: &[&str]) -> Vec<CustomResourceDefinition> {
    let derived = [
        (Canary::crd(), refinements::canary(providers)),
        (MetricTemplate::crd(), refinements::metric_template()),
        (AlertProvider::crd(), refinements::alert_provider()),
        (CanaryPolicy::crd(), refinements::policy(providers)),
    ];
    derived
        .into_iter()
        .map(|(crd, changes)| refined(crd, &changes).0)
        .collect()
}

/// All of them as one YAML stream.
pub fn render(providers: &[&str]) -> String {
    files(providers)
        .into_iter()
        .map(|(_, yaml)| yaml)
        .collect::<Vec<_>>()
        .join("---\n")
}

/// File name and YAML of each, such as `canaries.yaml`.
pub fn files(providers: &[&str]) -> Vec<(String, String)> {
    let name = |crd: &CustomResourceDefinition| format!("{}.yaml", crd.spec.names.plural);
    let yaml = |crd| serde_saphyr::to_string(&crd).unwrap_or_default(); // plain data; a test reads it back
    all(providers).into_iter().map(|crd| (name(&crd), yaml(crd))).collect()
}

/// Applies the changes; also returns the paths that do not exist, which a test wants empty.
fn refined(crd: CustomResourceDefinition, changes: &[refine::Change]) -> (CustomResourceDefinition, Vec<String>) {
    let Ok(mut value) = serde_json::to_value(&crd) else {
        return (crd, vec!["(not JSON)".into()]);
    };
    // Deleting the CRD deletes every Canary: Helm must not do that on uninstall.
    refine::merge(
        &mut value,
        &json!({"metadata": {"annotations": {"helm.sh/resource-policy": "keep"}}}),
    );
    let kind = crd.spec.names.kind.clone();
    refine::merge(
        &mut value,
        &json!({"spec": {"names": {"listKind": format!("{kind}List")}}}),
    );
    let mut missing = Vec::new();
    let versions = value.pointer_mut("/spec/versions").and_then(Value::as_array_mut);
    for version in versions.into_iter().flatten() {
        if let Some(schema) = version.pointer_mut("/schema/openAPIV3Schema") {
            refine::clean(schema);
            missing.extend(refine::apply(schema, changes));
            bounds::bound(schema);
        }
    }
    match serde_json::from_value(value) {
        Ok(refined) => (refined, missing),
        Err(error) => (crd, vec![error.to_string()]),
    }
}

#[cfg(test)]
mod tests;
