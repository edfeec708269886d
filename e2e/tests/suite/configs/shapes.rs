//! Data of every shape, and what is left alone.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::scene::{App, Scene, play, wait_for};
use serde_json::{Value, json};

use crate::policy::PATIENCE;

fn holding(name: &str, config: &str) -> Value {
    let mut deployment = App::new(name, "v1").deployment();
    let pod = &mut deployment["spec"]["template"]["spec"];
    pod["containers"][0]["volumeMounts"] = json!([{"name": "etc", "mountPath": "/etc/app"}]);
    pod["volumes"] = json!([{"name": "etc", "configMap": {"name": config}}]);
    deployment
}

fn frozen(data: &str, binary: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "frozen", "annotations": {"team": "a"}},
        "data": {"color": data}, "binaryData": {"blob": binary}, "immutable": true,
    })
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_immutable_config_with_binary_data_is_copied_whole_and_its_copy_can_be_promoted() {
    play("config-frozen", async |scene| {
        scene.apply(&frozen("blue", "AAEC")).await?.succeeded()?;
        scene.label().await?;
        scene.apply(&holding("app", "frozen").to_string()).await?.succeeded()?;
        scene.phase("app", "Initialized", Duration::from_secs(120)).await?;
        let objects = scene.objects();
        let copy = objects.config_maps().get("frozen-primary").await?;
        let blob = |copy: &k8s_openapi::api::core::v1::ConfigMap| {
            copy.binary_data.clone().unwrap_or_default()["blob"].0.clone()
        };
        assert_eq!((copy.immutable, blob(&copy)), (None, vec![0, 1, 2]));
        let annotations = copy.metadata.annotations.clone().unwrap_or_default();
        assert_eq!(annotations.keys().collect::<Vec<_>>(), ["team"]);
        scene.reachable("app", Duration::from_secs(60)).await?;

        let running = scene.load("app")?.start()?;
        // Its author can change it only by making it anew. Meanwhile it is missing, which starts nothing.
        scene.kubectl(&["delete", "configmap", "frozen"]).await?.succeeded()?;
        scene.apply(&frozen("red", "AAED")).await?.succeeded()?;
        scene.phase("app", "Progressing", Duration::from_secs(90)).await?;
        scene.phase("app", "Succeeded", PATIENCE).await?;
        running.stop().await?.nothing_lost()?;
        let made = objects.config_maps().get("frozen-primary").await?;
        assert_eq!((made.immutable, blob(&made)), (None, vec![0, 1, 3]));
        red(scene, "app").await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_config_that_opted_out_is_shared_and_its_edits_start_nothing() {
    play("config-shared", async |scene| {
        let shared = |color: &str| {
            let annotations = json!({"flagger.app/config-tracking": "disabled"});
            json!({"apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": "shared", "annotations": annotations}, "data": {"color": color}})
            .to_string()
        };
        scene.apply(&shared("blue")).await?.succeeded()?;
        scene.label().await?;
        scene.apply(&holding("app", "shared").to_string()).await?.succeeded()?;
        scene.phase("app", "Initialized", Duration::from_secs(120)).await?;
        let before = crate::waits::steady(scene, "app").await?;
        scene.apply(&shared("red")).await?.succeeded()?;
        let objects = scene.objects();
        // A tracked change would be Progressing within a second.
        tokio::time::sleep(Duration::from_secs(5)).await;
        let after = objects.canary("app").await?.expect("the canary");
        assert_eq!(after.0["status"], before.0["status"]);
        assert!(objects.config_maps().get_opt("shared-primary").await?.is_none());
        let primary = objects.deployments().get("app-primary").await?;
        let volumes = serde_json::to_value(primary.spec.unwrap().template.spec.unwrap().volumes)?;
        assert_eq!(volumes[0]["configMap"]["name"], "shared");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_object_under_the_copys_name_is_never_touched() {
    play("config-foreign", async |scene| {
        let plain = |name: &str| {
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"color": "blue"}})
                .to_string()
        };
        scene.apply(&plain("cfg")).await?.succeeded()?;
        scene.apply(&plain("cfg-primary")).await?.succeeded()?;
        scene.label().await?;
        scene.apply(&holding("app", "cfg").to_string()).await?.succeeded()?;
        let objects = scene.objects();
        let named = "ConfigMap cfg-primary exists and was not made by this Canary; rename one of the two";
        wait_for("the conflict to be named", Duration::from_secs(120), async || {
            Ok(objects
                .told("app")
                .await?
                .iter()
                .any(|said| said == named)
                .then_some(()))
        })
        .await?;
        assert!(objects.deployments().get_opt("app-primary").await?.is_none());
        let foreign = objects.config_maps().get("cfg-primary").await?;
        assert!(foreign.metadata.owner_references.is_none(), "it was adopted");
        scene
            .kubectl(&["delete", "configmap", "cfg-primary"])
            .await?
            .succeeded()?;
        scene.phase("app", "Initialized", Duration::from_secs(120)).await?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_config_of_two_apps_is_released_with_both_and_its_copy_goes_with_the_last() {
    play("config-two", async |scene| {
        let cfg = |color: &str| {
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cfg"}, "data": {"color": color}})
                .to_string()
        };
        scene.apply(&cfg("blue")).await?.succeeded()?;
        scene.label().await?;
        for app in APPS {
            scene.apply(&holding(app, "cfg").to_string()).await?.succeeded()?;
        }
        for app in APPS {
            scene.phase(app, "Initialized", Duration::from_secs(120)).await?;
        }
        let both = Some(APPS.map(str::to_owned).to_vec());
        wait_for("both to own the copy", Duration::from_secs(60), async || {
            Ok((owners(scene).await? == both).then_some(()))
        })
        .await?;
        for app in APPS {
            scene.reachable(app, Duration::from_secs(60)).await?;
        }

        let [first, running] = [scene.load("one")?.start()?, scene.load("two")?.start()?];
        scene.apply(&cfg("red")).await?.succeeded()?;
        for app in APPS {
            scene.phase(app, "Succeeded", PATIENCE).await?;
            scene.rests(app, Duration::from_secs(60)).await?;
            red(scene, app).await?;
        }

        first.stop().await?.nothing_lost()?;
        scene.kubectl(&["delete", "deployment", "one"]).await?.succeeded()?;
        wait_for("one to let go of the copy", PATIENCE, async || {
            Ok((owners(scene).await? == Some(vec!["two".to_owned()])).then_some(()))
        })
        .await?;
        scene.reachable("two", Duration::from_secs(60)).await?;
        running.stop().await?.nothing_lost()?;
        scene.kubectl(&["delete", "deployment", "two"]).await?.succeeded()?;
        wait_for("the copy to go", PATIENCE, async || {
            Ok(owners(scene).await?.is_none().then_some(()))
        })
        .await
    })
    .await;
}

const APPS: [&str; 2] = ["one", "two"];

/// Waits until both pods of an app's primary say that they have the new data; one that ends answers no more.
async fn red(scene: &Scene, app: &str) -> Result<()> {
    let what = format!("the pods of {app}-primary to read what was promoted");
    wait_for(&what, Duration::from_secs(120), async || {
        let pods = scene.objects().pods_at(&format!("{app}-primary")).await?;
        ensure!(pods.len() == 2, "{app}: {pods:?}");
        for pod in pods {
            let color = pod.file("color").await?;
            ensure!(color.as_deref() == Some("red"), "{}: {color:?}", pod.name);
        }
        Ok(Some(()))
    })
    .await
}

/// The Canaries that own the copy, if there is one; each target does too.
async fn owners(scene: &Scene) -> Result<Option<Vec<String>>> {
    let copy = scene.objects().config_maps().get_opt("cfg-primary").await?;
    Ok(copy.map(|copy| {
        let owners = copy.metadata.owner_references.unwrap_or_default();
        let canaries = owners.into_iter().filter(|owner| owner.kind == "Canary");
        let mut names: Vec<String> = canaries.map(|owner| owner.name).collect();
        names.sort();
        names
    }))
}
