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
            found.ok_or_else(|| format!("metrictemplates.flagger.app {name:?} not found"))
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
