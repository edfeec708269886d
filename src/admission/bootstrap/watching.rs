//! Waiting for changes of single objects.

use futures::{Stream, StreamExt};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::pin::Pin;

/// Tells that something changed; what, is read by whoever waits.
pub(in crate::admission) struct Changes {
    stream: Pin<Box<dyn Stream<Item = ()> + Send>>,
}

impl Changes {
    /// Completes at the next change. Watch errors are retried with backoff and count as none.
    pub async fn changed(&mut self) {
        if self.stream.next().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

/// Changes of the object `name`, its appearance and its deletion included.
pub(in crate::admission) fn object<K>(api: Api<K>, name: &str) -> Changes
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let config = watcher::Config::default()
        .page_size(1)
        .fields(&format!("metadata.name={name}"));
    let events = watcher(api, config).default_backoff().filter_map(|event| async move {
        match event {
            Ok(watcher::Event::Apply(_) | watcher::Event::Delete(_) | watcher::Event::InitDone) => Some(()),
            Ok(_) => None,
            Err(error) => {
                tracing::debug!(%error, "watch");
                None
            }
        }
    });
    Changes {
        stream: Box::pin(events),
    }
}
