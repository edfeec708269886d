//! Objects of kinds that are known by name alone.

use kube::{
    Api, Client,
    core::{ApiResource, DynamicObject, GroupVersionKind},
};

/// A kind: its group, which is empty for the core one, its version, and its name.
pub type Gvk<'a> = (&'a str, &'a str, &'a str);

/// A kind as the client knows it; paths have its `plural`.
pub fn resource((group, version, kind): Gvk<'_>, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
}

/// The objects of a kind in a namespace, or, without one, in all of the cluster.
pub fn dynamic(client: &Client, namespace: Option<&str>, kind: Gvk<'_>, plural: &str) -> Api<DynamicObject> {
    let resource = resource(kind, plural);
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}
