//! The node: containerd with the bridge network, the kubelet, kube-proxy.

use std::fs;

use anyhow::Result;

use super::control_plane::part;
use super::credentials;
use super::places::{BRIDGE, HOST, NODE, POD_RANGE, Places};
use super::process;
use super::programs::Programs;
use super::requirements::{cni_plugins, on_path};

/// The image of the process that holds a pod's namespaces.
pub const PAUSE_IMAGE: &str = "localhost/coalmine/pause:dev";

/// Starts containerd.
pub fn start_containerd(places: &Places, programs: &Programs) -> Result<()> {
    let run = places.run.display();
    let runc = on_path("runc").unwrap_or_else(|| "runc".into());
    let plugins = cni_plugins();
    fs::create_dir_all(places.run.join("cni"))?;
    fs::write(places.run.join("cni/10-bridge.conflist"), network(places))?;
    let config = format!(
        "version = 3
root = '{run}/containerd/root'
state = '{run}/containerd/state'
disabled_plugins = ['io.containerd.nri.v1.nri', 'io.containerd.internal.v1.opt']
[grpc]
  address = '{socket}'
[plugins.'io.containerd.cri.v1.images']
  snapshotter = 'overlayfs'
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = '{PAUSE_IMAGE}'
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true # runc fails without CAP_SYS_RESOURCE otherwise
  netns_mounts_under_state_dir = true
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = 'io.containerd.runc.v2'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  SystemdCgroup = false
  BinaryName = '{runc}'
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ['{plugins}']
  conf_dir = '{run}/cni'
[plugins.'io.containerd.grpc.v1.cri']
  stream_server_address = '127.0.0.1'
",
        socket = places.containerd_socket().display(),
        runc = runc.display(),
    );
    fs::write(places.run.join("containerd.toml"), config)?;
    // containerd finds its shim in PATH.
    let path = format!(
        "{}:/usr/sbin:/sbin:{}",
        programs.containerd.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let args = [
        "--config".to_owned(),
        places.run.join("containerd.toml").display().to_string(),
    ];
    process::start(
        places,
        "containerd",
        &programs.containerd.join("containerd"),
        &args,
        &[("PATH", path.as_ref())],
    )?;
    Ok(())
}

fn network(places: &Places) -> String {
    serde_json::json!({
        "cniVersion": "1.0.0",
        "name": "coalmine",
        "plugins": [{
            "type": "bridge", "bridge": BRIDGE, "isGateway": true, "hairpinMode": true,
            "ipam": {
                "type": "host-local",
                "dataDir": places.run.join("addresses"),
                "ranges": [[{"subnet": POD_RANGE, "gateway": HOST}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }],
    })
    .to_string()
}

/// Starts the kubelet and kube-proxy.
pub fn start_kubelet(places: &Places, programs: &Programs) -> Result<()> {
    let run = places.run.display();
    let kubelet = serde_json::json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        // The address is reachable from this machine only (see network.rs), and the cluster is thrown away.
        "address": HOST,
        "authentication": {"anonymous": {"enabled": true}, "webhook": {"enabled": false}},
        "authorization": {"mode": "AlwaysAllow"},
        "healthzBindAddress": "127.0.0.1",
        "clusterDNS": [HOST],
        "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": format!("unix://{}", places.containerd_socket().display()),
        "failCgroupV1": false,
        "cgroupDriver": "cgroupfs",
        "cgroupsPerQOS": false,
        "enforceNodeAllocatable": [],
        "failSwapOn": false,
        "makeIPTablesUtilChains": false,
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "maxPods": 400,
        "serializeImagePulls": false,
        "kubeAPIQPS": 200,
        "kubeAPIBurst": 400,
        "eventRecordQPS": 0,
        "nodeStatusUpdateFrequency": "5s",
        "syncFrequency": "10s",
        "podLogsDir": format!("{run}/pods"),
        "volumePluginDir": format!("{run}/volume-plugins"),
    });
    fs::write(places.run.join("kubelet.json"), kubelet.to_string())?;
    part(
        places,
        programs,
        "kubelet",
        &[
            &format!("--config={run}/kubelet.json"),
            &format!(
                "--kubeconfig={}",
                credentials::kubeconfig_of(places, "kubelet").display()
            ),
            &format!("--root-dir={run}/kubelet"),
            &format!("--cert-dir={run}/kubelet-certificates"),
            &format!("--hostname-override={NODE}"),
            &format!("--node-ip={HOST}"),
        ],
    )?;

    let proxy = serde_json::json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "bindAddress": HOST,
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        "clusterCIDR": POD_RANGE,
        "hostnameOverride": NODE,
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
