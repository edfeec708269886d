//! Playing a scene: beside others or alone, in time, and with everything worth knowing told when it fails.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures::FutureExt as _;

use super::{Component, Scene, cases, duration, failures, stage};

/// No scene takes a third of this.
const LONGEST: Duration = Duration::from_secs(1800);
/// What the scene before has taken away or ended is there again by then.
const RECOVERED: Duration = Duration::from_secs(120);

impl Scene {
    /// Coalmine as it was found: whoever is missing is brought back, so that the next scene has them, and that is said.
    async fn as_found(&self, found: &[Option<i32>]) -> Result<()> {
        let left = self.wanted().await?;
        if left == found {
            return Ok(());
        }
        self.bring_back(found).await?;
        bail!("Coalmine had {found:?} replicas and was left with {left:?}")
    }
}

/// Plays one scene side by side with others.
///
/// # Panics
/// When the scene fails, as tests do.
pub async fn play(name: &str, body: impl AsyncFnOnce(&Scene) -> Result<()>) {
    let _place = stage::beside_others().await;
    perform(name, async |scene| ended(body(scene)).await).await;
}

/// Plays one scene while no other plays, after those that play side by side.
///
/// # Panics
/// When the scene fails, as tests do.
pub async fn play_alone(name: &str, body: impl AsyncFnOnce(&Scene) -> Result<()>) {
    let _place = stage::alone().await;
    perform(name, async |scene| {
        // Some count pods: those that the scene before has ended are gone, and others are there for them.
        for component in [Component::Webhook, Component::Controller] {
            scene.complete(component, RECOVERED).await?;
        }
        let found = scene.wanted().await?;
        let played = AssertUnwindSafe(ended(body(scene))).catch_unwind().await;
        let left = scene.as_found(&found).await;
        match played {
            Err(panicked) => std::panic::resume_unwind(panicked),
            Ok(played) => played.and(left),
        }
    })
    .await;
}

/// What a scene comes to, which must be in time: others wait for their place.
async fn ended(played: impl Future<Output = Result<()>>) -> Result<()> {
    let played = tokio::time::timeout(LONGEST, played).await;
    played.with_context(|| format!("it did not end within {LONGEST:?}"))?
}

/// Opens a scene, runs `body`, tells everything worth knowing when it fails, and cleans up.
async fn perform(name: &str, body: impl AsyncFnOnce(&Scene) -> Result<()>) {
    let scene = match Scene::open(name).await {
        Ok(scene) => scene,
        Err(error) => panic!("scene {name} cannot open: {error:#}"),
    };
    let played = AssertUnwindSafe(body(&scene)).catch_unwind().await;
    if !matches!(played, Ok(Ok(()))) {
        scene.dump().await;
    }
    let closed = scene.close().await;
    if let Err(error) = duration::note(name, scene.began.elapsed()) {
        println!("how long {name} played is not kept: {error:#}");
    }
    match played {
        Err(panicked) => {
            keep(name, &cases::said_by(&*panicked));
            std::panic::resume_unwind(panicked)
        }
        Ok(Err(error)) => {
            keep(name, &format!("{error:#}"));
            panic!("scene {name} failed: {error:#}")
        }
        Ok(Ok(())) => closed.expect("a scene that went well can be cleaned up"),
    }
}

fn keep(name: &str, why: &str) {
    if let Err(error) = failures::note(name, why) {
        println!("why {name} failed is not kept: {error:#}");
    }
}
