//! Foreign edits of primary, through the router.

use super::*;

fn review(new: Value, user: &str, dry_run: bool) -> Value {
    let mut review = request("Deployment", "UPDATE", primary("shop:1"), new);
    review["name"] = json!("shop-primary");
    review["userInfo"]["username"] = json!(user);
    review["dryRun"] = json!(dry_run);
    review
}

#[tokio::test]
async fn an_edit_of_primarys_template_is_refused_to_everybody_but_ourselves() {
    let mut house = House::new();
    house.canary("Succeeded");
    // Also the other app of that name, which is applied over it.
    let mut redis = primary("redis:7");
    redis["metadata"] = json!({"name": "shop-primary", "namespace": "web"});
    for new in [primary("hack"), redis] {
        for dry_run in [false, true] {
            let asked = review(new.clone(), "ann", dry_run);
            let (_, response) = house.ask(Entry::MutateDeployments, asked).await;
            assert_eq!(response["allowed"], json!(false), "{response}");
            assert_eq!(response["status"]["code"], 403);
            let message = response["status"]["message"].as_str().unwrap();
            assert!(message.contains("rollout restart deployment/shop"), "{message}");
        }
        let own = review(new, CONTROLLER, false);
        let (_, response) = house.ask(Entry::MutateDeployments, own).await;
        assert_eq!(response["allowed"], json!(true), "{response}");
    }
    let mut labelled = primary("shop:1");
    labelled["metadata"]["labels"] = json!({"team": "a"});
    labelled["spec"]["replicas"] = json!(5);
    let (_, response) = house
        .ask(Entry::MutateDeployments, review(labelled, "ann", false))
        .await;
    assert_eq!(response["allowed"], json!(true), "{response}");
}
