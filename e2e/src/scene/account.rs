//! An identity of its own for a program beside the cluster, so that the audit log tells its requests apart.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::Scene;

/// A service account with every right, and the kubeconfig that speaks for it.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its user name in the audit log.
    pub user: String,
    /// The kubeconfig, readable by its owner only.
    pub kubeconfig: PathBuf,
}

impl Scene {
    /// Makes the account of that name in the scene's namespace, and writes its kubeconfig into `folder`. Its rights end
    /// with [`Scene::forget`].
    pub async fn account(&self, name: &str, folder: &std::path::Path) -> Result<Account> {
        self.kubectl(&["create", "serviceaccount", name]).await?.succeeded()?;
        let subject = format!("--serviceaccount={}:{name}", self.namespace);
        let binding = self.binding(name);
        let bind = [
            "create",
            "clusterrolebinding",
            &binding,
            "--clusterrole=cluster-admin",
            &subject,
        ];
        self.kubectl(&bind).await?.succeeded()?;
        let token = self
            .kubectl(&["create", "token", name, "--duration=8h"])
            .await?
            .succeeded()?;
        let text = tokio::fs::read_to_string(&self.cluster.kubeconfig).await?;
        let mut config: Value = serde_saphyr::from_str(&text).context("the admin's kubeconfig is not readable")?;
        let user = config
            .pointer_mut("/users/0/user")
            .context("the admin's kubeconfig has a user")?;
        *user = json!({"token": token.out.trim()});
        let kubeconfig = folder.join(format!("{name}.kubeconfig"));
        tokio::fs::write(&kubeconfig, config.to_string()).await?;
        Ok(Account {
            user: format!("system:serviceaccount:{}:{name}", self.namespace),
            kubeconfig,
        })
    }

    /// Takes the account of that name away, and its rights.
    pub async fn forget(&self, name: &str) -> Result<()> {
        let binding = self.binding(name);
        for (kind, name) in [("clusterrolebinding", binding.as_str()), ("serviceaccount", name)] {
            let delete = ["delete", kind, name, "--ignore-not-found"];
            self.kubectl(&delete).await?.succeeded()?;
        }
        Ok(())
    }

    fn binding(&self, name: &str) -> String {
        format!("{}-{name}", self.namespace)
    }
}
