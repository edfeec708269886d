//! The API server and etcd restart in the middle of a release, and everything goes on where it was.

use e2e::scene::play_alone;
use e2e::storm::restarts;

#[tokio::test(flavor = "multi_thread")]
async fn a_release_survives_a_restart_of_the_api_server_and_of_etcd() {
    play_alone("restarts", async |scene| {
        let report = restarts::play(scene).await?;
        report.nothing_lost()?;
        println!("{} requests, 0 lost", report.requests());
        Ok(())
    })
    .await;
}
