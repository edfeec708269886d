//! A scene's Canaries and Deployments as watches tell of them: waiting for what becomes of them asks the API server
//! nothing, however many wait at once.

use std::fmt::Debug;
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::StreamExt as _;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::DynamicObject;
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{Lookup, ObjectRef, Store, reflector};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Objects;
use super::objects::CanaryView;

/// What the watches have told so far; they end with it.
pub struct Mirror {
    namespace: String,
    canaries: Store<DynamicObject>,
    deployments: Store<Deployment>,
    changes: watch::Receiver<()>,
    _watches: JoinSet<()>,
}

impl Mirror {
    /// Begins to watch.
    pub(super) fn of(objects: &Objects, namespace: &str) -> Self {
        let (tell, changes) = watch::channel(());
        let (canaries, deployments) = (Writer::new(Objects::canary_kind()), Writer::default());
        let readers = (canaries.as_reader(), deployments.as_reader());
        let mut watches = JoinSet::new();
        watches.spawn(follow(objects.canaries(), canaries, tell.clone()));
        watches.spawn(follow(objects.deployments(), deployments, tell));
        Self {
            namespace: namespace.to_owned(),
            canaries: readers.0,
            deployments: readers.1,
            changes,
            _watches: watches,
        }
    }

    /// The Canary of that name.
    pub fn canary(&self, name: &str) -> Option<CanaryView> {
        let wanted = ObjectRef::new_with(name, Objects::canary_kind()).within(&self.namespace);
        let found = self.canaries.get(&wanted)?;
        serde_json::to_value(found.as_ref()).ok().map(CanaryView)
    }

    /// The Deployment of that name.
    pub fn deployment(&self, name: &str) -> Option<std::sync::Arc<Deployment>> {
        self.deployments.get(&ObjectRef::new(name).within(&self.namespace))
    }

    /// Waits until `look` finds something, looking again at every change.
    ///
    /// # Errors
    /// When `within` has passed.
    pub async fn until<T: Debug>(
        &self,
        what: &str,
        within: Duration,
        mut look: impl FnMut(&Self) -> Option<T>,
    ) -> Result<T> {
        let mut changes = self.changes.clone();
        let looking = async {
            // What was not listed yet is not missing.
            let _ = futures::join!(self.canaries.wait_until_ready(), self.deployments.wait_until_ready());
            loop {
                changes.mark_unchanged();
                if let Some(found) = look(self) {
                    return found;
                }
                if changes.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        let found = tokio::time::timeout(within, looking).await;
        found.with_context(|| format!("waited {within:?} for {what}"))
    }
}

async fn follow<K>(api: Api<K>, writer: Writer<K>, tell: watch::Sender<()>)
where
    K: Resource
        + Lookup<DynamicType = <K as Resource>::DynamicType>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + 'static,
    <K as Resource>::DynamicType: Clone + Eq + std::hash::Hash,
{
    let told = reflector(writer, watcher(api, watcher::Config::default()).default_backoff());
    told.for_each(async |_| tell.send_replace(())).await;
}
