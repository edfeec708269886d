//! What every other end-to-end test relies on: the cluster runs and answers a client.

use e2e::cluster::Cluster;
use k8s_openapi::api::core::v1::{Namespace, Node};
use kube::api::ListParams;

#[tokio::test]
#[ignore = "needs the real cluster: e2e up"]
async fn a_client_reaches_the_cluster() {
    let cluster = Cluster::up().unwrap();
    let client = cluster.client().await.unwrap();
    let nodes = kube::Api::<Node>::all(client.clone())
        .list(&ListParams::default())
        .await
        .unwrap();
    let ready = |node: &Node| {
        let conditions = node
            .status
            .as_ref()
            .and_then(|s| s.conditions.clone())
            .unwrap_or_default();
        conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True")
    };
    assert!(nodes.iter().any(ready), "no node is ready");
    for name in ["gateway-system", "monitoring"] {
        kube::Api::<Namespace>::all(client.clone()).get(name).await.unwrap();
    }
}
