//! `make storm`: what the scenes of the suite do to the webhook, the controller and the control plane, at full strength. It
//! takes too long for every change, and writes what it measures into docs/reliability.md.

mod applied;
pub mod faults;
pub mod restarts;
pub mod reviews;
pub mod rotation;
mod siege;
mod table;

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};

use crate::checks::told_to_end;
use crate::cluster::Cluster;
use crate::install::{Profile, install};
use crate::scene::Scene;
use table::Table;

pub use applied::{Strength, at_rest};

/// What is done, and how strongly.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Only these parts; all of them when none is named
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Applies a second that are asked for; how many were reached is told
    #[arg(long, default_value_t = 100)]
    rate: u32,
    /// Apps at rest that are applied in turns
    #[arg(long, default_value_t = 30)]
    apps: usize,
    /// Reviews during which certificates, CA and paths change
    #[arg(long, default_value_t = 20_000)]
    reviews: u32,
    /// Seconds of each attack of the siege
    #[arg(long, default_value_t = 20)]
    siege_seconds: u32,
    /// Use the Coalmine that is installed, whatever it was built from
    #[arg(long)]
    installed: bool,
}

/// A part of the storm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Attacks on the webhook's port, in process
    Siege,
    /// Replicas that are replaced, killed, stopped and cut off
    Faults,
    /// Certificates, CA and paths that change all the time
    Rotation,
    /// The API server and etcd restart in mid-run
    Restarts,
}

/// Plays all parts and writes what was measured, of those that did not survive too; then it fails.
pub async fn storm(options: Options) -> Result<()> {
    tokio::select! {
        played = all(&options) => played,
        ended = told_to_end() => ended,
    }
}

async fn all(options: &Options) -> Result<()> {
    let wants = |part| options.only.is_empty() || options.only.contains(&part);
    if wants(Part::Siege) {
        siege::record(options.siege_seconds).await?;
    }
    if ![Part::Faults, Part::Rotation, Part::Restarts].into_iter().any(wants) {
        return Ok(());
    }
    let cluster = Cluster::up()?;
    if !options.installed {
        install(&cluster, Profile::Release).await?;
    }
    let mut fell = Vec::new();
    if wants(Part::Faults) {
        fell.extend(replicas(options).await?);
    }
    if wants(Part::Rotation) {
        fell.extend(rotated(options).await?);
    }
    if wants(Part::Restarts) {
        fell.extend(restarted().await?);
    }
    ensure!(fell.is_empty(), "not survived: {}", fell.join("; "));
    Ok(())
}

impl Options {
    fn strength(&self) -> Strength {
        Strength {
            apps: self.apps,
            rate: self.rate,
        }
    }

    fn applies(&self) -> String {
        let Self { rate, apps, .. } = self;
        format!(
            "{rate} server-side applies a second are asked for, of {apps} Deployments at rest in turns, one of each at once"
        )
    }
}

/// What did not survive.
type Fell = Vec<String>;

async fn replicas(options: &Options) -> Result<Fell> {
    let note = format!(
        "{}; the webhook has to hold each. In the middle of the fault another app is given a new revision, which has to be \
         detected once and promoted. The webhook that is hit is the one that does the work, the controller the one that leads.",
        options.applies()
    );
    let mut table = Table::begin("Replicas that go, at full strength", &note);
    let played = played("storm-replicas", async |scene| {
        faults::play(scene, options.strength(), |outcome| {
            let survived = outcome.survived();
            table.row(&outcome.name(), &outcome.made(), &outcome.measured(), &survived);
            Ok(())
        })
        .await
    })
    .await;
    table.ended(played)
}

async fn rotated(options: &Options) -> Result<Fell> {
    let note = format!(
        "{}. Another part of the webhook's certificates is said to be due, and the Secret with its paths is broken, two \
         seconds after API servers were told of the change before. Reviews are those that the API server counted, \
         those that failed too.",
        options.applies()
    );
    let mut table = Table::begin("Certificates, CA and paths change, at full strength", &note);
    let wanted = f64::from(options.reviews);
    let played = played("storm-rotation", async |scene| {
        let rotated = rotation::play(scene, options.strength(), |_, reviews| reviews >= wanted).await?;
        let made = "a new CA, a leaf of it, the old CA gone, one after the other; paths deleted, emptied, spoilt";
        let name = "certificates, CA and paths change";
        table.row(name, made, &rotated.measured(), &rotated.survived());
        Ok(())
    })
    .await;
    table.ended(played)
}

async fn restarted() -> Result<Fell> {
    let note = "A release stands at 50 percent under 100 requests a second to its app. What is applied afterwards has to be held.";
    let mut table = Table::begin("The control plane restarts, at full strength", note);
    let played = played("storm-restarts", async |scene| {
        let report = restarts::play(scene).await?;
        let measured = format!(
            "{} requests, {} lost; both releases promoted, what was applied next was held",
            report.requests(),
            report.lost()
        );
        let made = "ended, and started again five seconds later, each in the middle of a release of its own";
        table.row(
            "the API server, then etcd, restart",
            made,
            &measured,
            &report.nothing_lost(),
        );
        Ok(())
    })
    .await;
    table.ended(played)
}

/// Plays in a scene of its own, and tells everything worth knowing when that cannot go on.
async fn played(name: &str, body: impl AsyncFnOnce(&Scene) -> Result<()>) -> Result<()> {
    let scene = Scene::open(name).await?;
    let played = body(&scene).await;
    if played.is_err() {
        scene.dump().await;
    }
    let closed = scene.close().await;
    played.and(closed)
}
