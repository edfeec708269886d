//! `make fuzz`: builds the fuzz targets with a fuzzer's instrumentation and runs them, two at once.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use futures::{StreamExt as _, stream};
use tokio::process::Command;

use crate::cluster::Places;
use crate::install::{executable, root};

/// How long each target runs where nothing else is said.
const SHORT: Duration = Duration::from_secs(30);
/// Targets that run at once.
const AT_ONCE: usize = 2;
/// Longest time for one input, in seconds.
const PATIENCE: u32 = 10;
/// Most memory of the process, in MiB.
const MEMORY: u32 = 1024;
/// Stack of the process in KiB: half of what a thread of the program has.
const STACK: u32 = 1024;
/// Largest input, in bytes: templates may have 8 KiB, and an object some of them.
const LARGEST: u32 = 32 * 1024;
/// The same of a review, which has an object twice and whatever else its author put into it.
const LARGEST_REVIEW: u32 = 512 * 1024;
/// What is fuzzed, and for how long.
#[derive(Args, Debug, Default)]
pub struct Options {
    /// Minutes for each target, instead of 30 seconds
    #[arg(long)]
    minutes: Option<u64>,
    /// Only this input, once
    #[arg(long)]
    input: Option<PathBuf>,
    /// Only these targets; all when none is named
    targets: Vec<String>,
}

/// Builds and runs the targets.
///
/// # Errors
/// When one of them found something, with the path of the input.
pub async fn fuzz(options: &Options) -> Result<()> {
    let places = Folders::find()?;
    let program = build(&places).await?;
    let targets = match options.targets.as_slice() {
        [] => known()?,
        named => named.to_vec(),
    };
    if let Some(input) = &options.input {
        let target = targets
            .first()
            .filter(|_| targets.len() == 1)
            .context("name one target")?;
        let done = command(&program, target)
            .arg(std::path::absolute(input)?)
            .status()
            .await?;
        ensure!(done.success(), "{target} fails on {}", input.display());
        return Ok(());
    }
    let time = options
        .minutes
        .map_or(SHORT, |minutes| Duration::from_secs(minutes.saturating_mul(60)));
    let runs = targets.iter().map(|target| run(&places, &program, target, time));
    let failed: Vec<String> = stream::iter(runs)
        .buffer_unordered(AT_ONCE)
        .filter_map(|run| async move { run.err().map(|error| format!("{error:#}")) })
        .collect()
        .await;
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    Ok(())
}

/// Where things are that outlive a run.
struct Folders {
    target: PathBuf,
    corpus: PathBuf,
    found: PathBuf,
}

impl Folders {
    fn find() -> Result<Self> {
        let cache = Places::find()?.cache.join("fuzz");
        let [target, corpus, found] = ["target", "corpus", "found"].map(|name| cache.join(name));
        Ok(Self { target, corpus, found })
    }
}

/// Where the targets are: a workspace of its own.
pub fn package() -> PathBuf {
    root().join("fuzz")
}

/// The targets: those that have a stored corpus.
fn known() -> Result<Vec<String>> {
    let entries = std::fs::read_dir(package().join("corpus"))?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<Result<Vec<String>>>()?;
    names.sort();
    Ok(names)
}

async fn build(places: &Folders) -> Result<PathBuf> {
    let began = Instant::now();
    let done = cargo()
        .current_dir(package())
        .args(["build", "--locked", "--message-format=json-render-diagnostics"])
        .env("CARGO_TARGET_DIR", &places.target)
        // Only there, or what is compiled for others would be instrumented.
        .env("RUSTC_WRAPPER", package().join("rustc.sh"))
        // libFuzzer ends at its start in a static program.
        .env("RUSTFLAGS", "-Ctarget-feature=-crt-static")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .await
        .context("cannot run cargo")?;
    ensure!(
        done.status.success(),
        "the fuzz targets do not compile; g++ is needed for libFuzzer"
    );
    println!("built in {:.1} s", began.elapsed().as_secs_f64());
    executable(&String::from_utf8_lossy(&done.stdout), "coalmine-fuzz")
}

fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.kill_on_drop(true);
    command
}

/// The program with a small stack, which only a shell can give it.
fn command(program: &Path, target: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("ulimit -s {STACK} && exec \"$0\" \"$@\"")])
        .arg(program)
        .arg(format!("-timeout={PATIENCE}"))
        .arg(format!("-rss_limit_mb={MEMORY}"))
        .env("FUZZ_TARGET", target)
        .env("RUST_BACKTRACE", "1")
        .kill_on_drop(true);
    command
}

fn largest(target: &str) -> u32 {
    if target == "review" { LARGEST_REVIEW } else { LARGEST }
}

async fn run(places: &Folders, program: &Path, target: &str, time: Duration) -> Result<()> {
    let reached = places.corpus.join(target);
    let found = places.found.join(target);
    std::fs::create_dir_all(&reached)?;
    std::fs::create_dir_all(&found)?;
    let package = package();
    let output = command(program, target)
        .arg(format!("-max_total_time={}", time.as_secs()))
        .arg(format!("-max_len={}", largest(target)))
        .arg(format!("-dict={}", package.join("dictionary.txt").display()))
        .arg(format!("-artifact_prefix={}/", found.display()))
        // What is new goes to the first folder, the stored ones are read only.
        .arg(&reached)
        .arg(package.join("corpus").join(target))
        .stdin(Stdio::null())
        .output()
        .await
        .with_context(|| format!("cannot run {}", program.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let last = |word: &str| {
        said.lines()
            .rev()
            .find(|line| line.contains(word))
            .unwrap_or_default()
            .to_owned()
    };
    if output.status.success() {
        println!("{target:<16} {}", last("DONE").trim_start_matches('#'));
        return Ok(());
    }
    eprintln!("{said}");
    bail!("{target}: {}; {}", last("SUMMARY"), last("Test unit written"));
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_target_has_a_corpus_and_every_corpus_a_target() {
        let source = std::fs::read_to_string(super::package().join("src/main.rs")).unwrap();
        let known = super::known().unwrap();
        for name in &known {
            assert!(source.contains(&format!("(\"{name}\", ")), "no target {name}");
        }
        assert!(source.contains(&format!("TARGETS: [(&str, Target); {}]", known.len())));
    }
}
