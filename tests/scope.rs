//! The policy that keeps our accounts to namespaces that opted in looks at what they may write, and at nothing else: the
//! API server would prepare every other write of the cluster for it.

mod rendered;

use coalmine::routing::registry;
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

#[test]
fn the_scope_policy_knows_what_leads_to_a_half_in_the_words_of_each_provider() {
    let objects = objects().unwrap();
    let mut policies = objects
        .iter()
        .filter(|object| object["kind"] == "ValidatingAdmissionPolicy");
    let spec = &policies.next().unwrap()["spec"];
    let judged = word(&spec["validations"][0]["expression"]);
    let mut known = 0;
    for kind in registry::kinds() {
        let Some(shown) = kind.leads_to_a_half() else { continue };
        let group = format!("request.resource.group == '{}' ", kind.resource().group);
        let shown = shown.replace('\n', " ");
        let mut variables = list(&spec["variables"]).iter().filter(|variable| {
            let expression = word(&variable["expression"]);
            expression.starts_with(&group) && expression.contains(&shown)
        });
        let name = variables
            .next()
            .map(|variable| word(&variable["name"]))
            .unwrap_or_default();
        assert!(!name.is_empty(), "{:?}", kind.resource());
        assert!(judged.contains(&format!(" variables.{name}")), "{name} does not count");
        known += 1;
    }
    assert!(known > 8, "only {known} kinds are known");
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
