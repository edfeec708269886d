//! Autoscalers: primary has a copy of the user's, and no release fights either of them.

use std::time::Duration;

use e2e::scene::{App, Scene, play, wait_for};
use serde_json::{Value, json};

use crate::policy::PATIENCE;

const PAUSED: &str = "autoscaling.keda.sh/paused-replicas";
/// The most pods of the scene under load.
const MOST: u64 = 4;

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
    wait_for(what, Duration::from_secs(20), async || {
        Ok(object(scene, kind, "app-primary").await?.filter(|twin| is(twin)))
    })
    .await
}

async fn replicas(scene: &Scene, deployment: &str) -> anyhow::Result<u64> {
    let found = scene.objects().deployments().get_opt(deployment).await?;
    let replicas = found.and_then(|found| found.spec?.replicas).unwrap_or_default();
    Ok(u64::try_from(replicas)?)
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
        scene.phase("app", "Initialized", Duration::from_secs(120)).await?;
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
            Duration::from_secs(120),
            async || Ok((replicas(scene, "app-primary").await? == 2).then_some(())),
        )
        .await?;
        assert_eq!(replicas(scene, "app").await?, 0);
        scene.unlabel().await?;
        wait_for("everything of ours to be gone", Duration::from_secs(120), async || {
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
async fn under_real_load_primary_grows_and_a_release_carries_what_it_runs_without_losing_a_request() {
    play("hpa-load", async |scene| {
        scene.autoscaling_ready().await?;
        let app = App::new("app", "v1");
        scene.label().await?;
        scene.apply(&measured(&app).to_string()).await?.succeeded()?;
        scene.apply(&hpa(MOST).to_string()).await?.succeeded()?;
        scene.phase("app", "Initialized", Duration::from_secs(120)).await?;
        scene.reachable("app", Duration::from_secs(60)).await?;
        let running = scene.load("app")?.start()?;
        let mut busy = scene.load("app")?;
        busy.path = "/spin/5".to_owned();
        busy.rate = 20;
        let busy = busy.start()?;
        wait_for(
            "primary to be scaled by its load",
            Duration::from_secs(300),
            async || {
                let ready = scene.objects().deployments().get("app-primary").await?.status;
                let ready = ready.and_then(|status| status.ready_replicas).unwrap_or_default();
                Ok((u64::try_from(ready)? == MOST).then_some(()))
            },
        )
        .await?;
        assert_eq!(
            replicas(scene, "app").await?,
            0,
            "the target rests, whatever its own autoscaler thinks"
        );

        scene.apply(&measured(&app.at("v2")).to_string()).await?.succeeded()?;
        scene.phase("app", "Progressing", Duration::from_secs(90)).await?;
        let mut fewest = (u64::MAX, u64::MAX);
        wait_for("v2 to be released", PATIENCE, async || {
            let canary = scene.objects().canary("app").await?;
            let weight = canary.as_ref().map_or(0, |canary| canary.weight());
            let (target, primary) = (replicas(scene, "app").await?, replicas(scene, "app-primary").await?);
            fewest.1 = fewest.1.min(primary);
            // The run may have ended between the looks.
            let still = scene.objects().canary("app").await?;
            if weight > 0 && still.is_some_and(|canary| canary.weight() > 0) {
                fewest.0 = fewest.0.min(target);
            }
            Ok(canary.filter(|canary| canary.phase() == "Succeeded"))
        })
        .await?;
        println!("fewest pods in the run: canary {}, primary {}", fewest.0, fewest.1);
        assert_eq!(
            fewest,
            (MOST, MOST),
            "the canary carries what primary ran, and neither shrinks in the run"
        );
        wait_for("the target to rest", Duration::from_secs(60), async || {
            Ok((replicas(scene, "app").await? == 0).then_some(()))
        })
        .await?;
        // Primary's follows its target.
        twin(scene, "hpa", "the user's own least to count after the run", |twin| {
            twin["spec"]["minReplicas"] == 2
        })
        .await?;
        for report in [running.stop().await?, busy.stop().await?] {
            report.nothing_lost()?;
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scaled_object_is_paused_while_the_target_rests_and_has_a_twin_for_primary() {
    play("keda", async |scene| {
        scene.keda_crds().await?;
        let app = App::new("app", "v1");
        scene.apply(&app.manifest()).await?.succeeded()?;
        scene.apply(&scaled_object("5").to_string()).await?.succeeded()?;
        scene.label().await?;
        scene.phase("app", "Initialized", Duration::from_secs(120)).await?;
        let made = twin(scene, "scaledobject", "primary's ScaledObject", |_| true).await?;
        assert_eq!(owner(&made), ("Canary", "flagger"));
        assert_eq!(made["spec"]["scaleTargetRef"]["name"], "app-primary");
        assert_eq!(
            made["spec"]["triggers"][0]["metadata"]["query"],
            "sum(rate(http_requests_total{app=\"app-primary\"}[1m]))"
        );
        assert_eq!(
            made["metadata"]["annotations"][PAUSED],
            Value::Null,
            "primary is not paused"
        );
        paused(scene, Some("0")).await?;

        scene.apply(&scaled_object("9").to_string()).await?.succeeded()?;
        twin(scene, "scaledobject", "the twin to follow", |twin| {
            twin["spec"]["triggers"][0]["metadata"]["threshold"] == "9"
        })
        .await?;
        paused(scene, Some("0")).await?;

        let running = scene.load("app")?.start()?;
        scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
        scene.phase("app", "Progressing", Duration::from_secs(90)).await?;
        paused(scene, None).await?;
        scene.phase("app", "Succeeded", PATIENCE).await?;
        paused(scene, Some("0")).await?;
        running.stop().await?.nothing_lost()?;

        scene.unlabel().await?;
        wait_for("the twin to be gone", Duration::from_secs(120), async || {
            Ok(object(scene, "scaledobject", "app-primary")
                .await?
                .is_none()
                .then_some(()))
        })
        .await?;
        paused(scene, None).await?;
        assert_eq!(replicas(scene, "app").await?, 2);
        Ok(())
    })
    .await;
}

fn scaled_object(threshold: &str) -> Value {
    json!({
        "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "app"},
        "spec": {
            "scaleTargetRef": {"name": "app"}, "minReplicaCount": 2, "maxReplicaCount": 6,
            "triggers": [{"type": "prometheus", "metadata": {
                "serverAddress": "http://prometheus.monitoring:9090", "threshold": threshold,
                "query": "sum(rate(http_requests_total{app=\"app\"}[1m]))"}}],
        },
    })
}

async fn paused(scene: &Scene, at: Option<&str>) -> anyhow::Result<()> {
    let what = format!("the target's ScaledObject to be paused at {at:?}");
    wait_for(&what, Duration::from_secs(60), async || {
        let object = object(scene, "scaledobject", "app").await?;
        let said = object
            .as_ref()
            .map(|o| o["metadata"]["annotations"][PAUSED].as_str().map(str::to_owned));
        Ok((said == Some(at.map(str::to_owned))).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disruption_budget_that_would_miss_primary_has_a_twin() {
    play("budget", async |scene| {
        scene.label().await?;
        let budget = |selector: Value| {
            json!({
                "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "keep-one"},
                "spec": {"minAvailable": 1, "selector": selector},
            })
            .to_string()
        };
        let own = json!({"matchLabels": {"app": "app"}});
        scene.apply(&budget(own)).await?.succeeded()?;
        scene.apply(&App::new("app", "v1").manifest()).await?.succeeded()?;
        scene.phase("app", "Initialized", Duration::from_secs(120)).await?;
        wait_for(
            "the twin to count primary's pods",
            Duration::from_secs(120),
            async || {
                let twin = object(scene, "pdb", "app-primary").await?.unwrap_or_default();
                Ok((twin["status"]["currentHealthy"] == 2).then_some(()))
            },
        )
        .await?;
        // Its author covers both by now.
        let both = json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["app", "app-primary"]}]});
        scene.apply(&budget(both)).await?.succeeded()?;
        wait_for("the twin to be gone", Duration::from_secs(120), async || {
            Ok(object(scene, "pdb", "app-primary").await?.is_none().then_some(()))
        })
        .await
    })
    .await;
}
