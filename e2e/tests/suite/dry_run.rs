//! `--dry-run=server` shows the plan and changes nothing.

use std::time::Duration;

use anyhow::ensure;
use e2e::scene::{App, Request, play, wait_for};

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_shows_the_plan_in_warnings_and_writes_nothing() {
    play("dry-run", async |scene| {
        scene.label().await?;
        let audit = scene.audit().await?;
        let app = App::new("app", "v1");
        let args = ["apply", "--dry-run=server", "-f", "-"];
        // A plan that the API server was too busy for is not shown; asking again costs nothing, which is what is seen here.
        wait_for("the plan", Duration::from_secs(120), async || {
            let said = scene.kubectl_with(&args, &app.manifest()).await?.succeeded()?;
            for name in ["app-primary", "app-canary", "HTTPRoute"] {
                ensure!(said.err.contains(name), "{name} is not in the plan: {}", said.err);
            }
            Ok(Some(()))
        })
        .await?;
        // What would be generated late would be generated within this.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let here = format!("/namespaces/{}/", scene.namespace);
        let ours: Vec<Request> = audit
            .requests()
            .await?
            .into_iter()
            .filter(|request| request.is_ours() && request.is_write() && request.uri.contains(&here))
            .collect();
        assert!(ours.is_empty(), "{ours:?}");
        assert!(scene.objects().canary("app").await?.is_none());
        assert!(scene.objects().deployments().get_opt("app").await?.is_none());
        Ok(())
    })
    .await;
}
