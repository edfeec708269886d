//! `make test`, `make lint`: what is run, in which order, and how long each part took.

mod suite;
mod turn;

use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use crate::cluster::{self, Cluster};
use crate::deny;
use crate::fuzz;
use crate::install::{Profile, install, root};
use crate::scene::failures;
use crate::uninstall;

/// A part of the checks and how long it took.
struct Part {
    name: &'static str,
    took: Duration,
    ended: Ended,
}

impl Part {
    fn since(name: &'static str, began: Instant, ended: Ended) -> Self {
        Self {
            name,
            took: began.elapsed(),
            ended,
        }
    }
}

/// How a part ended.
enum Ended {
    Passed,
    Failed,
    /// These failed at first and passed with nothing beside them.
    Unsteady(String),
    /// It could not be done here, which is no fault of the code's; said in the summary too.
    NotChecked(String),
}

impl Ended {
    fn of(passed: bool) -> Self {
        if passed { Self::Passed } else { Self::Failed }
    }
}

/// Everything CI runs.
pub async fn test() -> Result<()> {
    whole(async |parts| all(parts).await).await
}

/// Real requests through the data planes of all routing providers, or in the scenes alone whose names have one of these words.
pub async fn test_gateways(only: &[String]) -> Result<()> {
    whole(async |parts| gateways(parts, only).await).await
}

/// All of it and the sum. The cluster is down again at the end, whatever happened.
async fn whole(work: impl AsyncFnOnce(&mut Vec<Part>) -> Result<()>) -> Result<()> {
    let mut parts = Vec::new();
    let tested = tokio::select! {
        tested = work(&mut parts) => tested,
        ended = told_to_end() => ended,
    };
    // Going down, the cluster takes its files along.
    let failed = failures::told()?;
    let began = Instant::now();
    println!("\n== taking the cluster down");
    let down = cluster::down();
    parts.push(Part::since("cluster down", began, Ended::of(down.is_ok())));
    sum_up(&parts);
    // Last, where whoever reads only the end of the log finds it.
    if !failed.is_empty() {
        println!("\n== what failed\n{failed}");
    }
    tested.and(down)
}

async fn all(parts: &mut Vec<Part>) -> Result<()> {
    lints(parts).await?;
    faults(parts).await?;
    part(
        parts,
        "tests without a cluster",
        cargo(&["test", "--locked", "--workspace"]),
    )
    .await?;
    own(parts, "fuzzing", fuzz::fuzz(&fuzz::Options::default())).await?;
    own(parts, "cluster up and installed", stage()).await?;
    suite::suite(parts).await?;
    own(parts, "uninstall in every order", uninstall::every_order()).await?;
    turn::turn(parts).await
}

const GATEWAYS: &[&str] = &["test", "--locked", "--workspace", "--test", "gateways"];

async fn gateways(parts: &mut Vec<Part>, only: &[String]) -> Result<()> {
    failures::forget()?;
    // Of a few each scene builds what it asks for.
    if only.is_empty() {
        own(parts, "gateways built", async { cluster::prepare_gateways() }).await?;
    }
    own(parts, "cluster up and installed", started()).await?;
    // What is measured is printed, and nothing is measured beside something else.
    let only: Vec<&str> = only.iter().map(String::as_str).collect();
    let played = ["--", "--nocapture", "--test-threads=1"];
    part(
        parts,
        "real gateways",
        cargo(&[GATEWAYS, &played[..], &only[..]].concat()),
    )
    .await
}

/// A part that is a function of the harness.
async fn own(parts: &mut Vec<Part>, name: &'static str, work: impl Future<Output = Result<()>>) -> Result<()> {
    println!("\n== {name}");
    let began = Instant::now();
    let done = work.await;
    parts.push(Part::since(name, began, Ended::of(done.is_ok())));
    done
}

async fn stage() -> Result<()> {
    cluster::prepare_on_demand()?;
    started().await
}

async fn started() -> Result<()> {
    let cluster = Cluster::up()?;
    install(&cluster, Profile::Dev).await
}

/// Format, clippy, and what dependencies may be.
pub async fn lint() -> Result<()> {
    let mut parts = Vec::new();
    let linted = lints(&mut parts).await;
    sum_up(&parts);
    linted
}

async fn lints(parts: &mut Vec<Part>) -> Result<()> {
    part(parts, "format", cargo(&["fmt", "--all", "--check"])).await?;
    let fuzz = ["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"];
    part(parts, "format of the fuzz targets", cargo(&fuzz)).await?;
    let clippy = |targets: &[&str]| {
        let args: Vec<&str> = ["clippy", "--locked", "--workspace"]
            .iter()
            .chain(targets)
            .chain(&["--", "-D", "warnings"])
            .copied()
            .collect();
        cargo(&args)
    };
    part(parts, "clippy", clippy(&["--all-targets"])).await?;
    // These are no part of a plain `cargo test`, so clippy does not see them among all targets.
    part(
        parts,
        "clippy of the suite",
        clippy(&["--test", "suite", "--test", "gateways"]),
    )
    .await?;
    // Together, what one of them depends on turns on features for all; alone, each has only what it asks for itself.
    for (name, package) in [
        ("the kinds alone", "coalmine-api"),
        ("the decisions alone", "coalmine-core"),
    ] {
        part(parts, name, cargo(&["check", "--locked", "--package", package])).await?;
    }
    let program = deny::program()?;
    part(parts, "licences, sources, bans", deny::offline(&program)).await?;
    part(parts, "the same of the fuzz targets", deny::offline_of_fuzz(&program)).await
}

/// Known faults of what is compiled in. Their list lives elsewhere: where it cannot be reached, that is said and not failed for.
async fn faults(parts: &mut Vec<Part>) -> Result<()> {
    let program = deny::program()?;
    const FAULTS: &str = "known faults (advisories)";
    let began = Instant::now();
    let Some(why) = deny::out_of_reach(&program).await? else {
        return part(parts, FAULTS, deny::advisories(&program)).await;
    };
    println!("\n== {FAULTS}\nNOT CHECKED, their list cannot be fetched here: {why}");
    parts.push(Part::since(FAULTS, began, Ended::NotChecked(why)));
    Ok(())
}

fn cargo(args: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root()).args(args).kill_on_drop(true);
    command
}

async fn part(parts: &mut Vec<Part>, name: &'static str, mut command: Command) -> Result<()> {
    println!("\n== {name}");
    let began = Instant::now();
    let group = Group::start(&mut command).with_context(|| format!("cannot run {name}"))?;
    let status = group.ended().await?;
    parts.push(Part::since(name, began, Ended::of(status.success())));
    if !status.success() {
        bail!("{name}: failed, see above");
    }
    Ok(())
}

/// A program and all that it starts, which end with it: a test that goes on would play on a cluster that is taken down.
struct Group {
    child: Child,
    leader: Option<Pid>,
}

impl Group {
    fn start(command: &mut Command) -> std::io::Result<Self> {
        let child = command.process_group(0).spawn()?;
        let leader = child.id().and_then(|pid| pid.try_into().ok()).and_then(Pid::from_raw);
        Ok(Self { child, leader })
    }

    /// How it ended by itself.
    async fn ended(mut self) -> std::io::Result<ExitStatus> {
        let status = self.child.wait().await;
        self.leader = None;
        status
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.leader {
            let _ = kill_process_group(leader, Signal::TERM);
        }
    }
}

/// An error once the program is told to end.
pub(crate) async fn told_to_end() -> Result<()> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    bail!("told to end before all was done")
}

fn sum_up(parts: &[Part]) {
    println!();
    for part in parts {
        let word = match &part.ended {
            Ended::Passed => "ok".to_owned(),
            Ended::Failed => "FAILED".to_owned(),
            Ended::Unsteady(which) => format!("ok, UNSTEADY: passed only when played once more: {which}"),
            Ended::NotChecked(why) => format!("NOT CHECKED: {why}"),
        };
        println!("{:<28} {:>8.1} s  {word}", part.name, part.took.as_secs_f64());
    }
    let all: Duration = parts.iter().map(|part| part.took).sum();
    let count = |which: fn(&Ended) -> bool| parts.iter().filter(|part| which(&part.ended)).count();
    let (passed, failed) = (
        count(|e| matches!(e, Ended::Passed | Ended::Unsteady(_))),
        count(|e| matches!(e, Ended::Failed)),
    );
    let ignored = parts.len() - passed - failed;
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!("{:<28} {:>8.1} s", "all", all.as_secs_f64());
    println!("test result: {word}. {passed} passed; {failed} failed; {ignored} ignored; parts of the checks");
}
