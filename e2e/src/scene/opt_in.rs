//! A namespace opts in and gets a policy of its own, and whoever has to know of it knows.

use std::time::Duration;

use anyhow::{Result, ensure};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::{App, Scene, wait_for};

/// The label that opts a namespace in.
pub const OPT_IN: &str = "coalmine.dev/enabled";

/// API servers and webhooks learn of a label and of a policy by their watches: at once, or on a busy machine within this.
const NOTICED: Duration = Duration::from_secs(60);

impl Scene {
    /// Opts the namespace in, and waits until a person's next command is answered by that.
    pub async fn label(&self) -> Result<()> {
        self.label_at_once().await?;
        self.noticed(None).await
    }

    /// Opts the namespace in, for an apply that comes as soon as can be.
    pub async fn label_at_once(&self) -> Result<()> {
        self.opt_in(json!("true")).await
    }

    /// Takes the opt-in away.
    pub async fn unlabel(&self) -> Result<()> {
        self.opt_in(json!(null)).await
    }

    /// Waits until an app that is never made would be taken up, by a policy if that is named: then the API server knows the
    /// label, and the webhook that and the policy, of which it warns whoever names one that it does not know.
    async fn noticed(&self, policy: Option<&str>) -> Result<()> {
        let mut app = App::new("asks", "v1").deployment();
        if let Some(name) = policy {
            app["metadata"]["annotations"] = json!({"coalmine.dev/policy": name});
        }
        let (create, app) = (["create", "--dry-run=server", "-f", "-"], app.to_string());
        wait_for("the webhook to know the namespace", NOTICED, async || {
            let said = self.kubectl_with(&create, &app).await?.succeeded()?.err;
            ensure!(
                said.contains("asks") && !said.contains("there is no CanaryPolicy"),
                "{said}"
            );
            Ok(Some(()))
        })
        .await
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
        // Before the label nobody is asked: then whoever labels waits.
        if found.metadata.labels.is_some_and(|labels| labels.contains_key(OPT_IN)) {
            self.noticed(Some(&name)).await?;
        }
        Ok(name)
    }
}
