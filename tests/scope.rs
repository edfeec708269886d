//! The policy that keeps our accounts to namespaces that opted in looks at what they may write, and at nothing else: the
//! API server would prepare every other write of the cluster for it.

mod rendered;

use rendered::{list, objects};
use serde_json::Value;
use std::collections::BTreeSet;

const WRITES: [&str; 5] = ["create", "update", "patch", "delete", "deletecollection"];
/// Of the cluster, not of a namespace.
const CLUSTER: [&str; 4] = [
    "canarypolicies",
    "mutatingwebhookconfigurations",
    "validatingwebhookconfigurations",
    "subjectaccessreviews",
];
/// Events harm nobody, and nothing is ever sent to a finalizer's subresource.
const FREE: [&str; 2] = ["events", "canaries/finalizers"];

#[test]
fn the_scope_policy_matches_exactly_what_the_roles_let_us_write() {
    let objects = objects().unwrap();
    let kind = |kind: &'static str| objects.iter().filter(move |object| object["kind"] == kind);
    let may: BTreeSet<String> = kind("ClusterRole")
        .flat_map(|role| list(&role["rules"]))
        .filter(|rule| list(&rule["verbs"]).iter().any(|verb| WRITES.contains(&word(verb))))
        .flat_map(resources)
        .collect();
    let policy = kind("ValidatingAdmissionPolicy").next().unwrap();
    let judged: BTreeSet<String> = list(&policy["spec"]["matchConstraints"]["resourceRules"])
        .iter()
        .flat_map(resources)
        .collect();
    assert!(may.contains("apps/deployments") && may.contains("/services"), "{may:?}");
    assert_eq!(judged, may);
}

fn resources(rule: &Value) -> BTreeSet<String> {
    let named = list(&rule["resources"]);
    let named = named.iter().map(word);
    let namespaced = named.filter(|resource| !CLUSTER.contains(resource) && !FREE.contains(resource));
    namespaced
        .flat_map(|resource| {
            let groups = list(&rule["apiGroups"]).iter();
            groups.map(move |group| format!("{}/{resource}", word(group)))
        })
        .collect()
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
