//! Which API server, and as whom.

use anyhow::Context as _;
use kube::config::{KubeConfigOptions, Kubeconfig};
use std::path::Path;

/// The kubeconfig file that is named; without one the pod's account, else KUBECONFIG.
pub async fn config(file: Option<&Path>) -> anyhow::Result<kube::Config> {
    match file {
        Some(path) => {
            let kubeconfig = Kubeconfig::read_from(path).with_context(|| path.display().to_string())?;
            Ok(kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?)
        }
        None => kube::Config::infer()
            .await
            .context("no cluster: neither in a pod nor a kubeconfig"),
    }
}
