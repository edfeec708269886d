//! Idle costs nothing.

use std::time::Duration;

use e2e::scene::{App, Request, play_alone};

const CANARIES: usize = 20;
const QUIET: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn twenty_canaries_at_rest_cost_no_api_request_in_a_minute() {
    play_alone("idle", async |scene| {
        scene.label().await?;
        for number in 0..CANARIES {
            let app = App::new(&format!("app{number}"), "v1").replicas(1);
            scene.apply(&app.manifest()).await?.succeeded()?;
        }
        for number in 0..CANARIES {
            scene
                .phase(&format!("app{number}"), "Initialized", Duration::from_secs(180))
                .await?;
        }
        // Events and the last status writes of the start, and what the scene before has left to be put right. An Event that is
        // repeated is brought up to date ten seconds later.
        for _ in 0..15 {
            let audit = scene.audit().await?;
            tokio::time::sleep(Duration::from_secs(12)).await;
            let ours = |request: &Request| request.is_ours() && !request.is_at_rest();
            if !audit.requests().await?.iter().any(ours) {
                break;
            }
        }
        let audit = scene.audit().await?;
        tokio::time::sleep(QUIET).await;
        let ours: Vec<Request> = audit
            .requests()
            .await?
            .into_iter()
            .filter(|request| request.is_ours() && !request.is_at_rest())
            .collect();
        assert!(ours.is_empty(), "{} requests: {ours:?}", ours.len());
        Ok(())
    })
    .await;
}
