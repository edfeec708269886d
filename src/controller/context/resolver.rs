//! What checks and alerts look up by name: templates in the caches, Secrets in the API server.

use super::Context;
use crate::{api::MetricTemplate, foreign::Foreign, outbound::metrics::Resolver};
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, runtime::reflector::ObjectRef};
use std::{collections::BTreeMap, sync::Arc};

impl Resolver for Context {
    fn template<'a>(&'a self, namespace: &'a str, name: &'a str) -> BoxFuture<'a, Result<Arc<MetricTemplate>, String>> {
        Box::pin(async move {
            let found = self.cluster.templates.get(&ObjectRef::new(name).within(namespace));
            usable(name, found)
        })
    }

    fn secret<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<BTreeMap<String, Vec<u8>>, String>> {
        Box::pin(async move {
            let secret = Api::<Secret>::namespaced(self.effects.client.clone(), namespace)
                .get(name)
                .await;
            let error = |error: kube::Error| Foreign::of(&error.to_string()).to_string();
            let data = secret.map_err(error)?.data.unwrap_or_default();
            Ok(data.into_iter().map(|(key, value)| (key, value.0)).collect())
        })
    }
}

// What is being deleted may be given any Secret: nothing that is written of it then is refused, lest it never goes, and so
// nobody has asked whether its writer may read that one.
fn usable(name: &str, found: Option<Arc<MetricTemplate>>) -> Result<Arc<MetricTemplate>, String> {
    let why = match found {
        Some(template) if template.metadata.deletion_timestamp.is_none() => return Ok(template),
        Some(_) => "is being deleted",
        None => "not found",
    };
    Err(format!("metrictemplates.flagger.app {name:?} {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn template(metadata: &Value) -> Arc<MetricTemplate> {
        let template = json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "MetricTemplate", "metadata": metadata,
            "spec": {"provider": {"type": "prometheus", "address": "http://x", "secretRef": {"name": "s"}}, "query": "up"},
        });
        Arc::new(serde_json::from_value(template).unwrap())
    }

    #[test]
    fn a_template_that_is_being_deleted_is_not_used() {
        let said = |found| usable("t", found).err().unwrap_or_default();
        assert_eq!(said(Some(template(&json!({"name": "t"})))), "");
        assert_eq!(said(None), "metrictemplates.flagger.app \"t\" not found");
        let going = json!({"name": "t", "finalizers": ["team/keep"], "deletionTimestamp": "2026-01-01T00:00:00Z"});
        let why = said(Some(template(&going)));
        assert_eq!(why, "metrictemplates.flagger.app \"t\" is being deleted");
    }
}
