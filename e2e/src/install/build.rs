//! The programs the images are made of.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::process::Command;

use crate::cluster::Places;

/// Where cargo put the static binaries.
#[derive(Clone, Debug)]
pub struct Binaries {
    /// Coalmine itself.
    pub coalmine: PathBuf,
    /// The demo workload.
    pub app: PathBuf,
}

/// How the programs are compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Quickly, for tests and the demo.
    Dev,
    /// As they are shipped, for figures.
    Release,
}

/// The top of this repository.
pub fn root() -> &'static Path {
    let here = Places::package();
    here.parent().unwrap_or(here)
}

impl Binaries {
    /// Compiles them. Cargo's progress goes to the terminal; a second call is quick.
    pub async fn build(profile: Profile) -> Result<Self> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .current_dir(root())
            .args(["build", "--locked", "--workspace", "--bins"])
            .args((profile == Profile::Release).then_some("--release"))
            .arg("--message-format=json-render-diagnostics")
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .await
            .context("cannot run cargo")?;
        ensure!(output.status.success(), "the programs do not compile");
        let messages = String::from_utf8_lossy(&output.stdout);
        Ok(Self {
            coalmine: executable(&messages, "coalmine")?,
            app: executable(&messages, "app")?,
        })
    }
}

/// Where cargo put the program of that name, as its messages in JSON have it.
pub fn executable(messages: &str, name: &str) -> Result<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact")
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .with_context(|| format!("cargo named no program called {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_found_among_cargos_messages_and_a_library_of_that_name_is_not_it() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"coalmine","kind":["lib"]},"executable":null}
            {"reason":"compiler-artifact","target":{"name":"coalmine","kind":["bin"]},"executable":"/there/coalmine"}"#;
        assert_eq!(
            executable(messages, "coalmine").unwrap(),
            PathBuf::from("/there/coalmine")
        );
        assert!(executable(messages, "app").is_err());
    }
}
