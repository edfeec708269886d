use super::*;
use crate::testing::ApiServer;

const PATH: &str = "/apis/flagger.app/v1beta1/namespaces/web/canaries/shop";

fn stored(version: &str, phase: &str) -> Value {
    json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
        "metadata": {"name": "shop", "namespace": "web", "resourceVersion": version},
        "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}},
        "status": {
            "phase": phase, "canaryWeight": 0, "failedChecks": 0, "iterations": 0,
            "run": {"stage": "Rest", "intent": {"primary": 100, "canary": 0, "mirror": 0}},
        },
    })
}

async fn announced(fake: &ApiServer, cached: Value) -> Result<(), String> {
    let canary: Canary = serde_json::from_value(cached).unwrap();
    let budget = Duration::from_millis(250);
    announce(&fake.client(), &canary, "v1-new".into(), budget).await
}

#[tokio::test]
async fn the_status_stops_answering_even_when_the_cache_is_old() {
    let fake = ApiServer::default();
    fake.objects.lock().insert(PATH.into(), stored("7", "Succeeded"));
    announced(&fake, stored("3", "Succeeded")).await.unwrap();
    let object = fake.objects.lock()[PATH].clone();
    let promoted = &object["status"]["conditions"][0];
    assert_eq!(
        (&promoted["type"], &promoted["status"]),
        (&json!("Promoted"), &json!("Unknown"))
    );
    assert_eq!(object["status"]["phase"], "Succeeded");
    let run = &object["status"]["run"];
    assert_eq!(
        (&run["announced"]["revision"], &run["stage"]),
        (&json!("v1-new"), &json!("Rest"))
    );
}

#[tokio::test]
async fn a_canary_without_a_status_or_none_at_all_is_left_alone() {
    let fake = ApiServer::default();
    announced(&fake, stored("3", "")).await.unwrap();
    assert_eq!(fake.writes(), Vec::<String>::new());
    announced(&fake, stored("3", "Succeeded")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_slow_api_server_costs_the_budget() {
    let fake = ApiServer {
        delay: Duration::from_secs(20),
        ..ApiServer::default()
    };
    let error = announced(&fake, stored("3", "Succeeded")).await.unwrap_err();
    assert!(error.contains("250 ms"), "{error}");
}
