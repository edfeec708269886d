//! What checks and alerts look up by name: templates in the caches, Secrets in the API server.

use super::Context;
use crate::{
    api::{MetricTemplate, limits::CREDENTIAL},
    foreign::Foreign,
    outbound::metrics::Resolver,
};
use futures::future::BoxFuture;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{Api, runtime::reflector::ObjectRef};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{sync::Semaphore, time::timeout};

/// Secrets in memory at once: each may have a megabyte, and there may be as many checks as there are Canaries. These turns
/// are no others': steps read configs in turns of their own, and neither is to wait for what the other reads.
static TURNS: Semaphore = Semaphore::const_new(2);
/// Longest time for one, the wait for its turn included. A Secret that hangs may keep those of other checks waiting for as
/// long, and its check fails, or its alert is left out.
const LONGEST: Duration = Duration::from_secs(5);

impl Resolver for Context {
    fn template<'a>(&'a self, namespace: &'a str, name: &'a str) -> BoxFuture<'a, Result<Arc<MetricTemplate>, String>> {
        Box::pin(async move {
            let found = self.cluster.templates.get(&ObjectRef::new(name).within(namespace));
            usable(name, found)
        })
    }

    fn secret<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
        keys: &'a [&'a str],
    ) -> BoxFuture<'a, Result<BTreeMap<String, Vec<u8>>, String>> {
        Box::pin(async move {
            let api = Api::<Secret>::namespaced(self.effects.client.clone(), namespace);
            let read = timeout(LONGEST, used(&api, name, keys)).await;
            read.unwrap_or_else(|_| Err(late(name)))
        })
    }
}

async fn used(api: &Api<Secret>, name: &str, keys: &[&str]) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let _turn = TURNS.acquire().await.ok(); // nobody closes it
    let secret = api.get(name).await;
    let error = |error: kube::Error| Foreign::of(&error.to_string()).to_string();
    let data = secret.map_err(error)?.data.unwrap_or_default();
    credentials(data, keys)
}

fn late(name: &str) -> String {
    format!(
        "Secret {name:?} was not read within {} s: the API server did not answer in time, to this or to whom other Secrets \
         were read for",
        LONGEST.as_secs()
    )
}

// What is used of a Secret. No server takes more than a few kilobytes of a header or an address.
fn credentials(data: BTreeMap<String, ByteString>, keys: &[&str]) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let used = data.into_iter().filter(|(key, _)| keys.contains(&key.as_str()));
    let checked = used.map(|(key, ByteString(value))| match value.len() {
        0..=CREDENTIAL => Ok((key, value)),
        bytes => Err(format!(
            "key {key:?} has {bytes} bytes, and at most {CREDENTIAL} can be sent; let it hold the credential alone"
        )),
    });
    checked.collect()
}

// What is being deleted may be given any Secret: nothing that is written of it then is refused, lest it never goes, and so
// nobody has asked whether its writer may read that one.
fn usable(name: &str, found: Option<Arc<MetricTemplate>>) -> Result<Arc<MetricTemplate>, String> {
    let why = match found {
        Some(template) if template.metadata.deletion_timestamp.is_none() => return Ok(template),
        Some(_) => "is being deleted",
        None => "not found",
    };
    Err(format!("metrictemplates.flagger.app {name:?} {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        controller::{context::fake, watch::pair::configs::reading},
        testing::ApiServer,
    };
    use bytes::Bytes;
    use http_body_util::Full;
    use kube::{Client, client::Body};
    use serde_json::{Value, json};
    use std::{
        convert::Infallible,
        sync::atomic::{AtomicUsize, Ordering},
    };

    #[tokio::test]
    async fn few_secrets_are_in_memory_at_once_and_of_each_only_what_is_used_stays() {
        let most = Arc::new(AtomicUsize::new(0));
        let (now, peak) = (Arc::new(AtomicUsize::new(0)), most.clone());
        let service = tower::service_fn(move |_: http::Request<Body>| {
            let (now, peak) = (now.clone(), peak.clone());
            async move {
                peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                now.fetch_sub(1, Ordering::SeqCst);
                let secret = json!({"metadata": {"name": "s"}, "data": {"token": "dA==", "other": "bG9uZw=="}});
                Ok::<_, Infallible>(http::Response::new(Full::<Bytes>::from(secret.to_string())))
            }
        });
        let (context, _told) = fake::with(Client::new(service, "default"));
        let all = (0..10).map(|_| context.secret("web", "s", &["token", "username"]));
        for read in futures::future::join_all(all).await {
            assert_eq!(read.unwrap(), BTreeMap::from([("token".to_owned(), b"t".to_vec())]));
        }
        assert!(most.load(Ordering::SeqCst) <= 2, "{most:?}");
    }

    #[tokio::test]
    async fn a_secret_of_a_check_does_not_wait_for_configs_of_steps() {
        let server = ApiServer::default();
        server.put(
            "/api/v1/namespaces/web/secrets/s",
            json!({"metadata": {"name": "s", "namespace": "web"}, "data": {"token": "dA=="}}),
        );
        let (context, _told) = fake::with(server.client());
        let _held = [reading::turn().await, reading::turn().await];
        let read = timeout(2 * LONGEST, context.secret("web", "s", &["token"])).await;
        assert_eq!(read.unwrap().unwrap().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_secret_that_hangs_is_an_error_soon_for_whoever_waits_for_a_turn_as_well() {
        let server = ApiServer::default();
        let hour = Duration::from_secs(3600);
        let secret = "GET /api/v1/namespaces/web/secrets/s".to_owned();
        server.delays.lock().insert(secret, hour);
        let (context, _told) = fake::with(server.client());
        let begun = tokio::time::Instant::now();
        let all = (0..6).map(|_| context.secret("web", "s", &["token"]));
        for read in futures::future::join_all(all).await {
            let said = read.unwrap_err();
            assert!(said.starts_with("Secret \"s\" was not read within 5 s"), "{said}");
        }
        assert_eq!(begun.elapsed().as_secs(), LONGEST.as_secs());
    }

    #[test]
    fn a_credential_that_no_server_takes_is_said_with_its_key() {
        let of = |bytes: usize| {
            let data = [("token", bytes), ("other", 1_000_000)];
            let data = data.map(|(key, bytes)| (key.to_owned(), ByteString(vec![b'x'; bytes])));
            credentials(BTreeMap::from(data), &["token"])
        };
        assert_eq!(of(CREDENTIAL).unwrap().len(), 1);
        assert_eq!(
            of(CREDENTIAL + 1).unwrap_err(),
            "key \"token\" has 8193 bytes, and at most 8192 can be sent; let it hold the credential alone"
        );
    }

    fn template(metadata: &Value) -> Arc<MetricTemplate> {
        let template = json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "MetricTemplate", "metadata": metadata,
            "spec": {"provider": {"type": "prometheus", "address": "http://x", "secretRef": {"name": "s"}}, "query": "up"},
        });
        Arc::new(serde_json::from_value(template).unwrap())
    }

    #[test]
    fn a_template_that_is_being_deleted_is_not_used() {
        let said = |found| usable("t", found).err().unwrap_or_default();
        assert_eq!(said(Some(template(&json!({"name": "t"})))), "");
        assert_eq!(said(None), "metrictemplates.flagger.app \"t\" not found");
        let going = json!({"name": "t", "finalizers": ["team/keep"], "deletionTimestamp": "2026-01-01T00:00:00Z"});
        let why = said(Some(template(&going)));
        assert_eq!(why, "metrictemplates.flagger.app \"t\" is being deleted");
    }
}
