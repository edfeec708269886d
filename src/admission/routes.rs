//! A route keeps its live traffic, whoever re-applies it. Pure.

use super::fields;
use super::patch::PatchOp;
use super::review::{Operation, Request};
use crate::routing::{Exposure, Names, Traffic, httproute};
use serde_json::Value;

/// One pair of the route's namespace.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// Its Services.
    pub names: Names,
    /// What rules of ours are made from, besides shares.
    pub exposure: Exposure,
    /// What the controller last meant to write, where the live rules disagree (a write of it is under way).
    pub intent: Option<Traffic>,
}

/// The patch for an UPDATE of an HTTPRoute.
///
/// Where the stored rules split a pair, they go on doing so with the same traffic, in whatever rules were sent: a manifest
/// that names only the apex gets our split and the rules of ours in its place, one with weights of its own gets ours. `rules` is an atomic
/// list, so it leaves every owner's list as a whole, also on our own writes.
pub fn mutate(request: &Request, pairs: &[Pair], ours: bool) -> Vec<PatchOp> {
    if request.operation != Operation::Update || request.sub_resource.as_deref().is_some_and(|name| !name.is_empty()) {
        return Vec::new();
    }
    let old = &request.old_object;
    let held: Vec<&Pair> = pairs
        .iter()
        .filter(|p| httproute::refers_to(old, &p.names) || httproute::refers_to(&request.object, &p.names))
        .collect();
    if held.is_empty() {
        return Vec::new();
    }
    let mut ops = Vec::new();
    if !ours && let Some(rules) = kept(old, &request.object, &held) {
        ops.push(PatchOp::add("/spec/rules", rules));
    }
    ops.extend(fields::disown(&request.object, &[&["spec", "rules"]]));
    ops
}

/// The rules to store instead of those sent; nothing when they carry the right weights already.
fn kept(old: &Value, sent: &Value, pairs: &[&Pair]) -> Option<Value> {
    let mut route = sent.clone();
    for pair in pairs {
        // A route that names the apex only is not ours yet.
        if !httproute::refers_to(old, &pair.names) || !httproute::is_split(old, &pair.names) {
            continue;
        }
        let live = httproute::traffic(old, &pair.names, &pair.exposure, pair.intent);
        let Some(traffic) = live.or(pair.intent) else {
            continue;
        };
        let rules = httproute::with_traffic(&route, &pair.names, traffic, &pair.exposure);
        if let Some(spec) = route.get_mut("spec").and_then(Value::as_object_mut) {
            spec.insert("rules".to_owned(), rules);
        }
    }
    let rules = route.pointer("/spec/rules")?;
    (Some(rules) != sent.pointer("/spec/rules")).then(|| rules.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::patch::applied;
    use serde_json::json;

    fn pairs() -> Vec<Pair> {
        vec![Pair {
            names: Names::new("shop"),
            exposure: Exposure::default(),
            intent: None,
        }]
    }

    fn run(old: &Value, new: &Value, ours: bool) -> Value {
        let request = |object: &Value| Request {
            operation: Operation::Update,
            old_object: old.clone(),
            object: object.clone(),
            ..Request::default()
        };
        let once = applied(new, &mutate(&request(new), &pairs(), ours)).unwrap();
        let twice = applied(&once, &mutate(&request(&once), &pairs(), ours)).unwrap();
        assert_eq!(once, twice);
        once
    }

    fn route(refs: Value) -> Value {
        json!({"metadata": {}, "spec": {"hostnames": ["a"], "rules": [{"backendRefs": refs}]}})
    }

    fn split(canary: u8) -> Value {
        let plain = route(json!([{"name": "shop", "port": 80}]));
        let rules = httproute::with_traffic(&plain, &Names::new("shop"), Traffic::share(canary), &Exposure::default());
        json!({"metadata": {}, "spec": {"hostnames": ["a"], "rules": rules}})
    }

    #[test]
    fn a_manifest_with_the_apex_only_gets_the_live_split() {
        let sent = route(json!([{"name": "shop", "port": 80}]));
        assert_eq!(run(&split(30), &sent, false), split(30));
    }

    #[test]
    fn a_manifest_with_weights_of_its_own_gets_the_live_ones() {
        assert_eq!(run(&split(30), &split(0), false), split(30));
    }

    #[test]
    fn our_own_write_moves_the_weights_and_owns_no_rules() {
        let mut sent = split(40);
        sent["metadata"]["managedFields"] =
            json!([{"manager": "coalmine", "fieldsV1": {"f:spec": {"f:rules": {}, "f:hostnames": {}}}}]);
        let after = run(&split(30), &sent, true);
        assert_eq!(after["spec"], split(40)["spec"]);
        assert_eq!(
            after["metadata"]["managedFields"][0]["fieldsV1"],
            json!({"f:spec": {"f:hostnames": {}}})
        );
    }

    #[test]
    fn a_route_that_is_not_split_and_one_of_others_are_left_alone() {
        let plain = route(json!([{"name": "shop", "port": 80}]));
        let other = route(json!([{"name": "shop", "port": 81}]));
        assert_eq!(run(&plain, &other, false), other);
        let foreign = route(json!([{"name": "elsewhere", "port": 80}]));
        assert_eq!(run(&foreign, &foreign, false), foreign);
    }
}
