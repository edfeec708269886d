//! Which network policies of the namespace, and which objects of other tools, miss primary of a pair that is built, told when
//! it begins to matter.

use crate::controller::context::{Context, key};
use crate::{
    analysis::{Stage, State},
    api::Canary,
    metrics::Severity,
    plan::{
        Selector,
        reach::{self, Foreign},
    },
};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams},
};
use parking_lot::Mutex;
use serde_json::Value;
use std::{collections::HashMap, fmt::Debug, sync::Arc, time::Duration};
use tokio::{sync::OnceCell, time::Instant};

/// Says what misses primary: when a pair has been built, and when a release begins. It is looked for then, not watched.
pub fn advise(context: &Arc<Context>, canary: &Canary, about: (&Value, &Selector), before: &State, after: &State) {
    let built = before.stage == Stage::Building && after.stage != Stage::Building;
    let begun = before.stage == Stage::Rest && after.stage == Stage::Scaling;
    if !built && !begun {
        return;
    }
    let (context, canary) = (context.clone(), canary.clone());
    let (target, selector) = (about.0.clone(), about.1.clone());
    tokio::spawn(async move {
        let look = async {
            let found = context.advice.look(&context.client, canary.namespace_name()).await;
            let Some(found) = found.get() else { return };
            for missed in reach::missed(&target, &selector, &found.policies, &found.others) {
                context.events.record(&canary, Severity::Warning, missed.to_string());
            }
        };
        // Advice that cannot be given is not missed.
        let _ = context
            .caught(&key(&canary), "looking for what misses primary", look)
            .await;
    });
}

/// Most objects of a kind that are looked at.
const LOOKED_AT: u32 = 100;
/// How long what was found in a namespace serves for its other Canaries: a team's releases begin together.
const FRESH: Duration = Duration::from_secs(5);

/// How long a kind that the cluster does not have is not asked for again.
const ABSENT: Duration = Duration::from_secs(600);

/// What was found lately, by namespace, and which kinds there are none of.
#[derive(Debug, Default)]
pub struct Advice {
    looks: Mutex<HashMap<String, Look>>,
    absent: Mutex<HashMap<&'static str, Instant>>,
}

#[derive(Debug)]
struct Look {
    began: Instant,
    found: Arc<OnceCell<Found>>,
}

#[derive(Debug)]
struct Found {
    policies: Vec<Value>,
    others: Vec<(Foreign, Value)>,
}

impl Advice {
    /// Lets go of what is not fresh any more.
    pub fn forget(&self) {
        self.looks.lock().retain(|_, look| look.began.elapsed() < FRESH);
    }

    /// Whether nothing is kept.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.looks.lock().is_empty()
    }

    async fn look(&self, client: &Client, namespace: &str) -> Arc<OnceCell<Found>> {
        let found = {
            let mut all = self.looks.lock();
            all.retain(|_, look| look.began.elapsed() < FRESH);
            let look = all.entry(namespace.to_owned()).or_insert_with(|| Look {
                began: Instant::now(),
                found: Arc::default(),
            });
            look.found.clone()
        };
        found
            .get_or_init(async || {
                let all = reach::FOREIGN.map(|kind| self.of_others(client, namespace, kind));
                let (policies, others) =
                    tokio::join!(list::<NetworkPolicy>(client, namespace), futures::future::join_all(all));
                let others = others.into_iter().flatten().collect();
                Found { policies, others }
            })
            .await;
        found
    }

    async fn of_others(&self, client: &Client, namespace: &str, kind: Foreign) -> Vec<(Foreign, Value)> {
        let lacks = |asked: &Instant| asked.elapsed() < ABSENT;
        if self.absent.lock().get(kind.kind).is_some_and(lacks) {
            return Vec::new();
        }
        let gvk = GroupVersionKind::gvk(kind.group, kind.version, kind.kind);
        let resource = ApiResource::from_gvk_with_plural(&gvk, kind.plural);
        let api = Api::<DynamicObject>::namespaced_with(client.clone(), namespace, &resource);
        match api.list(&ListParams::default().limit(LOOKED_AT)).await {
            Ok(found) => found
                .iter()
                .filter_map(|object| Some((kind, serde_json::to_value(object).ok()?)))
                .collect(),
            // The cluster does not have that kind, or nobody gave us the right to look.
            Err(kube::Error::Api(status)) if status.code == 404 || status.code == 403 => {
                self.absent.lock().insert(kind.kind, Instant::now());
                Vec::new()
            }
            Err(error) => {
                tracing::warn!(namespace, kind = kind.kind, %error, "cannot be looked at");
                Vec::new()
            }
        }
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
    match api.list(&ListParams::default().limit(LOOKED_AT)).await {
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

#[cfg(test)]
mod tests;
