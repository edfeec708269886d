//! The stage itself, without Coalmine: what the other scenes rely on.

use std::time::Duration;

use anyhow::ensure;
use e2e::scene::{App, http_client, play, wait_for};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_app_is_served_and_the_gateway_counts_each_backend_under_the_name_the_policy_asks_for() {
    play("stage", async |scene| {
        let app = App::new("app", "v1");
        let mut twin = app.service();
        twin["metadata"]["name"] = json!("app-canary");
        let mut route = app.route(&scene.host("app"));
        route["spec"]["rules"][0]["backendRefs"] = json!([
            {"name": "app", "port": 9898, "weight": 80},
            {"name": "app-canary", "port": 9898, "weight": 20},
        ]);
        for object in [app.service(), twin, app.deployment()] {
            scene.apply(&object.to_string()).await?.succeeded()?;
        }
        // The route comes last: a gateway that knew of one Service's pods before the other's would answer 503 for the other.
        let rollout = ["rollout", "status", "deployment/app", "--timeout=120s"];
        scene.kubectl(&rollout).await?.succeeded()?;
        scene.apply(&route.to_string()).await?.succeeded()?;
        scene.reachable("app", Duration::from_secs(60)).await?;
        let running = scene.load("app")?.start()?;
        let series = format!(
            "sum(traefik_service_requests_total{{service=~\".+-svc-{}-app-canary-[0-9]+@kubernetesgateway\"}})",
            scene.namespace
        );
        wait_for(
            "the canary's requests to be counted",
            Duration::from_secs(120),
            async || {
                let count = ask(&scene.cluster.prometheus, &series).await?;
                Ok(count.filter(|count| *count >= 100.0))
            },
        )
        .await?;
        let report = running.stop().await?;
        report.nothing_lost()?;
        // What was asked last is counted at the next scrape.
        wait_for("all requests to be counted", Duration::from_secs(120), async || {
            let counted = ask(&scene.cluster.prometheus, &series).await?.unwrap_or_default();
            let share = counted / report.requests() as f64;
            ensure!(
                (0.15..0.25).contains(&share),
                "{counted} of {} requests",
                report.requests()
            );
            Ok(Some(()))
        })
        .await
    })
    .await;
}

/// The first value of what Prometheus answers.
pub async fn ask(prometheus: &str, query: &str) -> anyhow::Result<Option<f64>> {
    let answer: Value = http_client()
        .get(format!("{prometheus}/api/v1/query"))
        .query(&[("query", query)])
        .send()
        .await?
        .json()
        .await?;
    let value = answer.pointer("/data/result/0/value/1").and_then(Value::as_str);
    Ok(value.map(str::parse).transpose()?)
}
