//! What our own accounts, and people with few rights, cannot reach.

use std::time::Duration;

use e2e::scene::{App, SYSTEM, play, wait_for};
use serde_json::json;

use crate::policy::PATIENCE;

#[tokio::test(flavor = "multi_thread")]
async fn our_accounts_write_nowhere_but_where_somebody_opted_in() {
    play("guard", async |scene| {
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "stray"}, "spec": {"ports": [{"port": 80}]},
        })
        .to_string();
        // An admin is never judged.
        let plain = ["create", "--dry-run=server", "-f", "-"];
        scene.kubectl_with(&plain, &service).await?.succeeded()?;
        scene
            .apply(&App::new("theirs", "v1").replicas(1).manifest())
            .await?
            .succeeded()?;
        for role in ["controller", "webhook"] {
            let account = format!("system:serviceaccount:{SYSTEM}:coalmine-{role}");
            let create = ["create", "--dry-run=server", "--as", &account, "-f", "-"];
            let said = scene.kubectl_with(&create, &service).await?.refused()?;
            assert!(said.err.contains("coalmine-scope"), "{role}: {}", said.err);
        }
        let account = format!("system:serviceaccount:{SYSTEM}:coalmine-controller");
        let scale = r#"{"spec":{"replicas":0}}"#;
        let patch = [
            "patch",
            "deployment",
            "theirs",
            "--dry-run=server",
            "--as",
            &account,
            "-p",
            scale,
        ];
        let said = scene.kubectl(&patch).await?.refused()?;
        assert!(said.err.contains("coalmine-scope"), "{}", said.err);
        scene
            .kubectl(&["delete", "deployment", "theirs", "--dry-run=server", "--as", &account])
            .await?
            .refused()?;
        scene.label().await?;
        let create = ["create", "--dry-run=server", "--as", &account, "-f", "-"];
        wait_for("the label to be seen", Duration::from_secs(60), async || {
            let said = scene.kubectl_with(&create, &service).await?;
            Ok((said.code == Some(0)).then_some(()))
        })
        .await?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_in_a_namespace_without_the_label_works_with_the_users_own_service_and_route() {
    play("guard-unlabelled", async |scene| {
        let app = App::new("app", "v1");
        let host = scene.host("app");
        scene.apply(&app.with_service_and_route(&host)).await?.succeeded()?;
        scene.reachable("app", Duration::from_secs(60)).await?;
        let running = scene.load("app")?.start()?;
        let mut canary = app.canary(
            &host,
            &json!({"interval": "5s", "threshold": 2, "stepWeights": [50]}),
            60,
        );
        canary["spec"]["skipAnalysis"] = json!(true);
        scene.apply(&canary.to_string()).await?.succeeded()?;
        scene.phase("app", "Initialized", Duration::from_secs(120)).await?;
        scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
        scene.phase("app", "Succeeded", PATIENCE).await?;
        scene.kubectl(&["delete", "canary", "app"]).await?.succeeded()?;
        let objects = scene.objects();
        wait_for("the pair to be gone", Duration::from_secs(120), async || {
            Ok(objects
                .deployments()
                .get_opt("app-primary")
                .await?
                .is_none()
                .then_some(()))
        })
        .await?;
        let report = running.stop().await?;
        report.nothing_lost()?;
        assert!(report.first_all_on("v2").is_some(), "{:?}", report.versions());
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_make_canaries_gets_a_plain_deployment_and_the_reason() {
    play("guard-rights", async |scene| {
        scene.label().await?;
        scene.kubectl(&["create", "serviceaccount", "dev"]).await?.succeeded()?;
        let verbs = "--verb=get,list,create,update,patch";
        scene
            .kubectl(&["create", "role", "dev", verbs, "--resource=deployments.apps"])
            .await?
            .succeeded()?;
        let account = format!("{}:dev", scene.namespace);
        scene
            .kubectl(&[
                "create",
                "rolebinding",
                "dev",
                "--role=dev",
                "--serviceaccount",
                &account,
            ])
            .await?
            .succeeded()?;
        let dev = format!("system:serviceaccount:{account}");
        // API servers learn of it a moment later.
        let may = ["auth", "can-i", "create", "deployments.apps", "--as", &dev];
        wait_for("the account to have its rights", Duration::from_secs(60), async || {
            Ok((scene.kubectl(&may).await?.code == Some(0)).then_some(()))
        })
        .await?;
        let app = App::new("app", "v1");
        let apply = ["apply", "--as", &dev, "-f", "-"];
        let objects = scene.objects();
        wait_for(
            "the apply to tell what dev may not",
            Duration::from_secs(90),
            async || {
                let said = scene.kubectl_with(&apply, &app.manifest()).await?.succeeded()?;
                if said.err.contains("may not create canaries.flagger.app") {
                    return Ok(Some(()));
                }
                // An API server that is too busy is not asked for rights, and the controller enrols what is new: it is to be new again.
                println!("nothing is said of rights: {}", said.err);
                for what in ["deployment/app", "canary/app"] {
                    scene
                        .kubectl(&["delete", what, "--ignore-not-found"])
                        .await?
                        .succeeded()?;
                }
                Ok(None)
            },
        )
        .await?;
        wait_for(
            "a plain Deployment with its pods",
            Duration::from_secs(120),
            async || {
                let target = objects.deployments().get("app").await?;
                Ok((target.status.and_then(|s| s.ready_replicas) == Some(2)).then_some(()))
            },
        )
        .await?;
        // Longer than the controller needs to find it by itself.
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!(objects.canary("app").await?.is_none());
        assert!(objects.services().get_opt("app-primary").await?.is_none());

        // Somebody who may, enrols it.
        scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
        scene.phase("app", "Progressing", PATIENCE).await?;
        let target = objects.deployments().get("app").await?;
        assert_eq!(
            target.metadata.labels.unwrap_or_default().get("coalmine.dev/denied"),
            None
        );
        Ok(())
    })
    .await;
}
