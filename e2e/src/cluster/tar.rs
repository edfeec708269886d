//! Tar archives of regular files and folders, the same bytes for the same contents.

use anyhow::{Result, ensure};

/// An archive that grows in memory.
#[derive(Default)]
pub struct Tar(Vec<u8>);

impl Tar {
    /// Adds a file.
    pub fn file(&mut self, name: &str, mode: u32, contents: &[u8]) -> Result<()> {
        self.header(name, mode, contents.len(), b'0')?;
        self.0.extend_from_slice(contents);
        self.pad();
        Ok(())
    }

    /// Adds a folder.
    pub fn folder(&mut self, name: &str, mode: u32) -> Result<()> {
        self.header(&format!("{}/", name.trim_end_matches('/')), mode, 0, b'5')
    }

    /// The finished archive.
    pub fn finish(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&[0; 1024]);
        self.0
    }

    fn header(&mut self, name: &str, mode: u32, size: usize, kind: u8) -> Result<()> {
        ensure!(name.len() < 100, "the name {name} is too long for an archive");
        let mut header = [0u8; 512];
        let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
        put(0, name);
        put(100, &format!("{mode:07o}"));
        put(108, "0000000");
        put(116, "0000000");
        put(124, &format!("{size:011o}"));
        put(136, "00000000000"); // the beginning of time, so that equal contents give equal bytes
        put(148, "        ");
        put(257, "ustar\x0000");
        header[156] = kind;
        let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.0.extend_from_slice(&header);
        Ok(())
    }

    fn pad(&mut self) {
        let rest = self.0.len() % 512;
        if rest > 0 {
            self.0.resize(self.0.len() + 512 - rest, 0);
        }
    }
}
