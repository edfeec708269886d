use super::*;
use crate::testing::ApiServer;
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn those_of_a_namespace_share_a_look_and_kinds_that_are_not_there_are_not_asked_for_again_soon() {
    let server = ApiServer::default();
    for kind in reach::FOREIGN {
        server.fail(&format!("GET /apis/{}/*", kind.group), 404, ApiServer::ALWAYS);
    }
    let looks = Looks::default();
    let asked = async |times: usize| {
        server.log.lock().clear();
        let client = server.client();
        futures::future::join_all((0..times).map(|_| looks.look(&client, "shop"))).await;
        server.log.lock().len()
    };
    assert_eq!(asked(5).await, 1 + reach::FOREIGN.len(), "one look for all of them");
    assert_eq!(asked(1).await, 0, "what was found lately serves");
    tokio::time::sleep(FRESH).await;
    assert_eq!(asked(1).await, 1, "only what there is");
    tokio::time::sleep(ABSENT).await;
    assert_eq!(
        asked(1).await,
        1 + reach::FOREIGN.len(),
        "somebody may have installed them"
    );
    looks.forget();
    assert!(!looks.is_empty());
    tokio::time::sleep(FRESH).await;
    looks.forget();
    assert!(looks.is_empty());
}

#[tokio::test]
async fn of_what_is_found_no_more_is_kept_than_what_is_looked_at_and_not_too_much_of_it() {
    let server = ApiServer::default();
    let policies = "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies";
    let monitors = "/apis/monitoring.coreos.com/v1/namespaces/shop/podmonitors";
    let policy = |name: &str, label: &str| {
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": name, "namespace": "shop", "annotations": {"long": "x".repeat(1000)}},
            "spec": {"podSelector": {"matchLabels": {"app": label}}},
        })
    };
    let selector = json!({"matchLabels": {"app": "web"}});
    server.put(&format!("{policies}/a"), policy("a", "web"));
    server.put(
        &format!("{monitors}/a"),
        json!({
            "apiVersion": "monitoring.coreos.com/v1", "kind": "PodMonitor",
            "metadata": {"name": "a", "namespace": "shop"},
            "spec": {"selector": selector, "podMetricsEndpoints": [{"path": "x".repeat(1000)}]},
        }),
    );
    let look = async || Looks::default().look(&server.client(), "shop").await;
    let found = look().await;
    let found = found.get().unwrap();
    let spec = json!({"podSelector": selector});
    assert_eq!(found.policies, [json!({"metadata": {"name": "a"}, "spec": spec})]);
    let monitor = json!({"metadata": {"name": "a"}, "spec": {"selector": selector}});
    assert_eq!(found.others.len(), 1);
    assert_eq!(found.others[0].1, monitor);

    for n in 0..3 {
        let name = format!("large-{n}");
        server.put(&format!("{policies}/{name}"), policy(&name, &"x".repeat(KEPT / 2)));
    }
    assert_eq!(
        look().await.get().unwrap().policies.len(),
        2,
        "a small one and a large one"
    );
    for n in 0..LOOKED_AT {
        let name = format!("m-{n}");
        server.put(
            &format!("{monitors}/{name}"),
            json!({"metadata": {"name": name, "namespace": "shop"}}),
        );
    }
    assert_eq!(look().await.get().unwrap().others.len(), LOOKED_AT);
}
