//! The suite on the real cluster, and what fails of it once more.
//!
//! Many scenes at once on two cores can miss a time that each of them keeps alone. So the few that fail are played once more
//! with nothing beside them, and those that pass then are told as unsteady. Where many fail, or where a request was
//! lost, it is not the machine, and nothing is played again.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::{Ended, Group, Part, cargo};
use crate::load::LOST;
use crate::scene::{BEGUN, duration, failures};

const SUITE: &str = "suite on the real cluster";
/// After the suite has exited, its last lines come within this.
const REST: Duration = Duration::from_secs(5);
/// At most so many scenes are played once more.
const AGAIN: usize = 2;

/// Plays all scenes, many at once.
pub(super) async fn suite(parts: &mut Vec<Part>) -> Result<()> {
    println!("\n== {SUITE}");
    let began = Instant::now();
    duration::forget()?;
    failures::forget()?;
    let first = played("suite", &[&format!("--test-threads={BEGUN}")]).await?;
    println!("\n== the slowest scenes\n{}", duration::slowest()?);
    let ended = match first.good {
        true => Ended::Passed,
        false => again(&first).await?,
    };
    let failed = matches!(ended, Ended::Failed);
    parts.push(Part::since(SUITE, began, ended));
    if failed {
        bail!("{SUITE}: failed, see above");
    }
    Ok(())
}

async fn again(first: &Played) -> Result<Ended> {
    let failed = first.failed.as_slice();
    if !first.may_be_played_again() {
        return Ok(Ended::Failed);
    }
    let names = failed.join(", ");
    println!("\n== once more, with nothing beside it: {names}");
    let mut args = vec!["--exact", "--test-threads=1"];
    args.extend(failed.iter().map(String::as_str));
    let second = played("suite", &args).await?;
    let passed = second.good && failed.iter().all(|name| second.passed.contains(name));
    Ok(if passed { Ended::Unsteady(names) } else { Ended::Failed })
}

/// What a run of scenes said.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Played {
    /// Whether all went well.
    pub(super) good: bool,
    passed: Vec<String>,
    failed: Vec<String>,
    /// Whether one that failed says that requests were lost.
    lost: bool,
}

impl Played {
    fn may_be_played_again(&self) -> bool {
        (1..=AGAIN).contains(&self.failed.len()) && !self.lost
    }

    // What a test printed is there where it failed, whole: what is kept for the end of the log is cut.
    fn hear(&mut self, line: &str) {
        self.lost |= line.contains(LOST);
        let Some((name, word)) = line.strip_prefix("test ").and_then(|line| line.split_once(" ... ")) else {
            return;
        };
        match word {
            "ok" => self.passed.push(name.to_owned()),
            "FAILED" => self.failed.push(name.to_owned()),
            _ => {}
        }
    }
}

/// Plays the scenes of a test.
pub(super) async fn played(test: &str, args: &[&str]) -> Result<Played> {
    let mut command = cargo(&["test", "--locked", "--workspace", "--test", test, "--"]);
    command.args(args).stdout(Stdio::piped());
    let mut group = Group::start(&mut command).with_context(|| format!("cannot run test {test}"))?;
    let said = group.child.stdout.take().context("its output is piped")?;
    let (mut lines, mut heard, mut ended) = (BufReader::new(said).lines(), Played::default(), false);
    loop {
        let line = tokio::select! {
            line = lines.next_line() => line?,
            exited = group.child.wait(), if !ended => {
                exited?;
                ended = true;
                continue;
            }
            // Whoever was started by it and lives on may have its output still.
            () = tokio::time::sleep(REST), if ended => None,
        };
        let Some(line) = line else { break };
        println!("{line}");
        heard.hear(&line);
    }
    heard.good = group.ended().await?.success();
    Ok(heard)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passed_and_what_failed_is_read_off_the_lines() {
        let mut heard = Played::default();
        let said = "running 3 tests\ntest a::b ... ok\ntest c ... FAILED\ntest d ... ignored, two nodes\ntest result: FAILED. 1 passed; 1 failed; 1 ignored";
        said.lines().for_each(|line| heard.hear(line));
        let expected = Played {
            good: false,
            passed: vec!["a::b".into()],
            failed: vec!["c".into()],
            lost: false,
        };
        assert_eq!(heard, expected);
    }

    #[test]
    fn nothing_is_forgiven_where_many_fail_or_a_request_was_lost() {
        let again = |failed: usize, why: &str| {
            let mut heard = Played::default();
            (0..failed).for_each(|n| heard.hear(&format!("test t{n} ... FAILED")));
            heard.hear(why);
            heard.may_be_played_again()
        };
        assert!(again(1, "no such event"));
        assert!(again(2, "no such event"));
        assert!(!again(3, "no such event"));
        assert!(!again(1, "3 of 70 requests were lost, the first"));
        // The suite did not even begin.
        assert!(!again(0, ""));
    }
}
