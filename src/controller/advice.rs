//! What else in the namespace concerns the pods of a pair, told when it begins to matter.

use super::context::Context;
use crate::{
    analysis::{Stage, State},
    api::Canary,
    metrics::Severity,
    plan::{Selector, reach},
};
use k8s_openapi::api::{networking::v1::NetworkPolicy, policy::v1::PodDisruptionBudget};
use kube::{Api, api::ListParams};
use serde_json::Value;
use std::{fmt::Debug, sync::Arc};

/// Says which budgets and network policies miss primary: when a pair has been built, and when a release begins. They are
/// looked for then, not watched.
pub fn advise(context: &Arc<Context>, canary: &Canary, about: (&Value, &Selector), before: &State, after: &State) {
    let built = before.stage == Stage::Building && after.stage != Stage::Building;
    let begun = before.stage == Stage::Rest && after.stage == Stage::Scaling;
    if !built && !begun {
        return;
    }
    let (context, canary) = (context.clone(), canary.clone());
    let (target, selector) = (about.0.clone(), about.1.clone());
    tokio::spawn(async move {
        let namespace = canary.namespace_name();
        let (budgets, policies) = tokio::join!(
            list::<PodDisruptionBudget>(&context, namespace),
            list::<NetworkPolicy>(&context, namespace)
        );
        for missed in reach::missed(&target, &selector, &budgets, &policies) {
            context.events.record(&canary, Severity::Warning, missed.to_string());
        }
    });
}

async fn list<K>(context: &Context, namespace: &str) -> Vec<Value>
where
    K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + Debug
        + serde::de::DeserializeOwned
        + serde::Serialize,
{
    let api = Api::<K>::namespaced(context.client.clone(), namespace);
    match api.list(&ListParams::default()).await {
        Ok(found) => found
            .iter()
            .filter_map(|object| serde_json::to_value(object).ok())
            .collect(),
        Err(error) => {
            tracing::warn!(namespace, kind = %K::kind(&()), %error, "cannot be looked at");
            Vec::new()
        }
    }
}
