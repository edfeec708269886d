//! Who got how many requests while a route asked for a share, counted in the pods.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use kube::Api;
use kube::api::DynamicObject;
use serde_json::Value;

use super::policy::PATIENCE;
use super::{CanaryView, Scene};

/// A share that was just written is not what the gateway does yet.
const SETTLE: Duration = Duration::from_millis(1500);
/// Fewer requests say nothing of a share.
const ENOUGH: u64 = 100;

/// Pods that are counted: a Deployment's, and the `Host` they were asked for.
pub type Side<'a> = (&'a str, &'a str);

/// Requests that each of two sides got.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts([u64; 2]);

impl Counts {
    /// The second side got that many percent of what `whole` says, within `points`.
    pub fn are(self, percent: u64, points: f64, whole: impl FnOnce([u64; 2]) -> u64) -> Result<()> {
        let whole = whole(self.0);
        ensure!(whole >= ENOUGH, "only {whole} requests were seen at {percent} %");
        let share = self.0[1] as f64 * 100.0 / whole as f64;
        println!("{percent} % asked for: {} of {whole} requests, {share:.1} %", self.0[1]);
        ensure!(
            (share - percent as f64).abs() <= points,
            "{} of {whole} requests are {share:.1} %, not {percent} %",
            self.0[1]
        );
        Ok(())
    }
}

/// How many percent of its requests an HTTPRoute copies.
pub fn mirrored(route: &Value) -> Option<u64> {
    let mut filters = route.pointer("/spec/rules/0/filters")?.as_array()?.iter();
    let mirror = filters.find_map(|filter| filter.get("requestMirror"))?;
    Some(mirror["percent"].as_u64().unwrap_or(100))
}

/// Follows a run to its end: what both sides got at each share that `asked` finds in the route.
pub async fn count(
    scene: &Scene,
    sides: [Side<'_>; 2],
    asked: impl Fn(&CanaryView, &Value) -> Option<u64>,
) -> Result<BTreeMap<u64, Counts>> {
    count_by(scene, &scene.objects().routes(), sides, asked).await
}

/// The same where the route is of another kind.
pub async fn count_by(
    scene: &Scene,
    routes: &Api<DynamicObject>,
    sides: [Side<'_>; 2],
    asked: impl Fn(&CanaryView, &Value) -> Option<u64>,
) -> Result<BTreeMap<u64, Counts>> {
    let objects = scene.objects();
    let began = Instant::now();
    let mut counted: BTreeMap<u64, Counts> = BTreeMap::new();
    let (mut share, mut since, mut last) = (None, Instant::now(), None::<[u64; 2]>);
    loop {
        let canary = objects.canary("app").await?.context("the canary")?;
        if matches!(canary.phase(), "Succeeded" | "Failed") {
            return Ok(counted);
        }
        ensure!(
            began.elapsed() < PATIENCE,
            "the run does not end: {}",
            canary.0["status"]
        );
        let now = wanted(scene, routes, &asked).await?;
        if now != share {
            (share, since, last) = (now, Instant::now(), None);
        } else if let Some(percent) = share.filter(|_| since.elapsed() > SETTLE) {
            // At once: what comes in between two readings would be counted for the later side only.
            let [one, other] = sides.map(|(deployment, host)| objects.received(deployment, host, "/"));
            let seen = tokio::try_join!(one, other);
            // Counts of a stretch in which the share moved say nothing of either share.
            let still = wanted(scene, routes, &asked).await? == share;
            // A pod that has just gone cannot be asked, which is no count either.
            let Ok(seen) = seen.map(<[u64; 2]>::from) else {
                last = None;
                continue;
            };
            if let Some(before) = last.filter(|_| still) {
                let Counts(sums) = counted.entry(percent).or_default();
                for (sum, (now, before)) in sums.iter_mut().zip(seen.into_iter().zip(before)) {
                    *sum += now.saturating_sub(before);
                }
            }
            last = still.then_some(seen);
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

async fn wanted(
    scene: &Scene,
    routes: &Api<DynamicObject>,
    asked: &impl Fn(&CanaryView, &Value) -> Option<u64>,
) -> Result<Option<u64>> {
    let canary = scene.objects().canary("app").await?.context("the canary")?;
    let route = serde_json::to_value(routes.get("app").await?)?;
    Ok(asked(&canary, &route))
}
