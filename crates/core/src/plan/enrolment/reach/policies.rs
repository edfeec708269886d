//! NetworkPolicies: what of them is about a pair.

use super::selects::matches;
use super::{Missed, missed};
use crate::plan::Selector;
use serde_json::{Map, Value};

/// The first NetworkPolicy under which primary's pods would not be what the target's are: of the target's own namespace, or
/// of another one that names its pods as peers. `namespace` are the labels of the target's.
pub fn cut_off(
    target: &Value,
    selector: &Selector,
    policies: &[Value],
    namespace: &Map<String, Value>,
) -> Option<Missed> {
    let text = |object: &Value, pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let of = |policy: &Value| text(policy, "/metadata/namespace");
    let own = text(target, "/metadata/namespace");
    let in_reach = |policy: &&Value| of(policy).is_none() || of(policy) == own;
    let (inside, outside): (Vec<&Value>, Vec<&Value>) = policies.iter().partition(in_reach);
    let inside = inside.into_iter().map(|policy| narrowed(policy, true, namespace));
    let outside = outside.into_iter().map(|policy| narrowed(policy, false, namespace));
    let policies: Vec<Value> = inside.chain(outside).collect();
    missed(target, selector, &policies, &[]).into_iter().next()
}

// What of a policy is about the namespace with these labels, which is its own or not. A peer without a namespace selector is of
// the policy's own namespace; one with it, of those that have its labels.
fn narrowed(policy: &Value, own: bool, namespace: &Map<String, Value>) -> Value {
    let mut policy = policy.clone();
    for (rules, side) in [("/spec/ingress", "from"), ("/spec/egress", "to")] {
        let rules = policy.pointer_mut(rules).and_then(Value::as_array_mut);
        let peers = rules
            .into_iter()
            .flatten()
            .filter_map(|rule| rule.get_mut(side)?.as_array_mut());
        for peers in peers {
            peers.retain(|peer| match peer.get("namespaceSelector") {
                None => own,
                Some(selector) => matches(selector, namespace),
            });
        }
    }
    if let Some(spec) = policy.get_mut("spec").and_then(Value::as_object_mut).filter(|_| !own) {
        spec.remove("podSelector");
    }
    policy
}

// The first of a policy's selectors that misses: whom it protects, whom it lets in, whom it lets out to.
pub(super) fn missing_path(policy: &Value, misses: impl Fn(&Value) -> bool) -> Option<&'static str> {
    let peers = |rules: &str, side: &str| {
        let rules = policy.pointer(rules).and_then(Value::as_array).into_iter().flatten();
        let peers = rules.filter_map(|rule| rule.get(side)?.as_array()).flatten();
        peers.filter_map(|peer| peer.get("podSelector")).any(&misses)
    };
    if policy.pointer("/spec/podSelector").is_some_and(&misses) {
        Some("spec.podSelector")
    } else if peers("/spec/ingress", "from") {
        Some("spec.ingress.from.podSelector")
    } else if peers("/spec/egress", "to") {
        Some("spec.egress.to.podSelector")
    } else {
        None
    }
}
