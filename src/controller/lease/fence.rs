//! What keeps a replica that was away (stopped, starved, or cut off) from writing what it had decided while it led.
//!
//! That the lease ran out is noticed by a timer, and whatever else had been waiting for its turn may have it before that
//! timer: a write that was decided minutes ago, while somebody else has long gone on. So the clock is looked at before each
//! write. Between that look and the API server there is the third of the lease that nobody believes in.

use http::{Method, Request};
use kube::Client;
use kube::client::Body;
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::time::Instant;

/// Until when a candidate may believe that it leads.
#[derive(Clone, Debug, Default)]
pub struct Belief(Arc<Mutex<Option<Instant>>>);

impl Belief {
    /// Whether it may believe so now.
    pub fn holds(&self) -> bool {
        self.until().is_some_and(|until| Instant::now() < until)
    }

    pub(super) fn until(&self) -> Option<Instant> {
        *self.0.lock()
    }

    pub(super) fn set(&self, until: Option<Instant>) {
        *self.0.lock() = until;
    }
}

/// A client that reads as `client` does, and writes only as long as `belief` holds.
pub fn fenced(client: &Client, belief: Belief) -> Client {
    let namespace = client.default_namespace().to_owned();
    let client = client.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let (client, belief) = (client.clone(), belief.clone());
        async move {
            if *request.method() != Method::GET && !belief.holds() {
                return Err(kube::Error::Service(
                    "the lease ran out before this write, which is left to whoever leads now".into(),
                ));
            }
            client.send(request).await
        }
    });
    Client::new(service, namespace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ApiServer;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::Api;
    use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
    use serde_json::json;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn what_was_decided_before_the_lease_ran_out_is_not_written_after_it() {
        let server = ApiServer::default();
        let belief = Belief::default();
        let api: Api<ConfigMap> = Api::namespaced(fenced(&server.client(), belief.clone()), "web");
        let own: ConfigMap = serde_json::from_value(json!({"metadata": {"name": "own"}})).unwrap();
        let refused = api.create(&PostParams::default(), &own).await.unwrap_err();
        assert!(refused.to_string().contains("the lease ran out"), "{refused}");

        belief.set(Some(Instant::now() + Duration::from_secs(10)));
        api.create(&PostParams::default(), &own).await.unwrap();
        // Nobody has run since: no timer has said that it is over.
        tokio::time::advance(Duration::from_secs(10)).await;
        server.log.lock().clear();
        let change = Patch::Merge(json!({"data": {"key": "value"}}));
        let changed = api.patch("own", &PatchParams::default(), &change).await;
        let deleted = api.delete("own", &DeleteParams::default()).await;
        assert!(changed.is_err() && deleted.is_err());
        assert_eq!(server.writes(), Vec::<String>::new());
        assert!(api.get("own").await.unwrap().data.is_none(), "it may read");

        belief.set(Some(Instant::now() + Duration::from_secs(10)));
        api.patch("own", &PatchParams::default(), &change).await.unwrap();
    }
}
