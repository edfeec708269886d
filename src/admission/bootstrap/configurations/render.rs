//! Rendering, pure: JSON as it is applied.

mod entry;
mod rendering;
#[cfg(test)]
mod tests;

pub use entry::webhook_name;
pub use rendering::{Address, FailurePolicy, Rendering};

use crate::api::entry::Entry;
use crate::orders::CONFIGURATIONS;
use crate::routing::{Resource, registry};
use entry::{held, webhook};
use serde_json::{Value, json};

/// The MutatingWebhookConfiguration as it is to be stored.
pub fn mutating(with: &Rendering) -> Value {
    // Of kinds whose traffic companions carry, nothing is held in what a user writes.
    let edited = registry::kinds().filter(|kind| !kind.fields().is_empty());
    holding(with, edited.map(|kind| kind.resource()))
}

/// The same, which holds what is edited in routes of these kinds.
fn holding(with: &Rendering, routes: impl Iterator<Item = Resource>) -> Value {
    let deployments = held(
        with,
        Entry::MutateDeployments,
        &json!([rule(
            "apps",
            "v1",
            &["CREATE", "UPDATE"],
            &["deployments", "daemonsets"]
        )]),
    );
    let services = held(
        with,
        Entry::HoldServices,
        &json!([rule("", "v1", &["CREATE", "UPDATE"], &["services"])]),
    );
    let routes: Vec<Value> = routes
        .map(|of| rule(of.group, of.version, &["CREATE", "UPDATE"], &[of.plural]))
        .collect();
    let routes = held(with, Entry::HoldRoutes, &json!(routes));
    let canaries = rule("flagger.app", "v1beta1", &["CREATE", "UPDATE"], &["canaries"]);
    let canaries = webhook(with, Entry::MutateCanaries, &json!([canaries]));
    let scale = rule("apps", "v1", &["UPDATE"], &["deployments/scale"]);
    let scale = webhook(with, Entry::ScaleDeployments, &json!([scale]));
    configuration(
        with,
        "MutatingWebhookConfiguration",
        [deployments, services, routes, vec![canaries, scale]].concat(),
    )
}

/// The ValidatingWebhookConfiguration as it is to be stored.
pub fn validating(with: &Rendering) -> Value {
    let verbs = ["CREATE", "UPDATE"];
    let followed = json!([rule("apps", "v1", &verbs, &["deployments", "daemonsets"])]);
    let followed = webhook(with, Entry::FollowDeployments, &followed);
    let used = rule(
        "flagger.app",
        "v1beta1",
        &["DELETE"],
        &["metrictemplates", "alertproviders"],
    );
    let deletions = webhook(with, Entry::FollowDeletions, &json!([used]));
    let mut policies = rule("coalmine.dev", "v1alpha1", &verbs, &["canarypolicies"]);
    if let Some(members) = policies.as_object_mut() {
        members.insert("scope".into(), "Cluster".into());
    }
    let rules = json!([
        rule(
            "flagger.app",
            "v1beta1",
            &verbs,
            &["canaries", "metrictemplates", "alertproviders"]
        ),
        policies,
    ]);
    let canaries = webhook(with, Entry::ValidateCanaries, &rules);
    let mut namespaces = rule("", "v1", &["UPDATE"], &["namespaces"]);
    if let Some(members) = namespaces.as_object_mut() {
        members.insert("scope".into(), "Cluster".into());
    }
    let opted = webhook(with, Entry::OptIn, &json!([namespaces]));
    configuration(
        with,
        "ValidatingWebhookConfiguration",
        vec![followed, deletions, canaries, opted],
    )
}

fn configuration(with: &Rendering, kind: &str, webhooks: Vec<Value>) -> Value {
    let mut metadata = json!({"name": CONFIGURATIONS, "labels": {"app.kubernetes.io/name": "coalmine"}});
    if let (Some(owner), Some(members)) = (&with.owner, metadata.as_object_mut()) {
        members.insert("ownerReferences".into(), json!([owner]));
    }
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": metadata,
        "webhooks": webhooks,
    })
}

fn rule(group: &str, version: &str, operations: &[&str], resources: &[&str]) -> Value {
    json!({
        "apiGroups": [group], "apiVersions": [version], "operations": operations, "resources": resources,
        "scope": "Namespaced",
    })
}
