use super::*;
use crate::requests::bounded;
use bytes::Bytes;
use http_body_util::Full;
use kube::client::Body;
use serde_json::json;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Answers lists page by page, and counts how many it is asked for at once.
#[derive(Default)]
struct Server {
    pages: Vec<String>,
    delay: Duration,
    now: AtomicUsize,
    peak: AtomicUsize,
    asked: AtomicUsize,
}

impl Server {
    fn of(pages: Vec<Value>) -> Self {
        let last = pages.len().saturating_sub(1);
        let page = |(number, items): (usize, Value)| {
            let next = if number == last {
                String::new()
            } else {
                (number + 1).to_string()
            };
            json!({"metadata": {"continue": next}, "items": items}).to_string()
        };
        Self {
            pages: pages.into_iter().enumerate().map(page).collect(),
            ..Self::default()
        }
    }

    fn lists(self) -> (Arc<Self>, Lists) {
        let server = Arc::new(self);
        let own = Arc::clone(&server);
        let service = tower::service_fn(move |request: http::Request<Body>| {
            let server = Arc::clone(&own);
            let query = request.uri().query().unwrap_or_default().to_owned();
            async move { Ok::<_, Infallible>(server.answer(&query).await) }
        });
        (server, Lists::new(bounded(&Client::new(service, "default"))))
    }

    async fn answer(&self, query: &str) -> http::Response<Full<Bytes>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.peak.fetch_max(now, Ordering::Relaxed);
        tokio::time::sleep(self.delay).await;
        self.now.fetch_sub(1, Ordering::Relaxed);
        assert!(query.contains(&format!("limit={PAGE}")), "as it was asked for: {query}");
        let token = query.split('&').find_map(|part| part.strip_prefix("continue="));
        let page = &self.pages[token.map_or(0, |token| token.parse().unwrap())];
        http::Response::new(Full::from(page.clone()))
    }
}

fn whole(_: &mut Value) {}

const DEPLOYMENTS: Wanted<'static> = Wanted {
    namespace: Some("web"),
    kind: ("apps", "v1", "Deployment"),
    plural: "deployments",
    slim: whole,
};

#[tokio::test]
async fn all_pages_are_read_and_what_others_have_written_beside_an_object_is_not_kept() {
    let first = json!([{
        "metadata": {
            "name": "a", "namespace": "web", "uid": "u", "labels": {"app": "a"}, "deletionTimestamp": "2026-01-01T00:00:00Z",
            "ownerReferences": [{"kind": "Canary"}], "managedFields": [{"manager": "x"}], "generation": 7,
            "annotations": {"long": "x".repeat(1000), labels::POLICY: "own"},
        },
        "spec": {"replicas": 1}, "status": {"replicas": 1},
    }]);
    let second = json!([{"metadata": {"name": "b", "annotations": null}}]);
    let (server, lists) = Server::of(vec![first, second]).lists();
    let listed = lists.list(DEPLOYMENTS).await.all().unwrap();
    let metadata = json!({
        "name": "a", "namespace": "web", "uid": "u", "labels": {"app": "a"}, "deletionTimestamp": "2026-01-01T00:00:00Z",
        "ownerReferences": [{"kind": "Canary"}], "annotations": {labels::POLICY: "own"}});
    assert_eq!(
        listed,
        [
            json!({"kind": "Deployment", "metadata": metadata, "spec": {"replicas": 1}}),
            json!({"kind": "Deployment", "metadata": {"name": "b"}}),
        ]
    );
    assert_eq!(server.asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn what_is_too_long_or_too_many_is_not_known_beyond_that() {
    let one = |name: &str, spec: Value| json!([{"metadata": {"name": name}, "spec": spec}]);
    let many: Value = (0..=MOST)
        .map(|name| json!({"metadata": {"name": name.to_string()}}))
        .collect();
    for (what, pages, known) in [
        ("bytes of one", vec![one("a", json!("x".repeat(LONGEST)))], 0),
        (
            "bytes of all",
            ["a", "b", "c"]
                .map(|name| one(name, json!("x".repeat(LONGEST / 2 - 1000))))
                .to_vec(),
            2,
        ),
        ("values", vec![one("a", json!({})), one("b", json!(vec![0; PARTS]))], 1),
        ("objects", vec![many, one("b", json!({}))], MOST + 1),
    ] {
        let (server, lists) = Server::of(pages).lists();
        let listed = lists.list(DEPLOYMENTS).await;
        assert_eq!((listed.objects.len(), listed.whole), (known, false), "{what}");
        assert!(
            listed.all().is_none() && server.asked.load(Ordering::Relaxed) <= 3,
            "{what}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn however_many_ask_a_few_are_read_at_once_and_the_rest_do_not_know() {
    let slow = Server {
        delay: LOOK / 3,
        ..Server::of(vec![json!([])])
    };
    let (server, lists) = slow.lists();
    let all = futures::future::join_all((0..40).map(|_| lists.list(DEPLOYMENTS))).await;
    assert_eq!(server.peak.load(Ordering::Relaxed), AT_ONCE);
    let known = all.iter().filter(|listed| listed.whole).count();
    assert!((1..=3 * AT_ONCE).contains(&known), "{known}");
    // And nobody holds a turn for longer than he waits.
    assert!(lists.list(DEPLOYMENTS).await.whole);
}
