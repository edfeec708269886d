//! Kinds that a cluster may or may not have: when one that could not be read is looked for again. Its definition is watched
//! meanwhile, so that a cluster without it costs no request.

use super::{LOOK_AGAIN, pause, serves};
use crate::routing::Resource;
use futures::StreamExt;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::runtime::watcher::Event;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use std::time::Duration;

/// A kind can be read a moment after its definition says so.
const MOMENT: Duration = Duration::from_millis(500);
/// While a definition says that it is not served, nothing is looked for.
const NEVER: Duration = Duration::from_secs(u32::MAX as u64);

/// A kind that may not be there.
pub struct Absent {
    client: Client,
    kind: Resource,
    looks: u32,
}

impl Absent {
    /// It was not looked for yet.
    pub fn new(client: Client, kind: Resource) -> Self {
        Self { client, kind, looks: 0 }
    }

    /// It was read.
    pub fn found(&mut self) {
        self.looks = 0;
    }

    /// Waits until it is worth another look.
    pub async fn appears(&mut self) {
        self.looks = self.looks.saturating_add(1);
        let Some(name) = self.kind.definition() else {
            return tokio::time::sleep(LOOK_AGAIN).await;
        };
        let all = Api::<CustomResourceDefinition>::all(self.client.clone());
        let this = watcher::Config::default()
            .page_size(1)
            .fields(&format!("metadata.name={name}"));
        let mut events = std::pin::pin!(watcher(all, this).default_backoff());
        let mut patience = NEVER;
        while let Ok(event) = tokio::time::timeout(patience, events.next()).await {
            match event {
                Some(Ok(Event::InitApply(definition))) if serves(&definition, self.kind.version) => {
                    patience = pause(MOMENT, self.looks);
                }
                Some(Ok(Event::Apply(definition))) if serves(&definition, self.kind.version) => {
                    (self.looks, patience) = (0, MOMENT);
                }
                Some(Ok(Event::InitApply(_) | Event::Apply(_) | Event::Delete(_))) => patience = NEVER,
                Some(Ok(Event::Init | Event::InitDone)) => {}
                // Definitions may not be looked at, by a role of before perhaps.
                Some(Err(_)) | None => return tokio::time::sleep(LOOK_AGAIN).await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::registry;
    use crate::testing::ApiServer;
    use serde_json::json;

    const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

    #[tokio::test(start_paused = true)]
    async fn a_kind_is_looked_for_when_its_definition_says_that_it_is_served_and_not_before() {
        let server = ApiServer::default();
        let mut kinds = registry::kinds().map(|kind| kind.resource());
        let kind = kinds.find(|kind| kind.definition().is_some()).unwrap();
        let name = kind.definition().unwrap();
        let mut absent = Absent::new(server.client(), kind);
        let early = tokio::time::timeout(LOOK_AGAIN * 20, absent.appears()).await;
        assert!(early.is_err(), "nothing has appeared");
        let asked = server.requests_for(DEFINITIONS);
        assert!(asked < 4, "{asked} requests");
        let waiting = tokio::spawn(async move {
            absent.appears().await;
            absent
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        let definition = |version: &str, served: bool| {
            let names = json!({"kind": kind.kind, "plural": kind.plural});
            let versions = json!([{"name": version, "served": served, "storage": true}]);
            json!({
                "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": name},
                "spec": {"group": kind.group, "names": names, "scope": "Namespaced", "versions": versions},
            })
        };
        for other in [definition("v0", true), definition(kind.version, false)] {
            server.put(&format!("{DEFINITIONS}/{name}"), other);
            tokio::time::sleep(LOOK_AGAIN * 2).await;
            assert!(!waiting.is_finished(), "not this version");
        }
        server.put(&format!("{DEFINITIONS}/{name}"), definition(kind.version, true));
        let soon = tokio::time::timeout(Duration::from_secs(5), waiting).await;
        let mut absent = soon.expect("it has appeared").unwrap();
        // It cannot be read all the same: each look waits longer than the one before.
        let mut looked = Vec::new();
        for _ in 0..12 {
            let began = tokio::time::Instant::now();
            absent.appears().await;
            looked.push(began.elapsed());
        }
        assert!(looked.is_sorted() && looked[0] < MOMENT * 8, "{looked:?}");
        assert!(looked[11] >= LOOK_AGAIN, "{looked:?}");
    }
}
