//! Whose the copies are, and how they end.

use std::time::Duration;

use e2e::scene::{play, wait_for};

use super::reader::{Reader, everywhere, reads};

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_shared_by_two_canaries_lives_as_long_as_one_of_them_and_then_goes() {
    play("config-two", async |scene| {
        scene.apply(&everywhere("v1", "blue", "one")).await?.succeeded()?;
        for name in ["app", "other"] {
            Reader::new(name).settled(scene).await?;
        }
        let objects = scene.objects();
        let owners = async || {
            let copy = objects.config_maps().get_opt("settings-primary").await?;
            let owners = copy.and_then(|copy| copy.metadata.owner_references).unwrap_or_default();
            let named = owners.into_iter().map(|owner| (owner.name, owner.controller == Some(true)));
            anyhow::Ok(named.collect::<Vec<_>>())
        };
        let first = [("app".to_owned(), true), ("other".to_owned(), false)];
        assert_eq!(owners().await?, first);
        let running = scene.load("other")?.start()?;
        scene.unlabel().await?;
        wait_for("both pairs to be plain Deployments", Duration::from_secs(60), async || {
            let left = (objects.canary("app").await?, objects.canary("other").await?);
            Ok(matches!(left, (None, None)).then_some(()))
        })
        .await?;
        wait_for("the copies to be collected", Duration::from_secs(60), async || {
            let maps = objects.config_maps().get_opt("settings-primary").await?.is_some();
            let secrets = objects.secrets().get_opt("token-primary").await?.is_some();
            Ok((!maps && !secrets).then_some(()))
        })
        .await?;
        running.stop().await?.nothing_lost()?;
        for name in ["app", "other"] {
            reads(scene, name, "v1", "blue", "one").await?;
        }
        Ok(())
    })
    .await;
}
