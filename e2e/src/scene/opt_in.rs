//! A namespace opts in and gets a policy of its own, and whoever has to know of it knows.

use std::time::Duration;

use anyhow::Result;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::Scene;

/// The label that opts a namespace in.
pub const OPT_IN: &str = "coalmine.dev/enabled";

/// API servers and webhooks learn of a label and of a policy by their watches, on a busy machine this much later.
const NOTICED: Duration = Duration::from_millis(500);

impl Scene {
    /// Opts the namespace in, and gives everybody the moment to notice that a person's next command takes.
    pub async fn label(&self) -> Result<()> {
        self.label_at_once().await?;
        tokio::time::sleep(NOTICED).await;
        Ok(())
    }

    /// Opts the namespace in, for an apply that comes as soon as can be.
    pub async fn label_at_once(&self) -> Result<()> {
        self.opt_in(json!("true")).await
    }

    /// Takes the opt-in away.
    pub async fn unlabel(&self) -> Result<()> {
        self.opt_in(json!(null)).await
    }

    async fn opt_in(&self, value: Value) -> Result<()> {
        let labelled = Patch::Merge(json!({"metadata": {"labels": {OPT_IN: value}}}));
        let namespaces = self.namespaces();
        namespaces
            .patch(&self.namespace, &PatchParams::default(), &labelled)
            .await?;
        Ok(())
    }

    /// A CanaryPolicy for this namespace alone, which goes with it.
    pub async fn policy(&self, spec: &Value) -> Result<()> {
        let namespace = &self.namespace;
        let named = format!("coalmine.dev/policy={}", self.policy_as("own", spec).await?);
        self.kubectl(&["annotate", "namespace", namespace, &named])
            .await?
            .succeeded()?;
        Ok(())
    }

    /// A CanaryPolicy that goes with this namespace, and its name, which has `word` in it: for whoever names it.
    pub async fn policy_as(&self, word: &str, spec: &Value) -> Result<String> {
        let (namespace, found) = (&self.namespace, self.namespaces().get(&self.namespace).await?);
        let name = format!("{namespace}-{word}");
        // What has no namespace can still belong to one.
        let owner = json!({"apiVersion": "v1", "kind": "Namespace", "name": namespace, "uid": found.metadata.uid});
        let policy = json!({
            "apiVersion": "coalmine.dev/v1alpha1", "kind": "CanaryPolicy",
            "metadata": {"name": name, "ownerReferences": [owner]}, "spec": spec,
        });
        self.apply(&policy.to_string()).await?.succeeded()?;
        tokio::time::sleep(NOTICED).await;
        Ok(name)
    }
}
