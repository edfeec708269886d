//! Every state a Canary and its route went through, from watches, so that none is missed.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures::TryStreamExt as _;
use kube::runtime::{WatchStreamExt as _, watcher};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::objects::{CanaryView, weights_of};
use super::{Objects, Scene};

/// A state of the Canary or of its route, and when it was seen.
#[derive(Clone, Debug)]
pub struct Moment {
    /// When the watch told it.
    pub at: Instant,
    /// What it told.
    pub seen: Seen,
}

/// What a watch told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The Canary's phase and `canaryWeight`.
    Canary {
        /// `status.phase`.
        phase: String,
        /// `status.canaryWeight`.
        weight: u64,
    },
    /// The weights of the route's first rule: primary's, canary's.
    Route {
        /// Of `NAME-primary`.
        primary: u64,
        /// Of `NAME-canary`.
        canary: u64,
    },
}

/// Follows one Canary and the route of the same name.
pub struct Timeline {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Vec<Moment>>,
}

impl Timeline {
    /// Begins to follow.
    pub fn follow(scene: &Scene, name: &str) -> Self {
        let (sender, moments) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel();
        let watching = watch(scene.objects(), name.to_owned(), sender);
        Self {
            stop,
            task: tokio::spawn(collect(watching, moments, stopped)),
        }
    }

    /// Stops, and returns the states in the order they were seen, repeats left out.
    pub async fn stop(self) -> Result<Vec<Moment>> {
        drop(self.stop);
        self.task.await.context("the timeline ended")
    }
}

/// The stretches during which the route gave the canary one weight, as (weight, from, to).
pub fn plateaus(moments: &[Moment]) -> Vec<(u64, Instant, Instant)> {
    let changes: Vec<(u64, Instant)> = moments
        .iter()
        .filter_map(|moment| match moment.seen {
            Seen::Route { canary, .. } => Some((canary, moment.at)),
            Seen::Canary { .. } => None,
        })
        .collect();
    let ends = changes.iter().skip(1).map(|(_, at)| *at);
    changes
        .iter()
        .zip(ends)
        .map(|((weight, from), to)| (*weight, *from, to))
        .collect()
}

async fn collect(
    watching: impl Future<Output = ()>,
    mut moments: mpsc::UnboundedReceiver<Moment>,
    mut stopped: oneshot::Receiver<()>,
) -> Vec<Moment> {
    let mut watching = std::pin::pin!(watching);
    let mut seen: Vec<Moment> = Vec::new();
    loop {
        tokio::select! {
            () = &mut watching => break,
            _ = &mut stopped => break,
            Some(moment) = moments.recv() => {
                let same_kind = |known: &&Moment| std::mem::discriminant(&known.seen) == std::mem::discriminant(&moment.seen);
                let last = seen.iter().rev().find(same_kind);
                if last.is_none_or(|last| last.seen != moment.seen) {
                    seen.push(moment);
                }
            }
        }
    }
    seen
}

async fn watch(objects: Objects, name: String, moments: mpsc::UnboundedSender<Moment>) {
    let only = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let told = |seen: Option<Seen>| {
        if let Some(seen) = seen {
            drop(moments.send(Moment {
                at: Instant::now(),
                seen,
            }));
        }
        futures::future::ready(Ok(()))
    };
    let canaries = watcher(objects.canaries(), only.clone())
        .default_backoff()
        .applied_objects()
        .try_for_each(|object| told(serde_json::to_value(object).ok().map(canary)));
    let routes = watcher(objects.routes(), only)
        .default_backoff()
        .applied_objects()
        .try_for_each(|object| told(route(&object.data, &name)));
    // A watch that fails begins again by itself; one that gives up ends the timeline, and the test sees too little.
    let _ = futures::join!(canaries, routes);
}

fn canary(object: Value) -> Seen {
    let view = CanaryView(object);
    Seen::Canary {
        phase: view.phase().to_owned(),
        weight: view.weight(),
    }
}

fn route(data: &Value, name: &str) -> Option<Seen> {
    let weights = weights_of(data)?;
    let of = |side: &str| {
        let backend = format!("{name}-{side}");
        weights
            .iter()
            .find(|(found, _)| *found == backend)
            .map(|(_, weight)| *weight)
    };
    Some(Seen::Route {
        primary: of("primary")?,
        canary: of("canary")?,
    })
}

/// How long an update may take to arrive through a watch.
pub const WATCH_LAG: Duration = Duration::from_millis(500);
