//! What is expensive to make is made once: each artefact is a folder named by a hash of everything it is made from.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use super::places::Places;

/// An artefact's name and the hash of its inputs.
#[derive(Clone, Debug)]
pub struct Artefact {
    name: String,
    key: String,
}

impl Artefact {
    /// Names the artefact made from these inputs.
    pub fn new(name: &str, inputs: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for input in inputs {
            hash.update((input.len() as u64).to_be_bytes());
            hash.update(input);
        }
        Self {
            name: name.to_owned(),
            key: hex(&hash.finalize()).chars().take(16).collect(),
        }
    }

    /// The folder it is in once it is made.
    fn folder(&self, places: &Places) -> PathBuf {
        places
            .cache
            .join("artefacts")
            .join(format!("{}-{}", self.name, self.key))
    }

    /// The folder, if it is made.
    pub fn present(&self, places: &Places) -> Result<PathBuf> {
        let folder = self.folder(places);
        if !folder.is_dir() {
            bail!("{} is not built; `e2e build` does it", self.name);
        }
        Ok(folder)
    }

    /// The folder, made by `make` if it is not there yet. A half-made folder is never taken for a whole one.
    pub fn ensure(&self, places: &Places, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        let folder = self.folder(places);
        if folder.is_dir() {
            return Ok(folder);
        }
        let unfinished = folder.with_extension("unfinished");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        fs::create_dir_all(&unfinished)?;
        let began = Instant::now();
        println!("  {:<14} ...", self.name);
        make(&unfinished).with_context(|| format!("cannot make {}", self.name))?;
        fs::rename(&unfinished, &folder)?;
        println!("  {:<14} made in {:.0} s", self.name, began.elapsed().as_secs_f64());
        Ok(folder)
    }
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
