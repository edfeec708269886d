//! What else in the namespace concerns the pods of a pair, told when it begins to matter.

use super::context::Context;
use crate::{
    analysis::{Stage, State},
    api::Canary,
    metrics::Severity,
    plan::{Selector, reach},
};
use k8s_openapi::api::{networking::v1::NetworkPolicy, policy::v1::PodDisruptionBudget};
use kube::{Api, Client, api::ListParams};
use parking_lot::Mutex;
use serde_json::Value;
use std::{
    collections::HashMap,
    fmt::Debug,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::OnceCell;

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
        let found = context.advice.look(&context.client, namespace).await;
        let Some(found) = found.get() else { return };
        for missed in reach::missed(&target, &selector, &found.budgets, &found.policies) {
            context.events.record(&canary, Severity::Warning, missed.to_string());
        }
    });
}

/// How long what was found in a namespace serves for its other Canaries: a team's releases begin together.
const FRESH: Duration = Duration::from_secs(5);

/// What was found lately, by namespace.
#[derive(Debug, Default)]
pub struct Advice(Mutex<HashMap<String, Look>>);

#[derive(Debug)]
struct Look {
    began: Instant,
    found: Arc<OnceCell<Found>>,
}

#[derive(Debug)]
struct Found {
    budgets: Vec<Value>,
    policies: Vec<Value>,
}

impl Advice {
    async fn look(&self, client: &Client, namespace: &str) -> Arc<OnceCell<Found>> {
        let found = {
            let mut all = self.0.lock();
            all.retain(|_, look| look.began.elapsed() < FRESH);
            let look = all.entry(namespace.to_owned()).or_insert_with(|| Look {
                began: Instant::now(),
                found: Arc::default(),
            });
            look.found.clone()
        };
        found
            .get_or_init(async || {
                let (budgets, policies) = tokio::join!(
                    list::<PodDisruptionBudget>(client, namespace),
                    list::<NetworkPolicy>(client, namespace)
                );
                Found { budgets, policies }
            })
            .await;
        found
    }
}

async fn list<K>(client: &Client, namespace: &str) -> Vec<Value>
where
    K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + Debug
        + serde::de::DeserializeOwned
        + serde::Serialize,
{
    let api = Api::<K>::namespaced(client.clone(), namespace);
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
