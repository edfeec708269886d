//! The pods that the workloads of a namespace are to have: there may be none just now, of a CronJob by day or of what is scaled to
//! zero.

use crate::plan::services::pointing::Labels;
use crate::requests::pages::{self, PAGE};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams},
};
use serde_json::Value;
use std::ops::ControlFlow;

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
        let mut left = MOST;
        // No more is kept of one than its labels.
        let take = |object: DynamicObject| {
            let Some(rest) = left.checked_sub(1) else {
                return ControlFlow::Break(());
            };
            left = rest;
            all.extend(object.data.pointer(at).and_then(Value::as_object).cloned());
            ControlFlow::Continue(())
        };
        let whole = pages::each(&api, ListParams::default().limit(PAGE), take).await;
        if !whole.map_err(|error| error.to_string())? {
            return Err(format!("there are more than {MOST} of kind {kind}"));
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
