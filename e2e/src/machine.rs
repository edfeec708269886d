//! What the figures were measured on.

use std::fs;
use std::process::Command;

/// One line: cores, memory, kernel, versions.
pub fn description() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = field(&cpus, "model name").unwrap_or_else(|| "unknown".to_owned());
    let cores = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib: u64 = field(&memory, "MemTotal")
        .and_then(|text| text.split(' ').next()?.parse().ok())
        .unwrap_or_default();
    format!(
        "{cores} cores of {model}, {} GiB, Linux {}, {}, Kubernetes v1.36.3 with everything of it on this machine",
        kib / 1024 / 1024,
        first_line("/proc/sys/kernel/osrelease"),
        printed("rustc", &["--version"]),
    )
}

/// When, at which commit, and how busy the machine was with other things when it began.
pub fn moment() -> String {
    let commit = printed("git", &["rev-parse", "--short", "HEAD"]);
    let load = first_line("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or_default();
    let now = jiff::Timestamp::now().strftime("%F %H:%M UTC");
    format!("{now}, commit {commit}; load average when it began: {load}")
}

fn field(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn first_line(file: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}

fn printed(program: &str, args: &[&str]) -> String {
    let output = Command::new(program)
        .current_dir(crate::install::root())
        .args(args)
        .output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&text).trim().to_owned()
}
