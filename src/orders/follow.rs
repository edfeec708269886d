//! Following the few objects that orders are made of.

use super::{BRAKE, Installation, Installed, LEAVE, ROLE, Standing};
use crate::watched::refusal;
use futures::{Stream, StreamExt, stream::SelectAll};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::core::PartialObjectMeta;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::pin::Pin;
use tokio::sync::watch;

/// Who follows the orders, and so which of them are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Who gives apps back.
    Leave,
    /// Who keeps the webhook configurations besides.
    Everything,
}

type Change = Box<dyn FnOnce(&mut Standing) + Send>;
type Changes = Pin<Box<dyn Stream<Item = Change> + Send>>;

/// Keeps `standing` up to date for ever. `namespace` is our own.
pub async fn follow(client: Client, namespace: &str, wanted: Wanted, standing: watch::Sender<Standing>) {
    let maps = || Api::<ConfigMap>::namespaced(client.clone(), namespace);
    let mut changes: SelectAll<Changes> = SelectAll::new();
    changes.push(role(Api::all(client.clone())));
    changes.push(each(maps(), LEAVE, |map| {
        Box::new(move |standing| standing.told_to_leave(map.as_ref()))
    }));
    if wanted == Wanted::Everything {
        changes.push(each(maps(), BRAKE, |map| {
            Box::new(move |standing| standing.told_to_brake(map.as_ref()))
        }));
        let own = Api::<PartialObjectMeta<Namespace>>::all(client.clone());
        changes.push(each(own, namespace, |own| {
            let ending = own.is_some_and(|own| own.metadata.deletion_timestamp.is_some());
            Box::new(move |standing| standing.ending = ending)
        }));
    }
    while let Some(change) = changes.next().await {
        standing.send_if_modified(|standing| {
            let before = standing.clone();
            change(standing);
            *standing != before
        });
    }
}

// Without the right to look, which an older chart did not give, orders count all the same.
fn role(api: Api<ClusterRole>) -> Changes {
    let states = watcher::watch_object(api, ROLE).default_backoff();
    Box::pin(states.map(|state| -> Change {
        match state {
            Ok(role) => Box::new(move |standing| {
                standing.installed = role.map_or(Installed::Absent, |role| Installed::As(Installation::of(&role)));
            }),
            Err(error) => {
                tracing::debug!(%error, "watch of ClusterRole {ROLE}");
                let hidden = refusal(&error) == Some(403);
                Box::new(move |standing| {
                    if hidden && standing.installed == Installed::Unknown {
                        standing.installed = Installed::Hidden;
                    }
                })
            }
        }
    }))
}

fn each<K>(api: Api<K>, name: &str, change: fn(Option<K>) -> Change) -> Changes
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let states = watcher::watch_object(api, name).default_backoff();
    let mut heard = false;
    Box::pin(states.filter_map(move |state| {
        let told = match state {
            Ok(object) => {
                heard = true;
                Some(change(object))
            }
            Err(error) => {
                tracing::debug!(%error, "watch of orders");
                // An older chart did not give the right to look, and then nothing is ordered. A right that is taken away
                // later takes back no order.
                (refusal(&error) == Some(403) && !heard).then(|| change(None))
            }
        };
        std::future::ready(told)
    }))
}

#[cfg(test)]
mod tests;
