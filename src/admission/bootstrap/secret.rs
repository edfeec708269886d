//! A Secret that several replicas keep together.

use crate::api::labels;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use std::collections::BTreeMap;

/// Writes `data` into the Secret `name`, which was `read` before, or was not there; false when somebody else wrote first.
///
/// # Errors
/// When the API server refuses or cannot be reached.
pub(in crate::admission) async fn store(
    api: &Api<Secret>,
    name: &str,
    read: Option<Secret>,
    data: BTreeMap<String, ByteString>,
) -> Result<bool, kube::Error> {
    let params = PostParams {
        field_manager: Some(labels::FIELD_MANAGER.into()),
        ..PostParams::default()
    };
    let result = match read {
        Some(mut secret) => {
            // The resourceVersion that was read makes this a compare-and-swap.
            secret.data = Some(data);
            api.replace(name, &params, &secret).await
        }
        None => {
            let metadata = ObjectMeta {
                name: Some(name.to_owned()),
                ..ObjectMeta::default()
            };
            let secret = Secret {
                metadata,
                data: Some(data),
                ..Secret::default()
            };
            api.create(&params, &secret).await
        }
    };
    match result {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(false),
        Err(error) => Err(error),
    }
}
