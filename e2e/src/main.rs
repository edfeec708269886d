//! Brings a real Kubernetes up on this machine and takes it down again.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use e2e::cluster::{self, Cluster, Image};
use e2e::{bench, checks, demo, deny, fuzz, install, manifests, record, storm, uninstall};

#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Start the cluster with gateway, Prometheus and Coalmine, building what is missing
    Up {
        /// Leave Coalmine out
        #[arg(long)]
        bare: bool,
    },
    /// A good release and a bad one, watched live
    Demo,
    /// Everything CI runs; the cluster is down at the end
    Test,
    /// Every routing provider with real requests through a real gateway; the cluster is down at the end
    TestGateways {
        /// Only the scenes whose names have one of these words; all when none is given
        only: Vec<String>,
    },
    /// Format and clippy
    Lint,
    /// Random inputs, guided by the code they reach
    Fuzz(fuzz::Options),
    /// The benchmarks; they write docs/benchmarks.md
    Bench(bench::Options),
    /// Faults at full strength; they write docs/reliability.md
    Storm(storm::Options),
    /// Record what the real Flagger does in the histories of tests/flagger
    Record {
        /// Only these; all when none is named
        names: Vec<String>,
    },
    /// Take Coalmine away in every order, on the cluster that is up; it is installed again at the end
    Uninstall,
    /// Render manifests/ again from the chart
    Manifests,
    /// End the cluster; nothing of it goes on running
    Down,
    /// End the cluster and start a new, empty one
    Reset,
    /// Say what runs
    Status,
    /// Build everything without starting it, what scenes of the suite ask for too
    Build,
    /// Make an image of static binaries known to the node; the first is what it runs
    Import {
        /// The image's name with the tag, such as localhost/coalmine/app:dev
        name: String,
        /// The binaries
        #[arg(required = true)]
        binaries: Vec<PathBuf>,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse().command).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("e2e: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(verb: Verb) -> anyhow::Result<ExitCode> {
    match verb {
        Verb::Up { bare } => {
            let cluster = Cluster::up()?;
            if !bare {
                install::install(&cluster, install::Profile::Dev).await?;
            }
            println!("{}", cluster.exports());
        }
        Verb::Demo => demo::demo().await?,
        Verb::Test => checks::test().await?,
        Verb::TestGateways { only } => checks::test_gateways(&only).await?,
        Verb::Lint => checks::lint().await?,
        Verb::Fuzz(options) => fuzz::fuzz(&options).await?,
        Verb::Bench(options) => bench::bench(options).await?,
        Verb::Storm(options) => storm::storm(options).await?,
        Verb::Uninstall => {
            let cluster = Cluster::attach()?;
            uninstall::every_order().await?;
            install::install(&cluster, install::Profile::Dev).await?;
        }
        Verb::Record { names } => record::record(&names).await?,
        Verb::Manifests => manifests::write(&manifests::helm()).await?,
        Verb::Down => cluster::down()?,
        Verb::Reset => {
            cluster::down()?;
            println!("{}", Cluster::up()?.exports());
        }
        Verb::Status => return status(),
        Verb::Build => {
            cluster::prepare()?;
            deny::program()?;
            cluster::prepare_on_demand()?;
        }
        Verb::Import { name, binaries } => {
            let fresh = Cluster::attach()?.import_image(&Image::of_binaries(&name, &binaries)?.with_ca_bundle())?;
            println!("{name} {}", if fresh { "imported" } else { "was there already" });
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn status() -> anyhow::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for (name, pid) in cluster::status()? {
        match pid {
            Some(pid) => println!("{name:<24} runs, process {pid}"),
            None => {
                println!(
                    "{name:<24} does not run; its log would be {}",
                    cluster::log_of(name)?.display()
                );
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}
