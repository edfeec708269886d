//! What failed in which scene, for the end of `make test`: between a failure and the end of a long log there is much else.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::cluster::Places;

/// How much of one failure is told, in characters.
const TOLD: usize = 1500;

fn file() -> Result<PathBuf> {
    Ok(Places::find()?.run.join("failures.log"))
}

/// Forgets what failed before.
pub fn forget() -> Result<()> {
    match std::fs::remove_file(file()?) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// A scene of that name failed. Each is one write to the end of a file, so that several at once do not mix.
pub(super) fn note(scene: &str, why: &str) -> Result<()> {
    let why: String = why.chars().take(TOLD).collect();
    let mut file = std::fs::File::options().create(true).append(true).open(file()?)?;
    file.write_all(format!("{scene}: {why}\n").as_bytes())?;
    Ok(())
}

/// What failed; empty when nothing did.
pub fn told() -> Result<String> {
    let path = file()?;
    match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        read => read.with_context(|| path.display().to_string()),
    }
}
