//! Whose the copies are, and how they end.

use std::time::Duration;

use e2e::scene::{play, wait_for};

use super::reader::{Reader, everywhere, reads};

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_shared_by_two_canaries_lives_as_long_as_one_of_them_and_then_goes() {
    play("config-two", async |scene| {
        scene.apply(&everywhere("v1", "blue", "one")).await?.succeeded()?;
        // Without the label: Canaries of the author's own, over Deployments that serve already.
        for name in ["app", "other"] {
            let app = Reader::new(name);
            scene.apply(&app.manifest()).await?.succeeded()?;
            scene.apply(&app.canary(scene)).await?.succeeded()?;
            scene.phase(name, "Initialized", Duration::from_secs(120)).await?;
            scene.reachable(name, Duration::from_secs(60)).await?;
        }
        let objects = scene.objects();
        let owners = async || {
            let copy = objects.config_maps().get_opt("settings-primary").await?;
            let owners = copy.and_then(|copy| copy.metadata.owner_references).unwrap_or_default();
            // Each target owns it too, for as long as its Canary does.
            let canaries = owners.into_iter().filter(|owner| owner.kind == "Canary");
            let named = canaries.map(|owner| (owner.name, owner.controller == Some(true)));
            anyhow::Ok(named.collect::<Vec<_>>())
        };
        let first = [("app".to_owned(), true), ("other".to_owned(), false)];
        wait_for("both to own the copy", Duration::from_secs(60), async || {
            Ok((owners().await? == first).then_some(()))
        })
        .await?;
        let running = scene.load("other")?.start()?;
        scene
            .kubectl(&["delete", "canary", "app", "--timeout=120s"])
            .await?
            .succeeded()?;
        reads(scene, "app", "v1", "blue", "one").await?;
        wait_for(
            "the first owner to be taken off",
            Duration::from_secs(120),
            async || Ok((owners().await? == [("other".to_owned(), false)]).then_some(())),
        )
        .await?;
        reads(scene, "other-primary", "v1", "blue", "one").await?;
        // The last request ends here: with its Canary goes the route that was made for it.
        running.stop().await?.nothing_lost()?;
        scene
            .kubectl(&["delete", "canary", "other", "--timeout=120s"])
            .await?
            .succeeded()?;
        wait_for("the copies to be collected", Duration::from_secs(120), async || {
            let maps = objects.config_maps().get_opt("settings-primary").await?.is_some();
            let secrets = objects.secrets().get_opt("token-primary").await?.is_some();
            Ok((!maps && !secrets).then_some(()))
        })
        .await?;
        reads(scene, "other", "v1", "blue", "one").await?;
        Ok(())
    })
    .await;
}
