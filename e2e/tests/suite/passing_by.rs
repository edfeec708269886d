//! Writes that change nothing the webhook looks at do not come to it.

use std::time::Duration;

use anyhow::Result;
use e2e::scene::{App, Audit, Request, Scene, play, wait_for};

async fn done(scene: &Scene, args: &[&str]) -> Result<Request> {
    let audit = scene.audit().await?;
    scene.kubectl(args).await?.succeeded()?;
    patched(scene, &audit).await
}

/// A request is noted when it was answered, so whoever has the answer may come before the note.
async fn patched(scene: &Scene, audit: &Audit) -> Result<Request> {
    let path = format!("/namespaces/{}/deployments/app", scene.namespace);
    wait_for("the audit log to have the write", Duration::from_secs(60), async || {
        let requests = audit.requests().await?.into_iter();
        let mut writes = requests.filter(|one| one.is_write() && !one.is_ours());
        Ok(writes.find(|one| one.uri.contains(&path) && one.verb == "patch"))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_nothing_of_ours_costs_no_call() {
    play("passing-by", async |scene| {
        let app = App::new("app", "v1").replicas(None);
        scene.settled(&app).await?;
        scene.rests("app", Duration::from_secs(60)).await?;

        let annotated = done(scene, &["annotate", "deployment", "app", "example.com/note=1"]).await?;
        assert!(annotated.called.is_empty(), "{annotated:?}");
        let labelled = done(scene, &["label", "deployment", "app", "example.com/team=red"]).await?;
        assert!(labelled.called.is_empty(), "{labelled:?}");
        let taken = done(scene, &["label", "deployment", "app", "coalmine.dev/state-"]).await?;
        assert_eq!(taken.called, ["mutate-deployments"]);
        let target = scene.objects().deployments().get("app").await?;
        let labels = target.metadata.labels.unwrap_or_default();
        assert_eq!(labels.get("coalmine.dev/state").map(String::as_str), Some("rest"));
        let ours = done(
            scene,
            &["annotate", "deployment", "app", "coalmine.dev/pod-overrides={}"],
        )
        .await?;
        assert_eq!(ours.called, ["mutate-deployments"]);
        let scaled = done(scene, &["scale", "deployment/app", "--replicas=2"]).await?;
        assert_eq!(scaled.called, ["scale-deployments"]);

        // The first apply of a manager brings an owner, the next brings nothing.
        let apply = ["apply", "--server-side", "--field-manager=team", "-f", "-"];
        let mut called = Vec::new();
        for _ in 0..2 {
            let audit = scene.audit().await?;
            scene.kubectl_with(&apply, &app.manifest()).await?.succeeded()?;
            called.push(patched(scene, &audit).await?.called);
        }
        assert_eq!(called, [vec!["mutate-deployments".to_owned()], Vec::new()]);

        let released = done(scene, &["set", "env", "deployment/app", "VERSION=v2"]).await?;
        assert_eq!(released.called, ["mutate-deployments"]);
        Ok(())
    })
    .await;
}
