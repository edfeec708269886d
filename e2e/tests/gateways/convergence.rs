//! How long a weight takes from the object that says it to the requests that follow it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use e2e::load::Report;
use e2e::scene::Scene;
use futures::StreamExt as _;
use kube::runtime::watcher::Event;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, api::DynamicObject};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::plane::Plane;

/// A weight and when a watch told it.
pub type Weight = (u64, Instant);

/// Follows what an app's route gives to the canary.
pub struct Followed {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Vec<Weight>>,
}

impl Followed {
    /// Begins to follow.
    pub fn begin(plane: Plane, scene: &Scene, app: &str) -> Self {
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(collect(plane, plane.routes(scene), app.to_owned(), stopped));
        Self { stop, task }
    }

    /// Stops, and returns the weights in the order they were told, repeats left out.
    pub async fn stop(self) -> Result<Vec<Weight>> {
        drop(self.stop);
        self.task.await.context("what followed the weights ended")
    }
}

async fn collect(
    plane: Plane,
    routes: Api<DynamicObject>,
    app: String,
    mut stopped: oneshot::Receiver<()>,
) -> Vec<Weight> {
    let only = watcher::Config::default().fields(&format!("metadata.name={}", plane.route(&app)));
    let mut events = std::pin::pin!(watcher(routes, only).default_backoff());
    let mut seen: Vec<Weight> = Vec::new();
    loop {
        let told = tokio::select! {
            _ = &mut stopped => return seen,
            told = events.next() => told,
        };
        let weight = match told {
            None => return seen,
            Some(Ok(Event::Apply(route) | Event::InitApply(route))) => {
                serde_json::to_value(route).map_or(0, |route| plane.weight(&app, &route))
            }
            Some(Ok(Event::Delete(_))) => 0,
            // A watch that fails begins again by itself.
            Some(_) => continue,
        };
        if seen.last().is_none_or(|(last, _)| *last != weight) {
            seen.push((weight, Instant::now()));
        }
    }
}

/// From a weight of the canary's that was written to the first request that `version` answered by it.
pub fn given(weights: &[Weight], share: u64, report: &Report, version: &str) -> Result<Duration> {
    let written = weights.iter().find(|(weight, _)| *weight == share);
    let (_, written) = written.with_context(|| format!("nobody was told of {share} %: {weights:?}"))?;
    let first = report
        .first_seen(version)
        .with_context(|| format!("nobody met {version}"))?;
    Ok(first.saturating_duration_since(*written))
}

/// From the last time that its weight was taken away to the last request that `version` answered.
pub fn taken(weights: &[Weight], report: &Report, version: &str) -> Result<Duration> {
    let last = weights.last().filter(|(weight, _)| *weight == 0);
    let (_, written) = last.with_context(|| format!("the canary has a weight at the end: {weights:?}"))?;
    let last = report
        .last_seen(version)
        .with_context(|| format!("nobody met {version}"))?;
    Ok(last.saturating_duration_since(*written))
}

/// Prints both, and fails where users follow later than they are waited for.
pub fn told(plane: Plane, given: Duration, taken: Duration) -> Result<()> {
    let within = plane.settles_within();
    println!("{plane:?}: a weight shows after {given:?}, one that is taken away no longer after {taken:?}");
    ensure!(
        given <= within && taken <= within,
        "users follow after {given:?} and {taken:?}, and they are waited for {within:?}"
    );
    Ok(())
}
