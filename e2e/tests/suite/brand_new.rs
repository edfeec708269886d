//! A brand-new app: apply, and the pair is there.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use e2e::scene::{App, Scene, play, play_alone, wait_for};
use serde_json::json;

const APPS: usize = 20;
/// Promised are 500 ms; the machine is shared, so this only tells promptness from polling. What users call has a name that
/// the app's author may be about to bring himself, so that is made once primary can answer.
const CEILING: Duration = Duration::from_secs(5);
/// What the webhook says where the API server is too busy to be asked: then nothing is held, and the target's own pods run.
const UNSEEN: &str = "could not be looked at in time";

#[tokio::test(flavor = "multi_thread")]
async fn a_brand_new_apps_pair_exists_at_once_and_no_pod_runs_twice() {
    play_alone("brand-new", async |scene| {
        scene.label().await?;
        let (mut slowest, mut hot) = (Duration::ZERO, BTreeSet::new());
        for number in 0..APPS {
            let app = App::new(&format!("app{number}"), "v1").replicas(1);
            let applied = scene.apply(&app.manifest()).await?.succeeded()?;
            pair_exists(scene, app.name()).await?;
            slowest = slowest.max(applied.at.elapsed());
            if applied.err.contains(UNSEEN) {
                hot.insert(number);
            }
            // Two cores that start the pods of one app are no measure for the pair of the next.
            scene.phase(app.name(), "Initialized", Duration::from_secs(120)).await?;
        }
        println!("slowest of {APPS} pairs after the answer: {slowest:?}");
        for number in 0..APPS {
            let name = format!("app{number}");
            let version = scene.reachable(&name, Duration::from_secs(60)).await?;
            assert_eq!(version, "v1");
            let twice = scene.objects().ever_created(&name).await?;
            assert!(
                twice.is_empty() || hot.contains(&number),
                "pods of {name} itself were created: {twice:?}"
            );
        }
        assert!(hot.len() < APPS / 4, "the webhook was too busy for {hot:?}");
        assert!(slowest <= CEILING, "a pair took {slowest:?}");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_brand_new_app_is_reported_initialized_and_starts_no_run() {
    play("brand-new-phase", async |scene| {
        let app = App::new("app", "v1");
        let began = Instant::now();
        scene.settled(&app).await?;
        println!("Initialized and served after {:?}", began.elapsed());
        // Events are written beside the release, which never waits for them.
        let told = wait_for("the event of the bootstrap", Duration::from_secs(60), async || {
            let told = scene.objects().told("app").await?;
            Ok(told
                .iter()
                .any(|line| line.starts_with("Initialization done!"))
                .then_some(told))
        })
        .await?;
        assert!(
            !told.iter().any(|line| line.starts_with("New revision detected")),
            "{told:?}"
        );
        let target = scene.objects().deployments().get("app").await?;
        assert_eq!(target.spec.and_then(|spec| spec.replicas), Some(0));
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_with_ports_of_its_own_may_come_after_the_deployment_in_one_apply() {
    play("brand-new-service", async |scene| {
        scene.label().await?;
        let app = App::new("app", "v1");
        let mut service = app.service();
        service["spec"]["ports"] = json!([{"name": "http", "port": 80, "targetPort": 9898}]);
        let both = json!({"apiVersion": "v1", "kind": "List", "items": [app.deployment(), service]});
        scene.apply(&both.to_string()).await?.succeeded()?;
        let services = scene.objects().services();
        for name in ["app", "app-primary", "app-canary"] {
            wait_for(&format!("port 80 of {name}"), Duration::from_secs(120), async || {
                let ports = services.get_opt(name).await?.and_then(|s| s.spec).and_then(|s| s.ports);
                let numbers: Vec<i32> = ports.unwrap_or_default().iter().map(|port| port.port).collect();
                Ok((numbers == [80]).then_some(()))
            })
            .await?;
        }
        scene.phase("app", "Initialized", Duration::from_secs(120)).await?;
        assert_eq!(scene.reachable("app", Duration::from_secs(60)).await?, "v1");
        let owners = services.get("app").await?.metadata.owner_references.unwrap_or_default();
        assert!(owners.is_empty(), "the Service is the user's: {owners:?}");
        Ok(())
    })
    .await;
}

async fn pair_exists(scene: &Scene, name: &str) -> anyhow::Result<()> {
    let objects = scene.objects();
    let (primary, canary) = (format!("{name}-primary"), format!("{name}-canary"));
    let (deployments, services) = (objects.deployments(), objects.services());
    wait_for(&format!("the pair of {name}"), Duration::from_secs(60), async || {
        let found = tokio::try_join!(
            deployments.get_opt(&primary),
            services.get_opt(&primary),
            services.get_opt(&canary),
        )?;
        let all = found.0.is_some() && found.1.is_some() && found.2.is_some();
        Ok(all.then_some(()))
    })
    .await
}
