//! What programs use: memory, and requests to the API server.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::scene::Scene;

/// How long "at rest" is watched.
pub const QUIET: Duration = Duration::from_secs(60);

/// Resident memory of a process in MiB.
pub fn memory(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("the process is gone")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: f64 = line
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .context("the kernel says no VmRSS")?;
    Ok(kib / 1024.0)
}

/// The process of one of Coalmine's two programs, by its subcommand.
pub fn coalmine(subcommand: &str) -> Result<u32> {
    let pids = fs::read_dir("/proc")?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_it = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let mut words = line.split(|byte| *byte == 0);
        let program = words.next().unwrap_or_default();
        program.ends_with(b"/coalmine") && words.next() == Some(subcommand.as_bytes())
    };
    let mut found: Vec<u32> = pids.filter(is_it).collect();
    // The newest: an older one may be ending.
    found.sort_unstable();
    found
        .pop()
        .with_context(|| format!("no coalmine {subcommand} runs here"))
}

/// Requests a second by users that `ours` accepts, in a minute; renewals of leases and watches aside.
pub async fn requests_at_rest(scene: &Scene, ours: impl Fn(&str) -> bool) -> Result<f64> {
    let audit = scene.audit().await?;
    tokio::time::sleep(QUIET).await;
    let requests = audit.requests().await?;
    let counted: Vec<_> = requests
        .iter()
        .filter(|request| ours(&request.user) && !request.is_at_rest())
        .collect();
    for request in counted.iter().take(3) {
        println!("  at rest, for example: {} {}", request.verb, request.uri);
    }
    Ok(counted.len() as f64 / QUIET.as_secs_f64())
}
