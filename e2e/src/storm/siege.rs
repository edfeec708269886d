//! The siege of `benches/siege.rs`, and its figures in docs/reliability.md.

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};

use super::table;
use crate::bench::code::cargo_bench;
use crate::machine;

const TITLE: &str = "The webhook under siege";
const NOTE: &str = "`make storm`, or `e2e storm --only siege`. 200 honest reviews a second of a 20 KiB Deployment on HTTP/1 \
    connections that are kept, as API servers ask, and one a second on a new connection, during each attack in turn and without it, right before and right after. \
    Attackers come from other addresses. They share the machine with the server, which has as many threads as the machine has \
    cores, and compute at the lowest priority, since in a cluster they have cores of their own: how much that was is in the last \
    column but one. What the server does because of them is measured in full.";
/// How many there are.
const ATTACKS: u32 = 10;
/// The head and the line below it.
const HEAD: usize = 2;

/// Runs it and writes the section.
pub async fn record(seconds: u32) -> Result<()> {
    println!("\n== {TITLE}: some {} minutes", (seconds * 2 * ATTACKS).div_ceil(60));
    let moment = machine::moment();
    let seconds = seconds.to_string();
    let text = cargo_bench("siege", Stdio::piped(), &[("SIEGE_SECONDS", &seconds)]).await?;
    let (table, verdict) = read(&text)?;
    println!("{table}\n{verdict}");
    table::write(TITLE, NOTE, &moment, &format!("{table}\n\n{verdict}"))
}

/// The table that the bench printed, and what it comes to.
fn read(text: &str) -> Result<(String, &str)> {
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
    ensure!(rows.len() > HEAD, "the bench printed no figures");
    let verdict = text.lines().find_map(|line| line.strip_prefix("siege: "));
    Ok((rows.join("\n"), verdict.context("the bench did not end")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_bench_printed_is_taken_as_it_is() {
        let printed = "compiling\n| attack |\n| --- |\n| deep |\nsiege: all within.\n";
        assert_eq!(
            read(printed).unwrap(),
            ("| attack |\n| --- |\n| deep |".to_owned(), "all within.")
        );
        assert!(read("| attack |\n| --- |\nsiege: none.").is_err());
        assert!(read("| attack |\n| --- |\n| deep |").is_err());
    }
}
