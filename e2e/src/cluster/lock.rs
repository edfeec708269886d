//! One command at a time: two starts at once, from two tests, would be in each other's way.

use std::fs::{self, File};

use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, flock};

use super::places::Places;

/// Held while the cluster is built, started or ended; released when dropped.
#[derive(Debug)]
pub struct Lock(#[allow(dead_code, reason = "closing the file releases the lock")] File);

impl Lock {
    /// Waits for its turn.
    pub fn take(places: &Places) -> Result<Self> {
        fs::create_dir_all(&places.cache).with_context(|| format!("cannot make {}", places.cache.display()))?;
        let file = File::create(places.cache.join("lock"))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            println!("waiting for another command that builds, starts or ends the cluster");
            flock(&file, FlockOperation::LockExclusive)?;
        }
        Ok(Self(file))
    }
}
