//! Builds programs from the pinned Go modules in `e2e/cluster`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::artefact::Artefact;
use super::places::Places;

/// A module and the packages to build from it.
pub struct Module {
    /// The folder in `e2e/cluster`.
    pub name: &'static str,
    /// Packages, `.` being the module's own program.
    pub packages: &'static [&'static str],
    /// Build tags.
    pub tags: &'static str,
    /// Flags for the linker.
    pub ldflags: &'static str,
    /// A rough first build time on two cores, to say so beforehand.
    pub minutes: u32,
}

impl Module {
    /// The folder with the programs; built if any of the inputs changed.
    pub fn ensure(&self, places: &Places) -> Result<PathBuf> {
        let source = Places::parts().join(self.name);
        self.artefact()?.ensure(places, |folder| {
            println!(
                "  {:<14} builds from source, about {} min on two cores the first time",
                self.name, self.minutes
            );
            self.build(&source, folder)
        })
    }

    /// Whether the programs are there already, made from what there is now.
    pub fn is_built(&self, places: &Places) -> Result<bool> {
        Ok(self.artefact()?.present(places).is_ok())
    }

    /// What the programs are made from.
    pub fn artefact(&self) -> Result<Artefact> {
        let source = Places::parts().join(self.name);
        let mut inputs = vec![
            self.packages.join(" ").into_bytes(),
            self.tags.into(),
            self.ldflags.into(),
        ];
        for file in sources(&source)? {
            inputs.push(fs::read(&file)?);
        }
        let borrowed: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
        Ok(Artefact::new(self.name, &borrowed))
    }

    fn build(&self, source: &Path, folder: &Path) -> Result<()> {
        let mut command = go(source);
        command.args([
            "build",
            "-v",
            "-trimpath",
            "-buildvcs=false",
            "-tags",
            self.tags,
            "-ldflags",
            self.ldflags,
            "-o",
        ]);
        command.arg(format!("{}/", folder.display())).args(self.packages);
        command
            .env("CGO_ENABLED", "0")
            .stderr(Stdio::piped())
            .stdout(Stdio::null());
        let mut child = command.spawn().context("cannot run go")?;
        let mut problems = Vec::new();
        let mut compiled = 0;
        let began = Instant::now();
        let mut told = began;
        let lines = BufReader::new(child.stderr.take().context("go's output is piped")?).lines();
        for line in lines.map_while(Result::ok) {
            if line.starts_with("go: downloading") {
                continue;
            }
            // With -v go prints each package it compiles; everything with a blank in it is a message.
            if line.contains(' ') {
                problems.push(line);
                continue;
            }
            compiled += 1;
            if told.elapsed() > Duration::from_secs(15) {
                println!(
                    "  {:<14} {compiled} packages compiled after {:.0} s",
                    self.name,
                    began.elapsed().as_secs_f64()
                );
                told = Instant::now();
            }
        }
        if !child.wait()?.success() {
            bail!("go build failed:\n{}", problems.join("\n"));
        }
        Ok(())
    }
}

/// The folder a module's source is in, downloaded and checked against the `go.sum` beside its `go.mod`.
pub fn download(part: &str, module: &str) -> Result<PathBuf> {
    let output = go(&Places::parts().join(part))
        .args(["mod", "download", "-json", module])
        .output()
        .context("cannot run go")?;
    let answer: serde_json::Value =
        serde_json::from_slice(&output.stdout).context("go mod download said nothing useful")?;
    match answer.get("Dir").and_then(|dir| dir.as_str()) {
        Some(dir) if output.status.success() => Ok(PathBuf::from(dir)),
        _ => bail!(
            "cannot download {module}: {}{}",
            answer["Error"].as_str().unwrap_or_default(),
            String::from_utf8_lossy(&output.stderr)
        ),
    }
}

/// The folder of the module that `package` is in. Of some modules the proxy has the source and not what `go mod download` asks
/// for besides it.
pub fn source_of(part: &str, package: &str) -> Result<PathBuf> {
    let output = go(&Places::parts().join(part))
        .args(["list", "-f", "{{.Module.Dir}}", package])
        .output()
        .context("cannot run go")?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || said.trim().is_empty() {
        bail!("cannot download {package}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(PathBuf::from(said.trim()))
}

fn go(source: &Path) -> Command {
    let mut command = Command::new("go");
    command
        .current_dir(source)
        .env("GOFLAGS", "-mod=readonly")
        .env("GOWORK", "off");
    command
}

/// Every Go file of the module and what pins its requirements, in a stable order.
fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("{} is missing", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(sources(&path)?);
        } else if path.extension().is_some_and(|e| e == "go" || e == "mod" || e == "sum") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
