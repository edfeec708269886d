//! What programs use: memory, CPU, and requests to the API server.

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
    // The newest: an older one may be ending.
    processes("coalmine", Some(subcommand))?
        .pop()
        .with_context(|| format!("no coalmine {subcommand} runs here"))
}

/// The processes of a program, the newest last; of one with subcommands those of one of them.
fn processes(program: &str, subcommand: Option<&str>) -> Result<Vec<u32>> {
    let pids = fs::read_dir("/proc")?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_it = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let mut words = line.split(|byte| *byte == 0);
        let path = words.next().unwrap_or_default();
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        name == program.as_bytes() && subcommand.is_none_or(|named| words.next() == Some(named.as_bytes()))
    };
    let mut found: Vec<u32> = pids.filter(is_it).collect();
    found.sort_unstable();
    Ok(found)
}

/// The programs that have a part in a request: in words, by their command, and by its subcommand.
pub const PROGRAMS: [(&str, &str, Option<&str>); 3] = [
    ("the webhook", "coalmine", Some("webhook")),
    ("the controller", "coalmine", Some("controller")),
    ("the API server", "kube-apiserver", None),
];

/// Seconds of CPU that each of [`PROGRAMS`] has used since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cpu(pub [f64; 3]);

impl Cpu {
    /// So far. A program that does not run here has used none.
    pub fn read() -> Result<Self> {
        let mut all = Self::default();
        for (used, (_, program, subcommand)) in all.0.iter_mut().zip(PROGRAMS) {
            let each = processes(program, subcommand)?.into_iter().map(cpu);
            *used = each.sum();
        }
        Ok(all)
    }

    /// Adds what was used between two instants.
    pub fn add(&mut self, before: Self, after: Self) {
        for (sum, (before, after)) in self.0.iter_mut().zip(before.0.into_iter().zip(after.0)) {
            *sum += (after - before).max(0.0);
        }
    }
}

/// Ticks of a second in `/proc`: the same in every Linux that we know.
const TICKS: f64 = 100.0;

// One that has ended meanwhile has used nothing.
fn cpu(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    ticks(&stat).unwrap_or_default() / TICKS
}

// What all threads of a process have run, in the program and in the kernel for it: the 14th and 15th field.
fn ticks(stat: &str) -> Option<f64> {
    // The second is the program's name, which may have any characters.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some(user + system)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_of_a_process_is_what_it_ran_itself_and_in_the_kernel() {
        let stat = "4242 (odd) name) S 1 4242 4242 0 -1 4194560 1234 5 6 7 310 45 8 9 20 0 12 0 99 0 0";
        assert_eq!(ticks(stat), Some(355.0));
        assert_eq!(ticks(""), None);
    }

    #[test]
    fn what_was_used_is_summed_over_turns_and_a_process_that_began_anew_takes_nothing_away() {
        let mut sum = Cpu::default();
        sum.add(Cpu([1.0, 2.0, 3.0]), Cpu([1.5, 2.0, 5.0]));
        sum.add(Cpu([9.0, 2.0, 5.0]), Cpu([0.5, 2.5, 6.0]));
        assert_eq!(sum, Cpu([0.5, 0.5, 3.0]));
    }
}
