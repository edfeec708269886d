//! A bad release under load: rolled back in the check that reaches the threshold, and production untouched.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use e2e::scene::{App, Timeline, plateaus, play};

use crate::policy::{INTERVAL, PATIENCE, THRESHOLD};

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_fails_half_of_its_requests_is_rolled_back_and_the_primary_never_touched() {
    play("bad", async |scene| {
        let app = App::new("app", "v1");
        scene.settled(&app).await?;
        let objects = scene.objects();
        let before = objects.deployments().get("app-primary").await?;
        let pods: BTreeSet<String> = objects.pods_of("app-primary").await?.into_iter().collect();
        let running = scene.load("app")?.start()?;
        let timeline = Timeline::follow(scene, "app");
        tokio::time::sleep(Duration::from_secs(2)).await;
        let applied = Instant::now();
        let failing = app.at("v2").with("ERROR_RATE", "0.5");
        scene.apply(&failing.manifest()).await?.succeeded()?;
        scene.phase("app", "Progressing", Duration::from_secs(90)).await?;
        let failed = scene.phase("app", "Failed", PATIENCE).await?;
        println!("Failed after {:?}", applied.elapsed());
        tokio::time::sleep(Duration::from_secs(4)).await;
        let moments = timeline.stop().await?;
        let report = running.stop().await?;

        report.nothing_lost()?;
        assert_eq!(report.errors_of("v1"), 0);
        assert!(report.errors_of("v2") > 0, "users saw the canary");
        assert_eq!(failed.failed_checks(), u64::from(THRESHOLD));
        let first = report.first_seen("v2").expect("the canary was seen");
        let last = report.last_seen("v2").expect("the canary was seen");
        let exposed = last.duration_since(first);
        // Which check it was is counted above; how soon a busy machine makes and follows each is not.
        let ceiling = INTERVAL * THRESHOLD + Duration::from_secs(10);
        assert!(exposed <= ceiling, "users met the bad version for {exposed:?}");
        let highest = plateaus(&moments).iter().map(|(weight, ..)| *weight).max();
        assert_eq!(highest, Some(20), "it never advanced");

        let after = objects.deployments().get("app-primary").await?;
        assert_eq!(
            before.metadata.generation, after.metadata.generation,
            "the primary's spec is untouched"
        );
        let left: BTreeSet<String> = objects.pods_of("app-primary").await?.into_iter().collect();
        assert_eq!(pods, left, "the primary's pods are the same");
        let threshold = format!(
            "Rolling back app.{} failed checks threshold reached {THRESHOLD}",
            scene.namespace
        );
        let down = format!("Canary failed! Scaling down app.{}", scene.namespace);
        for line in [threshold, down] {
            scene.told("app", &line, |said| said == line).await?;
        }
        Ok(())
    })
    .await;
}
