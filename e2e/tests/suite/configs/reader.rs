//! An app that has its version, a file and a projected secret from configs, and what its pods say they have.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::scene::{App, Scene, wait_for};
use serde_json::{Value, json};

/// The app.
pub struct Reader(App);

impl Reader {
    /// An app of that name that reads `settings` (environment), `files` (mounted) and the Secret `token` (projected).
    pub fn new(name: &str) -> Self {
        Self(App::new(name, "v0"))
    }

    /// Its Deployment; `VERSION` comes from the ConfigMap, so that loads tell which data answered.
    pub fn deployment(&self) -> Value {
        let mut deployment = self.0.deployment();
        let pod = &mut deployment["spec"]["template"]["spec"];
        pod["containers"][0]["env"] = json!([]);
        pod["containers"][0]["envFrom"] = json!([{"configMapRef": {"name": "settings"}}]);
        pod["containers"][0]["volumeMounts"] = json!([{"name": "etc", "mountPath": "/etc/app"}]);
        pod["volumes"] = json!([{"name": "etc", "projected": {"sources": [
            {"configMap": {"name": "files"}}, {"secret": {"name": "token"}}]}}]);
        deployment
    }

    /// A Canary of its author's own, for a namespace without the label.
    pub fn canary(&self, scene: &Scene) -> String {
        let analysis = json!({"interval": "5s", "threshold": 3, "stepWeights": [20, 50]});
        self.0.canary(&scene.host(self.0.name()), &analysis, 60).to_string()
    }

    /// The Deployment as a file to apply.
    pub fn manifest(&self) -> String {
        self.deployment().to_string()
    }

    /// Applies it in a labelled namespace and waits until it serves.
    pub async fn settled(&self, scene: &Scene) -> Result<()> {
        scene.settled_from(self.0.name(), &self.manifest()).await
    }
}

/// A ConfigMap to apply.
pub fn config(name: &str, data: Value) -> String {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}).to_string()
}

/// A Secret with the member `token` to apply.
pub fn secret(name: &str, token: &str) -> String {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"token": token}})
        .to_string()
}

/// All three as one file to apply.
pub fn everywhere(version: &str, color: &str, token: &str) -> String {
    let all = [
        config("settings", json!({"VERSION": version})),
        config("files", json!({"color": color})),
        secret("token", token),
    ];
    all.join("\n---\n")
}

/// Makes sure that every pod of a Deployment says it has these data; there is at least one.
pub async fn reads(scene: &Scene, deployment: &str, version: &str, color: &str, token: &str) -> Result<()> {
    let objects = scene.objects();
    // A new pod may not answer yet, and one that ends may not any more.
    let what = format!("{deployment} to read {version}, {color}, {token}");
    wait_for(&what, Duration::from_secs(60), async || {
        let pods = objects.pods_at(deployment).await?;
        ensure!(!pods.is_empty(), "{deployment} has no pod");
        for pod in pods {
            let told = (
                pod.env("VERSION").await,
                pod.file("color").await,
                pod.file("token").await,
            );
            let (Ok(env), Ok(file), Ok(projected)) = told else {
                return Ok(None);
            };
            let read = (env.as_deref(), file.as_deref(), projected.as_deref());
            ensure!(
                read == (Some(version), Some(color), Some(token)),
                "pod {} reads {read:?}, not {version}, {color}, {token}",
                pod.name
            );
        }
        Ok(Some(()))
    })
    .await
}
