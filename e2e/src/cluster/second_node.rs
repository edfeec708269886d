//! A second real node, on demand of a scene: a containerd, a kubelet and a bridge of its own on this machine. No `up`
//! starts it, and it stays until `down`.
//!
//! It has the label `node-group=spot` and a taint of the same name, as groups of cheap nodes usually have: a pod gets
//! there that selects the label and tolerates the taint, and no other scene's pods do.

use std::path::Path;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::nodes::{FIRST, SECOND};
use super::places::Places;
use super::programs::Programs;
use super::{Cluster, Lock, credentials, image, network, node, process, start};

/// The node's name.
pub const NAME: &str = SECOND.name;

/// The `nodeSelector` of a pod that shall run there.
pub fn node_selector() -> Value {
    json!({"node-group": "spot"})
}

/// The `tolerations` of a pod that shall run there.
pub fn tolerations() -> Value {
    json!([{"key": "node-group", "operator": "Equal", "value": "spot", "effect": "NoSchedule"}])
}

impl Cluster {
    /// Answers when the second node is ready, and has every image of this repository that the first one has.
    pub fn second_node(&self) -> Result<()> {
        let Some(ctr) = &self.ctr else {
            bail!("a cluster of your own has the nodes it has: this scene needs one that Coalmine's harness starts");
        };
        let places = Places::find()?;
        let _lock = Lock::take(&places)?;
        if !runs(&places) {
            begin(&places, ctr)?;
        } else {
            copy_images(&places, ctr)?;
        }
        start::wait_for_node(&places, &self.as_admin(), &SECOND)
    }
}

/// Whether the second node has joined.
pub fn runs(places: &Places) -> bool {
    let both = [SECOND.containerd, SECOND.kubelet];
    both.iter().all(|name| process::recorded(places, name).is_some())
}

fn begin(places: &Places, ctr: &Path) -> Result<()> {
    if !credentials::kubeconfig_of(places, SECOND.kubelet).is_file() {
        bail!("the cluster that runs was started before it could have a second node; `e2e reset` starts a new one");
    }
    if process::recorded(places, SECOND.containerd).is_some() || process::recorded(places, SECOND.kubelet).is_some() {
        bail!("half of the second node ended; `e2e reset` starts a new cluster");
    }
    let programs = Programs::noted(places)?;
    network::create_bridge(&SECOND)?;
    start::start_containerd(places, &programs, &SECOND)?;
    copy_images(places, ctr)?;
    let taints = json!([{"key": "node-group", "value": "spot", "effect": "NoSchedule"}]);
    node::start_kubelet(places, &programs, &SECOND, "node-group=spot", taints)
}

fn copy_images(places: &Places, ctr: &Path) -> Result<()> {
    image::copy_all(places, &FIRST.socket(places), &SECOND.socket(places), ctr)
}
