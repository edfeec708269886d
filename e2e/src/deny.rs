//! `cargo deny`: licences, sources and bans of everything that is compiled in, and known faults where their list can be had.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::process::Command;

use crate::cluster;
use crate::fuzz;
use crate::install::root;

/// What is checked without asking anybody.
const OFFLINE: [&str; 3] = ["bans", "licenses", "sources"];
/// Two workspaces have one list of what is allowed, and neither has all of it.
const SHARED: [&str; 4] = [
    "--allow",
    "license-exception-not-encountered",
    "--allow",
    "unused-wrapper",
];
/// For the list of known faults, which is a Git repository elsewhere.
const FETCH: Duration = Duration::from_secs(60);

/// The program; brought on the first call.
pub fn program() -> Result<PathBuf> {
    cluster::cargo_deny()
}

/// What needs nothing but the lock file and the sources cargo has.
pub fn offline(program: &Path) -> Command {
    check(program, &[&SHARED[..], &OFFLINE].concat())
}

/// The same for the fuzz targets, which are a workspace of their own.
pub fn offline_of_fuzz(program: &Path) -> Command {
    let mut command = deny(program);
    let manifest = fuzz::package().join("Cargo.toml");
    command.arg("--manifest-path").arg(manifest);
    command.arg("--config").arg(root().join("deny.toml"));
    command.arg("check").args(SHARED).args(OFFLINE);
    command
}

/// Known faults of what is compiled in, and versions that were taken back.
pub fn advisories(program: &Path) -> Command {
    check(program, &["advisories"])
}

fn check(program: &Path, which: &[&str]) -> Command {
    let mut command = deny(program);
    command.arg("check").args(which);
    command
}

/// Why the list of known faults cannot be had now; nothing when it is there.
pub async fn out_of_reach(program: &Path) -> Result<Option<String>> {
    let mut fetch = deny(program);
    fetch.args(["fetch", "db"]).env("GIT_TERMINAL_PROMPT", "0");
    reason(&mut fetch, FETCH).await
}

async fn reason(fetch: &mut Command, within: Duration) -> Result<Option<String>> {
    let fetching = fetch.stdin(Stdio::null()).output();
    let Ok(output) = tokio::time::timeout(within, fetching).await else {
        return Ok(Some(format!("no answer within {} s", within.as_secs())));
    };
    let output = output.context("cannot run cargo-deny")?;
    if output.status.success() {
        return Ok(None);
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
    let fatal = lines().find_map(|line| line.strip_prefix("fatal: "));
    Ok(Some(
        fatal.or(lines().next_back()).unwrap_or("no reason given").to_owned(),
    ))
}

fn deny(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root()).arg("--locked").kill_on_drop(true);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn of(script: &str, within: Duration) -> Option<String> {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).kill_on_drop(true);
        reason(&mut shell, within).await.unwrap()
    }

    #[tokio::test]
    async fn a_list_that_cannot_be_had_is_told_from_one_that_is_there() {
        let long = Duration::from_secs(60);
        assert_eq!(of("exit 0", long).await, None);
        let unreachable = "echo '[ERROR] failed' >&2; echo 'fatal: Could not resolve host' >&2; echo >&2; exit 1";
        assert_eq!(of(unreachable, long).await.unwrap(), "Could not resolve host");
        assert_eq!(of("echo 'disk full' >&2; exit 1", long).await.unwrap(), "disk full");
        assert_eq!(of("exit 1", long).await.unwrap(), "no reason given");
        assert_eq!(of("sleep 60", Duration::ZERO).await.unwrap(), "no answer within 0 s");
    }
}
