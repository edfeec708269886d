//! ConfigMaps and Secrets are released with the template that names them: a change is analysed, primary reads copies of
//! what was promoted, and pods of the canary read what is new.

mod lives;
mod reader;
mod shapes;

use std::time::Duration;

use e2e::scene::{play, wait_for};
use serde_json::json;

use crate::policy::{PATIENCE, THRESHOLD};
use reader::{Reader, config, everywhere, reads, secret};

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_config_map_is_released_as_a_canary_whose_pods_see_it_while_primary_serves_the_old() {
    play("config-good", async |scene| {
        let app = Reader::new("app");
        scene.apply(&everywhere("v1", "blue", "one")).await?.succeeded()?;
        app.settled(scene).await?;
        reads(scene, "app-primary", "v1", "blue", "one").await?;
        let objects = scene.objects();
        let template = objects.deployments().get("app-primary").await?.spec.unwrap().template;
        let container = serde_json::to_value(&template.spec.unwrap().containers[0])?;
        assert_eq!(container["envFrom"][0]["configMapRef"]["name"], "settings-primary");

        let running = scene.load("app")?.start()?;
        scene.apply(&everywhere("v2", "red", "two")).await?.succeeded()?;
        scene.phase("app", "Progressing", Duration::from_secs(90)).await?;
        scene.at_weight("app", 20, PATIENCE).await?;
        reads(scene, "app", "v2", "red", "two").await?;
        reads(scene, "app-primary", "v1", "blue", "one").await?;
        let canary = scene.phase("app", "Succeeded", PATIENCE).await?;
        reads(scene, "app-primary", "v2", "red", "two").await?;
        let report = running.stop().await?;
        println!("{} requests, versions {:?}", report.requests(), report.versions());
        report.nothing_lost()?;
        assert!(report.first_all_on("v2").is_some(), "{:?}", report.versions());

        let status = &canary.0["status"];
        let sums = status["trackedConfigs"].as_object().expect("trackedConfigs");
        let names: Vec<&String> = sums.keys().collect();
        assert_eq!(names, ["configmap/files", "configmap/settings", "secret/token"]);
        assert_eq!(status["lastAppliedSpec"], status["lastPromotedSpec"]);
        for text in [
            "ConfigMap settings has changed",
            "Secret token has changed",
            "ConfigMap settings-primary synced",
            "Secret token-primary synced",
        ] {
            scene.told("app", text, |said| said == text).await?;
        }
        wait_for("the canary's pods to go", Duration::from_secs(120), async || {
            Ok(objects.pods_at("app").await?.is_empty().then_some(()))
        })
        .await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_config_is_rolled_back_and_primary_never_saw_it() {
    play("config-bad", async |scene| {
        let app = Reader::new("app");
        scene.apply(&everywhere("v1", "blue", "one")).await?.succeeded()?;
        app.settled(scene).await?;
        let objects = scene.objects();
        let before = objects.deployments().get("app-primary").await?.metadata.generation;
        let copy = objects.config_maps().get("settings-primary").await?;
        let running = scene.load("app")?.start()?;
        let bad = config("settings", json!({"VERSION": "v2", "ERROR_RATE": "0.5"}));
        scene.apply(&bad).await?.succeeded()?;
        scene.phase("app", "Progressing", Duration::from_secs(90)).await?;
        let failed = scene.phase("app", "Failed", PATIENCE).await?;
        assert_eq!(failed.failed_checks(), u64::from(THRESHOLD));
        tokio::time::sleep(Duration::from_secs(3)).await;
        let report = running.stop().await?;
        report.nothing_lost()?;
        assert_eq!(report.errors_of("v1"), 0);
        assert!(report.errors_of("v2") > 0, "users saw the canary");
        let after = objects.deployments().get("app-primary").await?.metadata.generation;
        assert_eq!(before, after, "primary's spec is untouched");
        assert_eq!(
            copy.metadata.resource_version,
            objects
                .config_maps()
                .get("settings-primary")
                .await?
                .metadata
                .resource_version
        );
        // A pod of primary that starts now reads what was promoted.
        scene
            .kubectl(&["delete", "pod", "-l", "app=app-primary"])
            .await?
            .succeeded()?;
        scene
            .kubectl(&["rollout", "status", "deployment/app-primary", "--timeout=120s"])
            .await?
            .succeeded()?;
        reads(scene, "app-primary", "v1", "blue", "one").await?;
        // Back to what is promoted: nothing to analyse.
        scene
            .apply(&config("settings", json!({"VERSION": "v1"})))
            .await?
            .succeeded()?;
        scene.phase("app", "Succeeded", Duration::from_secs(60)).await?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_config_edited_in_mid_run_is_analysed_from_the_first_step_by_pods_that_read_it() {
    play("config-edit", async |scene| {
        let app = Reader::new("app");
        scene.apply(&everywhere("v1", "blue", "one")).await?.succeeded()?;
        app.settled(scene).await?;
        let running = scene.load("app")?.start()?;
        scene
            .apply(&config("settings", json!({"VERSION": "v2"})))
            .await?
            .succeeded()?;
        scene.at_weight("app", 50, PATIENCE).await?;
        scene
            .apply(&config("settings", json!({"VERSION": "v3"})))
            .await?
            .succeeded()?;
        let objects = scene.objects();
        wait_for("the analysis to begin again", Duration::from_secs(120), async || {
            let canary = objects.canary("app").await?;
            Ok(canary.filter(|canary| canary.weight() == 0).map(drop))
        })
        .await?;
        scene.at_weight("app", 20, PATIENCE).await?;
        reads(scene, "app", "v3", "blue", "one").await?;
        reads(scene, "app-primary", "v1", "blue", "one").await?;
        scene.phase("app", "Succeeded", PATIENCE).await?;
        reads(scene, "app-primary", "v3", "blue", "one").await?;
        // Back in mid-run to what is promoted: cancelled.
        scene
            .apply(&config("settings", json!({"VERSION": "v4"})))
            .await?
            .succeeded()?;
        scene.at_weight("app", 20, PATIENCE).await?;
        scene
            .apply(&config("settings", json!({"VERSION": "v3"})))
            .await?
            .succeeded()?;
        scene.phase("app", "Succeeded", Duration::from_secs(60)).await?;
        let report = running.stop().await?;
        println!("{} requests, versions {:?}", report.requests(), report.versions());
        report.nothing_lost()?;
        reads(scene, "app-primary", "v3", "blue", "one").await?;
        let cancelled = format!(
            "Rollout cancelled, app.{0} is back at what app-primary.{0} serves",
            scene.namespace
        );
        scene.told("app", &cancelled, |said| said == cancelled).await?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_config_that_comes_after_its_deployment_is_waited_for_by_name() {
    play("config-late", async |scene| {
        let app = Reader::new("app");
        scene.label().await?;
        scene.apply(&app.manifest()).await?.succeeded()?;
        let objects = scene.objects();
        let named = "Waiting for ConfigMap files, ConfigMap settings, Secret token";
        wait_for(
            "the missing configs to be named",
            Duration::from_secs(120),
            async || {
                let told = objects.told("app").await?;
                Ok(told.iter().any(|said| said.starts_with(named)).then_some(()))
            },
        )
        .await?;
        assert!(objects.deployments().get_opt("app-primary").await?.is_none());
        let rest = [
            config("settings", json!({"VERSION": "v1"})),
            config("files", json!({"color": "blue"})),
            secret("token", "one"),
        ];
        for manifest in rest {
            scene.apply(&manifest).await?.succeeded()?;
        }
        scene.phase("app", "Initialized", Duration::from_secs(120)).await?;
        reads(scene, "app-primary", "v1", "blue", "one").await
    })
    .await;
}
