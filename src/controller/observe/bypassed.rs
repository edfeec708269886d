//! What has everybody pass over the routes of an app, so that whom they show its canary to sees none: looked for while a run shows
//! it, and never watched.

use crate::controller::watch::pair::live::Live;
use crate::plan::Blueprint;
use crate::routing::{Front, Names};
use kube::{
    Api, Client,
    api::ListParams,
    core::{ApiResource, DynamicObject, GroupVersionKind},
};
use serde_json::Value;

/// Most objects that are looked at; of a kind by which apps are passed over there is one for an app, or for the cluster.
const LOOKED_AT: u32 = 500;

/// Why, in words for people; nothing where nobody does, and where it cannot be looked at.
pub async fn of(client: &Client, live: &Live, blueprint: &Blueprint) -> Option<String> {
    let names = blueprint.names.as_ref()?;
    let front = blueprint.provider.front().filter(|front| front.decides)?;
    let leading: Vec<&Value> = live.refers_to(blueprint, names).collect();
    if leading.is_empty() {
        return None;
    }
    let first = ListParams::default().limit(LOOKED_AT);
    let found = fronts(client, front, &blueprint.namespace).list(&first).await.ok()?;
    found.items.iter().find_map(|one| past(front, one, names, &leading))
}

fn fronts(client: &Client, front: Front, namespace: &str) -> Api<DynamicObject> {
    let of = front.resource;
    let gvk = GroupVersionKind::gvk(of.group, of.version, of.kind);
    let resource = ApiResource::from_gvk_with_plural(&gvk, of.plural);
    if front.namespaced {
        Api::namespaced_with(client.clone(), namespace, &resource)
    } else {
        Api::all_with(client.clone(), &resource)
    }
}

fn past(front: Front, object: &DynamicObject, names: &Names, leading: &[&Value]) -> Option<String> {
    let object = serde_json::to_value(object).ok()?;
    (front.past)(&object, names, leading)
}
