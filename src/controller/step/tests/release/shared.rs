//! Configs that are not released with their pods, said when a run begins.

use super::super::house::{DEPLOYMENTS, House};
use crate::{controller::context::fake, plan::configs::MOST_BYTES, testing::ApiServer};
use serde_json::{Value, json};

const CONFIGS: &str = "/api/v1/namespaces/web/configmaps";

// An app whose Secrets may not be listed, with two ConfigMaps that are too large together.
async fn house() -> House {
    House::with(|server| {
        server.refuse("GET /api/v1/namespaces/web/secrets", 403, "not ours", ApiServer::ALWAYS);
        for name in ["first", "second"] {
            let metadata = json!({"name": name, "namespace": "web"});
            let data = json!({"text": "x".repeat(MOST_BYTES / 2 + 1)});
            let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data});
            server.put(&format!("{CONFIGS}/{name}"), config);
        }
        server.edit(&format!("{DEPLOYMENTS}/shop"), |target| {
            target["spec"]["template"]["spec"]["containers"][0]["envFrom"] = json!([
                {"configMapRef": {"name": "first"}}, {"configMapRef": {"name": "second"}}, {"secretRef": {"name": "token"}},
            ]);
        });
        server.run("web", "shop");
    })
    .await
}

fn warned(said: &[String]) -> [usize; 2] {
    let begins = [
        "ConfigMap second and 0 more are not released with their pods: more than 8 MiB ",
        "Secrets may not be listed here: primary shares them ",
    ];
    begins.map(|begin| said.iter().filter(|text| text.starts_with(begin)).count())
}

#[tokio::test(start_paused = true)]
async fn what_primary_shares_with_its_target_is_told_once_a_run() {
    let mut house = house().await;
    house.all().await;
    let said = fake::said(&mut house.told).await;
    assert_eq!(warned(&said), [1, 1], "{said:?}");
    let synced = said.iter().filter(|text| *text == "ConfigMap first-primary synced");
    assert_eq!(synced.count(), 1, "{said:?}");
    assert!(house.server.get(&format!("{CONFIGS}/first-primary")).is_some());
    assert!(house.server.get(&format!("{CONFIGS}/second-primary")).is_none());
    house.step().await;
    let said = fake::said(&mut house.told).await;
    assert_eq!(warned(&said), [0, 0], "{said:?}");
    let image = |target: &mut Value| target["spec"]["template"]["spec"]["containers"][0]["image"] = json!("shop:2");
    house.edit("shop", image).await;
    for _ in 0..3 {
        house.step().await;
        house.pods().await;
    }
    let said = fake::said(&mut house.told).await;
    assert_eq!(warned(&said), [1, 1], "{said:?}");
}
