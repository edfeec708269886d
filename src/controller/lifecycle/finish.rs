//! Finalizers: a Canary is kept until its app has been given back.

use super::sweep;
use crate::controller::{
    context::Context,
    difference::write::Write,
    watch::{
        informers::cache::{Cache, Kind},
        pair::owners::{is_another_canarys, is_owned_by},
    },
};
use crate::object::{label, text};
use crate::{
    analysis::Stage,
    api::{Canary, labels},
    plan::{Workload, workload::daemon_set},
};
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

/// Gives every Canary its finalizer, and takes it off at once where nothing is to be given back: a namespace that goes
/// away, or `revertOnDeletion: false`. `true` when there is nothing more to do for it, as for every Canary of a namespace
/// that goes away: nothing can be made there any more. One of a namespace that is told to be left gets none, and goes if we
/// made it.
pub async fn released_at_once(context: &Context, canary: &Canary) -> Result<bool, kube::Error> {
    let (cluster, client) = (&context.cluster, &context.effects.client);
    let has = canary.finalizers().iter().any(|f| f == labels::FINALIZER);
    let terminating = cluster.terminating(canary.namespace_name());
    if canary.metadata.deletion_timestamp.is_none() {
        let leaves = context.options.leaves(canary.namespace_name());
        if leaves && canary.is_generated() {
            sweep::delete(client, canary).await?;
            return Ok(true);
        }
        if !has && !terminating && !leaves {
            add(client, canary).await?;
        }
        let out = || is_out(canary, cluster.target(canary).as_ref());
        return Ok(terminating || leaves && out());
    }
    if !has {
        return Ok(true);
    }
    if terminating || !canary.reverts_on_deletion() {
        if !terminating {
            collect(client, &cluster.cache, canary).await?;
        }
        release(client, canary).await?;
        return Ok(true);
    }
    Ok(false)
}

/// Whether a Canary that is to leave, but stays as an object, has nothing (more) to give back.
pub fn is_out(canary: &Canary, target: Option<&Value>) -> bool {
    let stage = canary.status.as_ref().and_then(|status| status.run.as_ref());
    let stage = stage.map_or("", |run| run.stage.as_str());
    let apart = stage.is_empty() || stage == Stage::Left.as_str();
    let held = |target: &Value| label(target, labels::MANAGED).is_some();
    let has = canary.finalizers().iter().any(|f| f == labels::FINALIZER);
    !has && target.is_none_or(|target| apart && !held(target))
}

// What the target owns too would outlive the Canary, and so would a pause of ours, which nobody else would end.
async fn collect(client: &Client, cache: &Cache, canary: &Canary) -> Result<(), kube::Error> {
    let (namespace, owner) = (canary.namespace_name(), canary.metadata.uid.as_deref());
    let workload = Kind::of(Workload::of(canary).unwrap_or_default());
    for kind in [workload, Kind::Service, Kind::ConfigMap, Kind::Secret] {
        let all = cache.list(kind, namespace);
        let own = |o: &&Value| owner.is_some_and(|uid| is_owned_by(o, uid)) && !is_another_canarys(o, owner);
        for object in all.filter(|object| own(&object)) {
            let gone = Write::Delete {
                kind,
                namespace: namespace.to_owned(),
                name: text(&object, "/metadata/name").to_owned(),
                uid: text(&object, "/metadata/uid").to_owned(),
            };
            gone.perform(client).await?;
        }
    }
    let target = cache.get(workload, namespace, canary.target_name());
    if let Some(target) = target.filter(|target| label(target, labels::HELD).is_some()) {
        let spec = match workload {
            Kind::DaemonSet => daemon_set::released(&target).unwrap_or_default(),
            _ => json!({"paused": null}),
        };
        let unpaused = Write::Merge {
            kind: workload,
            namespace: namespace.to_owned(),
            name: canary.target_name().to_owned(),
            body: json!({"metadata": {"labels": {labels::HELD: null}}, "spec": spec}),
        };
        unpaused.perform(client).await?;
    }
    Ok(())
}

async fn add(client: &Client, canary: &Canary) -> Result<(), kube::Error> {
    let mut all = canary.finalizers().to_vec();
    all.push(labels::FINALIZER.to_owned());
    set(client, canary, &all).await
}

/// Takes our finalizers off.
pub async fn release(client: &Client, canary: &Canary) -> Result<(), kube::Error> {
    let ours = [labels::FINALIZER, labels::FLAGGER_FINALIZER];
    let rest: Vec<String> = canary
        .finalizers()
        .iter()
        .filter(|f| !ours.contains(&f.as_str()))
        .cloned()
        .collect();
    if rest.len() == canary.finalizers().len() {
        return Ok(());
    }
    match set(client, canary, &rest).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        other => other,
    }
}

async fn set(client: &Client, canary: &Canary, finalizers: &[String]) -> Result<(), kube::Error> {
    let api = Api::<Canary>::namespaced(client.clone(), canary.namespace_name());
    let body = json!({"metadata": {"finalizers": finalizers, "resourceVersion": canary.metadata.resource_version}});
    let params = PatchParams {
        field_manager: Some(labels::FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    api.patch(&canary.name_any(), &params, &Patch::Merge(body))
        .await
        .map(drop)
}

#[cfg(test)]
mod tests;
