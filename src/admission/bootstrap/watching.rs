//! Waiting for changes of single objects.

use futures::{Stream, StreamExt};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::pin::Pin;

/// What a watch tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::admission) enum Noticed {
    /// Something changed; what, is read by whoever waits.
    Changed,
    /// The watch failed. It is tried again, with backoff.
    Broken,
}

/// Tells that something changed.
pub(in crate::admission) struct Changes {
    stream: Pin<Box<dyn Stream<Item = Noticed> + Send>>,
}

impl Changes {
    /// Completes at the next change. Watch errors count as none.
    pub async fn changed(&mut self) {
        while self.noticed().await == Noticed::Broken {}
    }

    /// Completes at the next change or error of the watch.
    pub async fn noticed(&mut self) -> Noticed {
        match self.stream.next().await {
            Some(noticed) => noticed,
            None => std::future::pending().await,
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
            Ok(watcher::Event::Apply(_) | watcher::Event::Delete(_) | watcher::Event::InitDone) => {
                Some(Noticed::Changed)
            }
            Ok(_) => None,
            Err(error) => {
                tracing::debug!(%error, "watch");
                Some(Noticed::Broken)
            }
        }
    });
    Changes {
        stream: Box::pin(events),
    }
}
