//! What else lives in the namespace of a pair: network policies, and objects of other tools that point at its pods. It is
//! looked for when it matters, not watched.

use crate::plan::enrolment::reach::{self, Foreign};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams},
};
use parking_lot::Mutex;
use serde_json::Value;
use std::{collections::HashMap, fmt::Debug, sync::Arc, time::Duration};
use tokio::{sync::OnceCell, time::Instant};

/// Most objects of a kind that are looked at.
const LOOKED_AT: u32 = 100;
/// How long what was found in a namespace serves for its other Canaries: a team's releases begin together.
const FRESH: Duration = Duration::from_secs(5);

/// How long a kind that the cluster does not have is not asked for again.
const ABSENT: Duration = Duration::from_secs(600);

/// What was found lately, by namespace, and which kinds there are none of.
#[derive(Debug, Default)]
pub struct Looks {
    looks: Mutex<HashMap<String, Look>>,
    absent: Mutex<HashMap<&'static str, Instant>>,
}

#[derive(Debug)]
struct Look {
    began: Instant,
    found: Arc<OnceCell<Found>>,
}

/// What was found in a namespace.
#[derive(Debug)]
pub struct Found {
    /// NetworkPolicies of that namespace.
    pub policies: Vec<Value>,
    /// Objects of other tools that point at pods.
    pub others: Vec<(Foreign, Value)>,
}

impl Looks {
    /// Lets go of what is not fresh any more.
    pub fn forget(&self) {
        self.looks.lock().retain(|_, look| look.began.elapsed() < FRESH);
    }

    /// Whether nothing is kept.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.looks.lock().is_empty()
    }

    /// What is beside the pairs of a namespace, as it was found lately, or is found now.
    pub async fn look(&self, client: &Client, namespace: &str) -> Arc<OnceCell<Found>> {
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
