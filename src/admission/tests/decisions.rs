//! What a review came to is the same word in the audit log and in the metrics.

use super::*;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

#[tokio::test]
async fn audit_log_and_metrics_have_the_same_word() {
    let mut house = House::new();
    house.canary("Progressing");
    let mut own = request("Deployment", "UPDATE", deployment(0), deployment(3));
    own["userInfo"]["username"] = json!(CONTROLLER);
    let mut refused = request("Deployment", "UPDATE", primary("shop:1"), primary("hack"));
    refused["name"] = json!("shop-primary");
    let service = |app: &str| json!({"metadata": {"name": "shop"}, "spec": {"selector": {"app": app}}});
    for (entry, review, word) in [
        (Entry::MutateDeployments, own, "own"),
        (Entry::MutateDeployments, refused, "primary"),
        (
            Entry::HoldServices,
            request("Service", "UPDATE", service("shop-primary"), service("shop")),
            "apex",
        ),
        (
            Entry::FollowDeletions,
            request("AlertProvider", "DELETE", json!({}), Value::Null),
            "delete",
        ),
    ] {
        let (_, response) = house.ask(entry, review).await;
        assert_eq!(response["auditAnnotations"]["decision"], json!(word), "{response}");
        assert!(counted(&house).contains(&format!("reason=\"{word}\"")), "{word}");
    }
}

fn counted(house: &House) -> String {
    let mut registry = Registry::default();
    house.shared.reviewer.metrics.register(&mut registry);
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    text
}
