//! A Gateway of Istio's own kind, on demand of a scene: VirtualServices that name it are served by the Envoy of the second
//! gateway, on a port of their own.

use std::net::{SocketAddr, TcpStream};

use anyhow::Result;
use serde_json::{Value, json};

use super::places::{EDGE_GATEWAY, Places};
use super::ready::wait;
use super::{Cluster, mesh};

/// The Gateway that VirtualServices name, in the namespace of the others. `mesh` is a word of Istio's there.
pub const NAME: &str = "edge";

impl Cluster {
    /// Answers when the second gateway serves Istio's own routes, too.
    pub fn edge_gateway(&self) -> Result<()> {
        self.mesh_gateway()?;
        self.istio_crds()?;
        self.edge_crds()?;
        let places = Places::find()?;
        self.as_admin().store(&places.run.join("edge.json"), &object()?)?;
        wait(&places, "Istio's Gateway", &[mesh::PILOT, mesh::ENVOY], 90, || {
            TcpStream::connect(EDGE_GATEWAY).is_ok()
        })
    }
}

/// It is found by the labels that the Envoy says it has. No Service has its port, so pilot takes it as it is.
fn object() -> Result<Value> {
    let port = EDGE_GATEWAY.parse::<SocketAddr>()?.port();
    Ok(json!({
        "apiVersion": "networking.istio.io/v1", "kind": "Gateway",
        "metadata": {"name": NAME, "namespace": "gateway-system"},
        "spec": {
            "selector": mesh::labels(),
            "servers": [{"port": {"number": port, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}],
        },
    }))
}
