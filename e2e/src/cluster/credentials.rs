//! Who may talk to the API server: static tokens, made anew for each cluster. Each part has its own user,
//! so that the audit log tells them apart.

use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::artefact::hex;
use super::contour::CONTOUR;
use super::mesh::PILOT;
use super::nodes::{FIRST, SECOND};
use super::places::{API_SERVER, Places};
use super::skipper::SKIPPER;

/// The parts with an identity of their own: short name, user, groups.
const USERS: [(&str, &str, &str); 14] = [
    ("admin", "admin", "system:masters"),
    ("harness", "harness", "system:masters"),
    ("controllers", "system:kube-controller-manager", ""),
    ("scheduler", "system:kube-scheduler", ""),
    ("proxy", "system:kube-proxy", ""),
    (FIRST.kubelet, FIRST.user, "system:nodes"),
    (SECOND.kubelet, SECOND.user, "system:nodes"),
    ("coredns", "coredns", "system:masters"),
    ("traefik", "traefik", "system:masters"),
    ("prometheus", "prometheus", "system:masters"),
    ("metrics-server", "metrics-server", "system:masters"),
    (PILOT, PILOT, "system:masters"),
    (CONTOUR, CONTOUR, "system:masters"),
    (SKIPPER, SKIPPER, "system:masters"),
];

/// Writes the token file, and one token and one kubeconfig for each user.
pub fn create(places: &Places) -> Result<()> {
    let folder = places.run.join("credentials");
    fs::create_dir_all(&folder)?;
    let mut table = String::new();
    for (name, user, groups) in USERS {
        let token = random()?;
        table.push_str(&format!("{token},{user},{name},\"{groups}\"\n"));
        secret(&folder.join(format!("{name}.token")), &token)?;
        let config = kubeconfig(&ca(places), name, &token);
        secret(&folder.join(format!("{name}.kubeconfig")), &config)?;
        if name == "admin" {
            secret(&places.kubeconfig(), &config)?;
        }
    }
    secret(&token_file(places), &table)
}

/// What the API server reads tokens from.
pub fn token_file(places: &Places) -> PathBuf {
    places.run.join("credentials/tokens.csv")
}

/// The certificate the API server makes for itself when it starts.
pub fn ca(places: &Places) -> PathBuf {
    places.run.join("certificates/apiserver.crt")
}

/// The kubeconfig of a part.
pub fn kubeconfig_of(places: &Places, name: &str) -> PathBuf {
    places.run.join("credentials").join(format!("{name}.kubeconfig"))
}

/// The file with a part's token.
pub fn token_of(places: &Places, name: &str) -> PathBuf {
    places.run.join("credentials").join(format!("{name}.token"))
}

fn kubeconfig(ca: &Path, user: &str, token: &str) -> String {
    format!(
        "apiVersion: v1
kind: Config
current-context: coalmine
contexts: [{{name: coalmine, context: {{cluster: coalmine, user: {user}}}}}]
clusters:
- name: coalmine
  cluster: {{server: \"{API_SERVER}\", certificate-authority: \"{}\"}}
users: [{{name: {user}, user: {{token: {token}}}}}]
",
        ca.display()
    )
}

fn random() -> Result<String> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")?
        .read_exact(&mut bytes)
        .context("cannot read /dev/urandom")?;
    Ok(hex(&bytes))
}

/// Writes a file only its owner can read.
fn secret(path: &Path, text: &str) -> Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    Ok(())
}
