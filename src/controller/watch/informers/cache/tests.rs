mod watching;

use super::{shelf::ON_ITS_WAY, *};
use crate::{api::labels::LAST_APPLIED, controller::watch::pair::configs::reading, plan::configs::ConfigKind};
use http::{Request, Response};
use kube::{Client, client::Body};
use parking_lot::Mutex;
use serde_json::json;
use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::sync::mpsc::channel;

/// Configs of a namespace.
const MANY: usize = 55;

/// What a server of many large configs was asked.
#[derive(Default)]
struct Asked {
    lists: Mutex<Vec<String>>,
    under_way: AtomicUsize,
    most: AtomicUsize,
    reads: AtomicUsize,
}

fn meta(n: usize) -> Value {
    json!({
        "name": format!("big-{n}"), "namespace": "shop", "uid": format!("u-{n}"), "resourceVersion": "7",
        "annotations": {LAST_APPLIED: "x".repeat(100_000)},
        "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:data": {"f:x": {}}}}],
    })
}

// A page as it was asked for; data where it was not asked to leave it out.
async fn page(asked: &Asked, uri: &http::Uri, only_metadata: bool) -> Value {
    let query: HashMap<&str, &str> = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter_map(|p| p.split_once('='))
        .collect();
    let number = |key: &str| query.get(key).and_then(|text| text.parse::<usize>().ok());
    let (from, limit) = (number("continue").unwrap_or(0), number("limit").unwrap_or(MANY));
    let now = asked.under_way.fetch_add(1, Ordering::SeqCst) + 1;
    asked.most.fetch_max(now, Ordering::SeqCst);
    tokio::task::yield_now().await;
    asked.under_way.fetch_sub(1, Ordering::SeqCst);
    let to = MANY.min(from + limit);
    let items: Vec<Value> = (from..to)
        .map(|n| match only_metadata {
            true => json!({"metadata": meta(n)}),
            false => json!({"metadata": meta(n), "data": {"x": "a".repeat(1_000_000)}}),
        })
        .collect();
    let next = if to < MANY { to.to_string() } else { String::new() };
    json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": "9", "continue": next}, "items": items})
}

async fn answer(asked: Arc<Asked>, request: Request<Body>) -> Value {
    let uri = request.uri().clone();
    if uri.query().is_some_and(|query| query.contains("watch=true")) {
        std::future::pending::<()>().await;
    }
    let accept = request
        .headers()
        .get("accept")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if uri.path().ends_with("s") {
        asked.lists.lock().push(format!("{accept} {uri}"));
        return page(&asked, &uri, accept.contains("PartialObjectMetadata")).await;
    }
    asked.reads.fetch_add(1, Ordering::SeqCst);
    json!({"kind": "ConfigMap", "metadata": meta(1), "data": {"x": "a".repeat(1_000_000)}})
}

fn server() -> (Client, Arc<Asked>) {
    let asked = Arc::<Asked>::default();
    let own = asked.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let asked = own.clone();
        async move {
            let body = serde_json::to_vec(&answer(asked, request).await).unwrap();
            Response::builder().body(Body::from(body))
        }
    });
    (Client::new(service, "default"), asked)
}

#[tokio::test]
async fn configs_are_listed_in_small_pages_by_their_metadata_and_few_lists_at_once() {
    let (client, asked) = server();
    let (cache, (changes, mut changed)) = (Arc::<Cache>::default(), channel(CHANGES));
    let mut waited = HashSet::new();
    let mut watches = Vec::new();
    for n in 0..10 {
        for kind in [Kind::ConfigMap, Kind::Secret] {
            let namespace = format!("shop-{n}");
            waited.insert((kind, namespace.clone()));
            watches.push(tokio::spawn(watch(
                client.clone(),
                cache.clone(),
                kind,
                namespace,
                changes.clone(),
            )));
        }
    }
    while !waited.is_empty() {
        let change = changed.recv().await.unwrap();
        if change.object.is_null() {
            waited.remove(&(change.kind, change.namespace));
        }
    }
    watches.iter().for_each(tokio::task::JoinHandle::abort);
    let lists = asked.lists.lock();
    assert_eq!(lists.len(), 20 * MANY.div_ceil(16));
    for list in lists.iter() {
        assert!(
            list.contains("PartialObjectMetadata") && list.contains("limit=16"),
            "{list}"
        );
    }
    assert!(asked.most.load(Ordering::SeqCst) <= LISTS, "{:?}", asked.most);
    assert_eq!(cache.list(Kind::Secret, "shop-3").count(), MANY);
    let shelves = cache.shelves.read();
    let kept = shelves
        .values()
        .flat_map(|shelf| shelf.objects.values().flat_map(BTreeMap::values));
    let bytes: usize = kept.map(|text| text.0.len()).sum();
    assert!(bytes < 20 * MANY * 512, "{bytes}");
    assert_eq!(asked.reads.load(Ordering::SeqCst), 0, "no data was asked for");
}

fn config(version: &str) -> Value {
    json!({"kind": "ConfigMap", "metadata": {"name": "big-1", "namespace": "shop", "uid": "u-1", "resourceVersion": version}})
}

#[tokio::test]
async fn what_pods_name_is_read_once_for_each_version_and_its_data_is_not_kept() {
    let (client, asked) = server();
    let cache = Cache::default();
    let put = |version: &str| cache.put(Kind::ConfigMap, "shop", "big-1".into(), &config(version));
    put("7");
    let template = json!({"spec": {"containers": [{"envFrom": [{"configMapRef": {"name": "big-1"}}]}]}});
    let read = async || {
        reading::read((&client, &cache), "shop", &ConfigKind::ALL, &[&template])
            .await
            .unwrap();
        asked.reads.load(Ordering::SeqCst)
    };
    assert_eq!(read().await, 1, "its copy is not there");
    assert_eq!(read().await, 1);
    let digest = cache.read(Kind::ConfigMap, "shop", "big-1").unwrap();
    assert!(
        digest.to_string().len() < 512 && digest["size"] == 1_000_001,
        "{digest}"
    );
    assert!(!digest["checksum"].as_str().unwrap().is_empty());
    // The watch is behind what was read, for a moment.
    put("6");
    assert!(!cache.is_unread(Kind::ConfigMap, "shop", "big-1"));
    let key = (Kind::ConfigMap, String::from("big-1"));
    if let Some((_, since)) = cache.shelves.write().get_mut("shop").unwrap().read.get_mut(&key) {
        *since = Instant::now().checked_sub(ON_ITS_WAY).unwrap();
    }
    assert!(cache.is_unread(Kind::ConfigMap, "shop", "big-1"), "etcd was restored");
    put("8");
    assert_eq!(cache.read(Kind::ConfigMap, "shop", "big-1"), None, "another version");
    assert_eq!(read().await, 2);
    cache.remove(Kind::ConfigMap, "shop", "big-1");
    assert!(cache.shelves.read()["shop"].read.is_empty());
    assert_eq!(read().await, 2);
}
