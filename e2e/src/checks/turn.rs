//! One scene of `make test-gateways`, in turn: all of them take longer than CI has left, so that each commit plays another one.
//!
//! Which one that is nobody chose, and nobody may have played it before. So it fails the checks where it was played and failed
//! twice; of all else that keeps it from being played to its end is told that it was not checked, and why.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

use super::suite::played;
use super::{Ended, GATEWAYS, Part, cargo, started};
use crate::cluster;
use crate::install::root;

const NAME: &str = "a gateway in turn";
/// So long it may take, with what is compiled and installed for it; most take a third of it. What has not ended then is ended.
const BUDGET: Duration = Duration::from_secs(8 * 60);
/// It is begun so long after the first check at the latest: CI has 80 minutes, of which the harness takes some to compile.
const LATEST: Duration = Duration::from_secs(62 * 60);

/// Plays the one whose turn it is, unless there is no time left. It is the last that is played on its cluster.
pub(super) async fn turn(parts: &mut Vec<Part>) -> Result<()> {
    println!("\n== {NAME}");
    let began = Instant::now();
    let spent: Duration = parts.iter().map(|part| part.took).sum();
    let ended = if spent > LATEST {
        let minutes = |time: Duration| time.as_secs() / 60;
        Ended::NotChecked(format!(
            "{} min had passed, and it is begun within {} min or not at all",
            minutes(spent),
            minutes(LATEST)
        ))
    } else {
        match tokio::time::timeout(BUDGET, one()).await {
            Ok(Ok(ended)) => ended,
            // Whether it can be played depends on what this machine has.
            Ok(Err(why)) => Ended::NotChecked(format!("it could not be played: {why:#}")),
            Err(_) => Ended::NotChecked(format!("it did not end within {BUDGET:?}")),
        }
    };
    if let Ended::NotChecked(why) = &ended {
        println!("NOT CHECKED: {why}");
    }
    let failed = matches!(ended, Ended::Failed);
    parts.push(Part::since(NAME, began, ended));
    if failed {
        bail!("{NAME}: failed twice, see above");
    }
    Ok(())
}

async fn one() -> Result<Ended> {
    let mut there = Vec::new();
    for name in listed(&said(&mut cargo(&[GATEWAYS, &["--", "--list"][..]].concat())).await?) {
        match cluster::gateway_is_missing(gateway(&name))? {
            None => there.push(name),
            Some(why) => println!("left out: {name}, because {why}"),
        }
    }
    let (number, by) = draw().await;
    let Some(name) = turn_of(&there, number) else {
        return Ok(Ended::NotChecked("no gateway is there that it could ask".to_owned()));
    };
    println!("{name}, by {by}; make test-gateways plays all, and with ONLY={name} this one");
    started().await.context("Coalmine could not be installed again")?;
    let alone = ["--exact", name, "--nocapture"];
    if played("gateways", &alone).await?.good {
        return Ok(Ended::Passed);
    }
    println!("\n== once more: {name}");
    let good = played("gateways", &alone).await?.good;
    Ok(if good {
        Ended::Unsteady(name.to_owned())
    } else {
        Ended::Failed
    })
}

/// Its name begins with the gateway's.
fn gateway(name: &str) -> &str {
    name.split('_').next().unwrap_or(name)
}

/// The names of all tests.
fn listed(said: &str) -> Vec<String> {
    let tests = said.lines().filter_map(|line| line.strip_suffix(": test"));
    tests.map(str::to_owned).collect()
}

fn turn_of(names: &[String], number: u64) -> Option<&str> {
    let at = number.checked_rem(u64::try_from(names.len()).ok()?)?;
    names.get(usize::try_from(at).ok()?).map(String::as_str)
}

/// What decides: the commit, so that whoever looks at it again sees the same one; the day, where there is none.
async fn draw() -> (u64, String) {
    let mut commit = Command::new("git");
    commit.current_dir(root()).args(["rev-parse", "HEAD"]);
    let hash = said(&mut commit).await.unwrap_or_default();
    match hash.get(..15).and_then(|digits| u64::from_str_radix(digits, 16).ok()) {
        Some(number) => (number, format!("commit {}", hash.trim())),
        None => {
            let day = jiff::Timestamp::now().as_second() / 86_400;
            (day.unsigned_abs(), format!("day {day}"))
        }
    }
}

/// What a command that succeeds prints; what it says besides is shown.
async fn said(command: &mut Command) -> Result<String> {
    let child = command.stdout(Stdio::piped()).spawn().context("cannot run it")?;
    let output = child.wait_with_output().await?;
    if !output.status.success() {
        bail!("it ended with {}", output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tests_are_read_off_their_list_and_say_which_gateway_they_ask_for() {
        let said = "contour_by_httpproxies: test\ntraefik_by_httproutes: test\n\n2 tests, 0 benchmarks\n";
        let names = listed(said);
        assert_eq!(names, ["contour_by_httpproxies", "traefik_by_httproutes"]);
        let gateways: Vec<&str> = names.iter().map(|name| gateway(name)).collect();
        assert_eq!(gateways, ["contour", "traefik"]);
    }

    #[test]
    fn each_has_its_turn_and_where_there_is_none_nobody_has() {
        let names = ["a", "b", "c"].map(str::to_owned);
        let turns: Vec<Option<&str>> = (7..10).map(|number| turn_of(&names, number)).collect();
        assert_eq!(turns, [Some("b"), Some("c"), Some("a")]);
        assert_eq!(turn_of(&[], 7), None);
    }
}
