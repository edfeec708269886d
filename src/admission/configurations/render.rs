//! Rendering, pure: JSON as it is applied.

use super::conditions;
use crate::admission::server::Entry;
use crate::api::labels;
use base64::Engine as _;
use serde_json::{Value, json};

/// Name of both configurations.
pub const NAME: &str = "coalmine";

/// Namespaces that are never looked at, whatever their labels.
const SYSTEM_NAMESPACES: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

/// What the API server does when the door does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum FailurePolicy {
    /// Goes on without it.
    #[default]
    Ignore,
    /// Refuses the request.
    Fail,
}

impl FailurePolicy {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ignore => "Ignore",
            Self::Fail => "Fail",
        }
    }
}

/// Where API servers find the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A Service of the cluster.
    Service {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Its port.
        port: u16,
    },
    /// `https://host:port`, for a program outside the cluster.
    Url(String),
}

/// Everything the configurations depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendering {
    /// Where.
    pub address: Address,
    /// CAs to trust, PEM.
    pub ca_bundle: String,
    /// The namespace the program itself runs in; never looked at.
    pub own_namespace: String,
    /// User names of our own service accounts.
    pub own_users: Vec<String>,
    /// Of every entry but `validate-canaries`.
    pub failure_policy: FailurePolicy,
    /// Of `validate-canaries`; `Fail` once the self-probe was denied.
    pub canaries_failure_policy: FailurePolicy,
}

/// The name of an entry's webhook, which denials are prefixed with.
pub fn webhook_name(entry: Entry) -> String {
    format!("{}.coalmine.dev", entry.as_str())
}

/// The MutatingWebhookConfiguration.
pub fn mutating(with: &Rendering) -> Value {
    let deployments = webhook(
        with,
        Entry::MutateDeployments,
        &json!([rule(
            "apps",
            "v1",
            &["CREATE", "UPDATE"],
            &["deployments", "daemonsets"]
        )]),
    );
    let services = webhook(
        with,
        Entry::HoldServices,
        &json!([rule("", "v1", &["UPDATE"], &["services"])]),
    );
    let routes = rule("gateway.networking.k8s.io", "v1", &["UPDATE"], &["httproutes"]);
    let routes = webhook(with, Entry::HoldRoutes, &json!([routes]));
    let canaries = rule("flagger.app", "v1beta1", &["CREATE", "UPDATE"], &["canaries"]);
    let canaries = webhook(with, Entry::MutateCanaries, &json!([canaries]));
    configuration(
        "MutatingWebhookConfiguration",
        vec![deployments, services, routes, canaries],
    )
}

/// The ValidatingWebhookConfiguration.
pub fn validating(with: &Rendering) -> Value {
    let rules = json!([
        rule("apps", "v1", &["CREATE", "UPDATE"], &["deployments", "daemonsets"]),
        rule("apps", "v1", &["UPDATE"], &["deployments/scale"]),
    ]);
    let deployments = webhook(with, Entry::ValidateDeployments, &rules);
    let verbs = ["CREATE", "UPDATE"];
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
    configuration("ValidatingWebhookConfiguration", vec![deployments, canaries])
}

fn configuration(kind: &str, webhooks: Vec<Value>) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": NAME, "labels": {"app.kubernetes.io/name": "coalmine"}},
        "webhooks": webhooks,
    })
}

fn rule(group: &str, version: &str, operations: &[&str], resources: &[&str]) -> Value {
    json!({
        "apiGroups": [group], "apiVersions": [version], "operations": operations, "resources": resources,
        "scope": "Namespaced",
    })
}

/// One entry. Every defaulted field is written, so that what is stored is what was rendered.
fn webhook(with: &Rendering, entry: Entry, rules: &Value) -> Value {
    let canaries = entry == Entry::ValidateCanaries;
    let policy = if canaries {
        with.canaries_failure_policy
    } else {
        with.failure_policy
    };
    let mutates = matches!(
        entry,
        Entry::MutateDeployments | Entry::MutateCanaries | Entry::HoldServices | Entry::HoldRoutes
    );
    let generates = entry == Entry::ValidateDeployments;
    let mut hook = json!({
        "name": webhook_name(entry),
        "admissionReviewVersions": ["v1"],
        "clientConfig": client_config(with, entry),
        "failurePolicy": policy.as_str(),
        "matchPolicy": "Equivalent",
        "namespaceSelector": namespaces(with, !canaries),
        "objectSelector": {},
        "rules": rules,
        "sideEffects": if generates { "NoneOnDryRun" } else { "None" },
        "timeoutSeconds": if canaries { 5 } else { 3 },
    });
    if let Some(members) = hook.as_object_mut() {
        if mutates {
            members.insert("reinvocationPolicy".into(), "IfNeeded".into());
        }
        let conditions = conditions(with, entry);
        if !conditions.is_empty() {
            members.insert("matchConditions".into(), conditions.into());
        }
    }
    hook
}

// The mutating entries see our own writes, to take the fields we hold out of their owners' lists.
fn conditions(with: &Rendering, entry: Entry) -> Vec<Value> {
    match entry {
        Entry::MutateDeployments => vec![conditions::what_is_held()],
        Entry::ValidateDeployments => {
            let others = (!with.own_users.is_empty()).then(|| conditions::not_ourselves(&with.own_users));
            others.into_iter().chain([conditions::what_is_followed()]).collect()
        }
        _ => Vec::new(),
    }
}

fn client_config(with: &Rendering, entry: Entry) -> Value {
    let bundle = base64::engine::general_purpose::STANDARD.encode(&with.ca_bundle);
    match &with.address {
        Address::Service { namespace, name, port } => json!({
            "caBundle": bundle,
            "service": {"namespace": namespace, "name": name, "port": port, "path": entry.path()},
        }),
        Address::Url(base) => {
            json!({"caBundle": bundle, "url": format!("{}{}", base.trim_end_matches('/'), entry.path())})
        }
    }
}

/// Which namespaces: never the system's and our own; only opted-in ones where `opted_in` says so. Objects cannot opt
/// out by a label, so there is no object selector.
fn namespaces(with: &Rendering, opted_in: bool) -> Value {
    let mut excluded: Vec<&str> = SYSTEM_NAMESPACES.to_vec();
    if !excluded.contains(&with.own_namespace.as_str()) {
        excluded.push(&with.own_namespace);
    }
    let mut selector = json!({
        "matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": excluded}],
    });
    if let (true, Some(members)) = (opted_in, selector.as_object_mut()) {
        members.insert("matchLabels".into(), json!({labels::ENABLED: labels::TRUE}));
    }
    selector
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendering() -> Rendering {
        Rendering {
            address: Address::Service {
                namespace: "coalmine-system".into(),
                name: "coalmine-webhook".into(),
                port: 443,
            },
            ca_bundle: "CA\n".into(),
            own_namespace: "coalmine-system".into(),
            own_users: vec!["system:serviceaccount:coalmine-system:coalmine-controller".into()],
            failure_policy: FailurePolicy::Ignore,
            canaries_failure_policy: FailurePolicy::Fail,
        }
    }

    #[test]
    fn the_configurations_are_the_documented_ones() {
        insta::assert_json_snapshot!("mutating", mutating(&rendering()));
        insta::assert_json_snapshot!("validating", validating(&rendering()));
    }

    #[test]
    fn a_program_outside_the_cluster_is_found_by_url() {
        let with = Rendering {
            address: Address::Url("https://127.0.0.1:9443/".into()),
            ..rendering()
        };
        let url = mutating(&with)["webhooks"][0]["clientConfig"]["url"].clone();
        assert_eq!(url, "https://127.0.0.1:9443/mutate-deployments");
    }

    #[test]
    fn no_entry_can_lock_the_cluster_out() {
        for configuration in [mutating(&rendering()), validating(&rendering())] {
            for hook in configuration["webhooks"].as_array().unwrap() {
                let excluded = &hook["namespaceSelector"]["matchExpressions"][0]["values"];
                assert!(excluded.as_array().unwrap().contains(&json!("kube-system")));
                assert!(excluded.as_array().unwrap().contains(&json!("coalmine-system")));
                for rule in hook["rules"].as_array().unwrap() {
                    assert!(!rule["operations"].as_array().unwrap().contains(&json!("DELETE")));
                    for resource in rule["resources"].as_array().unwrap() {
                        let resource = resource.as_str().unwrap();
                        assert!(!resource.contains('*') && !["pods", "nodes", "leases"].contains(&resource));
                    }
                }
            }
        }
    }
}
