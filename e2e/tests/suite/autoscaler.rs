//! Autoscalers: primary has a twin of the user's, and no release fights either of them.

use std::time::Duration;

use e2e::scene::{App, Scene, play, wait_for};
use serde_json::{Value, json};

/// An autoscaler on CPU, as its author would write it.
fn hpa(most: u64) -> Value {
    json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "app"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"},
            "minReplicas": 2, "maxReplicas": most,
            "metrics": [{"type": "Resource", "resource": {
                "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}],
        },
    })
}

/// The app with a request for CPU, without which no autoscaler can tell how busy it is.
fn measured(app: &App) -> Value {
    let mut deployment = app.replicas(None).deployment();
    deployment["spec"]["template"]["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "20m"}});
    deployment
}

async fn object(scene: &Scene, kind: &str, name: &str) -> anyhow::Result<Option<Value>> {
    let said = scene
        .kubectl(&["get", kind, name, "--ignore-not-found", "-o", "json"])
        .await?
        .succeeded()?;
    Ok((!said.out.trim().is_empty())
        .then(|| serde_json::from_str(&said.out))
        .transpose()?)
}

async fn twin(scene: &Scene, kind: &str, what: &str, is: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
    wait_for(what, Duration::from_secs(10), async || {
        Ok(object(scene, kind, "app-primary").await?.filter(|twin| is(twin)))
    })
    .await
}

async fn replicas(scene: &Scene, deployment: &str) -> anyhow::Result<u64> {
    let found = object(scene, "deployment", deployment).await?;
    Ok(found.and_then(|d| d["spec"]["replicas"].as_u64()).unwrap_or_default())
}

fn owner(object: &Value) -> (&str, &str) {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    (
        text("/metadata/ownerReferences/0/kind"),
        text("/metadata/labels/app.kubernetes.io~1managed-by"),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_the_users_hpa_reaches_primary_at_once_and_leaving_gives_everything_back() {
    play("hpa-edit", async |scene| {
        let app = App::new("app", "v1");
        scene.apply(&measured(&app).to_string()).await?.succeeded()?;
        scene.apply(&hpa(5).to_string()).await?.succeeded()?;
        scene.label().await?;
        scene.phase("app", "Initialized", Duration::from_secs(60)).await?;
        let made = twin(scene, "hpa", "primary's autoscaler", |_| true).await?;
        assert_eq!(owner(&made), ("Canary", "flagger"));
        assert_eq!(made["spec"]["scaleTargetRef"]["name"], "app-primary");
        assert_eq!(made["spec"]["metrics"], hpa(5)["spec"]["metrics"]);

        let edited = scene.apply(&hpa(7).to_string()).await?.succeeded()?;
        twin(scene, "hpa", "primary's autoscaler to follow", |twin| {
            twin["spec"]["maxReplicas"] == 7
        })
        .await?;
        println!(
            "primary's autoscaler followed {:?} after the answer",
            edited.at.elapsed()
        );
        let canary = scene.objects().canary("app").await?.expect("the canary");
        assert_eq!(canary.phase(), "Initialized", "an edit of the autoscaler starts no run");

        // The least of the HPA, by the HPA: the Deployment names no number.
        wait_for(
            "primary to have the autoscaler's least",
            Duration::from_secs(60),
            async || Ok((replicas(scene, "app-primary").await? == 2).then_some(())),
        )
        .await?;
        assert_eq!(replicas(scene, "app").await?, 0);
        scene.unlabel().await?;
        wait_for("everything of ours to be gone", Duration::from_secs(60), async || {
            let left = (
                object(scene, "hpa", "app-primary").await?.is_some(),
                object(scene, "deployment", "app-primary").await?.is_some(),
                scene.objects().canary("app").await?.is_some(),
            );
            Ok((left == (false, false, false)).then_some(()))
        })
        .await?;
        assert_eq!(replicas(scene, "app").await?, 2, "the target runs what primary ran");
        let users = object(scene, "hpa", "app")
            .await?
            .expect("the user's own is still there");
        assert_eq!(users["spec"]["scaleTargetRef"]["name"], "app");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disruption_budget_that_would_miss_primary_is_named_with_the_fix() {
    play("budget", async |scene| {
        scene.label().await?;
        let budget = |selector: Value| {
            json!({
                "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "keep-one"},
                "spec": {"minAvailable": 1, "selector": selector},
            })
            .to_string()
        };
        let fix = "matchExpressions: [{key: app, operator: In, values: [app, app-primary]}]";
        let named = |text: &str| text.contains("PodDisruptionBudget \"keep-one\"") && text.contains(fix);
        scene
            .apply(&budget(json!({"matchLabels": {"app": "app"}})))
            .await?
            .succeeded()?;
        let app = App::new("app", "v1");
        let said = scene.apply(&app.manifest()).await?.succeeded()?;
        assert!(named(&said.err), "{}", said.err);
        scene.phase("app", "Initialized", Duration::from_secs(60)).await?;
        wait_for("an event that names it", Duration::from_secs(10), async || {
            let told = scene.objects().told("app").await?;
            Ok(told.into_iter().find(|message| named(message)))
        })
        .await?;
        let both = json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["app", "app-primary"]}]});
        scene.apply(&budget(both)).await?.succeeded()?;
        wait_for(
            "the budget to count primary's pods",
            Duration::from_secs(30),
            async || {
                let budget = object(scene, "pdb", "keep-one").await?.unwrap_or_default();
                Ok((budget["status"]["currentHealthy"] == 2).then_some(()))
            },
        )
        .await?;
        Ok(())
    })
    .await;
}
