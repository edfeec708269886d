//! Kinds that a cluster may or may not have: when one that could not be read is looked for again. Its definition is watched
//! meanwhile, so that a cluster without it costs no request.

use crate::routing::Resource;
use futures::StreamExt;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::Event;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use std::time::Duration;

/// How long nothing is looked for that nothing tells of.
const LOOK_AGAIN: Duration = Duration::from_secs(300);
/// A kind is served a moment after its definition is there. Each further look waits twice as long: the definition may be of
/// other versions.
const MOMENT: Duration = Duration::from_millis(500);

/// A kind that may not be there.
pub(super) struct Absent {
    client: Client,
    definition: Option<String>,
    looks: u32,
}

impl Absent {
    pub fn new(client: Client, kind: Resource) -> Self {
        Self {
            client,
            definition: kind.definition(),
            looks: 0,
        }
    }

    /// It was read.
    pub fn found(&mut self) {
        self.looks = 0;
    }

    /// Waits until it is worth another look.
    pub async fn appears(&mut self) {
        self.looks = self.looks.saturating_add(1);
        let Some(name) = self.definition.clone() else {
            return tokio::time::sleep(LOOK_AGAIN).await;
        };
        let all = Api::<PartialObjectMeta<CustomResourceDefinition>>::all(self.client.clone());
        let this = watcher::Config::default().fields(&format!("metadata.name={name}"));
        let mut events = std::pin::pin!(watcher(all, this).default_backoff());
        let mut pause = LOOK_AGAIN;
        while let Ok(event) = tokio::time::timeout(pause, events.next()).await {
            match event {
                Some(Ok(Event::InitApply(_))) => pause = self.pause(),
                Some(Ok(Event::Apply(_))) => (self.looks, pause) = (0, MOMENT),
                Some(Ok(Event::Init | Event::InitDone | Event::Delete(_))) => {}
                // Definitions may not be looked at, by a role of before perhaps.
                Some(Err(_)) | None => return tokio::time::sleep(LOOK_AGAIN).await,
            }
        }
    }

    fn pause(&self) -> Duration {
        MOMENT.saturating_mul(2_u32.saturating_pow(self.looks)).min(LOOK_AGAIN)
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
    async fn a_kind_is_looked_for_when_its_definition_appears_and_seldom_before() {
        let server = ApiServer::default();
        let mut kinds = registry::kinds().map(|kind| kind.resource());
        let kind = kinds.find(|kind| kind.definition().is_some()).unwrap();
        let name = kind.definition().unwrap();
        let mut absent = Absent::new(server.client(), kind);
        let early = tokio::time::timeout(LOOK_AGAIN / 2, absent.appears()).await;
        assert!(early.is_err(), "nothing has appeared");
        let asked = server.requests_for(DEFINITIONS);
        assert!(asked < 4, "{asked} requests");
        let waiting = tokio::spawn(async move {
            absent.appears().await;
            absent
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        let definition = json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": name},
        });
        server.put(&format!("{DEFINITIONS}/{name}"), definition);
        let soon = tokio::time::timeout(Duration::from_secs(5), waiting).await;
        let mut absent = soon.expect("it has appeared").unwrap();
        // It serves another version, say: each look waits longer than the one before.
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
