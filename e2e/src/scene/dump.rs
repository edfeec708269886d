//! What a failed scene leaves behind for whoever must understand it.

use super::{SYSTEM, Scene};

/// How much of our own logs is searched for lines about the scene.
const SEARCHED: &str = "--tail=5000";
/// How many of those lines are shown, newest last.
const SHOWN: usize = 80;

impl Scene {
    /// Prints the state of the namespace and what Coalmine said about it. Never fails: it runs when something else has.
    pub async fn dump(&self) {
        let after = self.began.elapsed();
        println!("=== scene {} failed after {after:?}; what is there:", self.namespace);
        let overview = "deployments,replicasets,pods,services,endpointslices";
        for args in [
            &["get", overview, "-o", "wide", "--show-labels"][..],
            &["get", "canaries,httproutes,grpcroutes,ingresses", "-o", "yaml"],
            &["get", "ingressroutes,traefikservices", "-o", "yaml"],
            &[
                "get",
                "virtualservices.networking.istio.io,destinationrules",
                "-o",
                "yaml",
            ],
            &["get", "httpproxies", "-o", "yaml"],
            &["get", "trafficsplits", "-o", "yaml"],
            &["get", "apisixroutes", "-o", "yaml"],
            &["get", "meshhttproutes", "-o", "yaml"],
            &["get", "services.serving.knative.dev", "-o", "yaml"],
            &[
                "get",
                "revisions.serving.knative.dev,podautoscalers,serverlessservices,ingresses.networking.internal.knative.dev",
                "-o",
                "yaml",
            ],
            &["get", "routetables,upstreams", "-o", "yaml"],
            &[
                "get",
                "virtualrouters,virtualnodes,virtualservices.appmesh.k8s.aws",
                "-o",
                "yaml",
            ],
            &["get", "deployments", "-o", "yaml"],
            &["get", "events", "--sort-by=.metadata.creationTimestamp"],
        ] {
            match self.kubectl(args).await {
                Ok(said) => println!("--- kubectl {}\n{}{}", said.asked, said.out, said.err),
                Err(error) => println!("--- kubectl {}: {error:#}", args.join(" ")),
            }
        }
        for role in ["webhook", "controller"] {
            self.dump_logs(role).await;
        }
    }

    /// Other scenes fill the same logs, so only the lines that name this namespace are shown.
    async fn dump_logs(&self, role: &str) {
        let selector = format!("app.kubernetes.io/component={role}");
        let args = ["logs", "-n", SYSTEM, "-l", &selector, SEARCHED];
        let said = match self.kubectl(&args).await {
            Ok(said) => said,
            Err(error) => return println!("--- logs of the {role}: {error:#}"),
        };
        let about: Vec<&str> = said.out.lines().filter(|line| line.contains(&self.namespace)).collect();
        let skipped = about.len().saturating_sub(SHOWN);
        println!("--- logs of the {role}, {skipped} earlier lines left out\n{}", said.err);
        for line in about.iter().skip(skipped) {
            println!("{line}");
        }
    }
}
