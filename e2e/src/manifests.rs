//! `manifests/`: the chart's objects as plain YAML, for those who do not use Helm. What Helm runs before an uninstall is a file
//! of its own.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;

use crate::cluster::Cluster;
use crate::install::{root, run};
use crate::scene::SYSTEM;

/// What only Helm adds or says.
const HELMS_OWN: [&str; 3] = [
    "# Source: ",
    "app.kubernetes.io/managed-by: Helm",
    "app.kubernetes.io/instance: ",
];

/// The running cluster's helm, else whichever is installed.
pub fn helm() -> PathBuf {
    match (Cluster::attach(), std::env::var_os("HELM")) {
        (_, Some(named)) => named.into(),
        (Ok(cluster), None) => cluster.helm,
        (Err(_), None) => "helm".into(),
    }
}

/// Each file, and what tells helm what is in it.
const FILES: [(&str, &[&str]); 2] = [
    ("coalmine.yaml", &["--no-hooks"]),
    ("leave.yaml", &["--show-only", "templates/leave.yaml"]),
];

/// Writes them again from the chart.
pub async fn write(helm: &Path) -> Result<()> {
    for (name, which) in FILES {
        let file = path(name);
        std::fs::write(&file, render(helm, which).await?)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// Fails when what is committed is not what the chart says.
pub async fn check(helm: &Path) -> Result<()> {
    for (name, which) in FILES {
        let committed = std::fs::read_to_string(path(name)).unwrap_or_default();
        ensure!(
            committed == render(helm, which).await?,
            "manifests/{name} is not what charts/coalmine renders; make manifests writes it again"
        );
    }
    Ok(())
}

async fn render(helm: &Path, which: &[&str]) -> Result<String> {
    let mut template = Command::new(helm);
    template
        .args(["template", "coalmine"])
        .arg(root().join("charts/coalmine"))
        .args(["--namespace", SYSTEM])
        .args(which);
    let rendered = run(&mut template).await?;
    let mut lines = vec!["# Rendered from charts/coalmine by `make manifests`; change it there."];
    for line in rendered.lines() {
        let line = line.trim_end();
        let blank = line.is_empty();
        if !blank && !HELMS_OWN.iter().any(|own| line.trim_start().starts_with(own)) {
            lines.push(line);
        }
    }
    Ok(lines.join("\n") + "\n")
}

fn path(name: &str) -> PathBuf {
    root().join("manifests").join(name)
}
