//! What is refused, and what is only warned about.

use e2e::scene::{App, play};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_canary_is_refused_with_every_cause_and_its_path_at_once() {
    play("invalid", async |scene| {
        scene.label().await?;
        let app = App::new("app", "v1");
        let analysis = json!({
            "interval": "5s", "threshold": 3, "maxWeight": 150, "stepWeight": 10,
            "metrics": [{"name": "ours", "thresholdRange": {"min": 99, "max": 1}, "query": "up"}],
        });
        let mut canary = app.canary(&scene.host("app"), &analysis, 60);
        canary["spec"]["service"]["port"] = json!(99_999);
        let said = scene.apply(&canary.to_string()).await?.refused()?;
        for path in [
            "spec.analysis.maxWeight",
            "spec.analysis.metrics[0].thresholdRange",
            "spec.service.port",
        ] {
            assert!(said.err.contains(path), "{path} is not in: {}", said.err);
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_metric_template_that_does_not_exist_yet_is_a_warning() {
    play("template", async |scene| {
        scene.label().await?;
        let app = App::new("app", "v1");
        let analysis = json!({
            "interval": "5s", "threshold": 3, "stepWeights": [20, 50],
            "metrics": [{"name": "ours", "templateRef": {"name": "later"}, "thresholdRange": {"min": 99}}],
        });
        let canary = app.canary(&scene.host("app"), &analysis, 60);
        let said = scene.apply(&canary.to_string()).await?.succeeded()?;
        assert!(
            said.err.contains("Warning:") && said.err.contains("later"),
            "{}",
            said.err
        );
        Ok(())
    })
    .await;
}
