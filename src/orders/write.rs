//! Giving orders and taking them back.

use super::{BRAKE, Installation, Installed, LEAVE, Leave, ROLE, Standing, WebhookConfiguration, marks};
use crate::api::labels;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;

/// What stands now, read once.
///
/// # Errors
/// When the API server cannot be reached or refuses.
pub async fn read(client: &Client, namespace: &str) -> Result<Standing, kube::Error> {
    let roles = Api::<ClusterRole>::all(client.clone());
    let maps = Api::<ConfigMap>::namespaced(client.clone(), namespace);
    let installed = match roles.get_opt(ROLE).await {
        Ok(Some(role)) => Installed::As(Installation::of(&role)),
        Ok(None) => Installed::Absent,
        Err(kube::Error::Api(status)) if status.code == 403 => Installed::Hidden,
        Err(error) => return Err(error),
    };
    let mut standing = Standing::default();
    standing.installed = installed;
    standing.told_to_leave(maps.get_opt(LEAVE).await?.as_ref());
    Ok(standing)
}

/// Orders `leave`; nobody takes the order back.
///
/// # Errors
/// When the API server cannot be reached or refuses.
pub async fn leave(client: &Client, namespace: &str, standing: &Standing, leave: &Leave) -> Result<(), kube::Error> {
    if *leave == Leave::Nobody {
        let maps = Api::<ConfigMap>::namespaced(client.clone(), namespace);
        return match maps.delete(LEAVE, &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            other => other.map(drop),
        };
    }
    let order = standing.order(leave);
    put(client, namespace, LEAVE, &order, &standing.installed).await
}

/// Notes that a configuration stays away until then, or does not any more.
///
/// # Errors
/// When the API server cannot be reached or refuses.
pub async fn brake(
    client: &Client,
    namespace: &str,
    (which, until): (WebhookConfiguration, Option<Timestamp>),
    installed: &Installed,
) -> Result<(), kube::Error> {
    if let Some(until) = until {
        let said = [(which.as_str().to_owned(), until.to_string())];
        return put(client, namespace, BRAKE, &said, installed).await;
    }
    let maps = Api::<ConfigMap>::namespaced(client.clone(), namespace);
    let over = json!({"data": {which.as_str(): null}});
    match maps.patch(BRAKE, &PatchParams::default(), &Patch::Merge(over)).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        other => other.map(drop),
    }
}

async fn put(
    client: &Client,
    namespace: &str,
    name: &str,
    data: &[(String, String)],
    installed: &Installed,
) -> Result<(), kube::Error> {
    let maps = Api::<ConfigMap>::namespaced(client.clone(), namespace);
    let params = PatchParams {
        field_manager: Some(labels::FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let data: std::collections::BTreeMap<String, String> = data.iter().cloned().collect();
    let owners = match installed {
        Installed::As(installation) => Some(vec![installation.owner()]),
        _ => None,
    };
    let body = json!({"metadata": {"ownerReferences": owners}, "data": data});
    match maps.patch(name, &params, &Patch::Merge(&body)).await {
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        other => return other.map(drop),
    }
    let map = ConfigMap {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            labels: Some(marks().into()),
            owner_references: owners,
            ..ObjectMeta::default()
        },
        data: Some(data),
        ..ConfigMap::default()
    };
    match maps.create(&PostParams::default(), &map).await {
        // Somebody noted something a moment ago: another replica the same, or what is ordered besides.
        Err(kube::Error::Api(status)) if status.code == 409 => {
            maps.patch(name, &params, &Patch::Merge(&body)).await.map(drop)
        }
        other => other.map(drop),
    }
}
