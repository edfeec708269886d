//! Waiting for things to be so, with an end.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::places::Places;
use super::process;

/// Waits until `check` holds, while the processes it depends on run.
pub fn wait(places: &Places, what: &str, needs: &[&str], seconds: u64, mut check: impl FnMut() -> bool) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    while !check() {
        for name in needs {
            if process::recorded(places, name).is_none() {
                bail!(
                    "{name} ended; its log is {}{}",
                    places.log(name).display(),
                    last_lines(&places.log(name))
                );
            }
        }
        if Instant::now() > deadline {
            bail!(
                "{what} did not come within {seconds} s; the logs are in {}",
                places.run.join("log").display()
            );
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// The whole answer to a plain HTTP GET, headers and all; empty when nobody answers.
pub fn http_get(address: &str, path: &str) -> String {
    let limit = Duration::from_secs(1);
    let answer = || -> Option<String> {
        let mut stream = TcpStream::connect_timeout(&address.parse().ok()?, limit).ok()?;
        stream.set_read_timeout(Some(limit)).ok()?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        )
        .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    };
    answer().unwrap_or_default()
}

/// Does it answer a plain HTTP GET well?
pub fn http_ok(address: &str, path: &str) -> bool {
    http_get(address, path).split(' ').nth(1) == Some("200")
}

/// kubectl, as the harness itself.
pub struct Kubectl<'a> {
    /// The program.
    pub program: &'a Path,
    /// What it connects with.
    pub kubeconfig: &'a Path,
}

impl Kubectl<'_> {
    /// What kubectl prints; an error when it fails.
    pub fn run(&self, args: &[&str]) -> Result<String> {
        let output = self.output(args)?;
        if !output.status.success() {
            bail!(
                "kubectl {} failed: {}",
                args.join(" "),
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Applies a file, or all of a folder.
    pub fn apply(&self, path: &Path) -> Result<()> {
        let path = path.display().to_string();
        self.run(&["apply", "--server-side", "--field-manager=coalmine-e2e", "-f", &path])
            .map(drop)
    }

    /// Applies what is written into that file first.
    pub fn store(&self, file: &Path, objects: &Value) -> Result<()> {
        std::fs::write(file, serde_json::to_vec(objects)?)?;
        self.apply(file)
    }

    /// Does it print exactly this?
    pub fn prints(&self, args: &[&str], expected: &str) -> bool {
        self.output(args)
            .is_ok_and(|o| o.status.success() && o.stdout == expected.as_bytes())
    }

    fn output(&self, args: &[&str]) -> Result<Output> {
        Command::new(self.program)
            .arg("--kubeconfig")
            .arg(self.kubeconfig)
            .args(args)
            .output()
            .context("cannot run kubectl")
    }
}

fn last_lines(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(5).collect();
    lines.iter().rev().map(|line| format!("\n    {line}")).collect()
}
