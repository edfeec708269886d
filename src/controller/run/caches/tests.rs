use super::super::tests::{settings, telemetry};
use super::*;
use crate::{
    controller::{
        context::{Queues, fake},
        queue::{self, distinct::distinct, passes},
        run::cluster_change::ChangeReceiver,
    },
    testing::ApiServer,
};
use serde_json::{Value, json};
use std::collections::HashSet;
use tokio::sync::watch;

const FIVE_MINUTES: Duration = Duration::from_secs(300);

fn house(server: &ApiServer) -> (Context, ChangeReceiver) {
    let (sender, receiver) = distinct();
    let queues = Queues {
        steps: queue::queue().0,
        passes: passes::passes().0,
    };
    let (_, ordered) = watch::channel(Standing::default());
    let context = super::super::context(server.client(), settings(), &telemetry(), (ordered, queues), &sender);
    (context, receiver)
}

// Of the namespaces `web` and `other`, each with a Canary and a claim.
fn cluster_of_two() -> ApiServer {
    let server = ApiServer::default();
    for namespace in ["web", "other"] {
        let metadata = |name: &str| {
            json!({
                "name": name, "namespace": namespace, "labels": {"team": "red"},
                "annotations": {LAST_APPLIED: "{}", "team": "red"}, "managedFields": [{"manager": "kubectl"}],
            })
        };
        let mut own = metadata(namespace);
        own.as_object_mut().unwrap().remove("namespace");
        server.put(
            &format!("/api/v1/namespaces/{namespace}"),
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": own}),
        );
        server.put(
            &format!("/apis/flagger.app/v1beta1/namespaces/{namespace}/canaries/shop"),
            json!({
                "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": metadata("shop"),
                "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}},
            }),
        );
        server.put(
            &format!("/api/v1/namespaces/{namespace}/persistentvolumeclaims/data"),
            json!({
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata("data"),
                "spec": {"accessModes": ["ReadWriteOnce"], "selector": {"matchLabels": {"disk": "fast"}}},
                "status": {"phase": "Bound"},
            }),
        );
    }
    server
}

async fn filled(cluster: &Cluster) {
    cluster.canaries.wait_until_ready().await.unwrap();
    cluster.namespaces.wait_until_ready().await.unwrap();
    cluster.claims.wait_until_ready().await.unwrap();
    fake::settled().await;
}

#[tokio::test(start_paused = true)]
async fn work_begins_with_all_canaries_and_without_what_can_be_done_without() {
    let server = ApiServer::default();
    let canaries = "GET /apis/flagger.app/v1beta1/canaries";
    for unreadable in [canaries, "GET /api/v1/persistentvolumeclaims"] {
        server.fail(unreadable, 403, ApiServer::ALWAYS);
    }
    let (context, _receiver) = house(&server);
    let begun = tokio::time::timeout(FIVE_MINUTES, ready(&context)).await;
    assert!(begun.is_err(), "whose apps are whose is not known");
    server.faults.lock().retain(|(name, _, _)| name != canaries);
    let begun = tokio::time::timeout(FIVE_MINUTES, ready(&context)).await;
    begun.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn whoever_works_in_one_namespace_neither_knows_nor_hears_of_another() {
    let all = [
        "Canary((\"other\", \"shop\"))",
        "Canary((\"web\", \"shop\"))",
        "Claim(\"other\")",
        "Claim(\"web\")",
        "Namespace(\"other\")",
        "Namespace(\"web\")",
    ];
    let own: Vec<&str> = all.into_iter().filter(|one| one.contains("web")).collect();
    for (only, expected) in [(None, all.to_vec()), (Some("web"), own)] {
        let server = cluster_of_two();
        let (sender, receiver) = distinct();
        let cluster = cluster(&server.client(), only, &sender, WatchFailures::default());
        filled(&cluster).await;
        let heard = receiver.take().into_iter();
        let mut heard: Vec<String> = heard.map(|change| format!("{change:?}")).collect();
        heard.sort();
        assert_eq!(heard, expected, "{only:?}");
        let known = |namespace: &str| cluster.canary(&(namespace.to_owned(), "shop".to_owned())).is_some();
        assert!(known("web"));
        assert_eq!(known("other"), only.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn everything_is_listed_a_few_at_once() {
    for only in [None, Some("web")] {
        let server = cluster_of_two();
        let (told, _receiver) = distinct();
        let cluster = cluster(&server.client(), only, &told, WatchFailures::default());
        filled(&cluster).await;
        let lists = server.pages.lock();
        let kinds: HashSet<&str> = lists.iter().map(|(path, _)| path.as_str()).collect();
        assert!(kinds.contains("/apis/flagger.app/v1beta1/canaries") && kinds.contains("/api/v1/namespaces"));
        assert!(kinds.len() >= 7, "{kinds:?}");
        for (path, most) in lists.iter() {
            let expected = match path.as_str() {
                "/apis/flagger.app/v1beta1/canaries" => 100,
                "/api/v1/namespaces" => 500,
                _ => 16,
            };
            assert!(most.is_some_and(|most| most <= expected), "{path}: {most:?}");
            assert!(
                expected == 16 || most.is_some_and(|most| most == expected),
                "{path}: {most:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_nobody_reads_is_not_kept_but_a_canary_is_what_it_was() {
    let server = cluster_of_two();
    let (sender, _receiver) = distinct();
    let cluster = cluster(&server.client(), Some("web"), &sender, WatchFailures::default());
    filled(&cluster).await;
    let read = |metadata: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta| -> Value {
        assert!(metadata.managed_fields.is_none());
        json!([metadata.labels, metadata.annotations])
    };
    let labels = json!({"team": "red"});
    // It is written back as it was read.
    let canary = &cluster.canaries.state()[0];
    assert_eq!(
        read(&canary.metadata),
        json!([labels, {LAST_APPLIED: "{}", "team": "red"}])
    );
    let namespace = &cluster.namespaces.state()[0];
    assert_eq!(read(&namespace.metadata), json!([labels, {"team": "red"}]));
    let claim = &cluster.claims.state()[0];
    assert_eq!(read(&claim.metadata), json!([null, null]));
    assert!(claim.status.is_none());
    assert_eq!(json!(claim.spec), json!({"accessModes": ["ReadWriteOnce"]}));
}

#[tokio::test(start_paused = true)]
async fn what_is_applied_again_as_it_was_is_not_told() {
    let server = cluster_of_two();
    let template = "/apis/flagger.app/v1beta1/namespaces/web/metrictemplates/errors";
    let wall = "/apis/networking.k8s.io/v1/namespaces/web/networkpolicies/wall";
    server.put(
        template,
        json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "MetricTemplate",
            "metadata": {"name": "errors", "namespace": "web"},
            "spec": {"provider": {"type": "prometheus"}, "query": "1"},
        }),
    );
    server.put(
        wall,
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": "wall", "namespace": "web"},
            "spec": {"podSelector": {"matchLabels": {"app": "shop"}}},
        }),
    );
    let (sender, receiver) = distinct();
    let cluster = cluster(&server.client(), None, &sender, WatchFailures::default());
    filled(&cluster).await;
    cluster.templates.wait_until_ready().await.unwrap();
    cluster.network_policies.wait_until_ready().await.unwrap();
    fake::settled().await;
    let heard = || -> HashSet<ClusterChange> { receiver.take().into_iter().collect() };
    let named = ClusterChange::Template(("web".to_owned(), "errors".to_owned()));
    let of_web = ClusterChange::NetworkPolicy(Some("web".to_owned()));
    assert!(heard().is_superset(&HashSet::from([named.clone(), of_web.clone()])));
    for path in [template, wall] {
        server.edit(path, |object| {
            object["metadata"]["annotations"] = json!({"applied": "again"})
        });
    }
    fake::settled().await;
    assert_eq!(heard(), HashSet::new());
    server.edit(template, |object| object["spec"]["query"] = json!("2"));
    server.edit(wall, |object| {
        object["spec"]["ingress"] = json!([{"from": [{"namespaceSelector": {}}]}])
    });
    fake::settled().await;
    // It was about its own namespace, and is about all now.
    assert_eq!(
        heard(),
        HashSet::from([named, of_web, ClusterChange::NetworkPolicy(None)])
    );
}
