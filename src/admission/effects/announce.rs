//! Where a policy says `announce: Early` or `Strict`: before the API server stores a new template, the Canary's conditions
//! stop answering for the last one.
//!
//! `kubectl apply && kubectl wait canary/x --for=condition=Promoted` reads the Canary after the apply has returned, and
//! the controller may not have seen the change by then. The Deployment itself says that its template is pending
//! ([`labels::RELEASE`]); for whoever has to ask the Canary, the validating phase, the last one, says in its status that a
//! revision is on its way. The controller takes it from there, or takes it back when the change was refused after all.

use crate::api::Canary;
use crate::api::canary::{Announced, CanaryStatus};
use crate::api::labels;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use std::time::Duration;

/// Writes into the status of `canary` that `revision` is on its way: from the cache's version of it or, if that is old, from
/// the stored one, within `budget`.
///
/// # Errors
/// Why it could not be written.
pub async fn announce(client: &Client, canary: &Canary, revision: String, budget: Duration) -> Result<(), String> {
    let now = Timestamp::now();
    let announced = Announced {
        revision,
        time: Some(MicroTime(now)),
    };
    let api = Api::<Canary>::namespaced(client.clone(), canary.namespace_name());
    match tokio::time::timeout(budget, written(&api, canary, &announced, now)).await {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err(format!("took longer than {} ms", budget.as_millis())),
    }
}

/// Notes in the log that the conditions of `canary` go on answering for the template before.
pub fn not_announced(canary: &Canary, reason: &str) {
    let (namespace, name) = (canary.namespace_name(), canary.name_any());
    tracing::warn!(namespace, name, reason, "a revision was not announced");
}

async fn written(api: &Api<Canary>, canary: &Canary, announced: &Announced, now: Timestamp) -> Result<(), kube::Error> {
    let name = canary.name_any();
    let params = PatchParams {
        field_manager: Some(labels::FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let mut stored = None;
    loop {
        let Some(body) = body(stored.as_ref().unwrap_or(canary), announced, now) else {
            return Ok(());
        };
        match api.patch_status(&name, &params, &Patch::Merge(body)).await {
            Err(kube::Error::Api(status)) if status.code == 409 => stored = api.get_opt(&name).await?,
            // Gone: nothing answers for anything.
            Err(kube::Error::Api(status)) if status.code == 404 => return Ok(()),
            result => return result.map(drop),
        }
        if stored.is_none() {
            return Ok(());
        }
    }
}

/// Nothing when the Canary has no status yet that could answer for a revision.
fn body(canary: &Canary, announced: &Announced, now: Timestamp) -> Option<Value> {
    let status = canary.status.as_ref()?;
    let kind = &canary.spec.target_ref.kind;
    let CanaryStatus { conditions, run, .. } = status.announcing(kind, announced.clone(), now)?;
    Some(json!({
        "metadata": {"resourceVersion": canary.metadata.resource_version},
        "status": {"conditions": conditions, "run": {"announced": run?.announced}},
    }))
}

#[cfg(test)]
mod tests;
