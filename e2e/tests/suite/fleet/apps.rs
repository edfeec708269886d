//! What the fleet is made of, and how it is looked at.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use e2e::scene::{App, CanaryView, FakeNodes, Hooks, SYSTEM, Scene};
use kube::api::ListParams;
use serde_json::{Value, json};

/// How many apps there are.
pub const APPS: usize = 20;
/// Apps whose pods are real; the others have fake ones.
const REAL: usize = 5;
/// Apps with users: one with a second label, one with a ConfigMap.
pub const LOADED: [usize; 2] = [0, 1];
/// The app whose second revision Flagger rolls back.
pub const FAILED: usize = 2;
/// The app that Flagger leaves in mid-run.
pub const MIDRUN: usize = 3;
/// Apps whose second revision Flagger promotes.
pub const PROMOTED: [usize; 3] = [4, 5, 6];
/// Asked whether a release is to be rolled back.
pub const ROLLBACK: &str = "/rollback";

/// Twenty apps under Canaries of their authors' own, as Flagger's users write them.
pub struct Fleet<'a> {
    pub scene: &'a Scene,
    pub nodes: &'a FakeNodes,
    pub hooks: Hooks,
}

/// What an app is called.
pub fn name(number: usize) -> String {
    format!("app-{number}")
}

impl Fleet<'_> {
    fn app(&self, number: usize, version: &str) -> App {
        let name = name(number);
        let app = App::new(&name, version).replicas(1);
        let app = match version {
            // What a later version no longer has must not be left over.
            "v1" => app.with("LEFT", "over"),
            "v2" if number == FAILED => app.with("LEFT", "over").with("ERROR_RATE", "1"),
            _ => app,
        };
        match number % 3 {
            0 => app.labelled(&[("app", &name), ("tier", "front")]),
            _ => app,
        }
    }

    /// An app's Deployment in that version.
    pub fn deployment(&self, number: usize, version: &str) -> Value {
        let mut deployment = self.app(number, version).deployment();
        let container = &mut deployment["spec"]["template"]["spec"]["containers"][0];
        if has_config(number) {
            container["envFrom"] = json!([{"configMapRef": {"name": format!("config-{number}")}}]);
        }
        if has_autoscaler(number) {
            // As much as an idle pod never uses, also while it starts: an autoscaler that has figures lets it be.
            container["resources"] = json!({"requests": {"cpu": "200m"}});
        }
        if number >= REAL {
            self.nodes.place(&mut deployment, number);
        }
        deployment
    }

    /// An app's Canary.
    pub fn canary(&self, number: usize) -> Value {
        let name = name(number);
        let rollback = json!({"name": "rollback", "type": "rollback", "url": self.hooks.url(ROLLBACK)});
        // Flagger checks no more often than each ten seconds, whatever it is told.
        let mut analysis = json!({"interval": "10s", "threshold": 3, "stepWeights": [50]});
        if number == MIDRUN {
            analysis["stepWeights"] = json!([50, 60, 70, 80, 90]);
        }
        if number == FAILED {
            analysis["webhooks"] = json!([rollback]);
        }
        let mut canary = App::new(&name, "v1").canary(&self.scene.host(&name), &analysis, 60);
        canary["spec"]["skipAnalysis"] = json!(PROMOTED.contains(&number));
        if has_autoscaler(number) {
            canary["spec"]["autoscalerRef"] =
                json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": name});
        }
        canary
    }

    /// Everything else that belongs to an app.
    pub fn beside(number: usize) -> Vec<Value> {
        let config = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("config-{number}")},
            "data": {"COLOR": "red"},
        });
        let cpu = json!({"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}});
        let scaler = json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": name(number)},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name(number)},
                "minReplicas": 1, "maxReplicas": 2, "metrics": [{"type": "Resource", "resource": cpu}],
            },
        });
        let config = has_config(number).then_some(config);
        config
            .into_iter()
            .chain(has_autoscaler(number).then_some(scaler))
            .collect()
    }

    /// The pods that serve, by their Deployment's selector, and who they are.
    pub async fn primaries(&self) -> Result<BTreeMap<String, BTreeSet<String>>> {
        let pods = self.scene.objects().pods().list(&ListParams::default()).await?;
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for pod in pods.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()) {
            let app = pod
                .metadata
                .labels
                .unwrap_or_default()
                .remove("app")
                .unwrap_or_default();
            if app.starts_with("app-") && app.ends_with("-primary") {
                found.entry(app).or_default().extend(pod.metadata.uid);
            }
        }
        ensure!(found.len() == APPS, "only {:?} have primaries", found.keys());
        Ok(found)
    }

    /// The Canary of an app.
    pub async fn canary_of(&self, number: usize) -> Result<CanaryView> {
        let found = self.scene.objects().canary(&name(number)).await?;
        found.with_context(|| format!("{} is gone", name(number)))
    }

    /// The phases of all.
    pub async fn phases(&self) -> Result<Vec<String>> {
        let mut phases = Vec::new();
        for number in 0..APPS {
            phases.push(self.canary_of(number).await?.phase().to_owned());
        }
        Ok(phases)
    }
}

fn has_config(number: usize) -> bool {
    number % 4 == 1
}

fn has_autoscaler(number: usize) -> bool {
    number % 5 == 4
}

/// Whether that is the Canary of that app.
pub fn is(canary: &CanaryView, number: usize) -> bool {
    canary.0["metadata"]["name"] == name(number)
}

/// What all controllers expose: only the one that leads has series of Canaries, and any of them may.
pub async fn exposition(scene: &Scene) -> Result<String> {
    let controllers = "--selector=app.kubernetes.io/component=controller";
    let running = "--field-selector=status.phase=Running";
    let path = "jsonpath={.items[*].metadata.name}";
    let pods = ["--namespace", SYSTEM, "get", "pods", controllers, running, "-o", path];
    let found = scene.kubectl(&pods).await?.succeeded()?.out;
    let mut text = String::new();
    for pod in found.split_whitespace() {
        let raw = format!("/api/v1/namespaces/{SYSTEM}/pods/{pod}:8080/proxy/metrics");
        text += &scene.kubectl(&["get", "--raw", &raw]).await?.succeeded()?.out;
    }
    Ok(text)
}

/// Whether the status of a Canary is among what a controller exposes.
pub fn has_series(text: &str, scene: &Scene, canary: &str) -> bool {
    let (name, namespace) = (
        format!("name=\"{canary}\""),
        format!("namespace=\"{}\"", scene.namespace),
    );
    let mut status = text.lines().filter(|line| line.starts_with("flagger_canary_status{"));
    status.any(|line| line.contains(&name) && line.contains(&namespace))
}
