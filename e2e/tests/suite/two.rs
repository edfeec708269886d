//! Two webhooks and two controllers, one of which is replaced, killed, stopped or cut off, while people go on applying. What
//! is measured is printed; at full strength it is `make storm`.

use e2e::scene::play_alone;
use e2e::storm::faults::{self, Aftermath};
use e2e::storm::{Strength, rotation};

/// As many as an API server and the debug build carry on two cores beside everything else.
const STRENGTH: Strength = Strength { apps: 10, rate: 40 };
/// Changes of the paths: two of the CA, with three each.
const CHANGES: usize = 6;

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_may_go_in_any_way_and_no_apply_fails_is_missed_or_analysed_twice() {
    play_alone("two", async |scene| {
        faults::play(scene, STRENGTH, Aftermath::survived).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_review_fails_and_no_apply_is_missed_while_certificates_ca_and_paths_change() {
    play_alone("rotation", async |scene| {
        let rotated = rotation::play(scene, STRENGTH, |changes, _| changes >= CHANGES).await?;
        println!("{}", rotated.measured());
        rotated.survived()
    })
    .await;
}
