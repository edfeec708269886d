//! What runs on a node: containerd with a bridge network of its own, and the kubelet.

use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use super::control_plane::part_as;
use super::credentials;
use super::nodes::Node;
use super::places::{HOST, Places};
use super::process;
use super::programs::Programs;
use super::requirements::{cni_plugins, on_path};

/// The image of the process that holds a pod's namespaces.
pub const PAUSE_IMAGE: &str = "localhost/coalmine/pause:dev";

/// Starts a node's containerd.
pub fn start_containerd(places: &Places, programs: &Programs, node: &Node) -> Result<()> {
    let folder = node.folder(places);
    let run = folder.display();
    let runc = on_path("runc").unwrap_or_else(|| "runc".into());
    let plugins = cni_plugins();
    fs::create_dir_all(folder.join("cni"))?;
    fs::write(folder.join("cni/10-bridge.conflist"), network(places, node))?;
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
        socket = node.socket(places).display(),
        runc = runc.display(),
    );
    let config_file = folder.join("containerd.toml");
    fs::write(&config_file, config)?;
    // containerd finds its shim in PATH.
    let path = format!(
        "{}:/usr/sbin:/sbin:{}",
        programs.containerd.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let args = ["--config".to_owned(), config_file.display().to_string()];
    process::start(
        places,
        node.containerd,
        &programs.containerd.join("containerd"),
        &args,
        &[("PATH", path.as_ref())],
    )?;
    weigh_pods();
    Ok(())
}

/// The group of all pods weighs as much as one thread outside of it, and a control plane has many: what is looked at here
/// would get what those leave. On a cluster of more than one machine they are elsewhere. Where the kernel has no such
/// weights, nothing is lost but time.
fn weigh_pods() {
    for (group, file, weight) in [
        ("/sys/fs/cgroup/cpu/k8s.io", "cpu.shares", "4096"),
        ("/sys/fs/cgroup/k8s.io", "cpu.weight", "400"),
    ] {
        let group = Path::new(group);
        if group
            .parent()
            .is_some_and(|parent| parent.join("cgroup.procs").exists())
            && fs::create_dir_all(group).is_ok()
        {
            let _ = fs::write(group.join(file), weight);
        }
    }
}

fn network(places: &Places, node: &Node) -> String {
    serde_json::json!({
        "cniVersion": "1.0.0",
        "name": "coalmine",
        "plugins": [{
            "type": "bridge", "bridge": node.bridge, "isGateway": true, "hairpinMode": true,
            "ipam": {
                "type": "host-local",
                "dataDir": node.folder(places).join("addresses"),
                "ranges": [[{"subnet": node.range, "gateway": node.address}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }],
    })
    .to_string()
}

/// Starts a node's kubelet. It registers the node with these labels and taints.
pub fn start_kubelet(places: &Places, programs: &Programs, node: &Node, labels: &str, taints: Value) -> Result<()> {
    let folder = node.folder(places);
    let run = folder.display();
    let kubelet = serde_json::json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        // The address is reachable from this machine only (see network.rs), and the cluster is thrown away.
        "address": node.address,
        "authentication": {"anonymous": {"enabled": true}, "webhook": {"enabled": false}},
        "authorization": {"mode": "AlwaysAllow"},
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": node.health_port,
        "registerWithTaints": taints,
        "clusterDNS": [HOST],
        "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": format!("unix://{}", node.socket(places).display()),
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
    fs::write(folder.join("kubelet.json"), kubelet.to_string())?;
    part_as(
        places,
        programs,
        node.kubelet,
        "kubelet",
        &[
            &format!("--config={run}/kubelet.json"),
            &format!(
                "--kubeconfig={}",
                credentials::kubeconfig_of(places, node.kubelet).display()
            ),
            &format!("--root-dir={run}/kubelet"),
            &format!("--cert-dir={run}/kubelet-certificates"),
            &format!("--hostname-override={}", node.name),
            &format!("--node-ip={}", node.address),
            &format!("--node-labels={labels}"),
        ],
    )
}
