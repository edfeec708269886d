//! The paths in the webhook configurations that are installed: for a replica that starts where the Secret with the paths is
//! gone.

use super::token::Paths;
use crate::orders::CONFIGURATIONS;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use kube::{Api, Client};

/// The paths in the configurations as they are stored; none of what cannot be read.
pub(super) async fn installed(client: &Client) -> Paths {
    let mutators: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    let validators: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    let (mutating, validating) = tokio::join!(mutators.get_opt(CONFIGURATIONS), validators.get_opt(CONFIGURATIONS));
    let mut paths = Paths::default();
    let mutating = mutating
        .ok()
        .flatten()
        .and_then(|found| found.webhooks)
        .unwrap_or_default();
    let validating = validating
        .ok()
        .flatten()
        .and_then(|found| found.webhooks)
        .unwrap_or_default();
    mutating.iter().for_each(|hook| learn(&mut paths, &hook.client_config));
    validating
        .iter()
        .for_each(|hook| learn(&mut paths, &hook.client_config));
    paths
}

fn learn(paths: &mut Paths, client: &WebhookClientConfig) {
    let path = client.service.as_ref().and_then(|service| service.path.as_deref());
    let url = client.url.as_deref().and_then(|url| url.parse::<http::Uri>().ok());
    if let Some(path) = path.or(url.as_ref().map(http::Uri::path)) {
        paths.learn(path);
    }
}
