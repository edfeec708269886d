//! How the events of one watch go into one cache, cut down to what is asked of it.

use super::route_resource;
use super::waiting::{Progress, Waiting};
use crate::admission::facts::outward::RouteFeed;
use crate::api::labels;
use crate::plan::services::pointing::ORIGINAL_SELECTOR;
use crate::plan::services::ports::DECLARED_PORTS;
use crate::requests::pages::{CANARIES, METADATA, NAMESPACES, PAGE};
use crate::routing::RouteKind;
use crate::watched::{Absent, is_nothing_to_us};
use futures::StreamExt;
use futures::future::BoxFuture;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DynamicObject, TypeMeta};
use kube::runtime::reflector::Lookup;
use kube::runtime::reflector::store::Writer;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use serde_json::json;
use std::fmt::Debug;
use std::hash::Hash;

/// Objects of one page of Services, which are small and of which a cluster has tens of thousands: a list has to end before its
/// pages are forgotten, which is after five minutes.
const SERVICES: u32 = 100;

pub(super) fn config() -> watcher::Config {
    watcher::Config::default().page_size(PAGE)
}

pub(super) fn services() -> watcher::Config {
    watcher::Config::default().page_size(SERVICES)
}

pub(super) fn metadata() -> watcher::Config {
    watcher::Config::default().page_size(METADATA)
}

pub(super) fn canaries() -> watcher::Config {
    watcher::Config::default().page_size(CANARIES)
}

pub(super) fn namespaces() -> watcher::Config {
    watcher::Config::default().page_size(NAMESPACES)
}

/// What takes the events of a watch in.
pub(super) trait Feed<K: Lookup>: Send + 'static {
    fn take(&mut self, event: &watcher::Event<K>);
}

impl<K> Feed<K> for Writer<K>
where
    K: Lookup + Clone + Send + Sync + 'static,
    K::DynamicType: Eq + Hash + Clone + Send + Sync,
{
    fn take(&mut self, event: &watcher::Event<K>) {
        self.apply_watcher_event(event);
    }
}

impl Feed<DynamicObject> for RouteFeed {
    fn take(&mut self, event: &watcher::Event<DynamicObject>) {
        self.apply_watcher_event(event);
    }
}

/// Feeds one cache, cut down by `slim`, and tells how it fares. A kind that may be absent is empty while it is, and looked
/// for again when it appears.
pub(super) fn feed<K>(
    mut cache: impl Feed<K>,
    events: impl futures::Stream<Item = watcher::Result<watcher::Event<K>>> + Send + 'static,
    slim: impl Fn(&mut K) + Send + 'static,
    mut progress: Progress,
    mut absent: Option<Absent>,
) -> BoxFuture<'static, ()>
where
    K: Resource + Lookup + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    Box::pin(async move {
        let events = events.default_backoff();
        futures::pin_mut!(events);
        while let Some(event) = events.next().await {
            let event = match event {
                Ok(event) => event.modify(|object| {
                    slim_metadata(object.meta_mut());
                    slim(object);
                }),
                Err(error) => {
                    if let Some(absent) = absent.as_mut().filter(|_| is_nothing_to_us(&error)) {
                        cache.take(&watcher::Event::Init);
                        cache.take(&watcher::Event::InitDone);
                        absent.appears().await;
                    } else {
                        progress.failed(&error);
                    }
                    continue;
                }
            };
            cache.take(&event);
            if matches!(event, watcher::Event::InitDone) {
                absent.iter_mut().for_each(Absent::found);
                progress.filled();
            }
        }
    })
}

/// What appliers have written down for themselves is as much as all the rest.
fn slim_metadata(metadata: &mut ObjectMeta) {
    metadata.managed_fields = None;
    if let Some(annotations) = &mut metadata.annotations {
        annotations.remove(labels::LAST_APPLIED);
    }
}

impl RouteFeed {
    pub(super) fn watch(self, client: &Client, waiting: &Waiting) -> BoxFuture<'static, ()> {
        let kind = self.kind;
        let resource = route_resource(kind.resource());
        let api = Api::<DynamicObject>::all_with(client.clone(), &resource);
        feed(
            self,
            watcher(api, config()),
            move |route| slim_route(kind, route),
            waiting.progress(kind.resource().kind), // there are `services` of two groups
            Some(Absent::new(client.clone(), kind.resource())),
        )
    }
}

/// What is left of a route's status: by which it is known what its data plane cannot do.
fn slim_route(kind: &'static dyn RouteKind, route: &mut DynamicObject) {
    let told = kind.told(&route.data);
    if let Some(members) = route.data.as_object_mut() {
        members.insert("status".to_owned(), told);
    }
    // Items of a list carry no type of their own.
    let resource = kind.resource();
    route.types = Some(TypeMeta {
        api_version: resource.api_version(),
        kind: resource.kind.to_owned(),
    });
}

/// What is left of a Service: what it is, what it selects and its ports, and what is noted of both.
pub(super) fn slim_service(service: &mut DynamicObject) {
    let ours = |key: &String| [ORIGINAL_SELECTOR, DECLARED_PORTS, labels::ENABLED].contains(&key.as_str());
    if let Some(annotations) = &mut service.metadata.annotations {
        annotations.retain(|key, _| ours(key));
    }
    let keep = |field: &str| {
        service
            .data
            .pointer(&format!("/spec/{field}"))
            .cloned()
            .unwrap_or_default()
    };
    let spec = json!({
        "selector": keep("selector"), "ports": keep("ports"), "clusterIP": keep("clusterIP"), "type": keep("type")});
    service.data = json!({"spec": spec});
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::facts::Caches;
    use crate::routing::registry;
    use crate::testing::ApiServer;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn everything_is_listed_a_few_objects_at_once() {
        let server = ApiServer::default();
        let (_caches, feeds) = Caches::new();
        let run = feeds.run(server.client(), ("coalmine-system", "coalmine"));
        assert!(tokio::time::timeout(Duration::from_secs(5), run).await.is_err());
        let lists = server.pages.lock().clone();
        assert!(lists.len() > 10, "{lists:?}");
        for (path, most) in lists {
            let expected = match path.as_str() {
                "/api/v1/services" | "/apis/apps/v1/deployments" | "/apis/flagger.app/v1beta1/canaries" => 100,
                "/api/v1/namespaces" => 500,
                _ => 16,
            };
            assert!(most.is_some_and(|most| most <= expected), "{path}: {most:?}");
            assert!(expected == 16 || most == Some(expected), "{path}: {most:?}");
        }
    }

    #[test]
    fn of_a_routes_status_it_is_kept_which_gateway_cannot_copy_requests() {
        let controller = "traefik.io/gateway-controller";
        let conditions = json!([{"type": "Accepted", "status": "True", "message": "long"}]);
        let mut route: DynamicObject = serde_json::from_value(json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "shop"},
            "spec": {"rules": []},
            "status": {"parents": [{"parentRef": {"name": "gateway"}, "controllerName": controller, "conditions": conditions}]},
        }))
        .unwrap();
        let kind = registry::kinds().next().unwrap();
        slim_route(kind, &mut route);
        assert!(!route.data.to_string().contains("Accepted"));
        assert_eq!(
            kind.unmirrored(&route.data),
            [(&json!({"name": "gateway"}), controller)]
        );
    }
}
