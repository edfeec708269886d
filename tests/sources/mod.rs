//! Source files, for tests that read them.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Adds all Rust files below `folder`.
pub fn files_below(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    files_with("rs", folder, files)
}

/// The same of all files whose names end so.
pub fn files_with(ending: &str, folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files_with(ending, &path, files)?;
        } else if path.extension().is_some_and(|extension| extension == ending) {
            files.push(path);
        }
    }
    Ok(())
}
