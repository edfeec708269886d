//! The pods that the workloads of a namespace are to have: there may be none just now, of a CronJob by day or of what is scaled to
//! zero.

use crate::plan::services::pointing::Labels;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams},
};

/// Most objects of a kind that are looked at.
const MOST: u32 = 200;

/// Group and kind of what has pods made, and where it says their labels.
const KINDS: [(&str, &str, &str); 5] = [
    ("apps", "Deployment", "/spec/template/metadata/labels"),
    ("apps", "StatefulSet", "/spec/template/metadata/labels"),
    ("apps", "DaemonSet", "/spec/template/metadata/labels"),
    ("batch", "Job", "/spec/template/metadata/labels"),
    ("batch", "CronJob", "/spec/jobTemplate/spec/template/metadata/labels"),
];

/// The labels of the pods of all workloads of a namespace.
///
/// # Errors
/// Why they are not all known.
pub async fn labels_of_pods(client: &Client, namespace: &str) -> Result<Vec<Labels>, String> {
    let mut all = Vec::new();
    for (group, kind, at) in KINDS {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind));
        let api = Api::<DynamicObject>::namespaced_with(client.clone(), namespace, &resource);
        let found = api.list(&ListParams::default().limit(MOST)).await;
        let found = found.map_err(|error| error.to_string())?;
        if found.metadata.continue_.is_some_and(|more| !more.is_empty()) {
            return Err(format!("there are more than {MOST} of kind {kind}"));
        }
        let labels = |object: DynamicObject| object.data.pointer(at)?.as_object().cloned();
        all.extend(found.items.into_iter().filter_map(labels));
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
