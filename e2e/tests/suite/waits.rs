//! `kubectl apply && kubectl wait`: no gap between the change and the mark on the Deployment, or the Canary's conditions.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use e2e::scene::{App, CanaryView, Scene, play, wait_for};
use serde_json::{Value, json};

use crate::policy::PATIENCE;

const APPS: usize = 4;
const ROUNDS: usize = 5;
const WAIT: &str = "--timeout=120s";
const RELEASED: &str = r"--for=jsonpath={.metadata.labels.coalmine\.dev/release}=succeeded";

#[tokio::test(flavor = "multi_thread")]
async fn twenty_waits_after_an_apply_never_answer_for_the_revision_before() {
    play("waits", async |scene| {
        scene.label().await?;
        twenty(scene, released).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_policy_is_strict_nor_do_waits_for_the_canary() {
    play("waits-strict", async |scene| {
        strict(scene).await?;
        twenty(scene, promoted).await
    })
    .await;
}

async fn twenty(scene: &Scene, wait: impl AsyncFn(&Scene, &str) -> anyhow::Result<String>) -> anyhow::Result<()> {
    let apps: Vec<App> = (0..APPS)
        .map(|n| App::new(&format!("app{n}"), "v1").replicas(1))
        .collect();
    for app in &apps {
        skipping(scene, app, 60).await?;
        scene.apply(&app.manifest()).await?.succeeded()?;
    }
    let releases = apps.iter().map(async |app| -> anyhow::Result<()> {
        wait(scene, app.name()).await?;
        for round in 0..ROUNDS {
            let version = format!("v{}", round + 2);
            scene.apply(&app.at(&version).manifest()).await?.succeeded()?;
            let applied = Instant::now();
            let said = wait(scene, app.name()).await?;
            let serving = version_of(scene, &format!("{}-primary", app.name())).await?;
            println!("{} {version}: released after {:?}", app.name(), applied.elapsed());
            assert_eq!(serving, version, "the wait answered too early: {}", said);
        }
        Ok(())
    });
    for done in futures::future::join_all(releases).await {
        done?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_for_a_bad_release_does_not_return_true_and_health_checks_see_it() {
    play("waits-bad", async |scene| {
        scene.label().await?;
        let app = App::new("app", "v1").replicas(1);
        skipping(scene, &app, 25).await?;
        scene.apply(&app.manifest()).await?.succeeded()?;
        promoted(scene, "app").await?;
        let bad = app.at("v2").image("localhost/coalmine/nowhere:none");
        scene.apply(&bad.manifest()).await?.succeeded()?;
        let said = scene
            .kubectl(&["wait", "deploy/app", RELEASED, "--timeout=15s"])
            .await?;
        said.refused()?;
        scene.phase("app", "Failed", PATIENCE).await?;
        // The phase is stored before the target is written.
        wait_for("the Deployment to say it", Duration::from_secs(60), async || {
            let label = scene.objects().deployments().get("app").await?.metadata.labels;
            let release = label.and_then(|all| all.get("coalmine.dev/release").cloned());
            Ok((release.as_deref() == Some("failed")).then_some(()))
        })
        .await?;
        let failed = steady(scene, "app").await?;
        assert_eq!(failed.phase(), "Failed");
        for (kind, status) in [("Promoted", "False"), ("Ready", "False"), ("Stalled", "True")] {
            assert_eq!(says(&failed, kind), Some(status), "{:#}", failed.0["status"]);
        }
        let generation = &failed.0["metadata"]["generation"];
        assert_eq!(&failed.0["status"]["observedGeneration"], generation);
        // At rest, also a failed one writes nothing.
        let version = |canary: &CanaryView| canary.0["metadata"]["resourceVersion"].clone();
        tokio::time::sleep(Duration::from_secs(10)).await;
        let later = scene.objects().canary("app").await?.expect("the canary");
        assert_eq!(version(&failed), version(&later), "{:#}", later.0["status"]);

        scene.apply(&app.at("v3").manifest()).await?.succeeded()?;
        released(scene, "app").await?;
        assert_eq!(version_of(scene, "app-primary").await?, "v3");
        let good = scene.objects().canary("app").await?.expect("the canary");
        assert_eq!((says(&good, "Ready"), says(&good, "Stalled")), (Some("True"), None));
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_a_second_validator_refuses_is_taken_back() {
    play("waits-refused", async |scene| {
        strict(scene).await?;
        let app = App::new("app", "v1").replicas(1);
        skipping(scene, &app, 60).await?;
        scene.apply(&app.manifest()).await?.succeeded()?;
        promoted(scene, "app").await?;
        let refuser = Refuser::install(scene).await?;
        // An API server that is too busy for the note is said at the apply.
        wait_for(
            "an apply that is noted and refused",
            Duration::from_secs(120),
            async || {
                let refused = scene.apply(&refuser.marked(&app.at("v2"))).await?.refused()?;
                println!("refused: {}", refused.err.trim());
                Ok((!refused.err.contains("its conditions follow in a moment")).then_some(()))
            },
        )
        .await?;
        let announced = scene.objects().canary("app").await?.expect("the canary");
        assert_eq!(says(&announced, "Promoted"), Some("Unknown"));
        assert_eq!(announced.phase(), "Initialized");
        let began = Instant::now();
        let objects = scene.objects();
        let restored = wait_for("the answer to be given back", Duration::from_secs(120), async || {
            let canary = objects.canary("app").await?;
            Ok(canary.filter(|canary| says(canary, "Promoted") == Some("True")))
        })
        .await?;
        println!("given back after {:?}", began.elapsed());
        assert_eq!(restored.phase(), "Initialized", "no run was started");
        assert_eq!(restored.0["status"]["run"].get("announced"), None);
        released(scene, "app").await?;
        refuser.remove().await?;
        Ok(())
    })
    .await;
}

/// A second validating webhook that cannot be reached, and so refuses what is marked, after ours has let it through.
pub struct Refuser<'a> {
    scene: &'a Scene,
    name: String,
}

impl<'a> Refuser<'a> {
    /// Installs it for the scene's namespace.
    pub async fn install(scene: &'a Scene) -> anyhow::Result<Self> {
        let name = format!("refuser-{}", scene.namespace);
        let configuration = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": name},
            "webhooks": [{
                "name": "refuser.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None",
                "failurePolicy": "Fail", "timeoutSeconds": 2,
                "clientConfig": {"url": "https://127.0.0.1:9/"},
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": scene.namespace}},
                "rules": [{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
                    "resources": ["deployments"]}],
                "matchConditions": [{"name": "marked", "expression":
                    "has(object.metadata.annotations) && 'refuse' in object.metadata.annotations"}],
            }],
        });
        scene.apply(&configuration.to_string()).await?.succeeded()?;
        let refuser = Self { scene, name };
        // API servers learn of it a moment later.
        let probe = refuser.marked(&App::new("probe", "v1"));
        wait_for("the second validator", Duration::from_secs(120), async || {
            let args = ["create", "--dry-run=server", "-f", "-"];
            let said = scene.kubectl_with(&args, &probe).await?;
            Ok(said.err.contains("refuser.example.com").then_some(()))
        })
        .await?;
        Ok(refuser)
    }

    /// The manifest of a Deployment that it refuses.
    pub fn marked(&self, app: &App) -> String {
        let mut object = app.deployment();
        object["metadata"]["annotations"] = json!({"refuse": "yes"});
        object.to_string()
    }

    /// Takes it away; it is not in the namespace.
    pub async fn remove(self) -> anyhow::Result<()> {
        self.scene
            .kubectl(&["delete", "validatingwebhookconfiguration", &self.name])
            .await?
            .succeeded()?;
        Ok(())
    }
}

/// A hand-written Canary that promotes without analysis.
pub async fn skipping(scene: &Scene, app: &App, deadline: u32) -> anyhow::Result<()> {
    let analysis = json!({"interval": "1s", "threshold": 1, "iterations": 1});
    let mut canary = app.canary(&scene.host(app.name()), &analysis, deadline);
    canary["spec"]["skipAnalysis"] = json!(true);
    scene.apply(&canary.to_string()).await?.succeeded()?;
    Ok(())
}

/// The namespace labelled, under a policy that has Canaries told before a template is stored.
async fn strict(scene: &Scene) -> anyhow::Result<()> {
    let policy = json!({"settleSeconds": 1, "drainSeconds": 1, "announce": "Strict"});
    scene.policy(&policy).await?;
    scene.label().await
}

/// `kubectl wait` for the mark on the Deployment, and what it said.
async fn released(scene: &Scene, name: &str) -> anyhow::Result<String> {
    let deployment = format!("deploy/{name}");
    let said = scene
        .kubectl(&["wait", &deployment, RELEASED, WAIT])
        .await?
        .succeeded()?;
    Ok(said.out)
}

/// `kubectl wait` for the condition of the Canary, and what it said.
async fn promoted(scene: &Scene, name: &str) -> anyhow::Result<String> {
    let canary = format!("canary/{name}");
    let said = scene
        .kubectl(&["wait", &canary, "--for=condition=Promoted", WAIT])
        .await?
        .succeeded()?;
    Ok(said.out)
}

/// The status of a condition.
pub fn says<'a>(canary: &'a CanaryView, kind: &str) -> Option<&'a str> {
    canary.condition(kind)?["status"].as_str()
}

/// The Canary once nothing was written about it for a while: the last words of a start or of an end follow its phase.
pub async fn steady(scene: &Scene, name: &str) -> anyhow::Result<CanaryView> {
    let objects = scene.objects();
    let version = |canary: &CanaryView| canary.0["metadata"]["resourceVersion"].clone();
    wait_for(
        &format!("canary {name} to be left alone"),
        Duration::from_secs(60),
        async || {
            let one = objects.canary(name).await?.context("the canary")?;
            tokio::time::sleep(Duration::from_secs(2)).await;
            let other = objects.canary(name).await?.context("the canary")?;
            Ok((version(&one) == version(&other)).then_some(other))
        },
    )
    .await
}

/// `VERSION` in the template of a Deployment.
async fn version_of(scene: &Scene, deployment: &str) -> anyhow::Result<String> {
    let found: Value = serde_json::to_value(scene.objects().deployments().get(deployment).await?)?;
    let env = found.pointer("/spec/template/spec/containers/0/env").cloned();
    let all = env.as_ref().and_then(Value::as_array).into_iter().flatten();
    let version = all
        .filter(|one| one["name"] == "VERSION")
        .find_map(|one| one["value"].as_str());
    Ok(version.unwrap_or_default().to_owned())
}
