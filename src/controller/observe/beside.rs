//! What else lives in the namespace of a pair: network policies, and objects of other tools that point at its pods. It is
//! looked for when it matters, not watched.

use crate::plan::enrolment::reach::{self, Foreign};
use crate::requests::{
    dynamic,
    pages::{self, PAGE},
};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::{Api, Client, api::ListParams};
use parking_lot::Mutex;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{collections::HashMap, fmt::Debug, ops::ControlFlow, sync::Arc, time::Duration};
use tokio::{sync::OnceCell, time::Instant};

/// Most objects of a kind that are looked at.
const LOOKED_AT: usize = 100;
/// Most bytes of what is kept of them, as JSON: it is kept for a moment, of all namespaces with releases.
const KEPT: usize = 1024 * 1024;
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
    /// The names and specs of its NetworkPolicies.
    pub policies: Vec<Value>,
    /// Of objects of other tools that point at pods, their names and where they point.
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
                let (policies, others) = tokio::join!(policies(client, namespace), futures::future::join_all(all));
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
        let of = (kind.group, kind.version, kind.kind);
        let api = dynamic(client, Some(namespace), of, kind.plural);
        match first(&api, |object| kind.slim(object)).await {
            Ok(found) => found.into_iter().map(|object| (kind, object)).collect(),
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

async fn policies(client: &Client, namespace: &str) -> Vec<Value> {
    let api = Api::<NetworkPolicy>::namespaced(client.clone(), namespace);
    let slim = |policy: &Value| {
        let name = policy.pointer("/metadata/name");
        json!({"metadata": {"name": name}, "spec": policy.get("spec")})
    };
    let found = first(&api, slim).await;
    found.unwrap_or_else(|error| {
        tracing::warn!(namespace, kind = "NetworkPolicy", %error, "cannot be looked at");
        Vec::new()
    })
}

// The first objects of a list, as far as they are looked at, each cut down before the next page is read.
async fn first<K>(api: &Api<K>, slim: impl Fn(&Value) -> Value) -> Result<Vec<Value>, kube::Error>
where
    K: Clone + Debug + DeserializeOwned + Serialize,
{
    let (mut found, mut left) = (Vec::new(), KEPT);
    let take = |object: K| {
        let object = slim(&serde_json::to_value(object).unwrap_or_default());
        match left.checked_sub(object.to_string().len()) {
            Some(rest) if found.len() < LOOKED_AT => {
                left = rest;
                found.push(object);
                ControlFlow::Continue(())
            }
            _ => ControlFlow::Break(()),
        }
    };
    pages::each(api, ListParams::default().limit(PAGE), take).await?;
    Ok(found)
}

#[cfg(test)]
mod tests;
