//! What a failed scene leaves behind for whoever must understand it.

use super::{SYSTEM, Scene};

/// The last lines of our own logs that are worth reading.
const LOG_LINES: &str = "--tail=150";

impl Scene {
    /// Prints the state of the namespace and what Coalmine said. Never fails: it runs when something else has.
    pub async fn dump(&self) {
        println!(
            "=== scene {} failed after {:?}; what is there:",
            self.namespace,
            self.began.elapsed()
        );
        for args in [
            &[
                "get",
                "deployments,replicasets,pods,services,endpointslices",
                "-o",
                "wide",
                "--show-labels",
            ][..],
            &["get", "canaries,httproutes", "-o", "yaml"],
            &["get", "deployments", "-o", "yaml"],
            &["get", "events", "--sort-by=.metadata.creationTimestamp"],
            &["logs", "-n", SYSTEM, "deployment/coalmine-webhook", LOG_LINES],
            &["logs", "-n", SYSTEM, "deployment/coalmine-controller", LOG_LINES],
        ] {
            match self.kubectl(args).await {
                Ok(said) => println!("--- kubectl {}\n{}{}", said.asked, said.out, said.err),
                Err(error) => println!("--- kubectl {}: {error:#}", args.join(" ")),
            }
        }
    }
}
