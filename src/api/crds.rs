//! The CustomResourceDefinitions.

use super::{AlertProvider, Canary, CanaryPolicy, MetricTemplate};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

/// Every kind we serve.
pub fn all() -> Vec<CustomResourceDefinition> {
    vec![
        Canary::crd(),
        MetricTemplate::crd(),
        AlertProvider::crd(),
        CanaryPolicy::crd(),
    ]
}
