//! The benches of `benches/`: what the webhook costs in computing, and over HTTPS at a fixed rate.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::process::Command;

use super::report::{Row, Section};
use crate::install::root;

/// Runs criterion's and tells the medians.
pub async fn in_process() -> Result<()> {
    let mut section = Section::begin(
        "The webhook in process",
        "baseline",
        "From the bytes of a review (an UPDATE of a 20 KiB Deployment, old and new object) to the bytes of the answer, \
         with 1,000 Canaries in the caches; criterion's medians. The baseline reads the same review and allows it unseen.",
    );
    cargo_bench("webhook", Stdio::inherit(), &[]).await?;
    let baseline = micros("webhook", "baseline: allow unseen")?;
    for entry in ["mutate-deployments", "follow-deployments"] {
        let ours = micros("webhook", entry)?;
        section.row(Row::new(entry, time(ours), time(baseline), "-"));
    }
    for part in [
        "blueprint of a Canary",
        "hash of a 20 KiB template",
        "weights into a route",
    ] {
        section.row(Row::new(part, time(micros("pure", part)?), "-", "-"));
    }
    section.write()
}

/// Runs the server at its fixed rate.
pub async fn over_https() -> Result<()> {
    let mut section = Section::begin(
        "The webhook over HTTPS",
        "baseline",
        "1,000 reviews a second of a 20 KiB Deployment (old and new object) on kept HTTP/1 connections, the server on one \
         thread, whatever happened to the requests before. The baseline is the same server with a verdict that looks at \
         nothing.",
    );
    let text = cargo_bench("https", Stdio::piped(), &[]).await?;
    let lines: Vec<Value> = text
        .lines()
        .filter_map(|line| serde_json::from_str(line.strip_prefix("https: ")?).ok())
        .collect();
    for entry in ["mutate-deployments", "follow-deployments"] {
        let of = |name: &str| lines.iter().find(|line| line["name"] == name && line["entry"] == entry);
        let (ours, other) = (of("webhook"), of("baseline"));
        let (ours, other) = ours.zip(other).context("the bench printed no figures")?;
        for (quantile, field, target) in [
            ("p50", "p50_ms", "-"),
            ("p99", "p99_ms", "≤ 3 ms"),
            ("p99.9", "p999_ms", "-"),
        ] {
            let cell = |line: &Value| format!("{:.2} ms", line[field].as_f64().unwrap_or(f64::NAN));
            section.row(Row::new(
                &format!("{entry}, {quantile}"),
                cell(ours),
                cell(other),
                target,
            ));
        }
        let busy = |line: &Value| format!("{:.0} %", line["busy"].as_f64().unwrap_or(f64::NAN) * 100.0);
        section.row(Row::new(
            &format!("{entry}, share of its core"),
            busy(ours),
            busy(other),
            "-",
        ));
    }
    section.write()
}

/// Runs one of them with these variables, and answers what it printed. With the whole workspace: what depends on one member
/// alone would be compiled once more.
pub(crate) async fn cargo_bench(name: &str, out: Stdio, variables: &[(&str, &str)]) -> Result<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(root())
        .args(["bench", "--workspace", "--bench", name])
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .context("cannot run cargo")?
        .wait_with_output()
        .await?;
    ensure!(output.status.success(), "the bench {name} failed, see above");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Where criterion left an estimate: target/criterion/GROUP/NAME/new/estimates.json.
fn micros(group: &str, name: &str) -> Result<f64> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    // Criterion replaces what file names cannot hold.
    let file = target
        .join("criterion")
        .join(group)
        .join(name.replace(':', "_"))
        .join("new/estimates.json");
    let text = std::fs::read(&file).with_context(|| format!("criterion left no {}", file.display()))?;
    let estimates: Value = serde_json::from_slice(&text)?;
    let nanos = estimates["median"]["point_estimate"].as_f64();
    Ok(nanos.context("criterion estimated no median")? / 1000.0)
}

fn time(micros: f64) -> String {
    format!("{micros:.1} µs")
}
