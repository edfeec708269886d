//! Ends the cluster. Nothing of it stays: no process, no mount, no bridge, no rule.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::io::Errno;
use rustix::mount::{UnmountFlags, unmount};

use super::network;
use super::nodes::{FIRST, SECOND};
use super::places::Places;
use super::process::{self, Process};
use super::start::{ON_DEMAND, PROCESSES};

/// Ends everything that runs and takes its state away; the logs stay until the next start.
pub fn stop(places: &Places) -> Result<()> {
    // Those that act on what they see go first, or they would start again what is ended below.
    // The data is thrown away, so nobody waits long for the last ones.
    let last = ["etcd", "kube-apiserver", FIRST.containerd, SECOND.containerd];
    let recorded = |wanted: &dyn Fn(&str) -> bool| -> Vec<Process> {
        PROCESSES
            .iter()
            .chain(&ON_DEMAND)
            .filter(|name| wanted(name))
            .filter_map(|name| process::recorded(places, name))
            .collect()
    };
    process::end(&recorded(&|name| !last.contains(&name)), Duration::from_secs(3))?;
    process::end(&recorded(&|name| last.contains(&name)), Duration::from_millis(500))?;
    let shims = shims(places);
    process::end(&process::descendants(&shims), Duration::ZERO)?;
    process::end(&shims, Duration::from_millis(200))?;

    remove_shim_sockets(places);
    unmount_below(&places.run)?;
    network::remove(places)?;
    remove_cgroups();
    remove_traces(places);
    remove_state(places)
}

/// The shims of our nodes and of no others: each is told the socket it reports to.
fn shims(places: &Places) -> Vec<Process> {
    let sockets = [FIRST, SECOND].map(|node| node.socket(places).display().to_string());
    process::of_programs_in(&places.cache.join("artefacts"))
        .into_iter()
        .filter(|process| {
            let arguments = process::arguments(*process);
            arguments
                .first()
                .is_some_and(|program| program.contains("containerd-shim"))
                && sockets.iter().any(|socket| arguments.contains(socket))
        })
        .collect()
}

/// A shim that is killed leaves its socket in a folder all containerds share.
fn remove_shim_sockets(places: &Places) {
    let tasks = "containerd/state/io.containerd.runtime.v2.task/k8s.io";
    let tasks = [FIRST, SECOND].map(|node| fs::read_dir(node.folder(places).join(tasks)));
    for task in tasks.into_iter().flatten().flatten().flatten() {
        let bootstrap = fs::read(task.path().join("bootstrap.json")).unwrap_or_default();
        let address: serde_json::Value = serde_json::from_slice(&bootstrap).unwrap_or_default();
        if let Some(socket) = address["address"].as_str().and_then(|a| a.strip_prefix("unix://")) {
            let _ = fs::remove_file(socket); // most are gone already
        }
    }
}

/// Mounts on mounts: the newest goes first. What others unmount meanwhile is none of our worries.
fn unmount_below(folder: &Path) -> Result<()> {
    let table = fs::read_to_string("/proc/self/mountinfo")?;
    let mounts = table
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(PathBuf::from);
    let ours: Vec<PathBuf> = mounts.filter(|mount| mount.starts_with(folder)).collect();
    for mount in ours.iter().rev() {
        match unmount(mount, UnmountFlags::DETACH) {
            Ok(()) | Err(Errno::INVAL | Errno::NOENT) => {}
            Err(error) => return Err(error).with_context(|| format!("cannot unmount {}", mount.display())),
        }
    }
    Ok(())
}

/// Control groups of killed containers stay behind empty. One that is in use cannot be removed, so this hurts nobody else.
fn remove_cgroups() {
    let top = Path::new("/sys/fs/cgroup");
    let controllers = fs::read_dir(top)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    for folder in controllers.chain([top.to_owned()]) {
        let group = folder.join("k8s.io");
        for container in fs::read_dir(&group).into_iter().flatten().flatten() {
            let _ = fs::remove_dir(container.path());
        }
        let _ = fs::remove_dir(group);
    }
}

/// What kubelet and CNI leave in folders that cannot be chosen: links to our logs, and addresses of our network.
fn remove_traces(places: &Places) {
    for entry in fs::read_dir("/var/log/containers").into_iter().flatten().flatten() {
        if fs::read_link(entry.path()).is_ok_and(|log| log.starts_with(&places.run)) {
            let _ = fs::remove_file(entry.path());
        }
    }
    for entry in fs::read_dir("/var/lib/cni/results").into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with("coalmine-") {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn remove_state(places: &Places) -> Result<()> {
    for entry in fs::read_dir(&places.run).into_iter().flatten() {
        let path = entry?.path();
        if path.ends_with("log") || path == places.audit_log() {
            continue;
        }
        let removed = if path.is_dir() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        removed.with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}
