//! What a cluster's own definitions do not know of ours. The API server drops such fields from every write without a word: a
//! Flagger that was there first leaves definitions that know nothing of what we keep in a Canary's status.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Map, Value};

/// Fields that are named in a message; of more only the number is said.
const NAMED: usize = 4;

/// The fields of `ours` that would be dropped where `served` is what the cluster has, as paths such as `status.run`. What is
/// below a missing field is not listed.
pub fn lost(ours: &CustomResourceDefinition, served: &CustomResourceDefinition) -> Vec<String> {
    let (ours, served) = (versions(ours), versions(served));
    let mut lost = Vec::new();
    for (name, schema) in &ours {
        match served.iter().find(|(other, _)| other == name) {
            Some((_, other)) => walk("", schema, other, &mut lost),
            None => lost.push(format!("version {name}")),
        }
    }
    lost
}

/// The sentence for people: what would be lost, and what mends it. Nothing when nothing would be.
pub fn complaint(ours: &CustomResourceDefinition, served: Option<&CustomResourceDefinition>) -> Option<String> {
    let name = ours.metadata.name.as_deref().unwrap_or_default();
    let what = match served {
        None => format!("the definition {name} is not installed"),
        Some(served) => {
            let lost = lost(ours, served);
            if lost.is_empty() {
                return None;
            }
            let named = lost.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>();
            let more = match lost.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!(
                "the definition {name} is not this version's: what is written to {}{more} would be lost",
                named.join(", ")
            )
        }
    };
    Some(format!(
        "{what}; nothing is released until it is, run: kubectl apply --server-side --force-conflicts -f manifests/crds"
    ))
}

/// Served versions with their schemas.
fn versions(crd: &CustomResourceDefinition) -> Vec<(String, Value)> {
    let served = crd.spec.versions.iter().filter(|version| version.served);
    let schema = |version: &_| serde_json::to_value(version).unwrap_or_default();
    served
        .map(|version| {
            let whole: Value = schema(version);
            let schema = whole.pointer("/schema/openAPIV3Schema").cloned().unwrap_or_default();
            (version.name.clone(), schema)
        })
        .collect()
}

fn walk(path: &str, ours: &Value, served: &Value, lost: &mut Vec<String>) {
    if keeps_all(served) {
        return;
    }
    if keeps_all(ours) {
        lost.push(at(path, "*"));
        return;
    }
    let known = served.get("properties").and_then(Value::as_object);
    let any = served
        .get("additionalProperties")
        .filter(|rest| **rest != Value::Bool(false));
    for (name, field) in properties(ours) {
        let path = at(path, name);
        match known.and_then(|known| known.get(name)).or(any) {
            Some(other) => walk(&path, field, other, lost),
            None => lost.push(path),
        }
    }
    if let Some(rest) = ours
        .get("additionalProperties")
        .filter(|rest| **rest != Value::Bool(false))
    {
        match any {
            Some(other) => walk(&at(path, "*"), rest, other, lost),
            None => lost.push(at(path, "*")),
        }
    }
    if let Some(items) = ours.get("items") {
        walk(
            &format!("{path}[]"),
            items,
            served.get("items").unwrap_or(&Value::Null),
            lost,
        );
    }
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::iter)
}

/// Whether unknown fields stay; `additionalProperties: true` says so of a map.
fn keeps_all(schema: &Value) -> bool {
    schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true)) || schema == &Value::Bool(true)
}

fn at(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crds::all;

    /// A definition with that schema.
    fn crd(schema: &str) -> CustomResourceDefinition {
        let yaml = format!(
            "{{metadata: {{name: canaries.flagger.app}}, spec: {{group: g, names: {{kind: K, plural: k}}, scope: Namespaced, \
             versions: [{{name: v1, served: true, storage: true, schema: {{openAPIV3Schema: {schema}}}}}]}}}}"
        );
        serde_saphyr::from_str(&yaml).unwrap()
    }

    #[test]
    fn what_the_cluster_would_drop_is_named_once_at_its_top() {
        let ours = "{properties: {spec: {properties: {a: {type: string}, list: {type: array, items: {properties: {b: {}}}}}}, \
                    status: {properties: {run: {properties: {weight: {}}}, free: {x-kubernetes-preserve-unknown-fields: true}, \
                    map: {additionalProperties: {properties: {c: {}}}}}}}}";
        let cases: [(&str, &[&str]); 6] = [
            (ours, &[]),
            ("{x-kubernetes-preserve-unknown-fields: true}", &[]),
            (
                "{properties: {spec: {x-kubernetes-preserve-unknown-fields: true}}}",
                &["status"],
            ),
            (
                "{properties: {spec: {properties: {a: {}, list: {items: {properties: {}}}}}, \
                 status: {properties: {run: {}, free: {}, map: {additionalProperties: {}}}}}}",
                &["spec.list[].b", "status.free.*", "status.map.*.c", "status.run.weight"],
            ),
            (
                "{properties: {spec: {additionalProperties: true}, status: {properties: {map: {}}}}}",
                &["status.free", "status.map.*", "status.run"],
            ),
            ("{}", &["spec", "status"]),
        ];
        for (served, expected) in cases {
            assert_eq!(lost(&crd(ours), &crd(served)), expected, "{served}");
        }
    }

    #[test]
    fn a_version_that_is_not_served_is_lost_with_all_it_has() {
        let (ours, mut other) = (crd("{}"), crd("{}"));
        other.spec.versions[0].name = "v0".into();
        assert_eq!(lost(&ours, &other), ["version v1"]);
        other = crd("{}");
        other.spec.versions[0].served = false;
        assert_eq!(lost(&ours, &other), ["version v1"]);
    }

    #[test]
    fn our_own_definitions_lose_nothing_and_say_nothing() {
        for crd in all(&[]) {
            assert_eq!(complaint(&crd, Some(&crd)), None);
        }
    }

    #[test]
    fn the_complaint_names_the_fields_and_the_command() {
        let canary = all(&[])
            .into_iter()
            .find(|crd| crd.spec.names.kind == "Canary")
            .unwrap();
        let mut flaggers = canary.clone();
        let schema = flaggers.spec.versions[0].schema.as_mut().unwrap();
        let status = schema.open_api_v3_schema.as_mut().unwrap().properties.as_mut().unwrap();
        let fields = status.get_mut("status").unwrap().properties.as_mut().unwrap();
        assert!(fields.remove("run").is_some());
        assert_eq!(
            complaint(&canary, Some(&flaggers)).unwrap(),
            "the definition canaries.flagger.app is not this version's: what is written to status.run would be \
             lost; nothing is released until it is, run: kubectl apply --server-side --force-conflicts -f manifests/crds"
        );
        let missing = complaint(&canary, None).unwrap();
        assert!(
            missing.starts_with("the definition canaries.flagger.app is not installed; "),
            "{missing}"
        );
    }
}
