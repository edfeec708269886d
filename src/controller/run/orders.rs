//! What an admin orders while we work, by ConfigMaps of our own namespace.

use super::cluster_change::{ChangeSender, ClusterChange};
use crate::{
    orders::{self, Standing},
    telemetry::Readiness,
};
use kube::Client;
use tokio::{sync::watch, task::JoinHandle};

/// Follows it, and sends each change.
pub fn follow(
    client: Client,
    namespace: String,
    standing: watch::Sender<Standing>,
    sender: ChangeSender,
    readiness: Readiness,
) -> [JoinHandle<()>; 2] {
    let mut ordered = standing.subscribe();
    let telling = tokio::spawn(async move {
        while ordered.changed().await.is_ok() {
            let leave = ordered.borrow_and_update().leave().to_string();
            if !leave.is_empty() {
                tracing::info!("told to leave: {leave}");
            }
            readiness.remark("controller", leave);
            sender.send(ClusterChange::Orders);
        }
    });
    let following = async move { orders::follow(client, &namespace, orders::Wanted::Leave, standing).await };
    [telling, tokio::spawn(following)]
}

#[cfg(test)]
mod tests;
