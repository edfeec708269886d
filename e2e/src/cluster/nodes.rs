//! The nodes a cluster can have. All are this machine: each has its own containerd, kubelet, bridge and part of the pod
//! range; kube-proxy and the routes between the bridges are the machine's and serve them all.

use std::path::PathBuf;

use super::places::{HOST, Places};

/// What tells one node of this machine from another.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    /// Its name in the cluster.
    pub name: &'static str,
    /// The user its kubelet is.
    pub user: &'static str,
    /// The name of its containerd's process.
    pub containerd: &'static str,
    /// The name of its kubelet's process and credentials.
    pub kubelet: &'static str,
    /// The bridge that joins its pods.
    pub bridge: &'static str,
    /// The bridge's own hardware address: without a fixed one it would be that of whichever pod came last.
    pub hardware: &'static str,
    /// The address of the node, which the host has on that bridge.
    pub address: &'static str,
    /// The node's part of the pod range.
    pub range: &'static str,
    /// The folder of its own below the run folder; none for the first.
    folder: Option<&'static str>,
    /// Where the kubelet answers to `/healthz`, on loopback.
    pub health_port: u16,
}

/// The node of every cluster.
pub const FIRST: Node = Node {
    name: "coalmine",
    user: "system:node:coalmine",
    containerd: "containerd",
    kubelet: "kubelet",
    bridge: "cni0",
    hardware: "0a:58:0a:f4:00:01",
    address: HOST,
    range: "10.244.0.0/17",
    folder: None,
    health_port: 10248,
};

/// The node that joins on demand, with the other half of the pod range.
pub const SECOND: Node = Node {
    name: "node-2",
    user: "system:node:node-2",
    containerd: "node-2-containerd",
    kubelet: "node-2-kubelet",
    bridge: "cni1",
    hardware: "0a:58:0a:f4:80:01",
    address: "10.244.128.1",
    range: "10.244.128.0/17",
    folder: Some("node-2"),
    health_port: 10348,
};

impl Node {
    /// Its containerd's socket.
    pub fn socket(&self, places: &Places) -> PathBuf {
        self.folder(places).join("containerd.sock")
    }

    /// Where its state is.
    pub fn folder(&self, places: &Places) -> PathBuf {
        self.folder
            .map_or_else(|| places.run.clone(), |own| places.run.join(own))
    }

    /// Its address with the length of its range's prefix, as `ip` and CNI write it.
    pub fn address_in_range(&self) -> String {
        let (_, bits) = self.range.rsplit_once('/').unwrap_or_default();
        format!("{}/{bits}", self.address)
    }
}
