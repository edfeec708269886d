//! One write: how it is sent, how long it may take, and what an error of it says.

use crate::telemetry::events::COMPONENT;
use crate::telemetry::events::aggregate::Write;
use k8s_openapi::api::core::v1::Event;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use std::time::Duration;

/// Longest time for the first attempt, during which its namespace takes one of a few places.
const TIMEOUT: Duration = Duration::from_secs(1);
/// Before the one other attempt.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest time for that one.
const LONG_TIMEOUT: Duration = Duration::from_secs(5);

/// Sends it; for the second time after a pause, and with more patience.
pub(super) async fn answered(client: Client, write: &Write, again: bool) -> Result<(), kube::Error> {
    if again {
        tokio::time::sleep(PAUSE).await;
    }
    let timeout = if again { LONG_TIMEOUT } else { TIMEOUT };
    match tokio::time::timeout(timeout, send(&client, write)).await {
        Ok(answer) => answer,
        Err(_) => Err(kube::Error::Service("no answer in time".into())),
    }
}

async fn send(client: &Client, write: &Write) -> Result<(), kube::Error> {
    match write {
        Write::Create(event) => {
            let namespace = event.metadata.namespace.as_deref().unwrap_or_default();
            let api: Api<Event> = Api::namespaced(client.clone(), namespace);
            let parameters = PostParams {
                field_manager: Some(COMPONENT.to_owned()),
                ..PostParams::default()
            };
            api.create(&parameters, event).await.map(drop)
        }
        Write::Repeat {
            namespace,
            name,
            count,
            last,
            message,
        } => {
            let api: Api<Event> = Api::namespaced(client.clone(), namespace);
            let last = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(*last);
            let mut patch = serde_json::json!({ "count": count, "lastTimestamp": last });
            if let Some(message) = message {
                json_patch::merge(&mut patch, &serde_json::json!({ "message": message }));
            }
            api.patch_metadata(name, &PatchParams::default(), &Patch::Merge(&patch))
                .await
                .map(drop)
        }
        Write::Nothing => Ok(()),
    }
}

/// The first attempt was carried out, and its answer was late or lost: nobody else has that name.
pub(super) fn is_there(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409 && status.reason == "AlreadyExists")
}

/// Refusals that another attempt cannot help: no right, a namespace on its way out, an invalid object.
pub(super) fn refused(error: &kube::Error) -> bool {
    [400, 403, 422].into_iter().any(|code| is(error, code))
}

/// Whether it is an answer of the API server with this code.
pub(super) fn is(error: &kube::Error, code: u16) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == code)
}
