//! The copying itself: data goes from the original to primary's copy, and is what was verified, or nothing is written.

use crate::controller::{
    difference::write::Copy,
    watch::pair::configs::{kind_of, reading},
};
use crate::{
    api::labels::FIELD_MANAGER,
    plan::configs::{self, Reference},
};
use kube::{
    Api, Client,
    api::{DeleteParams, PostParams, Preconditions},
    core::{DynamicObject, Status},
};
use serde_json::Value;

/// Makes all of them. All originals are read and compared before the first copy is written: either every copy gets what was
/// verified, or none is touched, and the error is [stale](super::write::WriteFailure::Stale). Together they have at most
/// [`configs::MOST_BYTES`].
pub async fn make(client: &Client, copies: &[Copy]) -> Result<(), kube::Error> {
    let _turn = reading::turn().await;
    let mut texts = Vec::new();
    for copy in copies {
        let text = reading::text(client, &copy.namespace, &copy.of).await?;
        let text = text.ok_or_else(|| stale(&copy.of))?;
        if configs::checksum(&parsed(&text)?) != copy.checksum {
            return Err(stale(&copy.of));
        }
        texts.push(text);
    }
    for (copy, text) in copies.iter().zip(texts) {
        let object = configs::copy(&parsed(&text)?, &copy.of, &copy.owners(), &copy.label_prefixes);
        drop(text);
        store(client, copy, object).await?;
    }
    Ok(())
}

async fn store(client: &Client, copy: &Copy, mut object: Value) -> Result<(), kube::Error> {
    let api = api(client, copy);
    let Some(existing) = &copy.existing else {
        return api.create(&params(), &typed(object)?).await.map(drop);
    };
    let name = copy.of.copy().name;
    if copy.must_be_made_anew(existing, &object) {
        // Primary is idle now, and the pods it has read this when they started.
        let uid = existing
            .pointer("/metadata/uid")
            .and_then(Value::as_str)
            .map(str::to_owned);
        let only = DeleteParams::default().preconditions(Preconditions {
            uid,
            resource_version: None,
        });
        match api.delete(&name, &only).await {
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            other => drop(other?),
        }
        return api.create(&params(), &typed(object)?).await.map(drop);
    }
    if let (Some(version), Some(meta)) = (
        existing.pointer("/metadata/resourceVersion"),
        object.get_mut("metadata").and_then(Value::as_object_mut),
    ) {
        meta.insert("resourceVersion".to_owned(), version.clone());
    }
    api.replace(&name, &params(), &typed(object)?).await.map(drop)
}

fn parsed(text: &str) -> Result<Value, kube::Error> {
    serde_json::from_str(text).map_err(kube::Error::SerdeError)
}

fn typed(object: Value) -> Result<DynamicObject, kube::Error> {
    serde_json::from_value(object).map_err(kube::Error::SerdeError)
}

fn params() -> PostParams {
    PostParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    }
}

fn api(client: &Client, copy: &Copy) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), &copy.namespace, &kind_of(copy.of.kind).resource())
}

fn stale(of: &Reference) -> kube::Error {
    let message = format!("{of} is not what was verified any more");
    kube::Error::Api(Status::failure(&message, "Conflict").with_code(409).boxed())
}

#[cfg(test)]
mod tests;
