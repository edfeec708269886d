//! Checks at the start that the cluster's CustomResourceDefinitions have every field that Coalmine writes.

use crate::api::crds::{self, served::complaint};
use crate::messages::Severity;
use crate::routing::registry;
use crate::telemetry::Telemetry;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, Client, ResourceExt};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Name of this check in `/readyz`.
const PART: &str = "definitions";
/// Between two looks while something is amiss.
const PAUSE: Duration = Duration::from_secs(5);

/// Waits until the definitions have all fields, or until shutdown. Until then the process is not ready, and says why in its log
/// and in an event of its own pod. Where the definitions may not be read nothing is known of them, and that is said.
pub async fn awaited(client: &Client, namespace: &str, telemetry: &Telemetry, shutdown: &CancellationToken) {
    looking_every(PAUSE, client, namespace, telemetry, shutdown).await;
}

async fn looking_every(
    pause: Duration,
    client: &Client,
    namespace: &str,
    telemetry: &Telemetry,
    shutdown: &CancellationToken,
) {
    telemetry.readiness.set(PART, false);
    let served: Api<CustomResourceDefinition> = Api::all(client.clone());
    let pod = own_pod(namespace);
    let mut said = String::new();
    loop {
        let amiss = match complaints(&served).await {
            Ok(complaints) if complaints.is_empty() => break,
            Ok(complaints) => complaints.join("; "),
            Err(error) if is_refusal(&error) => {
                tracing::warn!(%error, "whether the definitions know every field cannot be read, they are taken as they are");
                break;
            }
            Err(error) => format!("the definitions cannot be read: {error}"),
        };
        if amiss != said {
            match &pod {
                Some(pod) => telemetry.events.record(pod, Severity::Error, amiss.as_str()),
                None => tracing::error!("{amiss}"),
            }
            said = amiss;
        }
        if shutdown.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            return;
        }
    }
    telemetry.readiness.set(PART, true);
}

/// What each of the definitions lacks, in words for people.
///
/// # Errors
/// Those of the API server.
pub(super) async fn complaints(served: &Api<CustomResourceDefinition>) -> Result<Vec<String>, kube::Error> {
    let mut complaints = Vec::new();
    for ours in crds::all(&registry::names()) {
        let there = served.get_opt(&ours.name_any()).await?;
        complaints.extend(complaint(&ours, there.as_ref()));
    }
    Ok(complaints)
}

/// Whether the account may not look.
pub(super) fn is_refusal(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 403)
}

/// The pod this runs in, as the chart names it; none outside of a cluster.
pub(super) fn own_pod(namespace: &str) -> Option<Pod> {
    let name = std::env::var("POD_NAME").ok()?;
    let mut pod = Pod::default();
    pod.metadata.name = Some(name);
    pod.metadata.namespace = Some(namespace.to_owned());
    pod.metadata.uid = std::env::var("POD_UID").ok();
    Some(pod)
}

#[cfg(test)]
mod tests;
