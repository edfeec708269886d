//! kube-proxy: Services answer wherever a packet passes through this machine, on its nodes' bridges too.

use std::fs;

use anyhow::Result;

use super::control_plane::part;
use super::credentials;
use super::nodes::FIRST;
use super::places::{HOST, POD_RANGE, Places};
use super::programs::Programs;

/// Starts kube-proxy.
pub fn start(places: &Places, programs: &Programs) -> Result<()> {
    let run = places.run.display();
    let proxy = serde_json::json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "bindAddress": HOST,
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        "clusterCIDR": POD_RANGE,
        "hostnameOverride": FIRST.name,
        "clientConnection": {"kubeconfig": credentials::kubeconfig_of(places, "proxy")},
        "conntrack": {"maxPerCore": 0},
        "nftables": {"syncPeriod": "30s", "minSyncPeriod": "100ms"},
    });
    fs::write(places.run.join("kube-proxy.json"), proxy.to_string())?;
    part(
        places,
        programs,
        "kube-proxy",
        &[&format!("--config={run}/kube-proxy.json")],
    )
}
