//! NetworkPolicies: what of them is about a pair.

use super::selects::{expression, matches};
use super::{Missed, missed};
use crate::object::text;
use crate::plan::Selector;
use serde_json::{Map, Value};
use std::fmt;

/// A NetworkPolicy of another namespace that names the target's pods as peers, and not primary's. Whoever may write one in a
/// namespace of his own can name anybody's pods by it, so it counts only where it protects a pod there, or would protect those of
/// a workload.
#[derive(Debug, Clone, PartialEq)]
pub struct Outsider<'a> {
    policy: &'a Value,
    missed: Missed,
}

impl Outsider<'_> {
    /// Its namespace and name.
    pub fn place(&self) -> (String, String) {
        let of = |pointer: &str| text(self.policy, pointer).to_owned();
        (of("/metadata/namespace"), of("/metadata/name"))
    }

    /// The pods that it protects, as a list of them is asked for by labels; nothing where that cannot be said.
    pub fn protected(&self) -> Option<String> {
        expression(self.policy.pointer("/spec/podSelector")?)
    }

    /// Whether it would protect a pod of its namespace with these labels.
    pub fn protects(&self, labels: &Map<String, Value>) -> bool {
        let selector = self.policy.pointer("/spec/podSelector");
        selector.is_some_and(|selector| matches(selector, labels))
    }
}

impl fmt::Display for Outsider<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "in namespace {}, {}", self.place().0, self.missed)
    }
}

/// The first NetworkPolicy of the target's own namespace under which primary's pods would not be what the target's are.
/// `namespace` are the labels of that.
pub fn cut_off(
    target: &Value,
    selector: &Selector,
    policies: &[Value],
    namespace: &Map<String, Value>,
) -> Option<Missed> {
    let inside = policies.iter().filter(|policy| is_inside(target, policy));
    let inside: Vec<Value> = inside.map(|policy| narrowed(policy, true, namespace)).collect();
    missed(target, selector, &inside, &[]).into_iter().next()
}

/// Those of other namespaces that name its pods as peers and would miss primary's.
pub fn cut_off_by_others<'a>(
    target: &Value,
    selector: &Selector,
    policies: &'a [Value],
    namespace: &Map<String, Value>,
) -> Vec<Outsider<'a>> {
    let outside = policies.iter().filter(|policy| !is_inside(target, policy));
    let missing = outside.filter_map(|policy| {
        let peers = [narrowed(policy, false, namespace)];
        let missed = missed(target, selector, &peers, &[]).into_iter().next()?;
        Some(Outsider { policy, missed })
    });
    missing.collect()
}

// What says no namespace was asked for in that of the target.
pub(super) fn is_inside(target: &Value, policy: &Value) -> bool {
    let of = |object: &Value| {
        let namespace = object.pointer("/metadata/namespace").and_then(Value::as_str);
        namespace.map(str::to_owned)
    };
    of(policy).is_none_or(|namespace| of(target) == Some(namespace))
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
