//! `make bench`: the figures of `docs/benchmarks.md`, ours beside a baseline's or Flagger's, measured in one run.

mod baseline;
pub(crate) mod code;
mod fleet;
mod histogram;
mod phases;
mod policy;
mod report;
mod scale;
mod usage;
mod webhook;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::checks::told_to_end;
use crate::cluster::Cluster;
use crate::install::{Profile, install};
use crate::scene::Scene;

/// Fake nodes the apps are spread over.
const NODES: usize = 10;

/// What is measured.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Only these parts; all of them when none is named
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Canaries of the fleets, one fleet after the other
    #[arg(long, value_delimiter = ',', default_value = "300")]
    canaries: Vec<usize>,
    /// A fleet of 1,000 too; takes half an hour more
    #[arg(long)]
    full: bool,
    /// Apps of a fleet in each namespace
    #[arg(long, default_value_t = fleet::PER_NAMESPACE)]
    per_namespace: usize,
    /// Leave Flagger out
    #[arg(long)]
    no_peer: bool,
    /// Leave the minute at rest out
    #[arg(long)]
    no_rest: bool,
    /// Leave the releases at once out
    #[arg(long)]
    no_roll: bool,
    /// Use the Coalmine that is installed, whatever it was built from
    #[arg(long)]
    installed: bool,
}

/// A part of the benchmarks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Criterion's: the webhook and the pure core in process
    Code,
    /// The webhook over HTTPS at 1,000 requests a second
    Https,
    /// The webhook as the API server sees it
    Webhook,
    /// Many Canaries on fake nodes, beside Flagger
    Scale,
}

/// Measures, and writes the table.
pub async fn bench(options: Options) -> Result<()> {
    tokio::select! {
        measured = all(&options) => measured,
        ended = told_to_end() => ended,
    }
}

async fn all(options: &Options) -> Result<()> {
    let wants = |part| options.only.is_empty() || options.only.contains(&part);
    if wants(Part::Code) {
        code::in_process().await?;
    }
    if wants(Part::Https) {
        code::over_https().await?;
    }
    if wants(Part::Webhook) || wants(Part::Scale) {
        on_the_cluster(options, &wants).await?;
    }
    Ok(())
}

async fn on_the_cluster(options: &Options, wants: &impl Fn(Part) -> bool) -> Result<()> {
    let cluster = Cluster::up()?;
    if !options.installed {
        install(&cluster, Profile::Release).await?;
    }
    let scene = Scene::open("bench").await?;
    let nodes = scene.fake_nodes(NODES).await?;
    let measured = async {
        if wants(Part::Webhook) {
            webhook::measure(&scene, &nodes).await?;
        }
        if wants(Part::Scale) {
            for plan in plans(options) {
                scale::measure(&scene, &nodes, plan).await?;
            }
        }
        anyhow::Ok(())
    }
    .await;
    policy::delete(&scene.client).await?;
    nodes.stop(&scene).await?;
    scene.close().await?;
    measured
}

fn plans(options: &Options) -> Vec<scale::Plan> {
    let large = options.full.then_some(1_000);
    let sizes = options.canaries.iter().copied().chain(large);
    sizes
        .map(|size| scale::Plan {
            size,
            per_namespace: options.per_namespace,
            peer: !options.no_peer,
            roll: !options.no_roll,
            rest: !options.no_rest,
        })
        .collect()
}
