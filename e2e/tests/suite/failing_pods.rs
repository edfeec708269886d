//! Revisions whose pods never serve: rolled back at the deadline, with the reason in the event.

use std::time::Duration;

use e2e::scene::{App, play};
use serde_json::json;

/// `progressDeadlineSeconds` of these canaries: by then a pod has started and ended more than once, on a busy machine too.
const DEADLINE: u32 = 25;

async fn rolled_back_with(name: &str, break_it: impl Fn(&App) -> App, reasons: &[&str]) {
    play(name, async |scene| {
        let app = App::new("app", "v1");
        let analysis = json!({"interval": "5s", "threshold": 3, "stepWeights": [20, 50]});
        let canary = app.canary(&scene.host("app"), &analysis, DEADLINE).to_string();
        scene.label().await?;
        scene.apply(&canary).await?.succeeded()?;
        scene.apply(&app.manifest()).await?.succeeded()?;
        scene.phase("app", "Initialized", Duration::from_secs(120)).await?;
        scene.reachable("app", Duration::from_secs(60)).await?;
        let running = scene.load("app")?.start()?;
        scene.apply(&break_it(&app.at("v2")).manifest()).await?.succeeded()?;
        scene.phase("app", "Progressing", Duration::from_secs(90)).await?;
        let patience = Duration::from_secs(u64::from(DEADLINE) + 90);
        scene.phase("app", "Failed", patience).await?;
        let report = running.stop().await?;
        report.nothing_lost()?;
        assert_eq!(report.first_seen("v2"), None, "no user met it");
        let named = |said: &str| reasons.iter().any(|reason| said.contains(reason));
        scene.told("app", &format!("one of {reasons:?}"), named).await?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_cannot_be_pulled_is_rolled_back_and_named() {
    let missing = |app: &App| app.image("localhost/coalmine/missing:none");
    rolled_back_with("no-image", missing, &["ImagePullBackOff", "ErrImagePull"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_loop_is_rolled_back_and_named() {
    let crashing = |app: &App| app.with("CRASH", "1").with("NEVER_READY", "1");
    rolled_back_with("crash", crashing, &["CrashLoopBackOff"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_never_gets_ready_is_rolled_back_at_the_deadline() {
    let never = |app: &App| app.with("NEVER_READY", "1");
    rolled_back_with("never-ready", never, &["progress deadline"]).await;
}
