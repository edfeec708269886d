//! The apex Service keeps the selector of the side that serves, whoever re-applies it. Pure.

use super::deployments::Stage;
use super::fields;
use super::patch::{PatchOp, string_map};
use super::review::{Operation, Request};
use crate::api::labels;
use crate::plan::generate::ORIGINAL_SELECTOR;
use serde_json::Value;

/// Who writes an apex Service, and where its Canary stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Apex {
    /// The writer is one of our own accounts.
    pub ours: bool,
    /// Of the Canary whose apex this is.
    pub stage: Stage,
}

/// The patch for an UPDATE of an apex.
///
/// Once a pair serves, what is stored as selector is ours: it stays, and a different one that was sent is recorded. The
/// selector leaves every owner's list, also on our own writes, so that appliers never conflict. A Service that we
/// generated becomes the user's with the first write that is not ours.
pub fn mutate(request: &Request, apex: Apex) -> Vec<PatchOp> {
    if request.operation != Operation::Update || request.sub_resource.as_deref().is_some_and(|name| !name.is_empty()) {
        return Vec::new();
    }
    let (old, new) = (&request.old_object, &request.object);
    if !is_held(old, apex.stage) {
        return Vec::new();
    }
    let mut ops = Vec::new();
    if !apex.ours {
        ops.extend(keep_selector(old, new));
        ops.extend(release(old, new));
    }
    ops.extend(fields::disown(new, &[&["spec", "selector"]]));
    ops
}

/// Whether the stored selector is ours: a pair serves, or it is on the Service that we took it over or made it.
fn is_held(old: &Value, stage: Stage) -> bool {
    let marked = annotation(old, ORIGINAL_SELECTOR).is_some() || label(old, labels::GENERATED).is_some();
    match stage {
        Stage::Rest | Stage::Waiting | Stage::Running | Stage::Promoting | Stage::Failed => true,
        Stage::Building | Stage::Leaving => marked,
    }
}

fn keep_selector(old: &Value, new: &Value) -> Vec<PatchOp> {
    let (held, sent) = (old.pointer("/spec/selector"), new.pointer("/spec/selector"));
    let mut ops = Vec::new();
    let mut record = annotation(old, ORIGINAL_SELECTOR).map(str::to_owned);
    if held != sent {
        record = sent.map(Value::to_string).or(record);
        match held {
            Some(held) => ops.push(PatchOp::add("/spec/selector", held.clone())),
            None => ops.push(PatchOp::remove("/spec/selector")),
        }
    } else if let Some(sent) = annotation(new, ORIGINAL_SELECTOR) {
        // Our own output coming round again.
        record = Some(sent.to_owned());
    }
    if let Some(record) = record {
        ops.extend(string_map(
            new,
            "/metadata/annotations",
            &[(ORIGINAL_SELECTOR.to_owned(), Some(record))],
        ));
    }
    ops
}

/// What we generated is let go: our marks and the owner reference go, so that nobody but the user deletes it.
fn release(old: &Value, new: &Value) -> Vec<PatchOp> {
    if label(old, labels::GENERATED).is_none() {
        return Vec::new();
    }
    let mut changes = vec![(labels::GENERATED.to_owned(), None)];
    if label(new, labels::MANAGED_BY) == Some(labels::MANAGED_BY_FLAGGER) {
        changes.push((labels::MANAGED_BY.to_owned(), None));
    }
    let mut ops = string_map(new, "/metadata/labels", &changes);
    ops.extend(drop_generated_ports(old, new));
    let owners = new.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    let is_canary = |owner: &Value| owner.get("kind").and_then(Value::as_str) == Some("Canary");
    // From the last to the first, so that a removal does not shift what is still to be removed.
    for (index, _) in owners
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, owner)| is_canary(owner))
    {
        ops.push(PatchOp::remove(format!("/metadata/ownerReferences/{index}")));
    }
    ops
}

/// Ports merge by number, so an apply that brings other ones finds ours beside them, perhaps under its own name, which the
/// API server refuses. What only we asked for goes, as long as the user asks for any.
fn drop_generated_ports(old: &Value, new: &Value) -> Vec<PatchOp> {
    let ports = |object: &Value| {
        object
            .pointer("/spec/ports")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let (ours, sent) = (ports(old), ports(new));
    let generated = |port: &Value| ours.iter().any(|one| port_key(one) == port_key(port)) && !asked_for(new, port);
    let left: Vec<Value> = sent.iter().filter(|port| !generated(port)).cloned().collect();
    if left.is_empty() || left.len() == sent.len() {
        return Vec::new();
    }
    vec![PatchOp::replace("/spec/ports", Value::Array(left))]
}

fn port_key(port: &Value) -> (u64, String) {
    let protocol = port.get("protocol").and_then(Value::as_str).unwrap_or("TCP");
    (
        port.get("port").and_then(Value::as_u64).unwrap_or(0),
        protocol.to_owned(),
    )
}

/// Whether the user's manifest has the port: by the annotation of client-side apply, or by ownership of server-side apply.
fn asked_for(new: &Value, port: &Value) -> bool {
    let applied = fields::last_manifest(new).unwrap_or_default();
    let listed = applied.pointer("/spec/ports").and_then(Value::as_array);
    if listed.is_some_and(|ports| ports.iter().any(|one| port_key(one) == port_key(port))) {
        return true;
    }
    let (number, protocol) = port_key(port);
    let item = format!("k:{{\"port\":{number},\"protocol\":\"{protocol}\"}}");
    let entries = new.pointer("/metadata/managedFields").and_then(Value::as_array);
    entries.into_iter().flatten().any(|entry| {
        entry.get("manager").and_then(Value::as_str) != Some(labels::FIELD_MANAGER)
            && entry.get("operation").and_then(Value::as_str) == Some("Apply")
            && entry
                .pointer("/fieldsV1/f:spec/f:ports")
                .is_some_and(|ports| ports.get(&item).is_some())
    })
}

fn label<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.pointer("/metadata/labels")?.get(name)?.as_str()
}

fn annotation<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.pointer("/metadata/annotations")?.get(name)?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::patch::applied;
    use serde_json::json;

    const USERS: Apex = Apex {
        ours: false,
        stage: Stage::Rest,
    };

    fn request(old: Value, new: Value) -> Request {
        Request {
            operation: Operation::Update,
            old_object: old,
            object: new,
            ..Request::default()
        }
    }

    fn run(old: &Value, new: &Value, apex: Apex) -> Value {
        let once = applied(new, &mutate(&request(old.clone(), new.clone()), apex)).unwrap();
        let twice = applied(&once, &mutate(&request(old.clone(), once.clone()), apex)).unwrap();
        assert_eq!(once, twice);
        once
    }

    #[test]
    fn a_re_apply_keeps_our_selector_and_records_the_users() {
        let old = json!({"metadata": {}, "spec": {"selector": {"app": "shop-primary"}, "ports": [{"port": 80}]}});
        let new = json!({
            "metadata": {"managedFields": [{"manager": "m", "fieldsV1": {"f:spec": {"f:selector": {}, "f:ports": {}}}}]},
            "spec": {"selector": {"app": "shop"}, "ports": [{"port": 81}]},
        });
        let after = run(&old, &new, USERS);
        assert_eq!(
            after["spec"],
            json!({"selector": {"app": "shop-primary"}, "ports": [{"port": 81}]})
        );
        assert_eq!(
            after["metadata"]["annotations"][ORIGINAL_SELECTOR],
            json!(r#"{"app":"shop"}"#)
        );
        assert_eq!(
            after["metadata"]["managedFields"][0]["fieldsV1"],
            json!({"f:spec": {"f:ports": {}}})
        );
    }

    #[test]
    fn our_own_write_passes_and_owns_nothing() {
        let old = json!({"spec": {"selector": {"app": "shop-primary"}}});
        let new = json!({
            "metadata": {"managedFields": [{"manager": "coalmine", "fieldsV1": {"f:spec": {"f:selector": {}}}}]},
            "spec": {"selector": {"app": "shop"}},
        });
        let after = run(&old, &new, Apex { ours: true, ..USERS });
        assert_eq!(
            after,
            json!({"metadata": {"managedFields": []}, "spec": {"selector": {"app": "shop"}}})
        );
    }

    #[test]
    fn what_we_generated_becomes_the_users() {
        let metadata = json!({
            "labels": {labels::GENERATED: "true", labels::MANAGED_BY: "flagger", "app": "shop"},
            "ownerReferences": [{"kind": "Canary", "name": "shop"}, {"kind": "Other", "name": "x"}],
        });
        let old = json!({"metadata": metadata, "spec": {"selector": {"app": "shop-primary"}}});
        let mut new = old.clone();
        new["spec"]["selector"] = json!({"app": "shop"});
        let after = run(&old, &new, USERS);
        assert_eq!(after["metadata"]["labels"], json!({"app": "shop"}));
        assert_eq!(
            after["metadata"]["ownerReferences"],
            json!([{"kind": "Other", "name": "x"}])
        );
        assert_eq!(after["spec"]["selector"], json!({"app": "shop-primary"}));
    }

    #[test]
    fn the_ports_of_an_apply_take_the_place_of_those_we_guessed() {
        let marks = json!({labels::GENERATED: "true"});
        let old = json!({
            "metadata": {"labels": marks},
            "spec": {"selector": {"app": "shop-primary"}, "ports": [{"name": "http", "port": 9898, "protocol": "TCP"}]},
        });
        let applied = json!({"spec": {"ports": [{"name": "http", "port": 80}]}}).to_string();
        let merged =
            json!([{"name": "http", "port": 80, "protocol": "TCP"}, {"name": "http", "port": 9898, "protocol": "TCP"}]);
        let mut new = old.clone();
        new["spec"]["ports"] = merged.clone();
        new["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/last-applied-configuration": applied});
        assert_eq!(
            run(&old, &new, USERS)["spec"]["ports"],
            json!([{"name": "http", "port": 80, "protocol": "TCP"}])
        );

        let both = json!({"spec": {"ports": [{"port": 80}, {"port": 9898}]}}).to_string();
        new["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/last-applied-configuration": both});
        assert_eq!(run(&old, &new, USERS)["spec"]["ports"], merged);

        let mut new = old.clone();
        new["spec"]["ports"] = merged;
        new["metadata"]["managedFields"] = json!([{"manager": "flux", "operation": "Apply", "fieldsV1": {"f:spec": {
            "f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {}}}}}]);
        assert_eq!(
            run(&old, &new, USERS)["spec"]["ports"],
            json!([{"name": "http", "port": 80, "protocol": "TCP"}])
        );
    }

    #[test]
    fn a_users_service_is_left_alone_while_the_pair_is_built() {
        let old = json!({"metadata": {}, "spec": {"selector": {"app": "shop"}}});
        let new = json!({"metadata": {}, "spec": {"selector": {"app": "shop2"}}});
        assert_eq!(
            run(
                &old,
                &new,
                Apex {
                    stage: Stage::Building,
                    ..USERS
                }
            ),
            new
        );
    }
}
