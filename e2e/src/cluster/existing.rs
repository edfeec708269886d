//! A cluster the user already has, named by `KUBECONFIG`, in place of one of our own.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::places::Places;
use super::requirements::on_path;
use super::{Cluster, is_ours};

/// The cluster `KUBECONFIG` names; none when it is not set or names ours.
pub fn find(places: &Places) -> Result<Option<Cluster>> {
    let Some(file) = std::env::var_os("KUBECONFIG")
        .filter(|v| !v.is_empty())
        .map(PathBuf::from)
    else {
        return Ok(None);
    };
    if is_ours(places, &file) {
        return Ok(None);
    }
    let address = |name: &str| {
        std::env::var(name)
            .with_context(|| format!("KUBECONFIG names a cluster of your own, so {name} must be set too"))
    };
    let program = |name: &str| {
        on_path(name).with_context(|| format!("KUBECONFIG names a cluster of your own, so {name} must be in PATH"))
    };
    Ok(Some(Cluster {
        kubeconfig: file,
        gateway: address("GATEWAY_ADDRESS")?,
        prometheus: address("PROMETHEUS_ADDRESS")?,
        audit_log: PathBuf::new(),
        host: std::env::var("HOST_ADDRESS")
            .ok()
            .map(|text| text.parse())
            .transpose()?,
        kubectl: program("kubectl")?,
        helm: program("helm")?,
        ctr: None,
    }))
}
