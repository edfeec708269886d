//! What scenes leave for the end of `make test`: lines in a file of the run, which all tests of the suite write.

use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::cluster::Places;

/// A file of the run, by its name there.
pub(super) struct Log(pub &'static str);

impl Log {
    /// Where it is.
    pub fn path(&self) -> Result<PathBuf> {
        Ok(Places::find()?.run.join(self.0))
    }

    /// Forgets what is in it.
    pub fn forget(&self) -> Result<()> {
        match std::fs::remove_file(self.path()?) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Adds a line, in one write to the end, so that several at once do not mix.
    pub fn add(&self, line: &str) -> Result<()> {
        let mut file = std::fs::File::options().create(true).append(true).open(self.path()?)?;
        file.write_all(format!("{line}\n").as_bytes())?;
        Ok(())
    }

    /// What is in it; `None` where nothing was added.
    pub fn read(&self) -> Result<Option<String>> {
        let path = self.path()?;
        match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            read => Ok(Some(read.with_context(|| path.display().to_string())?)),
        }
    }
}
