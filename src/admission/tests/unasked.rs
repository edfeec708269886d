//! Requesters whose rights nobody could tell while their request waited.

use super::*;
use std::time::Duration;

const SHOP: &str = "/apis/apps/v1/namespaces/web/deployments/shop";
const CANARIES: &str = "/apis/flagger.app/v1beta1/namespaces/web/canaries";
const RIGHTS: &str = "POST /apis/authorization.k8s.io/v1/subjectaccessreviews";

/// What is stored of an apply about whose sender nobody answers.
async fn stored() -> Value {
    let mut stored = Value::Null;
    for (operation, old) in [("UPDATE", deployment(3)), ("CREATE", Value::Null)] {
        let mut sent = deployment(3);
        sent["spec"]["template"]["spec"]["containers"][0]["image"] = json!("shop:2");
        let review = request("Deployment", operation, old, sent.clone());
        let (_, response) = House::with(&ApiServer::default())
            .ask(Entry::MutateDeployments, review)
            .await;
        assert_eq!(response["allowed"], json!(true));
        let said = response["warnings"].to_string();
        assert!(said.contains("could not be asked in time"), "{said}");
        stored = patched(&sent, &response);
        assert_eq!(stored["spec"], sent["spec"], "a plain Deployment");
        assert_eq!(stored["metadata"]["labels"], json!({labels::DENIED: labels::UNASKED}));
    }
    stored["metadata"]["uid"] = json!("d-1");
    stored
}

/// The Canaries there are a while after that was admitted, where rights are answered so, and what is stored then is `found`.
async fn enrolled(allowed: Option<bool>, admitted: &Value, found: &Value) -> Vec<Value> {
    let server = ApiServer {
        allowed,
        ..ApiServer::default()
    };
    server.put(SHOP, found.clone());
    server.fail(RIGHTS, 500, 1);
    let create = request("Deployment", "CREATE", Value::Null, admitted.clone());
    let (_, response) = House::with(&server).ask(Entry::FollowDeployments, create).await;
    assert_eq!(response["allowed"], json!(true));
    assert!(server.under(CANARIES).is_empty(), "nothing before it is known");
    tokio::time::sleep(Duration::from_secs(2)).await;
    server.under(CANARIES)
}

#[tokio::test(start_paused = true)]
async fn who_may_is_enrolled_once_that_is_known_and_nobody_else_is() {
    let shop = stored().await;
    let made = enrolled(Some(true), &shop, &shop).await;
    assert_eq!(made.len(), 1);
    assert_eq!(made[0]["spec"]["targetRef"]["name"], "shop");
    assert_eq!(made[0]["metadata"]["annotations"][labels::TARGET_UID], "d-1");
    assert_eq!(enrolled(Some(false), &shop, &shop).await, Vec::<Value>::new());
    assert_eq!(enrolled(None, &shop, &shop).await, Vec::<Value>::new());
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_has_written_since_is_about_somebody_else() {
    let shop = stored().await;
    let (mut denied, mut another) = (shop.clone(), shop.clone());
    denied["metadata"]["labels"][labels::DENIED] = json!("true");
    another["metadata"]["uid"] = json!("d-2");
    for found in [denied, another] {
        let made = enrolled(Some(true), &shop, &found).await;
        assert_eq!(made, Vec::<Value>::new(), "{}", found["metadata"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_asks_for_nothing_later() {
    let server = ApiServer {
        allowed: Some(true),
        ..ApiServer::default()
    };
    let shop = stored().await;
    server.put(SHOP, shop.clone());
    let mut create = request("Deployment", "CREATE", Value::Null, shop);
    create["dryRun"] = json!(true);
    House::with(&server).ask(Entry::FollowDeployments, create).await;
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(server.log.lock().clone(), Vec::<String>::new());
}
