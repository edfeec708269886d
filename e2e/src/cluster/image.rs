//! Container images made of static binaries. There is no registry: an image is written as an OCI layout
//! and imported into containerd.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::artefact::hex;
use super::places::Places;
use super::programs::run;
use super::tar::Tar;

/// What an image holds.
#[derive(Clone, Debug, Default)]
pub struct Image {
    /// Its name with the tag, such as `localhost/coalmine/app:dev`.
    pub name: String,
    /// Files: where in the image, from where on this machine, permission bits.
    pub files: Vec<(String, PathBuf, u32)>,
    /// What runs when the pod names no command.
    pub entrypoint: Vec<String>,
    /// Environment, as NAME=VALUE.
    pub env: Vec<String>,
    /// The user, as a number; root when empty.
    pub user: String,
}

impl Image {
    /// An image of programs at the top folder; the first one is the entrypoint.
    pub fn of_binaries(name: &str, binaries: &[PathBuf]) -> Result<Self> {
        let mut image = Self {
            name: name.to_owned(),
            ..Self::default()
        };
        for binary in binaries {
            let file = binary
                .file_name()
                .and_then(|f| f.to_str())
                .with_context(|| format!("{} is not a file", binary.display()))?;
            image.files.push((format!("/{file}"), binary.clone(), 0o755));
        }
        image.entrypoint = image
            .files
            .first()
            .map(|(inside, ..)| inside.clone())
            .into_iter()
            .collect();
        Ok(image)
    }

    /// Adds the machine's list of certificate authorities, where programs look for it.
    #[must_use]
    pub fn with_ca_bundle(mut self) -> Self {
        let bundle = "/etc/ssl/certs/ca-certificates.crt";
        if Path::new(bundle).is_file() {
            self.files.push((bundle.to_owned(), bundle.into(), 0o644));
        }
        self
    }

    /// Imports it; false when the same image is there already.
    pub fn import(&self, places: &Places, socket: &Path, ctr: &Path) -> Result<bool> {
        let layout = self.layout()?;
        if images(ctr, socket)?.get(&self.name) == Some(&layout.digest) {
            return Ok(false);
        }
        let file = places
            .run
            .join(format!("image-{}.tar", layout.digest.replace(':', "-")));
        fs::write(&file, layout.archive)?;
        let imported = run(containerd(ctr, socket).arg("import").arg(&file));
        fs::remove_file(&file)?;
        imported.with_context(|| format!("cannot import {}", self.name))?;
        Ok(true)
    }

    /// It as an OCI layout in a tar.
    pub fn archive(&self) -> Result<Vec<u8>> {
        Ok(self.layout()?.archive)
    }

    fn layout(&self) -> Result<Layout> {
        let layer = self.layer()?;
        let config = json!({
            "architecture": architecture(), "os": "linux",
            "config": {"Entrypoint": self.entrypoint, "Env": self.env, "User": self.user, "WorkingDir": "/"},
            "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]},
        })
        .to_string()
        .into_bytes();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": described("application/vnd.oci.image.config.v1+json", &config),
            "layers": [described("application/vnd.oci.image.layer.v1.tar", &layer)],
        })
        .to_string()
        .into_bytes();
        let mut entry = described("application/vnd.oci.image.manifest.v1+json", &manifest);
        entry["annotations"] = json!({"io.containerd.image.name": self.name});
        let index =
            json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [entry]});

        let mut archive = Tar::default();
        archive.file("oci-layout", 0o644, br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        archive.file("index.json", 0o644, index.to_string().as_bytes())?;
        for blob in [&layer, &config, &manifest] {
            archive.file(
                &format!("blobs/sha256/{}", digest(blob).trim_start_matches("sha256:")),
                0o644,
                blob,
            )?;
        }
        Ok(Layout {
            digest: digest(&manifest),
            archive: archive.finish(),
        })
    }

    fn layer(&self) -> Result<Vec<u8>> {
        let mut tar = Tar::default();
        let mut folders = BTreeSet::new();
        for (inside, ..) in &self.files {
            folders.extend(
                Path::new(inside.trim_start_matches('/'))
                    .ancestors()
                    .skip(1)
                    .filter(|p| !p.as_os_str().is_empty()),
            );
        }
        for folder in folders {
            tar.folder(&folder.to_string_lossy(), 0o755)?;
        }
        tar.folder("tmp", 0o1777)?;
        for (inside, from, mode) in &self.files {
            let contents = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
            tar.file(inside.trim_start_matches('/'), *mode, &contents)?;
        }
        Ok(tar.finish())
    }
}

/// Makes every image of this repository that one containerd has known to another. What it has already is left alone.
pub fn copy_all(places: &Places, from: &Path, to: &Path, ctr: &Path) -> Result<()> {
    let there = images(ctr, to)?;
    let file = places.run.join("image-copied.tar");
    for (name, digest) in images(ctr, from)? {
        if name.starts_with("localhost/coalmine/") && there.get(&name) != Some(&digest) {
            // Without --local it can return before the end of a layer is written.
            run(containerd(ctr, from).args(["export", "--local"]).arg(&file).arg(&name))?;
            let imported = run(containerd(ctr, to).arg("import").arg(&file));
            fs::remove_file(&file)?;
            imported.with_context(|| format!("cannot import {name}"))?;
        }
    }
    Ok(())
}

/// The images of a containerd, by name, with their digests.
fn images(ctr: &Path, socket: &Path) -> Result<BTreeMap<String, String>> {
    let listed = containerd(ctr, socket).arg("list").output().context("cannot run ctr")?;
    let text = String::from_utf8_lossy(&listed.stdout);
    let read = |line: &str| {
        let mut words = line.split_whitespace();
        let name = words.next()?.to_owned();
        let digest = words.find(|word| word.starts_with("sha256:"))?;
        Some((name, digest.to_owned()))
    };
    Ok(text.lines().filter_map(read).collect())
}

fn containerd(ctr: &Path, socket: &Path) -> Command {
    let mut command = Command::new(ctr);
    command.arg("--address").arg(socket);
    command.args(["--namespace", "k8s.io", "images"]);
    command
}

/// This machine's architecture, for which everything here is compiled, as images and nodes call it.
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

struct Layout {
    digest: String,
    archive: Vec<u8>,
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

fn described(kind: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": kind, "digest": digest(bytes), "size": bytes.len()})
}
