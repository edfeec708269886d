//! Reading ConfigMaps and Secrets. Each may have a megabyte, so few are in memory at once, and their data stays nowhere.

use super::{digest, kind_of, named};
use crate::controller::watch::informers::cache::Cache;
use crate::plan::configs::{ConfigKind, Reference};
use kube::{
    Client,
    api::GetParams,
    core::{DynamicObject, Request, Resource},
};
use serde_json::Value;
use std::collections::BTreeSet;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Who may have configs in memory: two at once, in the whole process.
static TURNS: Semaphore = Semaphore::const_new(2);

/// A turn to have configs in memory.
pub async fn turn() -> Option<SemaphorePermit<'static>> {
    TURNS.acquire().await.ok() // nobody closes it
}

/// Reads what pods of `templates` name, and primary's copies of it, as far as it exists and another version of it was read
/// last.
///
/// # Errors
/// Those of the API server.
pub async fn read(
    (client, cache): (&Client, &Cache),
    namespace: &str,
    kinds: &[ConfigKind],
    templates: &[&Value],
) -> Result<(), kube::Error> {
    let all: BTreeSet<Reference> = templates.iter().flat_map(|template| named(template, kinds)).collect();
    for config in all {
        let kind = kind_of(config.kind);
        if !cache.is_unread(kind, namespace, &config.name) {
            continue;
        }
        let _turn = turn().await;
        if let Some(text) = text(client, namespace, &config).await? {
            let object: Value = serde_json::from_str(&text).map_err(kube::Error::SerdeError)?;
            cache.note_read(kind, namespace, &config.name, &digest(&object));
        }
    }
    Ok(())
}

/// A config as the API server writes it: as text it is as large as it is, and as values it may be ten times that. For
/// those whose [`turn`] it is.
///
/// # Errors
/// Those of the API server; that there is none is no error.
pub async fn text(client: &Client, namespace: &str, config: &Reference) -> Result<Option<String>, kube::Error> {
    let resource = kind_of(config.kind).resource();
    let url = DynamicObject::url_path(&resource, Some(namespace));
    let request = Request::new(url).get(&config.name, &GetParams::default());
    let request = request.map_err(kube::Error::BuildRequest)?;
    match client.request_text(request).await {
        Ok(text) => Ok(Some(text)),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        Err(error) => Err(error),
    }
}
