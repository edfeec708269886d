//! Parts of the cluster that only some scenes need; whoever asks first waits for them, and they stay until `down`.

use anyhow::Result;

use super::Scene;
use crate::cluster::Cluster;
use crate::cluster::places::{CONTOUR_GATEWAY, EDGE_GATEWAY, KNATIVE_GATEWAY, MESH_GATEWAY, SKIPPER_GATEWAY};
use crate::load::Load;

impl Scene {
    /// Waits until autoscalers on CPU work: metrics-server has figures of every node. The first call on a machine builds
    /// it (minutes), the first on a cluster starts it (about 20 s). Each pod has figures of its own 10 to 20 s after it
    /// is ready, and the container must request CPU.
    pub async fn autoscaling_ready(&self) -> Result<()> {
        self.prepare(Cluster::autoscaling).await
    }

    /// Installs the CRD of KEDA's ScaledObject. KEDA itself does not run: nothing acts on these objects.
    pub async fn keda_crds(&self) -> Result<()> {
        self.prepare(Cluster::keda_crds).await
    }

    /// Installs Istio's VirtualService and DestinationRule. No mesh runs: nothing acts on these objects.
    pub async fn istio_crds(&self) -> Result<()> {
        self.prepare(Cluster::istio_crds).await
    }

    /// Installs Contour's HTTPProxy. No Contour runs: nothing acts on these objects.
    pub async fn contour_crds(&self) -> Result<()> {
        self.prepare(Cluster::contour_crds).await
    }

    /// Installs SMI's TrafficSplit, served in v1alpha2 and v1alpha3. No mesh runs: nothing acts on these objects.
    pub async fn smi_crds(&self) -> Result<()> {
        self.prepare(Cluster::smi_crds).await
    }

    /// Installs APISIX's ApisixRoute. No APISIX runs: nothing acts on these objects.
    pub async fn apisix_crds(&self) -> Result<()> {
        self.prepare(Cluster::apisix_crds).await
    }

    /// Installs what is used of Kuma's MeshHTTPRoute. No mesh runs: nothing acts on these objects.
    pub async fn kuma_crds(&self) -> Result<()> {
        self.prepare(Cluster::kuma_crds).await
    }

    /// Installs the kind Service of Knative, and fails where Knative itself runs: nothing acts on these objects but the scene.
    pub async fn knative_crds(&self) -> Result<()> {
        self.prepare(Cluster::knative_crds).await
    }

    /// Installs Gloo's RouteTable, VirtualService and Upstream. No Gloo runs: nothing acts on these objects.
    pub async fn gloo_crds(&self) -> Result<()> {
        self.prepare(Cluster::gloo_crds).await
    }

    /// Installs App Mesh's VirtualNode, VirtualRouter and VirtualService, in both versions. No mesh runs: nothing acts on these
    /// objects.
    pub async fn appmesh_crds(&self) -> Result<()> {
        self.prepare(Cluster::appmesh_crds).await
    }

    /// Waits until the second node has joined; see [`crate::cluster::second_node`] for what gets pods there.
    pub async fn second_node(&self) -> Result<()> {
        self.prepare(Cluster::second_node).await
    }

    /// Waits until the second gateway serves, which copies requests as Traefik cannot.
    pub async fn mesh_gateway(&self) -> Result<()> {
        self.prepare(Cluster::mesh_gateway).await
    }

    /// The usual load on an app of that name, through the second gateway.
    pub fn mesh_load(&self, app: &str) -> Result<Load> {
        Ok(Load::on(MESH_GATEWAY.parse()?, self.host(app)))
    }

    /// Waits until the second gateway serves VirtualServices as well, of those who name its Gateway of Istio's own kind.
    pub async fn edge_gateway(&self) -> Result<()> {
        self.prepare(Cluster::edge_gateway).await
    }

    /// The usual load on an app of that name, by a VirtualService.
    pub fn edge_load(&self, app: &str) -> Result<Load> {
        Ok(Load::on(EDGE_GATEWAY.parse()?, self.host(app)))
    }

    /// Waits until Contour serves, the third gateway.
    pub async fn contour_gateway(&self) -> Result<()> {
        self.prepare(Cluster::contour_gateway).await
    }

    /// The usual load on an app of that name, through Contour's Envoy.
    pub fn contour_load(&self, app: &str) -> Result<Load> {
        Ok(Load::on(CONTOUR_GATEWAY.parse()?, self.host(app)))
    }

    /// Waits until Skipper serves, the fourth gateway.
    pub async fn skipper_gateway(&self) -> Result<()> {
        self.prepare(Cluster::skipper_gateway).await
    }

    /// The usual load on an app of that name, through Skipper.
    pub fn skipper_load(&self, app: &str) -> Result<Load> {
        Ok(Load::on(SKIPPER_GATEWAY.parse()?, self.host(app)))
    }

    /// Waits until Knative works and the Traefik serves that follows it.
    pub async fn knative_gateway(&self) -> Result<()> {
        self.prepare(Cluster::knative_gateway).await
    }

    /// The usual load on a Knative Service of that name, through that Traefik.
    pub fn knative_load(&self, app: &str) -> Result<Load> {
        Ok(Load::on(KNATIVE_GATEWAY.parse()?, self.host(app)))
    }

    async fn prepare(&self, make: fn(&Cluster) -> Result<()>) -> Result<()> {
        let cluster = self.cluster.clone();
        tokio::task::spawn_blocking(move || make(&cluster)).await?
    }
}
