//! What is around a Deployment that is to be paired, as the API server has it now: looked for once, before it is held.

use super::around::to_pods;
use super::{Generator, LOOK};
use crate::plan::enrolment::pairing::{self, Claim, Surroundings};
use crate::plan::{Blueprint, Workload};
use crate::requests::dynamic;
use coalmine_core::validation::Lookup;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most claims of one template that are looked at; those beyond are not known.
const CLAIMS: usize = 8;

impl Generator {
    /// Completes what is `known` of what is around `target`.
    ///
    /// # Errors
    /// What of it could not be looked at in time.
    pub async fn surroundings(
        &self,
        target: &Value,
        pair: &Blueprint,
        known: Surroundings,
    ) -> Result<Surroundings, &'static str> {
        let namespace = pair.namespace.as_str();
        let name = pair.primary_name();
        let primary = self.workload(Workload::Deployment, namespace, &name);
        let (claims, primary, policies) =
            tokio::join!(self.claims(namespace, target), primary, self.policies.all(&self.lists));
        Ok(Surroundings {
            claims,
            policies: policies.ok_or("NetworkPolicies")?,
            primary: match primary {
                Lookup::Found(object) => Some(object),
                Lookup::Absent => None,
                Lookup::Unknown => return Err("Deployments"),
            },
            ..known
        })
    }

    /// The claims that the pods of `target` mount, within the budget.
    pub async fn claims(&self, namespace: &str, target: &Value) -> BTreeMap<String, Claim> {
        let named = pairing::claims(target);
        let looked_at = named.iter().take(CLAIMS).map(|claim| self.claim(namespace, claim));
        let looked_at = futures::future::join_all(looked_at).await;
        let all = looked_at.into_iter().chain(std::iter::repeat(Claim::Unknown));
        named.into_iter().zip(all).collect()
    }

    async fn claim(&self, namespace: &str, name: &str) -> Claim {
        let claim = ("", "v1", "PersistentVolumeClaim");
        let api = dynamic(&self.client, Some(namespace), claim, "persistentvolumeclaims");
        match tokio::time::timeout(LOOK, api.get_opt(name)).await {
            Ok(Ok(Some(found))) => serde_json::to_value(found).map_or(Claim::Unknown, |found| Claim::of(&found)),
            Ok(Ok(None)) => Claim::Missing,
            Ok(Err(error)) => {
                tracing::warn!(namespace, name, %error, "a PersistentVolumeClaim cannot be looked at");
                Claim::Unknown
            }
            Err(_) => Claim::Unknown,
        }
    }
}

/// What lives in a namespace that is about to be opted in; `None` for what could not be looked at in time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Neighbours {
    /// Deployments of that namespace.
    pub deployments: Option<Vec<Value>>,
    /// All its workloads, as far as they could be looked at.
    pub workloads: Vec<Value>,
    /// PersistentVolumeClaims of that namespace.
    pub claims: Option<Vec<Value>>,
    /// The network policies of all namespaces.
    pub policies: Arc<Vec<Value>>,
}

impl Neighbours {
    /// Completes what is `known` of what is around one of the Deployments; the policies are the same around all of them.
    pub fn complete(&self, target: &Value, pair: &Blueprint, known: &mut Surroundings) {
        fn is(object: &Value, name: &str) -> bool {
            object.pointer("/metadata/name").and_then(Value::as_str) == Some(name)
        }
        let claim = |name: String| {
            let claim = match &self.claims {
                None => Claim::Unknown,
                Some(all) => all.iter().find(|one| is(one, &name)).map_or(Claim::Missing, Claim::of),
            };
            (name, claim)
        };
        let primary = pair.primary_name();
        let mut deployments = self.deployments.iter().flatten();
        known.claims = pairing::claims(target).into_iter().map(claim).collect();
        known.primary = deployments.find(|one| is(one, &primary)).cloned();
    }
}

impl Generator {
    /// Looks at what lives in a namespace, within the budget.
    pub async fn neighbours(&self, namespace: &str) -> Neighbours {
        let (deployments, others, claims, policies) = tokio::join!(
            self.list(namespace, ("apps", "v1", "Deployment"), "deployments"),
            self.other_workloads(namespace),
            self.list(namespace, ("", "v1", "PersistentVolumeClaim"), "persistentvolumeclaims"),
            self.policies.all(&self.lists),
        );
        let mut workloads: Vec<Value> = deployments.clone().unwrap_or_default();
        workloads.iter_mut().for_each(to_pods);
        workloads.extend(others.unwrap_or_default());
        Neighbours {
            deployments,
            workloads,
            claims,
            // The controller looks at what could not be seen here.
            policies: policies.unwrap_or_default(),
        }
    }
}
